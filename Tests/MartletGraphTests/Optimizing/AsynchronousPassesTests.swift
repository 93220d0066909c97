import TestSupport
import Testing

@testable import MartletGraph

/// A random graph with asynchronous tasks, order-only edges and traits, and the results of all its tasks by hand.
private struct AsynchronousWork {
  let graph: TaskGraph
  let nodes: [Node<Int>]
  let values: [Int]
  let traits: [TaskTraits]
  let outputs: [Int]

  init(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    var values: [Int] = []
    var traits: [TaskTraits] = []
    let near = random.pick([2, 5, 40])
    for number in 0..<(3 + random.below(40)) {
      let fanIn = nodes.isEmpty ? 0 : random.pick([0, 1, 1, 1, 2, 2, 3])
      let inputs = (0..<fanIn).map { _ in nodes.count - 1 - random.below(min(near, nodes.count)) }
      let sources = inputs.map { nodes[$0] }
      let value = inputs.reduce(number) { $0 &* 31 &+ values[$1] }
      let own = random.chance(40) ? AsynchronousWork.traits(&random) : .none
      if !nodes.isEmpty, random.chance(15) { builder.waitNext(for: [random.pick(nodes).erased]) }
      switch random.below(10) {
      case 0, 1, 2:
        nodes.append(
          builder.asyncTask("later", all: sources, traits: own) { inputs in
            await Task.yield()
            return inputs.reduce(number) { $0 &* 31 &+ $1 }
          })
        values.append(value)
        traits.append(own)
      case 3:
        nodes.append(builder.literal(number))
        values.append(number)
        traits.append(.none)
      case 4 where !sources.isEmpty:
        nodes.append(builder.alias(sources[0], label: "alias"))
        values.append(values[inputs[0]])
        traits.append(.none)
      default:
        nodes.append(
          builder.task("now", all: sources, traits: own) { inputs in inputs.reduce(number) { $0 &* 31 &+ $1 } })
        values.append(value)
        traits.append(own)
      }
    }
    outputs = [nodes.count - 1] + (0..<random.below(3)).map { _ in random.below(values.count) }
    graph = builder.build()
    (self.nodes, self.values, self.traits) = (nodes, values, traits)
  }

  private static func traits(_ random: inout SeededGenerator) -> TaskTraits {
    switch random.below(7) {
    case 0: TaskTraits(isBlocking: true)
    case 1: TaskTraits(priority: Int16(1 + random.below(5)))
    case 2: TaskTraits(retry: RetryPolicy(limit: 1 + random.below(5)))
    case 3: TaskTraits(timeout: .seconds(1 + random.below(5)))
    case 4: TaskTraits(resources: [ResourceNeed(random.pick(["gpu", "disk"]), amount: 1 + random.below(5))])
    case 5: TaskTraits(isSource: true)
    default: TaskTraits(isCheap: true)
    }
  }
}

@Suite struct AsynchronousPassesTests {
  @Test(arguments: sampled(0..<150 as Range<UInt64>))
  func `asynchronous tasks give the same, whatever was optimised around them`(seed: UInt64) async throws {
    let work = AsynchronousWork(seed: seed)
    for bits in 0..<16 as Range<UInt8> {
      for limits in [FusionLimits.standard, FusionLimits(width: 3, newInputs: 8)] {
        let passes = GraphPasses(rawValue: bits)
        let optimized = work.graph.optimized(
          for: work.outputs.map { work.nodes[$0].erased }, passes: passes, limits: limits)
        let run = try await SlowRun(optimized.graph)
        for output in work.outputs {
          let node = try #require(optimized.node(work.nodes[output]))
          #expect(run.value(node.erased, as: Int.self) == work.values[output], "seed \(seed), \(passes), \(limits)")
        }
      }
    }
  }

  @Test(arguments: sampled(0..<300 as Range<UInt64>))
  func `what a task asks of its executor is asked by the task that does its work`(seed: UInt64) {
    let work = AsynchronousWork(seed: seed)
    var owners: [Key: Int] = [:]
    for (number, node) in work.nodes.enumerated() { owners[work.graph.key(of: node.id)] = number }
    for passes in [GraphPasses.standard, .all] {
      let optimized = work.graph.optimized(
        for: work.outputs.map { work.nodes[$0].erased }, passes: passes, limits: FusionLimits(width: 3, newInputs: 8)
      ).graph
      for number in 0..<optimized.count {
        let task = TaskID(rawValue: UInt32(number))
        let now = optimized.traits(of: task)
        let parts = optimized.parts(of: task)
        for part in parts {
          guard let owner = owners[part] else { continue }
          let wanted = work.traits[owner]
          #expect(!wanted.isBlocking || now.isBlocking, "seed \(seed), \(part)")
          #expect(!wanted.isSource || now.isSource, "seed \(seed), \(part)")
          #expect(now.priority >= wanted.priority, "seed \(seed), \(part)")
          #expect(wanted.timeout == nil || now.timeout == wanted.timeout, "seed \(seed), \(part)")
          #expect(now.retry?.limit ?? 0 >= wanted.retry?.limit ?? 0, "seed \(seed), \(part)")
          for need in wanted.resources {
            let found = now.resources.first { $0.name == need.name }
            #expect(found?.amount ?? 0 >= need.amount, "seed \(seed), \(part)")
          }
          // Nobody is given what only another part asked for, but for literals and cheap tasks, which do not mind.
          if wanted.retry == nil, !wanted.isCheap, work.graph.kind(of: work.nodes[owner].id) == .closure {
            #expect(now.retry == nil, "seed \(seed), \(part)")
          }
        }
      }
    }
  }
}
