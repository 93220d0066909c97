import TestSupport
import Testing

@testable import MartletBytes

private enum Shape: Codable, Hashable, Sendable {
  case point
  case circle(radius: Double)
  case box(width: Int, Int, name: String?)
  indirect case pair(Shape, Shape)
}

private enum Color: String, Codable, Hashable, Sendable { case red, green }

private struct Corner: Codable, Hashable, Sendable {
  var x: Int8
  var y: UInt64
}

private struct Drawing: Codable, Equatable, PortableValue {
  var name: String
  var count: Int
  var shapes: [Shape]
  var colors: [Color: [Corner]]
  var names: [String: Int?]
  var marks: Set<Corner>
  var data: [UInt8]
  var numbers: [Double]
  var weight: Float?
  var note: String?
  var isOpen: Bool
  var nested: [[Int?]]

  static func random(_ random: inout SeededGenerator) -> Drawing {
    func shape(_ depth: Int, _ random: inout SeededGenerator) -> Shape {
      switch random.below(depth > 4 ? 3 : 4) {
      case 0: .point
      case 1: .circle(radius: Double(random.below(100)))
      case 2: .box(width: Int(truncatingIfNeeded: random.next()), 3, name: random.chance(50) ? "größer" : nil)
      default: .pair(shape(depth + 1, &random), shape(depth + 1, &random))
      }
    }
    func corner(_ random: inout SeededGenerator) -> Corner {
      Corner(x: Int8(truncatingIfNeeded: random.next()), y: random.next())
    }
    func count(_ random: inout SeededGenerator) -> Range<Int> { 0..<random.below(5) }
    return Drawing(
      name: "drawing \(random.below(10))", count: Int(truncatingIfNeeded: random.next()),
      shapes: count(&random).map { _ in shape(0, &random) },
      colors: Dictionary(
        uniqueKeysWithValues: [Color.red, .green].shuffled(using: &random).map {
          ($0, count(&random).map { _ in corner(&random) })
        }),
      names: Dictionary(uniqueKeysWithValues: count(&random).map { ("\($0)", $0 == 1 ? nil : $0) }),
      marks: Set(count(&random).map { _ in corner(&random) }),
      data: count(&random).map { UInt8($0) }, numbers: count(&random).map { Double($0) },
      weight: random.chance(50) ? 1.5 : nil, note: random.chance(50) ? "" : nil, isOpen: random.chance(50),
      nested: count(&random).map { _ in count(&random).map { $0 == 2 ? nil : -$0 } })
  }
}

private struct Empty: Codable, Equatable, PortableValue {}

/// Reads its fields in another order than it writes them, and asks for one that is not there.
private struct Backwards: Codable, Equatable, PortableValue {
  var first: Int
  var second: String
  var third: [Bool]
  enum CodingKeys: CodingKey { case first, second, third, fourth }
  init(first: Int, second: String, third: [Bool]) { (self.first, self.second, self.third) = (first, second, third) }
  init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    third = try fields.decode([Bool].self, forKey: .third)
    if try fields.decodeIfPresent(Int.self, forKey: .fourth) != nil { throw CodedForm.Problem("a fourth") }
    second = try fields.decode(String.self, forKey: .second)
    first = try fields.decode(Int.self, forKey: .first)
    #expect(fields.allKeys.count == 3)
  }
  func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(first, forKey: .first)
    try fields.encode(second, forKey: .second)
    try fields.encode(third, forKey: .third)
  }
}

private class Base: Codable {
  var number = 0
}

/// Containers that grow side by side, and a superclass.
private final class Derived: Base, PortableValue, @unchecked Sendable {
  var evens: [Int] = []
  var odds: [Int] = []
  enum CodingKeys: CodingKey { case evens, odds }
  override init() { super.init() }
  required init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    var list = try fields.nestedUnkeyedContainer(forKey: .odds)
    while !list.isAtEnd { odds.append(try list.decode(Int.self)) }
    list = try fields.nestedUnkeyedContainer(forKey: .evens)
    while !list.isAtEnd { evens.append(try list.decode(Int.self)) }
    try super.init(from: fields.superDecoder())
  }
  override func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    var evens = fields.nestedUnkeyedContainer(forKey: .evens)
    var odds = fields.nestedUnkeyedContainer(forKey: .odds)
    for place in 0..<max(self.evens.count, self.odds.count) {
      if place < self.odds.count { try odds.encode(self.odds[place]) }
      if place < self.evens.count { try evens.encode(self.evens[place]) }
    }
    try super.encode(to: fields.superEncoder())
  }
}

private final class Chain: Codable, PortableValue, @unchecked Sendable {
  let next: Chain?
  init(length: Int) { next = length == 0 ? nil : Chain(length: length - 1) }
}

private struct Unwilling: Codable, PortableValue {
  init() {}
  init(from decoder: any Decoder) throws {}
  func encode(to encoder: any Encoder) throws { throw CodedForm.Problem("not today") }
}

@Suite struct CodableTests {
  @Test func `codable values come back`() throws {
    for seed in sampled(0..<200 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed)
      let drawing = Drawing.random(&random)
      let bytes = try drawing.checkedPortableBytes()
      #expect(try Drawing(portableBytes: bytes) == drawing, "seed \(seed)")
      #expect(throws: ByteError.self) { try Drawing(portableBytes: bytes + [0]) }
      if seed < 10 {
        for count in bytes.indices {
          #expect(throws: ByteError.self) { try Drawing(portableBytes: Array(bytes[..<count])) }
        }
      }
    }
    #expect(try Empty(portableBytes: Empty().portableBytes()) == Empty())
    let backwards = Backwards(first: 1, second: "2", third: [true])
    #expect(try Backwards(portableBytes: backwards.portableBytes()) == backwards)
    #expect(try [Empty](portableBytes: [Empty(), Empty()].portableBytes()).count == 2)
  }

  @Test func `equal values have equal bytes, however their dictionaries were made`() throws {
    for seed in sampled(0..<50 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed)
      var one = Drawing.random(&random)
      one.colors = [.red: [], .green: []]
      var other = one
      other.colors = Dictionary(minimumCapacity: 100)
      other.colors[.green] = []
      other.colors[.red] = []
      other.marks = Set(minimumCapacity: 300)
      for corner in one.marks { other.marks.insert(corner) }
      #expect(one.portableBytes() == other.portableBytes(), "seed \(seed)")
    }
  }

  @Test func `containers that grow side by side stand where they were asked for`() throws {
    let value = Derived()
    value.number = 77
    value.evens = [0, 2, 4]
    value.odds = [1]
    let again = try Derived(portableBytes: try value.checkedPortableBytes())
    #expect(again.number == 77)
    #expect(again.evens == [0, 2, 4])
    #expect(again.odds == [1])
  }

  @Test func `what is nested too deep, or does not want to, has no bytes and says so`() {
    #expect(throws: ByteError.self) { try Chain(length: 1000).checkedPortableBytes() }
    #expect(throws: Never.self) { try Chain(portableBytes: try Chain(length: 150).checkedPortableBytes()) }
    let error = #expect(throws: ByteError.self) { try [[Unwilling()]].checkedPortableBytes() }
    #expect(error?.message == "not today")
  }

  @Test func `a number that does not fit is refused`() throws {
    struct Wide: Codable, PortableValue { var x: Int, y: UInt64 }
    struct Narrow: Codable, PortableValue { var x: Int8, y: UInt8 }
    let fits = try Narrow(portableBytes: Wide(x: -128, y: 255).portableBytes())
    #expect(fits.x == -128)
    #expect(fits.y == 255)
    #expect(throws: ByteError.self) { try Narrow(portableBytes: Wide(x: -129, y: 0).portableBytes()) }
    #expect(throws: ByteError.self) { try Narrow(portableBytes: Wide(x: 0, y: 256).portableBytes()) }
    #expect(throws: ByteError.self) { try Wide(portableBytes: Empty().portableBytes()) }
  }

  @Test func `hostile bytes never trap`() throws {
    var random = SeededGenerator(seed: 3)
    for round in 0..<6000 {
      var bytes = Drawing.random(&random).portableBytes()
      for _ in 0...random.below(4) {
        let place = random.below(bytes.count)
        switch random.below(4) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[place] = UInt8(random.below(14))
        case 2: bytes.insert(UInt8(random.below(14)), at: place)
        default: bytes.remove(at: place)
        }
      }
      // What is understood can be written and read again.
      if let drawing = try? Drawing(portableBytes: bytes) {
        #expect(throws: Never.self, "round \(round)") { try Drawing(portableBytes: drawing.portableBytes()) }
      }
    }
    // Lists in lists in lists, announced by a byte each.
    let deep: [UInt8] = [0] + [0xc0, 0x84, 0x3d] + [UInt8](repeating: 9, count: 1_000_000)
    #expect(throws: ByteError.self) { try Chain(portableBytes: deep) }
    #expect(throws: ByteError.self) { try Drawing(portableBytes: deep) }
  }
}
