import MartletGraph
import TestSupport
import Testing

@testable import Martlet

@Suite struct LoweringTests {
  /// Random computations on each other, with order-only dependencies, traits and calls here and there.
  private func randomNodes(_ seed: UInt64) -> [Delayed<Int>] {
    var random = SeededGenerator(seed: seed)
    var nodes: [Delayed<Int>] = []
    for number in 0..<(1 + random.below(60)) {
      func other() -> Delayed<Int> { nodes[random.below(nodes.count)] }
      var node: Delayed<Int>
      switch nodes.isEmpty ? 0 : random.below(7) {
      case 0: node = delayed("leaf") { number }
      case 1: node = other().map("one") { $0 &+ number }
      case 2: node = delayed("two", other(), other()) { $0 &* 3 &+ $1 }
      case 3: node = delayed("three", other(), other(), other()) { $0 ^ $1 &+ $2 }
      case 4: node = delayed("many", all: (0..<random.below(6)).map { _ in other() }) { $0.reduce(number, &+) }
      case 5: node = delayed(Adding(amount: random.below(2)), other())
      default: node = Delayed(number)
      }
      if !nodes.isEmpty, random.chance(20) { node = node.after(other()) }
      if random.chance(10) { node = node.priority(Int16(random.below(3))) }
      nodes.append(node)
    }
    return nodes
  }

  /// What a graph is, as text.
  private func text(_ graph: TaskGraph, _ outputs: [AnyNode]) -> [String] {
    (0..<graph.count).map { task in
      let id = TaskID(rawValue: UInt32(task))
      return "\(graph.key(of: id)) \(graph.dependencies(of: id)) \(graph.traits(of: id))"
    } + outputs.map { "\($0.id)" }
  }

  @Test func `with a turn and by a table the graph is the same`() {
    for seed in sampled(0..<300 as Range<UInt64>) {
      let nodes = randomNodes(seed)
      var random = SeededGenerator(seed: seed &+ 1000)
      let outputs = (0..<3).map { _ in random.pick(nodes).node }
      let (first, firstOutputs, _) = Lowering.graph(of: outputs, order: .depthFirst)
      let (second, secondOutputs, _) = Lowering.graphByTable(of: outputs, order: .depthFirst)
      #expect(text(first, firstOutputs) == text(second, secondOutputs), "seed \(seed)")
      let (again, againOutputs, _) = Lowering.graph(of: outputs, order: .depthFirst)
      #expect(text(first, firstOutputs) == text(again, againOutputs), "seed \(seed)")
    }
  }

  @Test func `however it is planned the results are the same`() throws {
    let pool = ThreadPoolExecutor(threads: 2)
    for seed in sampled(0..<150 as Range<UInt64>) {
      let nodes = randomNodes(seed)
      let expected = try nodes.run(
        on: SerialExecutor(), options: ComputeOptions(passes: [], order: .depthFirst))
      for passes in [GraphPasses.cull, .standard, .all] {
        for order in [GraphOrder.leastMemory, nil] {
          let options = ComputeOptions(passes: passes, order: order)
          #expect(try nodes.run(on: pool, options: options) == expected, "seed \(seed), passes \(passes.rawValue)")
        }
      }
      #expect(try nodes.run(on: pool) == expected, "seed \(seed)")
    }
  }

  @Test func `tasks that were written down depth-first are in that order`() {
    for seed in sampled(0..<300 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed)
      var nodes: [Delayed<Int>] = []
      for _ in 0..<(1 + random.below(40)) {
        // Some inputs twice; some nodes with what makes them special.
        let inputs = nodes.isEmpty ? [] : (0..<random.below(5)).map { _ in random.pick(nodes) }
        let node = delayed("sum", all: inputs) { $0.reduce(1, &+) }
        nodes.append(seed % 3 == 0 && random.chance(20) ? node.after([random.pick(nodes + [node]).erased]) : node)
      }
      let outputs = seed % 2 == 0 ? [nodes[nodes.count - 1].node] : (0..<2).map { _ in random.pick(nodes).node }
      let graph = Lowering.graph(of: outputs, order: .depthFirst).graph
      #expect(graph.tasksInOrder == graph.reordered(.depthFirst).tasksInOrder, "seed \(seed)")
      if seed % 6 == 2 { #expect(graph.tasksInOrder.map(\.index) == Array(0..<graph.count), "seed \(seed)") }
    }
  }

  @Test func `an order is looked for where results take memory of their own`() {
    func peak(_ delayed: Delayed<some Sendable>, _ order: GraphOrder? = nil, _ passes: GraphPasses = []) -> Int {
      delayed.explain(options: ComputeOptions(passes: passes, order: order)).peakLiveResults
    }
    // Depth-first, each leaf is there before the sum that it is added to is begun.
    func comb<Value>(_ value: Value, _ add: @escaping @Sendable (Value, Value) -> Value) -> Delayed<Value> {
      (0..<30).reduce(delayed("first") { value }) { sum, _ in
        delayed("add", delayed("leaf") { value }, sum) { add($0, $1) }
      }
    }
    let numbers = comb(1) { $0 &+ $1 }
    #expect(peak(numbers, .depthFirst) == 31)
    #expect(peak(numbers, .leastMemory) == 2)
    #expect(peak(numbers) == 31)
    #expect(peak(numbers.annotated { $0.priority = 2 }) == 31)
    #expect(peak(numbers.map { -$0 }, nil, .standard) == 31)
    #expect(peak(comb([1]) { $0 + $1 }) == 2)
    #expect(peak(comb([1]) { $0 + $1 }.after([numbers.erased])) == 3)
    #expect(peak(comb([1]) { $0 + $1 }.map { $0.count }, nil, .standard) == 3)
    #expect(peak(numbers.map { [$0] }) == 2)
    #expect(peak(numbers.map { [$0] }, .depthFirst) == 31)
    #expect(peak(numbers.map { "\($0)" }.map { $0.count }) == 2)
  }

  @Test func `many threads may compute what they share at the same time`() async throws {
    let nodes = randomNodes(7)
    let expected = try nodes.run(on: SerialExecutor())
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<20 where try nodes.run(on: SerialExecutor()) != expected { return false }
          return true
        }
      }
      for try await isSame in group { #expect(isSame) }
    }
  }

  @Test func `a table finds every node after it has grown`() {
    var numbers = NodeNumbers()
    var random = SeededGenerator(seed: 1)
    var known: [UInt: UInt32] = [:]
    for task in 0..<20_000 as Range<UInt32> {
      let address = UInt(random.below(1 << 20)) &* 16
      if let found = numbers.task(of: address) {
        #expect(known[address] == found)
      } else {
        #expect(known[address] == nil)
        numbers.insert(address, task: task)
        known[address] = task
      }
    }
    #expect(known.allSatisfy { numbers.task(of: $0.key) == $0.value })
  }
}

private struct Adding: TaskFunction {
  static let name = "tests.adding"
  static let version = 1
  var amount: Int
  func hash(into hasher: inout StableHasher) { hasher.combine(amount) }
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try inputs.value(0, as: Int.self) &+ amount
  }
}
