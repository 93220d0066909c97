/// Cells as JSON values (RFC 8259).
enum JSONText {
  /// Appends a cell that is not null.
  static func append(_ column: Cells, _ row: Int, as type: ColumnType, to buffer: ByteBuffer) {
    switch column.type {
    case .int, .bool: column.appendNumber(row, to: buffer)
    case .double: append(column.doubles[row], to: buffer)
    case .date, .timestamp:
      buffer.append(UInt8(ascii: "\""))
      column.appendNumber(row, to: buffer)
      buffer.append(UInt8(ascii: "\""))
    case .null: buffer.append("null")
    case .text:
      let bytes = UnsafeBufferPointer(start: column.texts[row], count: Int(column.lengths[row]))
      switch type {
      case .int, .double: appendNumber(bytes, to: buffer)
      case .bool:
        if let value = CellText.bool(bytes) { buffer.append(bool: value) } else { append(bytes, to: buffer) }
      default: append(bytes, to: buffer)
      }
    }
  }

  /// JSON knows neither nan nor inf: they are null.
  private static func append(_ value: Double, to buffer: ByteBuffer) {
    if value.isFinite { buffer.append(double: value) } else { buffer.append("null") }
  }

  /// The number as it was written, or in canonical form where JSON does not allow that (`.5`, `5.`, `+1`).
  private static func appendNumber(_ bytes: UnsafeBufferPointer<UInt8>, to buffer: ByteBuffer) {
    if isNumber(bytes) {
      buffer.append(bytes)
    } else if let value = CellText.double(bytes) {
      append(value, to: buffer)
    } else {
      append(bytes, to: buffer)
    }
  }

  /// Whether the bytes are a number of JSON's grammar.
  static func isNumber(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var index = 0
    func byte() -> UInt8 { index < bytes.count ? bytes[index] : 0 }
    func digits() -> Bool {
      let start = index
      while byte() &- 0x30 < 10 { index += 1 }
      return index > start
    }
    if byte() == UInt8(ascii: "-") { index += 1 }
    if byte() == UInt8(ascii: "0") {
      index += 1
    } else if !digits() {
      return false
    }
    if byte() == UInt8(ascii: ".") {
      index += 1
      if !digits() { return false }
    }
    if byte() | 0x20 == UInt8(ascii: "e") {
      index += 1
      if byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-") { index += 1 }
      if !digits() { return false }
    }
    return index == bytes.count
  }

  static func append(_ text: String, to buffer: ByteBuffer) {
    var text = text
    text.withUTF8 { append($0, to: buffer) }
  }

  /// Appends the text in quotes; each byte that is no UTF-8 becomes U+FFFD.
  static func append(_ bytes: UnsafeBufferPointer<UInt8>, to buffer: ByteBuffer) {
    buffer.append(UInt8(ascii: "\""))
    var clean = 0
    var index = 0
    func flush() {
      if index > clean { buffer.append(bytes.baseAddress! + clean, count: index - clean) }
    }
    while index < bytes.count {
      let byte = bytes[index]
      if byte >= 0x80 {
        let size = Characters.length(bytes.baseAddress! + index, bytes.count - index)
        if size == 1 {
          flush()
          buffer.append("\u{FFFD}")
          clean = index + 1
        }
        index += size
        continue
      }
      if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        index += 1
        continue
      }
      flush()
      appendEscape(byte, to: buffer)
      index += 1
      clean = index
    }
    flush()
    buffer.append(UInt8(ascii: "\""))
  }

  private static func appendEscape(_ byte: UInt8, to buffer: ByteBuffer) {
    switch byte {
    case UInt8(ascii: "\""): buffer.append("\\\"")
    case UInt8(ascii: "\\"): buffer.append("\\\\")
    case 0x08: buffer.append("\\b")
    case 0x09: buffer.append("\\t")
    case 0x0A: buffer.append("\\n")
    case 0x0C: buffer.append("\\f")
    case 0x0D: buffer.append("\\r")
    default:
      let digits = String(byte, radix: 16)
      buffer.append("\\u00" + (digits.utf8.count < 2 ? "0" : "") + digits)
    }
  }
}
