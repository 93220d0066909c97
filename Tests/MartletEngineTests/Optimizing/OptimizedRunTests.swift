import Synchronization
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

/// All sets of passes, and the limits that make the most of them.
private let combinations: [(GraphPasses, FusionLimits)] = (0..<16 as Range<UInt8>).flatMap { bits in
  [FusionLimits.standard, FusionLimits(width: 3, newInputs: 8, inlinedParts: 8), FusionLimits(height: 2, newInputs: 0)]
    .map { (GraphPasses(rawValue: bits), $0) }
}

@Suite struct OptimizedRunTests {
  @Test(arguments: sampled(0..<150 as Range<UInt64>))
  func `optimised graphs give what a loop over the description gives`(seed: UInt64) throws {
    let work = RandomWork(seed: seed, tasks: 4 + Int(seed % 50), near: seed % 3 == 0 ? 4 : 40, failing: false)
    let expected = work.evaluate().values
    let pool = ThreadPoolExecutor(threads: 2)
    for (passes, limits) in combinations {
      let built = work.build()
      let optimized = built.graph.optimized(
        for: work.outputs.map { built.nodes[$0] }, passes: passes, limits: limits)
      let outputs = try work.outputs.map { try #require(optimized.node(built.nodes[$0])) }
      for executor in [SerialExecutor(), pool] as [any Executor] {
        let before = built.runs.all
        do {
          let results = try executor.run(
            optimized.graph, outputs: outputs, options: RunOptions(resources: ["disk": 3]))
          for (output, node) in zip(work.outputs, outputs) {
            #expect(
              work.value(of: output, node, in: results) == expected[output],
              "seed \(seed), \(passes), \(limits), output \(output)")
          }
        }
        let needed = work.needed
        for (index, step) in work.steps.enumerated() {
          guard case .closure = step.kind else { continue }
          let runs = built.runs.all[index] - before[index]
          if step.traits.isCheap && passes.contains(.inline) && needed.contains(index) {
            #expect(runs >= 1, "seed \(seed), \(passes), \(limits), task \(index)")
          } else {
            #expect(runs == (needed.contains(index) ? 1 : 0), "seed \(seed), \(passes), \(limits), task \(index)")
          }
        }
        #expect(built.live.now.load(ordering: .relaxed) == 0, "seed \(seed), \(passes), \(limits)")
      }
    }
  }

  @Test(arguments: sampled(0..<150 as Range<UInt64>))
  func `what a part throws is reported as if it had been a task`(seed: UInt64) throws {
    let work = RandomWork(seed: seed &+ 1000, tasks: 10 + Int(seed % 50), near: 6, failing: true)
    let failing = work.evaluate().failing
    if failing.isEmpty { return }
    let pool = ThreadPoolExecutor(threads: 2)
    for (passes, limits) in combinations {
      let built = work.build()
      let optimized = built.graph.optimized(
        for: work.outputs.map { built.nodes[$0] }, passes: passes, limits: limits)
      let outputs = try work.outputs.map { try #require(optimized.node(built.nodes[$0])) }
      for executor in [SerialExecutor(), pool] as [any Executor] {
        let failure = try #require(throws: TaskFailure.self) {
          _ = try executor.run(
            optimized.graph, outputs: outputs, options: RunOptions(resources: ["disk": 3]))
        }
        let mistake = try #require(failure.underlying as? Mistake)
        #expect(failing.contains(mistake.number), "seed \(seed), \(passes), \(limits)")
        #expect(
          failure.key == built.graph.key(of: built.nodes[mistake.number].id), "seed \(seed), \(passes), \(limits)")
        #expect(failure.key.label == work.steps[mistake.number].label)
        #expect(failure.path.last == failure.key)
        #expect(optimized.graph.parts(of: failure.task).contains(failure.key))
        #expect(built.live.now.load(ordering: .relaxed) == 0, "seed \(seed), \(passes), \(limits)")
      }
    }
  }
}
