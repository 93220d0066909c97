import Martlet
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(60))) struct IdentityScenarios {
  // A key is given a second time with another recipe while the first runs: refused by name, and the first is not disturbed.
  @Test func `a key with two recipes is refused, and the first one goes on`() async throws {
    let gate = Gate()
    var raw = RawGraph()
    raw.add("x") { _, _ -> Int in
      gate.wait()
      return 1
    }
    raw.add("y", needs: ["x"]) { inputs, _ in try inputs.value(0, as: Int.self) + 1 }
    let first = try raw.build()
    async let running = aside {
      try ThreadPoolExecutor(threads: 2).run(first.graph, output: first.node("y", of: Int.self))
    }
    raw.add("x") { _, _ in 100 }
    let again = raw
    #expect(throws: RawGraphError.repeated(key: "x")) { try again.build() }
    raw = RawGraph()
    raw.add("x") { _, _ in 1 }
    raw.add("z") { _, _ in 1 }
    raw.add("x", needs: ["z"]) { _, _ in 1 }
    let other = raw
    let error = #expect(throws: RawGraphError.self) { try other.build() }
    #expect(error.map { "\($0)" } == "two tasks have the key x: give one of them another one")
    gate.open()
    #expect(try await running == 2)
  }

  // Two who know nothing of each other ask for equal calls: the work is done once for both, and calls that differ in
  // anything are not taken for equal.
  @Test(arguments: [1, 4]) func `equal calls of two callers run once`(threads: Int) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    let calls = Count()
    let input = Delayed(10)
    func caller(_ factor: Int) -> Delayed<Int> {
      delayed(Scaling(factor: factor, calls: calls), delayed(Scaling(factor: 3, calls: calls), input))
    }
    let (a, b, c) = (caller(2), caller(2), caller(5))
    #expect(try await aside { try [a, b, c].run(on: executor) } == [60, 60, 150])
    #expect(calls.now == 3)
    // Two graphs under one cache: the work of the one is found by the other.
    let cache = try ResultCache(memory: 1 << 20)
    let more = Count()
    func cached() -> Delayed<Int> { delayed("work") { more.add() }.cached(in: cache, key: "k", 1) }
    #expect(try await cached().compute(on: executor) == 1)
    #expect(try await cached().compute(on: executor) == 1)
  }

  // Two processes build the same graph: their keys and the order of their tasks are the same.
  @Test func `keys and the order of tasks are the same in two processes`() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      for line in IdentityScenarios.lines() { print(line) }
    }
    let output = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
    let there = output.split(separator: "\n").map(String.init).filter { $0.hasPrefix("task ") }
    let here = IdentityScenarios.lines()
    #expect(here.count == 1024)
    #expect(Set(here).count > 900)
    #expect(there == here)
  }

  /// A line for each task of a graph with everything in it, in their order.
  static func lines() -> [String] {
    var random = SeededGenerator(seed: 25)
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    let calls = Count()
    while builder.count < 1022 {
      guard nodes.count > 1 else {
        nodes.append(builder.literal(nodes.count))
        continue
      }
      let (a, b) = (random.pick(nodes), random.pick(nodes))
      switch random.below(5) {
      case 0: nodes.append(builder.literal(random.below(1 << 30), label: "number"))
      case 1: nodes.append(builder.call(Scaling(factor: random.below(50), calls: calls), on: [a]))
      case 2: nodes.append(builder.task("closure", a, b) { $0 &+ $1 })
      case 3: nodes.append(builder.alias(a, label: "alias"))
      default:
        let both = builder.gather([a, b])
        nodes.append(builder.task("sum", both) { $0.reduce(0, &+) })
      }
    }
    let text = builder.literal("text", label: "text")
    _ = builder.task("length", text) { $0.count }
    while builder.count < 1024 { _ = builder.task("rest") { 0 } }
    let graph = builder.build(order: .leastMemory)
    return graph.tasksInOrder.prefix(1024).map { task in
      let key = graph.key(of: task)
      return "task \(task) \(key.label) \(key.digest) < \(graph.dependencies(of: task))"
    }
  }
}

/// A multiplication that says how often it was done.
private struct Scaling: TaskFunction {
  static let name = "scenarios.scaling"
  static let version = 1
  let factor: Int
  let calls: Count

  func hash(into hasher: inout StableHasher) { hasher.combine(factor) }

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    calls.add()
    return try inputs.value(0, as: Int.self) &* factor
  }
}
