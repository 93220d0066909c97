import MartletBytes
import Testing

@testable import MartletGraph

/// Adds a constant to the sum of its inputs.
struct AddFunction: TaskFunction {
  let constant: Int
  static let name = "test.add"
  static let version = 1
  func hash(into hasher: inout StableHasher) { hasher.combine(constant) }
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try inputs.values(as: Int.self).reduce(constant, +)
  }
}

@Suite struct GraphBuilderTests {
  @Test func `dependencies and dependents mirror each other`() {
    var random = SystemRandomNumberGenerator()
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    for _ in 0..<200 {
      let inputs = nodes.isEmpty ? [] : (0..<Int.random(in: 0...3, using: &random)).map { _ in nodes.randomElement()! }
      nodes.append(builder.task("n", all: inputs) { $0.count })
    }
    let graph = builder.build()
    for node in nodes {
      for dependency in Set(graph.dependencies(of: node.id)) {
        #expect(dependency < node.id)
        let uses = graph.dependencies(of: node.id).count { $0 == dependency }
        #expect(graph.dependents(of: dependency).count { $0 == node.id } == uses)
      }
    }
    let edges = nodes.map { graph.dependencies(of: $0.id).count }.reduce(0, +)
    #expect(edges == nodes.map { graph.dependents(of: $0.id).count }.reduce(0, +))
    #expect(edges == graph.dependencyCount)
  }

  @Test func `equal calls on the same inputs are one task`() {
    var builder = GraphBuilder()
    let one = builder.literal(1)
    let two = builder.literal(2)
    let first = builder.call(AddFunction(constant: 5), on: [one, two])
    #expect(builder.call(AddFunction(constant: 5), on: [one, two]) == first)
    #expect(builder.call(AddFunction(constant: 5), on: [two, one]) != first)
    #expect(builder.call(AddFunction(constant: 6), on: [one, two]) != first)
    #expect(builder.call(AddFunction(constant: 5), on: [one]) != first)
    #expect(builder.literal(1) == one)
    let graph = builder.build()
    #expect(graph.count == 6)
    #expect(graph.dependencies(of: first.id) == [one.id, two.id])
  }

  @Test func `calls have the same key in every graph, and closures differ within one`() {
    func keys() -> [Key] {
      var builder = GraphBuilder()
      let seed = builder.literal("seed")
      let closure = builder.task("c", seed) { $0 }
      let other = builder.task("c", seed) { $0 }
      let one = builder.literal(1)
      let call = builder.call(AddFunction(constant: 5), on: [one])
      let graph = builder.build()
      return [seed.id, closure.id, other.id, one.id, call.id].map(graph.key(of:))
    }
    #expect(keys() == keys())
    #expect(Set(keys()).count == 5)
    #expect(keys()[4].label == "test.add")
    #expect("\(keys()[4].digest)" == "b567866f561ba16ab1f49615f723bb0f")
  }

  @Test func `literals of different types are different tasks`() {
    var builder = GraphBuilder()
    let int = builder.literal(1)
    let int64 = builder.literal(Int64(1))
    #expect(int.id != int64.id)
  }

  @Test func `labels are shared and found again`() {
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    for index in 0..<5000 { nodes.append(builder.task("label \(index % 700)") { 1 }) }
    let graph = builder.build()
    #expect(graph.labelCount == 700)
    for index in 0..<5000 { #expect(graph.key(of: nodes[index].id).label == "label \(index % 700)") }
    #expect(Set(nodes.map { graph.key(of: $0.id) }).count == 5000)
  }

  @Test func `traits are kept for who has them`() {
    var builder = GraphBuilder()
    let plain = builder.task("plain") { 1 }
    let source = builder.task("source", traits: TaskTraits(isSource: true, estimatedResultBytes: 100)) { 1 }
    let last = builder.task("last") { 1 }
    let graph = builder.build()
    #expect(graph.traits(of: plain.id) == .none)
    #expect(graph.traits(of: source.id).estimatedResultBytes == 100)
    #expect(graph.traits(of: last.id) == .none)
  }

  @Test func `kinds and contents say what can travel`() {
    var builder = GraphBuilder()
    let literal = builder.literal(3)
    let call = builder.call(AddFunction(constant: 1), on: [literal])
    let closure = builder.task("c", call) { $0 }
    let gathered = builder.gather([call, closure])
    let alias = builder.alias(gathered, label: "result")
    let graph = builder.build()
    let ids = [literal.id, call.id, closure.id, gathered.id, alias.id]
    #expect(ids.map(graph.kind(of:)) == [.literal, .call, .closure, .gather, .alias])
    guard case .literal(let value) = graph.content(of: literal.id) else { return #expect(Bool(false)) }
    #expect(value as? Int == 3)
    guard case .call(let function) = graph.content(of: call.id) else { return #expect(Bool(false)) }
    #expect((function as? AddFunction)?.constant == 1)
    #expect(graph.content(of: closure.id) == nil)
  }

  @Test func `a node of another graph stops the program`() async {
    await #expect(processExitsWith: .failure) {
      var first = GraphBuilder()
      var second = GraphBuilder()
      let node = first.task("a") { 1 }
      _ = second.task("b", node) { $0 }
    }
  }
}

@Suite struct OrderOnlyTests {
  @Test func `a task that only comes after others does not see their results`() throws {
    var builder = GraphBuilder()
    let early = builder.task("early") { [1, 2, 3] }
    let input = builder.literal(5)
    builder.waitNext(for: [early.erased])
    let late = builder.task("late", on: [input.erased]) { inputs, _ in (inputs.count, try inputs.value(0, as: Int.self))
    }
    let graph = builder.build()
    let kinds = graph.dependencies(of: late.id).map { graph.kind(of: $0) }
    #expect(kinds == [.literal, .signal])
    let signal = graph.dependencies(of: late.id)[1]
    #expect(graph.dependencies(of: signal) == [early.id])
    #expect(graph.dependents(of: early.id) == [signal])
  }

  @Test func `a signal is shared by all who wait, and a wait holds for one task only`() {
    var builder = GraphBuilder()
    let early = builder.task("early") { 1 }
    builder.waitNext(for: [early.erased])
    let first = builder.task("first") { 2 }
    builder.waitNext(for: [early.erased])
    let second = builder.task("second") { 3 }
    let third = builder.task("third") { 4 }
    let graph = builder.build()
    #expect(graph.count == 5)
    #expect(graph.dependencies(of: first.id) == graph.dependencies(of: second.id))
    #expect(graph.dependencies(of: third.id).isEmpty)
  }

  @Test func `a wait grows by a factor up to its limit`() {
    let policy = RetryPolicy(limit: 5, delay: .milliseconds(100), factor: 3, longestDelay: .milliseconds(500))
    #expect((1...4).map { policy.delay(before: $0) } == [100, 300, 500, 500].map { .milliseconds($0) })
    #expect(RetryPolicy(limit: 1).delay(before: 1_000_000_000) == .zero)
  }
}
