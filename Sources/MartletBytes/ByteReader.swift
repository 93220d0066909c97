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
  @usableFromInline let bytes: [UInt8]
  @usableFromInline let end: Int
  @usableFromInline var place: Int
  /// How many values are being read that the next one is inside of.
  private(set) var depth = 0

  /// How many values may be inside of each other: what reads them calls itself.
  static let deepest = 200
  static let tooDeep = "more than \(deepest) values inside of each other"

  /// A reader of all of `bytes`.
  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    place = 0
    end = bytes.count
  }

  private init(_ bytes: [UInt8], from start: Int, to end: Int, depth: Int) {
    self.bytes = bytes
    place = start
    self.end = end
    self.depth = depth
  }

  /// The place of the next byte, counted from the first byte.
  @inlinable public var offset: Int { place }

  /// The number of bytes that were not read.
  @inlinable public var remaining: Int { end - place }

  /// Reads one byte.
  @inlinable public mutating func readByte() throws(ByteError) -> UInt8 {
    guard place < end else { throw missing(1) }
    place &+= 1
    return bytes[place &- 1]
  }

  /// Reads an integer with all its bytes.
  @inlinable public mutating func read<Word: FixedWidthInteger>(_ type: Word.Type = Word.self) throws(ByteError) -> Word
  {
    let size = MemoryLayout<Word>.size
    guard size <= remaining else { throw missing(size) }
    let start = place
    place &+= size
    return bytes.withUnsafeBytes { Word(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: Word.self)) }
  }

  /// Reads the bit pattern of a number.
  @inlinable public mutating func readDouble() throws(ByteError) -> Double {
    Double(bitPattern: try read(UInt64.self))
  }

  /// Reads a varint of at most 64 bits.
  public mutating func readVarint() throws(ByteError) -> UInt64 {
    let start = place
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
    let start = place
    let count = try readVarint()
    guard count <= UInt64(remaining / max(1, elementBytes)) else {
      throw ByteError(offset: start, "\(count) elements announced, but only \(remaining) bytes follow")
    }
    return Int(count)
  }

  /// Reads a text: its count, then UTF-8, which is checked.
  public mutating func readText() throws(ByteError) -> String {
    let count = try readCount(elementBytes: 1)
    let start = place
    place += count
    guard let text = String(validating: bytes[start..<place], as: UTF8.self) else {
      throw ByteError(offset: start, "a text that is not UTF-8")
    }
    return text
  }

  /// Hands out the next `count` bytes and passes them; the pointer is valid only inside `body`.
  package mutating func readRaw<Result>(
    _ count: Int, _ body: (UnsafeRawBufferPointer) -> Result
  ) throws(ByteError) -> Result {
    guard count >= 0, count <= remaining else { throw missing(count) }
    defer { place += count }
    return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[place..<(place + count)])) }
  }

  /// A reader of the next `count` bytes, which this one passes.
  mutating func readPart(_ count: Int) throws(ByteError) -> ByteReader {
    guard count >= 0, count <= remaining else { throw missing(count) }
    defer { place += count }
    return ByteReader(bytes, from: place, to: place + count, depth: depth)
  }

  /// The same bytes from another place, which this reader has given before.
  func at(_ offset: Int) -> ByteReader { ByteReader(bytes, from: offset, to: end, depth: depth) }

  /// Reads something that is inside of another value.
  mutating func readInside<Result>(
    _ body: (inout ByteReader) throws(ByteError) -> Result
  ) throws(ByteError) -> Result {
    guard depth < ByteReader.deepest else { throw ByteError(offset: place, ByteReader.tooDeep) }
    depth += 1
    let result = try body(&self)
    depth -= 1
    return result
  }

  /// Throws unless everything was read.
  public func requireEnd() throws(ByteError) {
    if remaining != 0 { throw ByteError(offset: place, "\(remaining) bytes too many") }
  }

  @usableFromInline
  func missing(_ count: Int) -> ByteError { ByteError(offset: place, "\(count) bytes expected, \(remaining) left") }
}
