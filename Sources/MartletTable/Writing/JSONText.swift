/// Cells as JSON values (RFC 8259).
enum JSONText {
  /// Appends a cell that is not null.
  static func append(_ column: Cells, _ row: Int, as type: ColumnType, to buffer: ByteBuffer) {
    switch column.type {
    case .int: buffer.append(int: column.ints[row])
    case .bool: buffer.append(bool: column.ints[row] != 0)
    case .double: append(column.doubles[row], to: buffer)
    case .date, .timestamp:
      buffer.append(UInt8(ascii: "\""))
      column.appendNumber(row, to: buffer)
      buffer.append(UInt8(ascii: "\""))
    case .null: buffer.append(word: "null")
    case .text:
      let bytes = UnsafeBufferPointer(start: column.texts[row], count: Int(column.lengths[row]))
      switch type {
      case .int, .double: appendNumber(bytes, to: buffer)
      case .bool:
        if let value = CellText.bool(bytes) { buffer.append(bool: value) } else { append(bytes, to: buffer) }
      default:
        let clean = cleanCount(bytes.baseAddress!, bytes.count)
        if clean == bytes.count {
          buffer.append(UInt8(ascii: "\""))
          buffer.append(padded: bytes.baseAddress!, count: clean)
          buffer.append(UInt8(ascii: "\""))
        } else {
          append(bytes, to: buffer)
        }
      }
    }
  }

  /// JSON knows neither nan nor inf: they are null.
  private static func append(_ value: Double, to buffer: ByteBuffer) {
    if value.isFinite { buffer.append(double: value) } else { buffer.append(word: "null") }
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
    var index = 0
    while index < bytes.count {
      let clean = cleanCount(bytes.baseAddress! + index, bytes.count - index)
      if clean > 0 {
        buffer.append(bytes.baseAddress! + index, count: clean)
        index += clean
        continue
      }
      let byte = bytes[index]
      guard byte >= 0x80 else {
        appendEscape(byte, to: buffer)
        index += 1
        continue
      }
      let size = Characters.lengthBeyondASCII(bytes.baseAddress! + index, bytes.count - index)
      if size == 1 {
        buffer.append("\u{FFFD}")
      } else {
        buffer.append(bytes.baseAddress! + index, count: size)
      }
      index += size
    }
    buffer.append(UInt8(ascii: "\""))
  }

  /// How many bytes from the start on stand for themselves: ASCII, no control character, quote or backslash.
  @inline(__always)
  private static func cleanCount(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    var index = 0
    while index &+ 8 <= count {
      let word = UnsafeRawPointer(text).loadUnaligned(fromByteOffset: index, as: UInt64.self)
      let (quotes, slashes) = (word ^ (ones &* 0x22), word ^ (ones &* 0x5C))
      // The lowest byte that is flagged is truly one; higher ones may be false, which does not matter.
      let hits =
        (((quotes &- ones) & ~quotes) | ((slashes &- ones) & ~slashes) | ((word &- ones &* 0x20) & ~word) | word)
        & highs
      if hits != 0 { return index &+ hits.trailingZeroBitCount / 8 }
      index &+= 8
    }
    while index < count {
      let byte = text[index]
      if byte &- 0x20 >= 0x60 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
      index &+= 1
    }
    return index
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
