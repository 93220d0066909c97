import MartletBytes
import MartletGraph

/// Sums numbers, with Codable arguments.
struct Sum: PortableTaskFunction, Codable {
  static let name = "test.sum"
  static let version = 3
  var constant: Int
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    var sum = constant
    for value in try inputs.values(as: Int.self) { sum &+= value }
    return sum
  }
}

/// A text of a number, with arguments that it writes itself.
struct Text: PortableTaskFunction {
  static let name = "test.text"
  static let version = 1
  var prefix: String
  func write(to writer: inout ByteWriter) { writer.write(prefix) }
  init(from reader: inout ByteReader) throws(ByteError) { prefix = try reader.readText() }
  init(prefix: String) { self.prefix = prefix }
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> String {
    "\(prefix)\(try inputs.value(0, as: Int.self))"
  }
}

/// A list and a dictionary of what it is given.
struct Summary: PortableValue, Codable, Equatable {
  var words: [String: Int]
  var total: Int
}

struct Summarize: PortableTaskFunction, Codable {
  static let name = "test.summarize"
  static let version = 1
  var weights: [String: Int]
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Summary {
    var summary = Summary(words: weights, total: 0)
    for text in try inputs.value(0, as: [String].self) { summary.words[text, default: 0] += 1 }
    summary.total = summary.words.values.reduce(0, &+)
    return summary
  }
}

struct Total: PortableTaskFunction, Codable {
  static let name = "test.total"
  static let version = 1
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try inputs.values(as: Summary.self).reduce(0) { $0 &+ $1.total }
  }
}

/// A sum over an array.
struct SumOf: PortableTaskFunction, Codable {
  static let name = "test.sumof"
  static let version = 1
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try inputs.value(0, as: [Int].self).reduce(0, &+)
  }
}

struct Fail: PortableTaskFunction, Codable {
  struct Refusal: Error {}
  static let name = "test.fail"
  static let version = 1
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int { throw Refusal() }
}

/// Not registered anywhere.
struct Stranger: PortableTaskFunction, Codable {
  static let name = "test.stranger"
  static let version = 1
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int { 1 }
}

/// Without bytes.
struct Local: TaskFunction {
  static let name = "test.local"
  static let version = 1
  func hash(into hasher: inout StableHasher) {}
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int { 1 }
}

func testRegistry() throws -> TaskFunctionRegistry {
  var registry = TaskFunctionRegistry()
  try registry.register(Sum.self)
  try registry.register(Text.self)
  try registry.register(Summarize.self)
  try registry.register(Total.self)
  try registry.register(SumOf.self)
  try registry.register(Fail.self)
  try registry.register(WhereAmI.self)
  return registry
}
