import TestSupport
import Testing

@testable import MartletBytes

@Suite struct PortableCollectionTests {
  private func roundTrip<Value: PortableValue & Equatable>(_ value: Value) throws {
    let bytes = try value.checkedPortableBytes()
    #expect(try Value(portableBytes: bytes) == value)
    for count in bytes.indices { #expect(throws: ByteError.self) { try Value(portableBytes: Array(bytes[..<count])) } }
    #expect(throws: ByteError.self) { try Value(portableBytes: bytes + [0]) }
  }

  @Test func `numbers of every size come back, and arrays of them are one piece`() throws {
    func check<Number: PortableValue & FixedWidthInteger>(_ type: Number.Type) throws {
      for number in [Number.min, .max, 0, 1] { try roundTrip(number) }
      let array = [Number.min, .max, 3]
      try roundTrip(array)
      #expect(array.portableBytes().count == 1 + 3 * MemoryLayout<Number>.size)
    }
    try check(Int8.self)
    try check(Int16.self)
    try check(Int32.self)
    try check(Int64.self)
    try check(Int.self)
    try check(UInt8.self)
    try check(UInt16.self)
    try check(UInt32.self)
    try check(UInt64.self)
    try check(UInt.self)
    try roundTrip(1.5 as Float)
    try roundTrip([1.5, -.infinity] as [Float])
  }

  @Test func `dictionaries and sets come back and have one form`() throws {
    var random = SeededGenerator(seed: 5)
    for size in 0..<40 {
      let keys = (0..<size).map { "key \($0)" }
      let one = Dictionary(uniqueKeysWithValues: keys.shuffled(using: &random).map { ($0, $0.count) })
      var other: [String: Int] = ["gone": 1]
      other.reserveCapacity(random.below(500))
      for key in keys.shuffled(using: &random) { other[key] = key.count }
      other["gone"] = nil
      try roundTrip(one)
      #expect(one.portableBytes() == other.portableBytes())
      var set = Set<String>(minimumCapacity: random.below(500))
      for key in keys.shuffled(using: &random) { set.insert(key) }
      try roundTrip(set)
      #expect(set.portableBytes() == Set(keys).portableBytes())
    }
    try roundTrip([1: ["a"], 2: []])
    try roundTrip(PortablePair("a", [1: true]))
  }

  @Test func `a key or an element that stands twice is refused`() {
    var writer = ByteWriter()
    writer.write(varint: 2)
    for _ in 0..<2 { writer.write(7 as Int64) }
    #expect(throws: ByteError.self) { try Set<Int>(portableBytes: writer.bytes) }
    writer = ByteWriter()
    writer.write(varint: 2)
    for _ in 0..<4 { writer.write(7 as Int64) }
    #expect(throws: ByteError.self) { try [Int: Int](portableBytes: writer.bytes) }
  }

  @Test func `types have names that say what they are`() {
    #expect([Int].portableTypeName == "[Int]")
    #expect([[UInt8]?].portableTypeName == "[[UInt8]?]")
    #expect([String: Set<Double>].portableTypeName == "[String: Set<Double>]")
    #expect(PortablePair<Bool, Float>.portableTypeName == "(Bool, Float)")
    // A private type: the usual name holds an address, this one does not.
    #expect(!Tree.portableTypeName.contains("unknown context"))
    #expect(Tree.portableTypeName.contains("Tree"))
  }

  /// A value inside of itself.
  private struct Tree: PortableValue {
    var children: [Tree]
    func write(to writer: inout ByteWriter) { children.write(to: &writer) }
    init(from reader: inout ByteReader) throws(ByteError) { children = try [Tree](from: &reader) }
    init(depth: Int) { children = depth == 0 ? [] : [Tree(depth: depth - 1)] }
  }

  @Test func `values deep inside of each other are refused on both sides`() throws {
    #expect(try Tree(portableBytes: try Tree(depth: 150).checkedPortableBytes()).children.count == 1)
    #expect(throws: ByteError.self) { try Tree(depth: 250).checkedPortableBytes() }
    #expect(throws: ByteError.self) { try Tree(portableBytes: [UInt8](repeating: 1, count: 1_000_000)) }
  }
}
