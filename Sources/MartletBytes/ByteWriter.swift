/// Writes values as bytes, one after the other, little endian.
public struct ByteWriter: Sendable {
  @usableFromInline var storage: [UInt8] = []
  /// How many values are being written that the next one is inside of.
  private(set) var depth = 0
  /// Why something could not be written; the bytes mean nothing then. The first reason stays.
  public private(set) var failure: ByteError?

  /// A writer with room for `capacity` bytes before it has to grow.
  public init(capacity: Int = 0) { storage.reserveCapacity(capacity) }

  /// A writer of something inside of what `other` writes.
  init(inside other: ByteWriter) { depth = other.depth }

  /// What was written.
  @inlinable public var bytes: [UInt8] { storage }

  /// Notes that a value has no bytes: for a `write(to:)` that cannot go on, which does not throw.
  public mutating func fail(_ message: String) {
    if failure == nil { failure = ByteError(offset: storage.count, message) }
  }

  /// Writes one byte.
  @inlinable public mutating func write(byte: UInt8) { storage.append(byte) }

  /// Writes an integer with all its bytes.
  @inlinable public mutating func write<Word: FixedWidthInteger>(_ word: Word) {
    withUnsafeBytes(of: word.littleEndian) { storage.append(contentsOf: $0) }
  }

  /// Writes the bit pattern of a number, eight bytes.
  @inlinable public mutating func write(_ number: Double) { write(number.bitPattern) }

  /// Writes a count in as few bytes as it needs: seven bits a byte, the low ones first (LEB128).
  @inlinable public mutating func write(varint word: UInt64) {
    var rest = word
    while rest >= 0x80 {
      storage.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest &>>= 7
    }
    storage.append(UInt8(truncatingIfNeeded: rest))
  }

  /// Writes bytes without their count.
  @inlinable public mutating func write(raw: UnsafeRawBufferPointer) { storage.append(contentsOf: raw) }

  /// Writes the count as a varint, then the UTF-8.
  public mutating func write(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in
      write(varint: UInt64(utf8.count))
      write(raw: UnsafeRawBufferPointer(utf8))
    }
  }

  /// Writes something that is inside of another value; not where that is deeper than a reader would follow.
  mutating func writeInside(_ body: (inout ByteWriter) -> Void) {
    guard depth < ByteReader.deepest else { return fail(ByteReader.tooDeep) }
    depth += 1
    body(&self)
    depth -= 1
  }
}
