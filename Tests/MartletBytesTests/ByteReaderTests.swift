import TestSupport
import Testing

@testable import MartletBytes

@Suite struct ByteReaderTests {
  @Test func `values come back as they were written`() throws {
    try roundTrip(Int64.min)
    try roundTrip(-1)
    try roundTrip(true)
    try roundTrip("größer als \0 acht Bytes")
    try roundTrip([1.5, -0.0, .infinity])
    try roundTrip([Int64]())
    try roundTrip(["", "a", "ää"])
    try roundTrip([[1, 2], [], [3]])
    try roundTrip([nil, 7 as Int64?])
    try roundTrip(String?.none)
    #expect(try Double(portableBytes: Double.nan.portableBytes()).isNaN)
  }

  private func roundTrip<Value: PortableValue & Equatable>(_ value: Value) throws {
    let bytes = value.portableBytes()
    #expect(try Value(portableBytes: bytes) == value)
    // Cut anywhere, it throws and does not trap; longer by a byte, it throws too.
    for count in bytes.indices { #expect(throws: ByteError.self) { try Value(portableBytes: Array(bytes[..<count])) } }
    #expect(throws: ByteError.self) { try Value(portableBytes: bytes + [0]) }
  }

  @Test func `varints of every length come back`() throws {
    for shift in 0..<64 {
      for word in [1 << UInt64(shift), (1 << UInt64(shift)) &- 1, ~0 >> UInt64(shift)] as [UInt64] {
        var writer = ByteWriter()
        writer.write(varint: word)
        var reader = ByteReader(writer.bytes)
        #expect(try reader.readVarint() == word)
        try reader.requireEnd()
      }
    }
  }

  @Test func `a varint beyond 64 bits is refused`() {
    for bytes in [[UInt8](repeating: 0xff, count: 9) + [2], [UInt8](repeating: 0x80, count: 10) + [1]] {
      #expect(throws: ByteError.self) {
        var reader = ByteReader(bytes)
        _ = try reader.readVarint()
      }
    }
  }

  @Test func `a count that cannot be true is refused before anything is allocated`() {
    var writer = ByteWriter()
    writer.write(varint: 1 << 60)
    #expect(throws: ByteError.self) { try [Double](portableBytes: writer.bytes) }
    #expect(throws: ByteError.self) { try [String](portableBytes: writer.bytes) }
    #expect(throws: ByteError.self) { try String(portableBytes: writer.bytes) }
  }

  @Test func `hostile bytes never trap`() {
    var random = SeededGenerator(seed: 11)
    for _ in 0..<20_000 {
      let bytes = (0..<Int(random.next() % 24)).map { _ in UInt8(truncatingIfNeeded: random.next() % 7 &* 43) }
      _ = try? [String](portableBytes: bytes)
      _ = try? [[Int64?]](portableBytes: bytes)
      _ = try? [Bool](portableBytes: bytes)
    }
  }
}
