import MartletGraph
import Synchronization
import TestSupport
import Testing

@testable import MartletEngine

/// Counts how many results are alive when a task starts, by counting objects.
private final class Meter: Sendable {
  private let alive = Atomic<Int>(0)
  let peak = Atomic<Int>(0)

  final class Result: Sendable {
    private let meter: Meter
    init(_ meter: Meter) {
      self.meter = meter
      meter.alive.wrappingAdd(1, ordering: .relaxed)
    }
    deinit { meter.alive.wrappingSubtract(1, ordering: .relaxed) }
  }

  func taskStarts() { _ = peak.max(alive.load(ordering: .relaxed), ordering: .relaxed) }
}

@Suite struct LiveResultsRunTests {
  /// A random graph whose inner tasks make objects, and whose sinks make none.
  private func peaks(_ seed: UInt64, _ order: GraphOrder, _ executor: any Executor) throws -> (Int, Int) {
    var random = SeededGenerator(seed: seed)
    let count = 2 + random.below(60)
    let inputs = (0..<count).map { task in
      task == 0 ? [] : (0..<random.below(4)).map { _ in task - 1 - random.below(min(task, 9)) }
    }
    var isSink = [Bool](repeating: true, count: count)
    for input in inputs.joined() { isSink[input] = false }
    let meter = Meter()
    var builder = GraphBuilder()
    var nodes: [Node<Meter.Result?>] = []
    for task in 0..<count {
      let isSink = isSink[task]
      nodes.append(
        builder.task("t", on: inputs[task].map { nodes[$0].erased }) { _, _ in
          meter.taskStarts()
          return isSink ? nil : Meter.Result(meter)
        })
    }
    let graph = builder.build(order: order)
    _ = try executor.run(graph, outputs: nodes.indices.filter { isSink[$0] }.map { nodes[$0].erased })
    return (meter.peak.load(ordering: .relaxed), graph.liveResults().peak)
  }

  @Test(arguments: [GraphOrder.depthFirst, .leastMemory])
  func `one thread keeps exactly as many results alive as the simulation says`(order: GraphOrder) throws {
    let pool = ThreadPoolExecutor(threads: 1)
    for seed in sampled(0..<200 as Range<UInt64>) {
      for executor in [SerialExecutor(), pool] as [any Executor] {
        let (measured, simulated) = try peaks(seed, order, executor)
        #expect(measured == simulated, "seed \(seed), \(type(of: executor))")
      }
    }
  }
}
