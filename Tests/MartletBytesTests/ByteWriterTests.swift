import TestSupport
import Testing

@testable import MartletBytes

@Suite struct ByteWriterTests {
  /// The slow obvious twin: one byte after the other, at the end of an array.
  private struct Twin {
    var bytes: [UInt8] = []

    mutating func write(_ word: UInt64, count: Int) {
      for place in 0..<count { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * place))) }
    }

    mutating func write(varint word: UInt64) {
      var rest = word
      while rest > 127 {
        bytes.append(UInt8(rest % 128 + 128))
        rest /= 128
      }
      bytes.append(UInt8(rest))
    }
  }

  @Test(arguments: 0..<200) func `bytes are written as one by one, however the room grows`(_ seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var writer = ByteWriter(capacity: random.chance(50) ? 0 : random.below(100))
    var twin = Twin()
    for _ in 0..<random.below(300) {
      let word = random.next() >> UInt64(random.below(64))
      switch random.below(9) {
      case 0:
        writer.write(byte: UInt8(truncatingIfNeeded: word))
        twin.write(word, count: 1)
      case 1:
        writer.write(UInt16(truncatingIfNeeded: word))
        twin.write(word, count: 2)
      case 2:
        writer.write(Int32(truncatingIfNeeded: word))
        twin.write(word, count: 4)
      case 3:
        writer.write(word)
        twin.write(word, count: 8)
      case 4:
        writer.write(Double(bitPattern: word))
        twin.write(word, count: 8)
      case 5:
        writer.write(varint: word)
        twin.write(varint: word)
      case 6:
        // Often more than the room, sometimes nothing.
        let some = (0..<random.below(random.chance(10) ? 3000 : 40)).map { UInt8(truncatingIfNeeded: $0) }
        some.withUnsafeBytes { writer.write(raw: $0) }
        twin.bytes += some
      case 7:
        let text = String(repeating: "ä", count: random.below(20))
        writer.write(text)
        twin.write(varint: UInt64(text.utf8.count))
        twin.bytes += text.utf8
      default:
        let count = twin.bytes.count - random.below(min(20, twin.bytes.count + 1))
        writer.cut(to: count)
        twin.bytes.removeLast(twin.bytes.count - count)
      }
      #expect(writer.byteCount == twin.bytes.count, "seed \(seed)")
      if random.chance(3) {
        #expect(writer.takeBytes() == twin.bytes, "seed \(seed)")
        #expect(writer.byteCount == 0)
        twin = Twin()
      }
    }
    #expect(writer.bytes == twin.bytes, "seed \(seed)")
    #expect(writer.withBytes { [UInt8]($0) } == twin.bytes, "seed \(seed)")
    #expect(writer.roomBytes >= twin.bytes.count)
  }

  @Test func `taking bytes leaves no room behind them that nobody uses`() {
    for count in [0, 1, 31, 32, 33, 1024, 1025, 100_000] {
      var writer = ByteWriter()
      for place in 0..<count { writer.write(byte: UInt8(truncatingIfNeeded: place)) }
      let bytes = writer.takeBytes()
      #expect(bytes == (0..<count).map { UInt8(truncatingIfNeeded: $0) })
      if count <= 1024 { #expect(bytes.capacity < count + 64) }
    }
  }
}
