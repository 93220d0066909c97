/// Texts as cells of CSV and TSV.
enum DelimitedText {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let highs: UInt64 = 0x8080_8080_8080_8080

  /// The most bytes that a cell takes, with room for what `write` stores too much.
  @inline(__always)
  static func room(_ count: Int) -> Int { count &* 2 &+ 18 }

  /// Writes the cell: in quotes when it is empty or holds the delimiter, a quote, CR or LF, else as it is.
  ///
  /// At least 16 bytes from the text's address may be read, and `room(count)` bytes from `place` be written.
  ///
  /// - Parameter isPlain: Whether it is known that the cell needs no quotes.
  /// - Returns: Where the cell ends.
  @inline(__always)
  static func write(
    _ text: UnsafePointer<UInt8>, _ count: Int, _ delimiter: UInt8, isPlain: Bool, to place: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    guard isPlain || count > 0 && !needsQuotes(text, count, delimiter) else {
      return writeQuoted(text, count, to: place)
    }
    if count <= 16 {
      let words = UnsafeRawPointer(text).loadUnaligned(as: SIMD2<UInt64>.self)
      UnsafeMutableRawPointer(place).storeBytes(of: words, as: SIMD2<UInt64>.self)
    } else {
      place.update(from: text, count: count)
    }
    return place + count
  }

  /// Whether the text is a cell as it is, in CSV and in TSV.
  static func isPlain(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    let special: StaticString = ",\t\"\r\n"
    return !text.isEmpty
      && text.allSatisfy { byte in special.withUTF8Buffer { bytes in !bytes.contains(byte) } }
  }

  @inline(__always)
  private static func needsQuotes(_ text: UnsafePointer<UInt8>, _ count: Int, _ delimiter: UInt8) -> Bool {
    let delimiters = ones &* UInt64(delimiter)
    var hits: UInt64 = 0
    var index = 0
    while index < count {
      var word = UnsafeRawPointer(text).loadUnaligned(fromByteOffset: index, as: UInt64.self)
      // Bytes behind the end become 0xFF, which is none of the four.
      if count &- index < 8 { word |= UInt64.max &<< UInt64(truncatingIfNeeded: (count &- index) &* 8) }
      hits |= zeros(word ^ delimiters) | zeros(word ^ (ones &* 0x22)) | zeros(word ^ (ones &* 0x0A))
      hits |= zeros(word ^ (ones &* 0x0D))
      index &+= 8
    }
    return hits != 0
  }

  /// Not zero exactly when a byte of `word` is zero.
  @inline(__always)
  private static func zeros(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & highs }

  @inline(never)
  private static func writeQuoted(
    _ text: UnsafePointer<UInt8>, _ count: Int, to place: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    place[0] = UInt8(ascii: "\"")
    var to = place + 1
    for index in 0..<count {
      to.pointee = text[index]
      to += 1
      if text[index] == UInt8(ascii: "\"") {
        to.pointee = UInt8(ascii: "\"")
        to += 1
      }
    }
    to.pointee = UInt8(ascii: "\"")
    return to + 1
  }
}

/// Texts as cells of a markdown table.
enum MarkdownText {
  static func append(_ bytes: [UInt8], to buffer: ByteBuffer) {
    bytes.withUnsafeBufferPointer { append($0, to: buffer) }
  }

  /// Appends the cell with `|` and `\` escaped, and line breaks as `<br>`.
  static func append(_ bytes: UnsafeBufferPointer<UInt8>, to buffer: ByteBuffer) {
    var index = 0
    var clean = 0
    func flush() {
      if index > clean { buffer.append(bytes.baseAddress! + clean, count: index - clean) }
    }
    while index < bytes.count {
      let byte = bytes[index]
      let word: StaticString
      switch byte {
      case UInt8(ascii: "|"): word = "\\|"
      case UInt8(ascii: "\\"): word = "\\\\"
      case UInt8(ascii: "\r"), UInt8(ascii: "\n"): word = "<br>"
      default:
        index += 1
        continue
      }
      flush()
      buffer.append(word: word)
      let isPair = byte == UInt8(ascii: "\r") && index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "\n")
      index += isPair ? 2 : 1
      clean = index
    }
    flush()
  }
}
