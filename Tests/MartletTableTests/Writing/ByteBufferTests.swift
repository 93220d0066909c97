import TestSupport
import Testing

@testable import MartletTable

@Suite struct ByteBufferTests {
  private func text(_ write: (ByteBuffer) -> Void) -> String {
    let buffer = ByteBuffer()
    write(buffer)
    return buffer.string
  }

  @Test func `whole numbers are written as Swift writes them`() {
    var random = SeededGenerator(seed: 1)
    var numbers: [Int64] = [0, 1, -1, 9, 10, 99, 100, .max, .min, 999_999_999_999_999_999, 1_000_000_000_000_000_000]
    for bits in 0..<64 { numbers += [1 << bits, (1 << bits) &- 1, 0 &- (1 << bits)] }
    for _ in 0..<5000 { numbers.append(Int64(bitPattern: random.next() >> UInt64.random(in: 0..<64, using: &random))) }
    for number in numbers { #expect(text { $0.append(int: number) } == number.description) }
    #expect(text { $0.append(unsigned: .max) } == UInt64.max.description)
    #expect(text { $0.append(wide: .min) } == Int128.min.description)
  }

  @Test func `doubles are written as Swift writes them`() {
    var random = SeededGenerator(seed: 2)
    var numbers: [Double] = [
      0, -0.0, 1, 0.1, 0.001, 0.0009999, 1e9, 999_999_999.999999, 123456.000001, .nan, .infinity, 1e16,
    ]
    numbers += [-.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.3, 0.1 + 0.2, 1e-5, 99.999999, 2.675]
    for _ in 0..<20_000 {
      numbers.append(Double(Int64.random(in: -99_999_999_999...99_999_999_999, using: &random)) / 1e6)
      numbers.append(Double(Int64.random(in: -9_999_999...9_999_999, using: &random)) / 100)
      numbers.append(Double.random(in: 0..<1000, using: &random))
      numbers.append(Double(bitPattern: random.next()))
      // Neighbours of short decimals have to be written in full.
      numbers.append((Double(Int64.random(in: 0...99_999_999, using: &random)) / 1e6).nextUp)
    }
    for number in numbers { #expect(text { $0.append(double: number) } == number.description) }
  }

  @Test func `dates and timestamps are written as people read them`() {
    #expect(text { $0.append(date: 0) } == "1970-01-01")
    #expect(text { $0.append(date: -719_528) } == "0000-01-01")
    #expect(text { $0.append(date: 2_932_896) } == "9999-12-31")
    #expect(text { $0.append(timestamp: -1) } == "1969-12-31T23:59:59.999999")
    #expect(text { $0.append(timestamp: 1_709_210_096_250_000) } == "2024-02-29T12:34:56.25")
    #expect(text { $0.append(timestamp: 0) } == "1970-01-01T00:00:00")
  }

  @Test func `a buffer grows and forgets`() {
    let buffer = ByteBuffer(capacity: 1)
    var expected: [UInt8] = []
    for index in 0..<1000 {
      let piece = Array(repeating: UInt8(truncatingIfNeeded: index), count: index % 37)
      buffer.append(piece)
      (piece + Array(repeating: 0, count: 16)).withUnsafeBufferPointer {
        buffer.append(padded: $0.baseAddress!, count: piece.count)
      }
      expected += piece + piece
    }
    #expect(buffer.array == expected)
    buffer.truncate(to: 5)
    #expect(buffer.array == Array(expected.prefix(5)))
    buffer.removeAll()
    #expect(buffer.isEmpty)
  }
}
