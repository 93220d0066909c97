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
///
/// The bytes lie in one array, or in that and in the memory of arrays that were received (`LandedBytes`). Then this reader sees a window
/// of the one array, up to where the next of the others belongs; who reads that one as it was written takes over its
/// memory. For any other way of reading the bytes are put together first, so that the segments never change what is read.
public struct ByteReader: Sendable {
  @usableFromInline private(set) var bytes: [UInt8]
  /// The end of the window in `bytes`, and its next byte.
  @usableFromInline private(set) var end: Int
  @usableFromInline var place: Int
  /// Bytes behind the window.
  @usableFromInline private(set) var beyond = 0
  /// Bytes in segments before the window.
  @usableFromInline private(set) var before = 0
  /// Where the segments lie, and which is the next one.
  private var landed: LandedBytes?
  private var next = 0
  /// How many values are being read that the next one is inside of.
  @usableFromInline var depth = 0

  /// How many values may be inside of each other: what reads them calls itself.
  @usableFromInline static let deepest = 200
  static let tooDeep = "more than \(deepest) values inside of each other"

  /// A reader of all of `bytes`.
  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    place = 0
    end = bytes.count
  }

  /// A reader of bytes that have landed.
  init(_ landed: LandedBytes) {
    bytes = landed.rest
    self.landed = landed
    place = 0
    end = 0
    setWindow(offset: 0, limit: landed.byteCount)
  }

  /// The place of the next byte, counted from the first byte.
  @inlinable public var offset: Int { place &+ before }

  /// The number of bytes that were not read.
  @inlinable public var remaining: Int { end &- place &+ beyond }

  /// Reads one byte.
  @inlinable public mutating func readByte() throws(ByteError) -> UInt8 {
    if place == end { try join(1) }
    place &+= 1
    return bytes[place &- 1]
  }

  /// Reads an integer with all its bytes.
  @inlinable public mutating func read<Word: FixedWidthInteger>(_ type: Word.Type = Word.self) throws(ByteError) -> Word
  {
    let size = MemoryLayout<Word>.size
    if size > end &- place { try join(size) }
    let start = place
    place &+= size
    return bytes.withUnsafeBytes { Word(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: Word.self)) }
  }

  /// Reads the bit pattern of a number.
  @inlinable public mutating func readDouble() throws(ByteError) -> Double {
    Double(bitPattern: try read(UInt64.self))
  }

  /// Reads a varint of at most 64 bits.
  @inlinable public mutating func readVarint() throws(ByteError) -> UInt64 {
    if place < end, bytes[place] < 0x80 {
      place &+= 1
      return UInt64(bytes[place &- 1])
    }
    return try readLongVarint()
  }

  @usableFromInline
  mutating func readLongVarint() throws(ByteError) -> UInt64 {
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
  @inlinable public mutating func readCount(elementBytes: Int) throws(ByteError) -> Int {
    let start = offset
    let count = try readVarint()
    guard count <= UInt64(remaining / max(1, elementBytes)) else { throw tooMany(count, from: start) }
    return Int(count)
  }

  @usableFromInline
  func tooMany(_ count: UInt64, from start: Int) -> ByteError {
    ByteError(offset: start, "\(count) elements announced, but only \(remaining) bytes follow")
  }

  /// Reads a text: its count, then UTF-8, which is checked.
  public mutating func readText() throws(ByteError) -> String {
    let count = try readCount(elementBytes: 1)
    if count > end - place { try join(count) }
    let start = place
    place += count
    let text = bytes.withUnsafeBufferPointer {
      ByteReader.text(UnsafeBufferPointer(rebasing: $0[start..<(start + count)]))
    }
    guard let text else { throw ByteError(offset: start + before, "a text that is not UTF-8") }
    return text
  }

  /// Most texts are short names of ASCII, which decoding takes in one piece; validating asks for each byte.
  private static func text(_ utf8: UnsafeBufferPointer<UInt8>) -> String? {
    var bits: UInt8 = 0
    for byte in utf8 { bits |= byte }
    return bits < 0x80 ? String(decoding: utf8, as: UTF8.self) : String(validating: utf8, as: UTF8.self)
  }

  /// Hands out the next `count` bytes and passes them; the pointer is valid only inside `body`.
  package mutating func readRaw<Result>(
    _ count: Int, _ body: (UnsafeRawBufferPointer) -> Result
  ) throws(ByteError) -> Result {
    guard count >= 0, count <= remaining else { throw missing(count) }
    if let memory = passSegment(count) { return body(memory.bytes) }
    if count > end - place { try join(count) }
    defer { place += count }
    return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[place..<(place + count)])) }
  }

  /// Reads the memory of `count` numbers: takes it over where it has landed as such, copies it otherwise.
  mutating func readBulk<Element: BulkNumber>(
    _ type: Element.Type, _ count: Int
  ) throws(ByteError) -> [Element] {
    guard count >= 0, count <= remaining / MemoryLayout<Element>.stride else { throw missing(count) }
    let byteCount = count * MemoryLayout<Element>.stride
    if let memory = passSegment(byteCount) {
      if let landed = memory as? ArrayMemoryOf<Element> { return landed.array }
      return Self.copy(memory.bytes, count)
    }
    return try readRaw(byteCount) { Self.copy($0, count) }
  }

  private static func copy<Element: BulkNumber>(_ raw: UnsafeRawBufferPointer, _ count: Int) -> [Element] {
    [Element](unsafeUninitializedCapacity: count) { buffer, filled in
      UnsafeMutableRawBufferPointer(buffer).copyMemory(from: raw)
      filled = count
    }
  }

  /// A reader of the next `count` bytes, which this one passes.
  mutating func readPart(_ count: Int) throws(ByteError) -> ByteReader {
    guard count >= 0, count <= remaining else { throw missing(count) }
    var part = self
    if landed == nil {
      place += count
      part.end = place
    } else {
      let (start, limit) = (offset, limit)
      part.setWindow(offset: start, limit: start + count)
      setWindow(offset: start + count, limit: limit)
    }
    return part
  }

  /// The same bytes from another place, which this reader has given before.
  func at(_ offset: Int) -> ByteReader {
    var other = self
    if landed == nil { other.place = offset } else { other.setWindow(offset: offset, limit: limit) }
    return other
  }

  // MARK: Segments

  /// Where the bytes of this reader end, counted as `offset` is.
  private var limit: Int { end + before + beyond }

  /// Passes the segment that begins here if it has `count` bytes.
  private mutating func passSegment(_ count: Int) -> ArrayMemory? {
    guard place == end, beyond > 0, let landed, landed.parts[next].count == count, count <= beyond else { return nil }
    let memory = landed.parts[next].memory
    setWindow(offset: offset + count, limit: limit)
    return memory
  }

  /// Moves to `offset`, up to where `limit` is: both counted as `offset` is, and the first not behind the second.
  private mutating func setWindow(offset: Int, limit: Int) {
    guard let landed else { return }
    let parts = landed.parts
    // The segments that begin before the offset.
    var low = 0
    var high = parts.count
    while low < high {
      let middle = (low + high) / 2
      if parts[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    if low > 0, offset < parts[low - 1].offset + parts[low - 1].count {
      // In the middle of a segment.
      return beFlat(landed, offset: offset, limit: limit)
    }
    next = low
    before = low > 0 ? parts[low - 1].offset + parts[low - 1].count - parts[low - 1].place : 0
    place = offset - before
    let windowEnd = low < parts.count ? parts[low].offset : landed.byteCount
    end = min(windowEnd, limit) - before
    beyond = max(0, limit - windowEnd)
  }

  private mutating func beFlat(_ landed: LandedBytes, offset: Int, limit: Int) {
    bytes = landed.bytes
    self.landed = nil
    before = 0
    beyond = 0
    place = offset
    end = limit
  }

  /// Called when `count` bytes are wanted and the window has fewer.
  /// - Throws: When that is because there are no more.
  @usableFromInline
  mutating func join(_ count: Int) throws(ByteError) {
    guard count <= remaining, let landed else { throw missing(count) }
    beFlat(landed, offset: offset, limit: limit)
  }

  /// Reads something that is inside of another value.
  @inlinable
  mutating func readInside<Result>(
    _ body: (inout ByteReader) throws(ByteError) -> Result
  ) throws(ByteError) -> Result {
    guard depth < ByteReader.deepest else { throw nestedTooDeep() }
    depth += 1
    let result = try body(&self)
    depth -= 1
    return result
  }

  @usableFromInline
  func nestedTooDeep() -> ByteError { ByteError(offset: offset, ByteReader.tooDeep) }

  /// Throws unless everything was read.
  public func requireEnd() throws(ByteError) {
    if remaining != 0 { throw ByteError(offset: offset, "\(remaining) bytes too many") }
  }

  @usableFromInline
  func missing(_ count: Int) -> ByteError { ByteError(offset: offset, "\(count) bytes expected, \(remaining) left") }
}
