/// Bytes are not what their reader expected. Nothing was allocated for what they claimed.
public struct ByteError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Where in the bytes, counted from 0.
  public let offset: Int
  /// What is wrong there.
  public let message: String

  package init(offset: Int, _ message: String) {
    self.offset = offset
    self.message = message
  }

  /// `byte OFFSET: what is wrong`.
  public var description: String { "byte \(offset): \(message)" }
}

/// Reads what a `ByteWriter` wrote. Every length is checked before it is used: hostile bytes throw, they never trap.
public struct ByteReader: Sendable {
  private let bytes: [UInt8]
  private let end: Int
  /// The place of the next byte, counted from the first byte.
  public private(set) var offset: Int

  /// A reader of all of `bytes`.
  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    offset = 0
    end = bytes.count
  }

  /// The number of bytes that were not read.
  public var remaining: Int { end - offset }

  /// Reads one byte.
  public mutating func readByte() throws(ByteError) -> UInt8 {
    try require(1)
    defer { offset += 1 }
    return bytes[offset]
  }

  /// Reads an integer with all its bytes.
  public mutating func read<Word: FixedWidthInteger>(_ type: Word.Type = Word.self) throws(ByteError) -> Word {
    let size = MemoryLayout<Word>.size
    try require(size)
    defer { offset += size }
    return bytes.withUnsafeBytes { Word(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Word.self)) }
  }

  /// Reads the bit pattern of a number.
  public mutating func readDouble() throws(ByteError) -> Double { Double(bitPattern: try read(UInt64.self)) }

  /// Reads a varint of at most 64 bits.
  public mutating func readVarint() throws(ByteError) -> UInt64 {
    let start = offset
    var word: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try readByte()
      if shift == 63, byte > 1 { throw ByteError(offset: start, "a varint of more than 64 bits") }
      word |= UInt64(byte & 0x7f) &<< shift
      if byte < 0x80 { return word }
      shift &+= 7
      if shift > 63 { throw ByteError(offset: start, "a varint of more than ten bytes") }
    }
  }

  /// Reads the count of elements that follow, each of at least `elementBytes` bytes: never more than can be there.
  public mutating func readCount(elementBytes: Int) throws(ByteError) -> Int {
    let start = offset
    let count = try readVarint()
    guard count <= UInt64(remaining / max(1, elementBytes)) else {
      throw ByteError(offset: start, "\(count) elements announced, but only \(remaining) bytes follow")
    }
    return Int(count)
  }

  /// Reads a text: its count, then UTF-8, which is checked.
  public mutating func readText() throws(ByteError) -> String {
    let count = try readCount(elementBytes: 1)
    let start = offset
    offset += count
    guard let text = String(validating: bytes[start..<offset], as: UTF8.self) else {
      throw ByteError(offset: start, "a text that is not UTF-8")
    }
    return text
  }

  /// Hands out the next `count` bytes and passes them; the pointer is valid only inside `body`.
  package mutating func readRaw<Result>(
    _ count: Int, _ body: (UnsafeRawBufferPointer) -> Result
  ) throws(ByteError) -> Result {
    try require(count)
    defer { offset += count }
    return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[offset..<(offset + count)])) }
  }

  /// Throws unless everything was read.
  public func requireEnd() throws(ByteError) {
    if remaining != 0 { throw ByteError(offset: offset, "\(remaining) bytes too many") }
  }

  private func require(_ count: Int) throws(ByteError) {
    if count < 0 || count > remaining {
      throw ByteError(offset: offset, "\(count) bytes expected, \(remaining) left")
    }
  }
}
