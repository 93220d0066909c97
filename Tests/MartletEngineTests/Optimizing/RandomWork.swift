import MartletBytes
import Synchronization
import TestSupport

@testable import MartletEngine
@testable import MartletGraph

/// Adds a constant to the sum of its inputs, whatever they are.
struct SumFunction: TaskFunction {
  let constant: Int
  static let name = "test.sum"
  static let version = 1
  func hash(into hasher: inout StableHasher) { hasher.combine(constant) }
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    var sum = constant
    for index in 0..<inputs.count { sum = sum &* 5 &+ (try number(inputs, index, taking: false)) }
    return sum
  }
}

/// The number that an input stands for: a number, a counted object, or an array of either.
func number(_ inputs: borrowing TaskInputs, _ index: Int, taking: Bool) throws -> Int {
  if let value = try? inputs.value(index, as: Int.self) { return value }
  if let values = try? inputs.value(index, as: [Int].self) { return values.reduce(7) { $0 &* 3 &+ $1 } }
  if let values = try? inputs.value(index, as: [Counted].self) { return values.reduce(7) { $0 &* 3 &+ $1.value } }
  return taking ? try inputs.take(index, as: Counted.self).value : try inputs.value(index, as: Counted.self).value
}

/// A random graph, as a description that a slow loop evaluates and a builder builds.
struct RandomWork {
  enum Kind: Equatable {
    case literal(Int)
    /// An object that is a literal.
    case object(Int)
    case closure(taking: Bool, givesObject: Bool)
    case call(Int)
    case gather
    case alias
  }

  struct Step {
    var kind: Kind
    var inputs: [Int]
    var after: [Int] = []
    var traits = TaskTraits.none
    var fails = false
    var givesObject: Bool
    var isArray = false
    var label: String
  }

  var steps: [Step] = []
  var outputs: [Int] = []

  init(seed: UInt64, tasks: Int, near: Int, failing: Bool) {
    var random = SeededGenerator(seed: seed)
    let labels = ["read", "parse", "add", "count", "a longer label than the others have"]
    for index in 0..<tasks {
      let fanIn = steps.isEmpty ? 0 : random.pick([0, 1, 1, 1, 1, 2, 2, 3, 4])
      var inputs = (0..<fanIn).map { _ in max(0, steps.count - 1 - random.below(min(near, steps.count))) }
      if inputs.count == 2, random.chance(20) { inputs[1] = inputs[0] }
      var step = Step(
        kind: .closure(taking: random.chance(50), givesObject: random.chance(50)), inputs: inputs, givesObject: false,
        label: random.pick(labels))
      if case .closure(_, true) = step.kind { step.givesObject = true }
      switch random.below(20) {
      case 0, 1: step = Step(kind: .literal(random.below(5)), inputs: [], givesObject: false, label: "constant")
      case 2: step = Step(kind: .object(index), inputs: [], givesObject: true, label: "object")
      case 3, 4, 5:
        step.kind = .call(random.below(2))
        step.givesObject = false
      case 6, 7, 8:
        // All inputs of one type, which the first says.
        if let first = inputs.first, !steps[first].isArray {
          let same = inputs.filter { steps[$0].givesObject == steps[first].givesObject && !steps[$0].isArray }
          step = Step(
            kind: .gather, inputs: same, givesObject: steps[first].givesObject, isArray: true, label: "gather")
        }
      case 9, 10:
        if let first = inputs.first {
          step = Step(
            kind: .alias, inputs: [first], givesObject: steps[first].givesObject, isArray: steps[first].isArray,
            label: "alias")
        }
      default: break
      }
      if case .closure = step.kind {
        switch random.below(24) {
        case 0, 1, 2, 3: step.traits.isCheap = true
        case 4: step.traits.retry = RetryPolicy(limit: 1)
        case 5: step.traits.resources = [ResourceNeed("disk", amount: 1 + random.below(3))]
        case 6: step.traits.isSource = true
        case 7: step.traits.priority = Int16(random.below(9))
        case 8: step.traits.timeout = .seconds(1_000_000)
        default: break
        }
        if failing, random.chance(4) { step.fails = true }
      }
      if !steps.isEmpty, random.chance(6) { step.after = [random.below(steps.count)] }
      if step.kind == .literal(0) || step.kind == .object(index) { step.after = [] }
      steps.append(step)
    }
    let wanted = 1 + random.below(3)
    for _ in 0..<wanted { outputs.append(random.below(steps.count)) }
    if random.chance(60) { outputs.append(steps.count - 1) }
  }

  // MARK: The slow twin

  /// What each output needs, itself included; what comes only before counts as needed.
  var needed: Set<Int> {
    var found = Set<Int>()
    var open = outputs
    while let step = open.popLast() {
      guard found.insert(step).inserted else { continue }
      open += steps[step].inputs + steps[step].after
    }
    return found
  }

  /// The number that a result stands for, or the steps of which one will have failed.
  func evaluate() -> (values: [Int: Int], failing: Set<Int>) {
    var values: [Int: Int] = [:]
    var elements: [Int: [Int]] = [:]
    var failing = Set<Int>()
    var lost = Set<Int>()
    for index in needed.sorted() {
      let step = steps[index]
      if !lost.isDisjoint(with: step.inputs + step.after) {
        lost.insert(index)
        continue
      }
      if step.fails {
        failing.insert(index)
        lost.insert(index)
        continue
      }
      let inputs = step.inputs.map { values[$0]! }
      switch step.kind {
      case .literal(let value), .object(let value): values[index] = value
      case .closure: values[index] = inputs.reduce(index) { $0 &* 31 &+ $1 }
      case .call(let constant): values[index] = inputs.reduce(constant) { $0 &* 5 &+ $1 }
      case .gather:
        elements[index] = inputs
        values[index] = inputs.reduce(7) { $0 &* 3 &+ $1 }
      case .alias:
        values[index] = inputs[0]
        elements[index] = elements[step.inputs[0]]
      }
    }
    return (values, failing)
  }

  // MARK: Building

  /// What was built, and what was seen when it ran.
  final class Built: Sendable {
    let graph: TaskGraph
    let nodes: [AnyNode]
    let runs: RunCounts
    let live: LiveCount

    init(graph: TaskGraph, nodes: [AnyNode], runs: RunCounts, live: LiveCount) {
      self.graph = graph
      self.nodes = nodes
      self.runs = runs
      self.live = live
    }
  }

  func build() -> Built {
    let runs = RunCounts(steps.count)
    let live = LiveCount()
    var builder = GraphBuilder()
    var nodes: [AnyNode] = []
    for (index, step) in steps.enumerated() {
      if !step.after.isEmpty { builder.waitNext(for: step.after.map { nodes[$0] }) }
      let inputs = step.inputs.map { nodes[$0] }
      switch step.kind {
      case .literal(let value): nodes.append(builder.literal(value, label: step.label).erased)
      case .object(let value):
        // Counted from when it is made: literals live as long as the graph.
        nodes.append(builder.literal(Counted(LiveCount(), value), label: step.label).erased)
      case .closure(let taking, let givesObject):
        if givesObject {
          let node = builder.task(step.label, on: inputs, traits: step.traits) { inputs, _ in
            Counted(live, try step.run(index, inputs, taking, runs))
          }
          nodes.append(node.erased)
        } else {
          let node = builder.task(step.label, on: inputs, traits: step.traits) { inputs, _ in
            try step.run(index, inputs, taking, runs)
          }
          nodes.append(node.erased)
        }
      case .call(let constant):
        nodes.append(builder.call(SumFunction(constant: constant), on: inputs).erased)
      case .gather:
        if step.givesObject {
          nodes.append(builder.gather(inputs.map { Node<Counted>(id: $0.id, stamp: $0.stamp) }).erased)
        } else {
          nodes.append(builder.gather(inputs.map { Node<Int>(id: $0.id, stamp: $0.stamp) }).erased)
        }
      case .alias:
        nodes.append(builder.alias(Node<Int>(id: inputs[0].id, stamp: inputs[0].stamp), label: step.label).erased)
      }
    }
    return Built(graph: builder.build(), nodes: nodes, runs: runs, live: live)
  }

  /// The number that a result of a run stands for.
  func value(of step: Int, _ node: AnyNode, in results: RunResults) -> Int {
    let (id, stamp) = (node.id, node.stamp)
    switch (steps[step].isArray, steps[step].givesObject) {
    case (false, false): return results[Node<Int>(id: id, stamp: stamp)]
    case (false, true): return results[Node<Counted>(id: id, stamp: stamp)].value
    case (true, false): return results[Node<[Int]>(id: id, stamp: stamp)].reduce(7) { $0 &* 3 &+ $1 }
    case (true, true): return results[Node<[Counted]>(id: id, stamp: stamp)].reduce(7) { $0 &* 3 &+ $1.value }
    }
  }
}

extension RandomWork.Step {
  fileprivate func run(
    _ index: Int, _ inputs: borrowing TaskInputs, _ taking: Bool, _ runs: RunCounts
  ) throws -> Int {
    runs.add(index)
    var value = index
    // What stands there twice can be taken once at most, and nobody knows that it is the same: it is read.
    for place in self.inputs.indices {
      value =
        value &* 31
        &+ (try number(inputs, place, taking: taking && self.inputs.count { $0 == self.inputs[place] } == 1))
    }
    if fails { throw Mistake(number: index) }
    return value
  }
}

/// How often each task ran.
final class RunCounts: Sendable {
  private let lock = Lock()
  nonisolated(unsafe) private var counts: [Int]

  init(_ count: Int) { counts = [Int](repeating: 0, count: count) }

  func add(_ index: Int) { lock.withLock { counts[index] += 1 } }

  var all: [Int] { lock.withLock { counts } }
}
