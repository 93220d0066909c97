import MartletBytes
import Testing

@testable import MartletGraph

private struct First: PortableTaskFunction, Codable {
  static let name = "test.first"
  static let version = 1
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) -> Int { 1 }
}

private struct Impostor: PortableTaskFunction, Codable {
  static let name = "test.first"
  static let version = 1
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) -> Int { 2 }
}

private struct Second: PortableTaskFunction, Codable {
  static let name = "test.second"
  static let version = 1
  var word = "word"
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) -> [String: Int] { [word: 2] }
}

@Suite struct RegistryAndDrawingTests {
  @Test func `two functions of one name and version are refused`() throws {
    var registry = TaskFunctionRegistry()
    try registry.register(First.self)
    try registry.register(First.self)
    #expect(throws: TaskRegistryError.self) { try registry.register(Impostor.self) }
    #expect(registry.count == 1)
    #expect(registry.function(named: "test.first", version: 1)?.type == First.self)
    #expect(registry.function(named: "test.first", version: 2) == nil)
    #expect(registry.function(named: "test", version: 1) == nil)
  }

  @Test func `the digest depends on the functions and not on their order`() throws {
    var one = TaskFunctionRegistry()
    try one.register(First.self)
    try one.register(Second.self)
    var other = TaskFunctionRegistry()
    try other.register(Second.self)
    #expect(one.digest != other.digest)
    try other.register(First.self)
    #expect(one.digest == other.digest)
  }

  @Test func `labels are escaped`() {
    var builder = GraphBuilder()
    let odd = builder.task("say \"a\\b\"\nnew line\u{1}") { 1 }
    _ = builder.gather([odd], label: "ünten")
    #expect(
      builder.build().dot() == """
        digraph martlet {
          rankdir=BT;
          node [shape=box, fontname="sans-serif"];
          t0 [label="say \\"a\\\\b\\"\\nnew line\u{fffd}"];
          t1 [label="ünten", style=rounded];
          t0 -> t1;
        }

        """)
  }

  @Test func `many tasks are drawn by label`() {
    var builder = GraphBuilder()
    let leaves = (0..<400).map { index in builder.task("leaf") { index } }
    _ = builder.task("sum", all: leaves) { $0.reduce(0, +) }
    #expect(
      builder.build().dot() == """
        digraph martlet {
          rankdir=BT;
          node [shape=box, fontname="sans-serif"];
          l0 [label="leaf\\n× 400"];
          l1 [label="sum\\n× 1"];
          l0 -> l1 [label="400"];
        }

        """)
  }
}
