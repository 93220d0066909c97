/// Writes values as bytes, one after the other, little endian.
public struct ByteWriter: Sendable {
  /// What was written.
  public private(set) var bytes: [UInt8] = []

  /// A writer with room for `capacity` bytes before it has to grow.
  public init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  /// Writes one byte.
  public mutating func write(byte: UInt8) { bytes.append(byte) }

  /// Writes an integer with all its bytes.
  public mutating func write<Word: FixedWidthInteger>(_ word: Word) {
    withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// Writes the bit pattern of a number, eight bytes.
  public mutating func write(_ number: Double) { write(number.bitPattern) }

  /// Writes a count in as few bytes as it needs: seven bits a byte, the low ones first (LEB128).
  public mutating func write(varint word: UInt64) {
    var rest = word
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest &>>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// Writes bytes without their count.
  public mutating func write(raw: UnsafeRawBufferPointer) { bytes.append(contentsOf: raw) }

  /// Writes the count as a varint, then the UTF-8.
  public mutating func write(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in
      write(varint: UInt64(utf8.count))
      write(raw: UnsafeRawBufferPointer(utf8))
    }
  }
}
