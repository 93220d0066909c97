/// Writes values as bytes, one after the other, little endian.
public struct ByteWriter: Sendable {
  /// What was written, and behind it room that is filled with anything: a word is one store, where appending to an array takes a
  /// hundred instructions.
  @usableFromInline var room: [UInt8] = []
  /// Where the room begins.
  @usableFromInline var end = 0
  private static let leastRoom = 32
  private static let shortRoom = 1024
  /// How many values are being written that the next one is inside of.
  @usableFromInline var depth = 0
  /// Why something could not be written; the bytes mean nothing then. The first reason stays.
  public private(set) var failure: ByteError?
  /// Long arrays that belong between the bytes before `end`, each before the byte at its place.
  @usableFromInline var segments: [Segment] = []
  /// Arrays of at least so many bytes are not copied.
  private let leastSegmentBytes: Int

  /// An array that was not copied.
  @usableFromInline
  struct Segment: Sendable {
    var place: Int
    var kind: UInt8
    var memory: ArrayMemory
  }

  /// A writer with room for `capacity` bytes before it has to grow.
  public init(capacity: Int = 0) {
    leastSegmentBytes = .max
    if capacity > 0 { room = [UInt8](repeating: 0, count: capacity) }
  }

  /// A writer that shares the memory of long arrays instead of copying it: for `WrittenBytes`.
  package init(sharingFrom leastSegmentBytes: Int) { self.leastSegmentBytes = max(1, leastSegmentBytes) }

  /// A writer of something inside of what `other` writes, whose bytes are compared or measured: it copies all.
  init(inside other: ByteWriter) {
    depth = other.depth
    leastSegmentBytes = .max
  }

  /// A writer of bytes that `other` will append.
  init(of other: ByteWriter) { leastSegmentBytes = other.leastSegmentBytes }

  /// What was written: a copy.
  public var bytes: [UInt8] {
    var all: [UInt8] = []
    all.reserveCapacity(byteCount)
    var start = 0
    for segment in segments {
      all.append(contentsOf: room[start..<segment.place])
      all.append(contentsOf: segment.memory.bytes)
      start = segment.place
    }
    all.append(contentsOf: room[start..<end])
    return all
  }

  /// What was written, by a writer that begins anew then: without a copy where that is worth it, unless there are segments.
  package mutating func takeBytes() -> [UInt8] {
    if segments.isEmpty { return takeUnshared() }
    defer {
      segments = []
      end = 0
    }
    return bytes
  }

  /// The bytes but for the segments.
  mutating func takeUnshared() -> [UInt8] {
    defer { end = 0 }
    // A few bytes are copied: their room is larger than they are, and they may be kept for long.
    if end < room.count, end <= ByteWriter.shortRoom { return withBytes { [UInt8]($0) } }
    var taken: [UInt8] = []
    swap(&taken, &room)
    taken.removeLast(taken.count - end)
    return taken
  }

  /// How many bytes were written.
  @inlinable package var byteCount: Int { segments.isEmpty ? end : end + segmentBytes }

  @usableFromInline var segmentBytes: Int { segments.reduce(0) { $0 + $1.memory.bytes.count } }

  /// Shows what was written, by a writer that shares no memory.
  @inlinable package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    room.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<end])) }
  }

  /// How many bytes the memory has that is written into.
  @inlinable package var roomBytes: Int { room.count }

  /// Forgets what was written behind the first `count` bytes, by a writer that shares no memory; the room stays.
  @inlinable package mutating func cut(to count: Int) { end = min(end, max(0, count)) }

  /// Takes the next `count` bytes of the room.
  /// - Returns: Where they begin.
  @inlinable @inline(__always)
  mutating func take(_ count: Int) -> Int {
    if count > room.count &- end { makeRoom(count) }
    let place = end
    end = place &+ count
    return place
  }

  @usableFromInline @inline(never)
  mutating func makeRoom(_ count: Int) {
    let size = room.count + max(ByteWriter.leastRoom, room.count, count)
    if size <= ByteWriter.shortRoom {
      // Most values are a few bytes. Copying them from the stack takes two thirds of what filling an array does.
      room = withUnsafeTemporaryAllocation(byteCount: size, alignment: 1) { memory in
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        withBytes { memory.copyMemory(from: $0) }
        return [UInt8](UnsafeRawBufferPointer(memory))
      }
    } else {
      var larger = [UInt8](repeating: 0, count: size)
      larger.withUnsafeMutableBytes { memory in withBytes { memory.copyMemory(from: $0) } }
      room = larger
    }
  }

  /// Notes that a value has no bytes: for a `write(to:)` that cannot go on, which does not throw.
  public mutating func fail(_ message: String) {
    if failure == nil { failure = ByteError(offset: byteCount, message) }
  }

  /// Writes one byte.
  @inlinable public mutating func write(byte: UInt8) {
    let place = take(1)
    room[place] = byte
  }

  /// Writes an integer with all its bytes.
  @inlinable public mutating func write<Word: FixedWidthInteger>(_ word: Word) {
    let place = take(MemoryLayout<Word>.size)
    room.withUnsafeMutableBytes { $0.storeBytes(of: word.littleEndian, toByteOffset: place, as: Word.self) }
  }

  /// Writes the bit pattern of a number, eight bytes.
  @inlinable public mutating func write(_ number: Double) { write(number.bitPattern) }

  /// Writes a count in as few bytes as it needs: seven bits a byte, the low ones first (LEB128).
  @inlinable public mutating func write(varint word: UInt64) {
    var rest = word
    while rest >= 0x80 {
      write(byte: UInt8(truncatingIfNeeded: rest) | 0x80)
      rest &>>= 7
    }
    write(byte: UInt8(truncatingIfNeeded: rest))
  }

  /// What a varint takes.
  static func bytes(ofVarint word: UInt64) -> Int { max(1, (70 - word.leadingZeroBitCount) / 7) }

  /// Writes bytes without their count.
  @inlinable public mutating func write(raw: UnsafeRawBufferPointer) {
    let place = take(raw.count)
    room.withUnsafeMutableBytes { UnsafeMutableRawBufferPointer(rebasing: $0[place...]).copyMemory(from: raw) }
  }

  /// Writes the memory of numbers without their count; long ones are shared where this writer does that.
  mutating func write<Element: BulkNumber>(bulk numbers: [Element]) {
    let byteCount = numbers.count * MemoryLayout<Element>.stride
    if byteCount >= leastSegmentBytes, segments.count < ByteSegment.most {
      segments.append(Segment(place: end, kind: Element.bulkKind, memory: ArrayMemoryOf(numbers)))
    } else {
      numbers.withUnsafeBytes { write(raw: $0) }
    }
  }

  /// Writes the count as a varint, then the UTF-8.
  public mutating func write(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in
      write(varint: UInt64(utf8.count))
      write(raw: UnsafeRawBufferPointer(utf8))
    }
  }

  /// Writes what `other` has written; not its failure.
  mutating func append(_ other: ByteWriter) { append(other, other.startMark..<other.endMark) }

  /// A place between what was written.
  struct Mark: Comparable, Sendable {
    fileprivate var place: Int
    fileprivate var segments: Int

    static func < (one: Mark, other: Mark) -> Bool {
      (one.place, one.segments) < (other.place, other.segments)
    }
  }

  private var startMark: Mark { Mark(place: 0, segments: 0) }
  /// Behind what was written so far.
  var endMark: Mark { Mark(place: end, segments: segments.count) }

  /// The parts of what was written between places in their order, from the beginning to the end.
  func parts(at marks: [Mark]) -> [Range<Mark>] {
    var parts: [Range<Mark>] = []
    var start = startMark
    for mark in marks + [endMark] {
      parts.append(start..<mark)
      start = mark
    }
    return parts
  }

  /// Writes a part of what `other` has written.
  mutating func append(_ other: ByteWriter, _ part: Range<Mark>) {
    let shift = end - part.lowerBound.place
    other.withBytes {
      write(raw: UnsafeRawBufferPointer(rebasing: $0[part.lowerBound.place..<part.upperBound.place]))
    }
    for segment in other.segments[part.lowerBound.segments..<part.upperBound.segments] {
      var segment = segment
      segment.place += shift
      segments.append(segment)
    }
  }

  /// Writes something that is inside of another value; not where that is deeper than a reader would follow.
  @inlinable
  mutating func writeInside(_ body: (inout ByteWriter) -> Void) {
    guard depth < ByteReader.deepest else { return failNested() }
    depth += 1
    body(&self)
    depth -= 1
  }

  @usableFromInline
  mutating func failNested() { fail(ByteReader.tooDeep) }
}
