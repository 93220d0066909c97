import MartletBytes

/// What a message may hold at most: a peer that announces more is refused before anything is allocated.
package enum WireLimits {
  /// Bytes of a name, an address, a label.
  package static let shortText = 4 << 10
  /// Bytes of an explanation.
  package static let longText = 64 << 10
  /// Bytes of the messages of one frame. Who has more to say sends several.
  package static let messageBytes = 16 << 20
  /// Bytes of arguments or of a constant: larger data is scattered, not submitted.
  package static let argumentBytes = 8 << 20
  /// Bytes of one result. As many results as a scheduler can know do not add up to more than 63 bits.
  package static let resultBytes: Int64 = 1 << 34
  /// Bytes of a result that travels inside `finished`, and that the scheduler keeps.
  package static let inlineResultBytes = 2 << 10
}

extension ByteWriter {
  /// Writes the count, then the bytes.
  mutating func write(bytes: [UInt8]) {
    write(varint: UInt64(bytes.count))
    bytes.withUnsafeBytes { write(raw: $0) }
  }

  /// Writes at most so many bytes of a text, cut between characters.
  mutating func write(_ text: String, atMost limit: Int) {
    if text.utf8.count <= limit { return write(text) }
    var end = text.startIndex
    while let next = text.index(end, offsetBy: 1, limitedBy: text.endIndex),
      text.utf8.distance(from: text.startIndex, to: next) <= limit - 3
    {
      end = next
    }
    write(text[..<end] + "…")
  }
}

extension ByteReader {
  /// Reads a text of at most `WireLimits.shortText` bytes.
  mutating func readShortText() throws(ByteError) -> String { try readText(atMost: WireLimits.shortText) }

  /// Reads a text of at most `WireLimits.longText` bytes.
  mutating func readLongText() throws(ByteError) -> String { try readText(atMost: WireLimits.longText) }

  private mutating func readText(atMost limit: Int) throws(ByteError) -> String {
    let start = offset
    let text = try readText()
    if text.utf8.count > limit {
      throw ByteError(offset: start, "a text of \(text.utf8.count) bytes, at most \(limit) are allowed")
    }
    return text
  }

  /// Reads short texts.
  mutating func readShortTexts() throws(ByteError) -> [String] {
    let count = try readCount(elementBytes: 1)
    var texts: [String] = []
    texts.reserveCapacity(count)
    for _ in 0..<count { texts.append(try readShortText()) }
    return texts
  }

  /// Reads a count and so many bytes, at most `WireLimits.argumentBytes`.
  mutating func readBytes() throws(ByteError) -> [UInt8] {
    let start = offset
    let count = try readCount(elementBytes: 1)
    if count > WireLimits.argumentBytes {
      throw ByteError(offset: start, "\(count) bytes, at most \(WireLimits.argumentBytes) are allowed")
    }
    return try readRaw(count) { [UInt8]($0) }
  }

  /// Reads an index of 32 bits.
  mutating func readIndex() throws(ByteError) -> UInt32 {
    let start = offset
    let word = try readVarint()
    guard let index = UInt32(exactly: word) else { throw ByteError(offset: start, "the index \(word)") }
    return index
  }

  /// Reads what a result takes: at most `WireLimits.resultBytes`.
  mutating func readResultSize() throws(ByteError) -> Int64 {
    let start = offset
    let size = try readAmount()
    if size > WireLimits.resultBytes {
      throw ByteError(offset: start, "a result of \(size) bytes, at most \(WireLimits.resultBytes) are allowed")
    }
    return size
  }

  /// Reads a number of bytes or nanoseconds, which is never negative.
  mutating func readAmount() throws(ByteError) -> Int64 {
    let start = offset
    let amount: Int64 = try read()
    if amount < 0 { throw ByteError(offset: start, "the negative amount \(amount)") }
    return amount
  }
}

extension ByteWriter {
  /// Writes whether there are bytes, then them.
  mutating func write(optional bytes: [UInt8]?) {
    write(byte: bytes == nil ? 0 : 1)
    if let bytes { write(bytes: bytes) }
  }
}

extension ByteReader {
  /// Reads what `write(optional:)` wrote.
  mutating func readOptionalBytes() throws(ByteError) -> [UInt8]? {
    try Bool(from: &self) ? try readBytes() : nil
  }
}
