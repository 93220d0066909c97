import TestSupport
import Testing

@testable import MartletGraph

@Suite struct MoveSearchTests {
  @Test func `moves keep dependencies, and no order is worse than the one before`() {
    for seed in sampled(0..<300 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed)
      let shape = ShapedGraph.random(&random, limit: 60)
      let graph = shape.graph(.depthFirst)
      let scratch = OrderScratch(graph.shape)
      var search = MoveSearch(scratch, from: graph.order)
      var (budget, peak) = (200 * graph.count, graph.liveResults().peak)
      while budget > 0 {
        guard let run = search.next(budget: &budget) else { continue }
        let order = (0..<graph.count).map { Int(scratch.order[$0]) }
        #expect(run.peak <= peak, "seed \(seed)")
        #expect(shape.peak(order) == run.peak, "seed \(seed)")
        peak = run.peak
        var rank = [Int](repeating: -1, count: graph.count)
        for (place, task) in order.enumerated() { rank[task] = place }
        #expect(!rank.contains(-1), "seed \(seed)")
        for (task, inputs) in shape.dependencies.enumerated() {
          for input in inputs { #expect(rank[input] < rank[task], "seed \(seed)") }
        }
      }
    }
  }

  @Test func `nothing is moved where nothing is alive`() {
    var shape = ShapedGraph()
    _ = shape.tasks(5)
    let graph = shape.graph(.depthFirst)
    var search = MoveSearch(OrderScratch(graph.shape), from: graph.order)
    var budget = 1000
    let found = search.next(budget: &budget) != nil
    #expect(!found)
    #expect(budget == 0)
  }
}
