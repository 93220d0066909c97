import MartletBytes
import TestSupport
import Testing

@testable import MartletGraph

private struct Trip: PortableValue, Codable, Equatable {
  var city: String
  var miles: Double
}

private struct OtherTrip: PortableValue, Codable {
  static var portableTypeName: String { Trip.portableTypeName }
}

private struct Trips: PortableTaskFunction, Codable {
  static let name = "test.trips"
  static let version = 1
  var cities: [String]
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) -> [Trip] {
    cities.map { Trip(city: $0, miles: 1) }
  }
}

private struct LongestTrip: PortableTaskFunction, Codable {
  static let name = "test.longest"
  static let version = 1
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Trip {
    try inputs.value(0, as: [Trip].self)[0]
  }
}

private struct Nameless: PortableTaskFunction, Codable {
  static let name = ""
  static let version = 1
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) -> Int { 1 }
}

@Suite struct PortableRegistryTests {
  private func filled<Value: PortableValue>(_ value: Value) -> Slot {
    var slot = Slot()
    slot.fill(value)
    return slot
  }

  private func check<Value: PortableValue & Equatable>(_ value: Value, _ registry: TaskFunctionRegistry) throws {
    var slot = filled(value)
    defer { slot.clear() }
    let type = try #require(registry.valueType(of: slot))
    #expect(type.name == Value.portableTypeName)
    #expect(registry.valueType(named: type.name)?.identity == type.identity)
    let bytes = try type.bytes(of: slot)
    #expect(bytes == value.portableBytes())
    var again = try type.slot(of: bytes)
    #expect(again.value(as: Value.self) == value)
    #expect(type.residentBytes(of: again) == 16 + again.residentBytes)
    again.clear()
    #expect(throws: ByteError.self) { try type.slot(of: bytes + [0]) }
    if !bytes.isEmpty { #expect(throws: ByteError.self) { try type.slot(of: Array(bytes.dropLast())) } }
  }

  @Test func `a value goes to bytes and back by the name of its type`() throws {
    var registry = TaskFunctionRegistry()
    try registry.register(value: Trip.self)
    try registry.register(value: [String: Int].self)
    try check(1, registry)
    try check(true, registry)
    try check(3.5 as Float, registry)
    try check(UInt8(3), registry)
    try check("a text of more than fifteen bytes", registry)
    try check([1.5, 2], registry)
    try check([UInt8](0..<100), registry)
    try check([[["deep"]]], registry)
    try check(Trip(city: "Rom", miles: 2), registry)
    try check([Trip(city: "Rom", miles: 2)], registry)
    try check(["a": 1], registry)
    try check(Digest128(low: 1, high: 2), registry)
  }

  @Test func `a type that nobody registered is not known, and another value has no bytes of a type`() throws {
    let registry = TaskFunctionRegistry()
    var slot = filled([[Trip(city: "", miles: 0)]])
    #expect(registry.valueType(of: slot) == nil)
    #expect(registry.valueType(of: Slot()) == nil)
    #expect(registry.valueType(named: "[]") == nil)
    #expect(registry.valueType(named: "") == nil)
    #expect(
      registry.valueType(named: String(repeating: "[", count: 10) + "Int" + String(repeating: "]", count: 10)) == nil)
    let int = try #require(registry.valueType(named: "Int"))
    #expect(throws: ByteError.self) { try int.bytes(of: slot) }
    #expect(throws: ByteError.self) { try int.bytes(of: Slot()) }
    slot.clear()
  }

  @Test func `the digest is the same in whatever order functions and types were registered`() throws {
    var one = TaskFunctionRegistry()
    try one.register(Trips.self)
    try one.register(LongestTrip.self)
    var other = TaskFunctionRegistry()
    try other.register(value: Trip.self)
    #expect(one.digest != other.digest)
    try other.register(LongestTrip.self)
    try other.register(Trips.self)
    try other.register(value: [Trip].self)
    #expect(one.digest == other.digest)
    #expect(one.functionNames.map(\.name) == ["test.longest", "test.trips"])
    #expect(other.functionNames.map(\.name) == ["test.longest", "test.trips"])
  }

  @Test func `a name that is taken, empty or too long is refused`() throws {
    var registry = TaskFunctionRegistry()
    try registry.register(Trips.self)
    try registry.register(value: Trip.self)
    try registry.register(value: Trip.self)
    let before = registry.digest
    #expect(throws: TaskRegistryError.self) { try registry.register(value: OtherTrip.self) }
    let error = #expect(throws: TaskRegistryError.self) { try registry.register(Nameless.self) }
    #expect(error?.code == .badName)
    #expect(registry.digest == before)
  }

  @Test func `a shared registry takes no more once somebody works with it`() throws {
    let shared = SharedRegistry()
    try shared.change { (all) throws(TaskRegistryError) in try all.register(Trips.self) }
    #expect(shared.lock().count == 1)
    let error = #expect(throws: TaskRegistryError.self) {
      try shared.change { (all) throws(TaskRegistryError) in try all.register(LongestTrip.self) }
    }
    #expect(error?.code == .locked)
    #expect(shared.lock().count == 1)
  }

  @Test func `a program registers several functions in one line`() async {
    await #expect(processExitsWith: .success) {
      try TaskFunctions.register(Trips.self, LongestTrip.self)
      try TaskFunctions.register(value: Trip.self)
      #expect(TaskFunctions.locked().count == 2)
      #expect(throws: TaskRegistryError.self) { try TaskFunctions.register(Nameless.self) }
    }
  }

  @Test func `equal arguments make equal keys without a line of code`() throws {
    var builder = GraphBuilder()
    let first = builder.call(Trips(cities: ["Rom", "Ulm"]))
    #expect(builder.call(Trips(cities: ["Rom", "Ulm"])) == first)
    #expect(builder.call(Trips(cities: ["Ulm", "Rom"])) != first)
  }
}
