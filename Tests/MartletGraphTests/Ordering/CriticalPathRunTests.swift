import TestSupport
import Testing

@testable import MartletGraph

@Suite struct CriticalPathRunTests {
  private func order(of graph: TaskGraph) -> [Int] {
    let scratch = OrderScratch(graph.shape)
    CriticalPathRun.apply(scratch, to: scratch.base)
    return (0..<graph.count).map { Int(scratch.base[$0]) }
  }

  @Test func `every task runs once, after what it needs`() {
    for seed in sampled(0..<400 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed)
      let shape = ShapedGraph.random(&random, limit: 80)
      let graph = shape.graph(.depthFirst)
      guard CriticalPathRun.fits(graph.shape) else { continue }
      var rank = [Int](repeating: -1, count: graph.count)
      for (place, task) in order(of: graph).enumerated() { rank[task] = place }
      #expect(!rank.contains(-1), "seed \(seed)")
      for (task, inputs) in shape.dependencies.enumerated() {
        for input in inputs { #expect(rank[input] < rank[task], "seed \(seed)") }
      }
    }
  }

  /// Two sums of the same parts, four at a time and all at once. The second one has more inputs than are sorted by hand.
  @Test func `side paths wait for the join that they lead to`() {
    var shape = ShapedGraph()
    let parts = shape.tasks(40)
    let steps = parts.map { shape.task([$0]) }
    let joins = (0..<10).map { group in shape.task(Array(steps[(4 * group)..<(4 * group + 4)])) }
    _ = shape.task(joins)
    let others = parts.map { shape.task([$0]) }
    _ = shape.task(others)
    let graph = shape.graph(.depthFirst)
    var rank = [Int](repeating: 0, count: graph.count)
    for (place, task) in order(of: graph).enumerated() { rank[task] = place }
    let last = parts.map { rank[$0] }.max() ?? 0
    #expect(others.allSatisfy { rank[$0] > last })
    #expect(joins.count { rank[$0] < last } == 9)
    #expect(shape.peak((0..<graph.count).sorted { rank[$0] < rank[$1] }) <= 40 + 9 + 4)
  }

  /// The model goes by sets and lists, and is as slow.
  @Test func `over many graphs it keeps about as few alive as the model of Dask's order`() {
    var (ours, model) = (0, 0)
    for seed in 0..<300 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let shape = ShapedGraph.reductions(&random)
      ours += shape.peak(order(of: shape.graph(.depthFirst)))
      model += shape.peak(CriticalPathOrder(shape.dependencies).order)
    }
    #expect(ours <= model + model / 25, "\(ours), \(model)")
  }

  /// The lightest one begins; of two that are equally heavy that follows which needs fewer new sources.
  @Test func `of the sinks the nearest one is next`() {
    var shape = ShapedGraph()
    let parts = shape.tasks(8)
    let far = shape.task([parts[3], parts[5], parts[6], parts[7]])
    let near = shape.task([parts[0], parts[1], parts[2], parts[3]])
    let light = shape.task([parts[2], parts[3], parts[4]])
    let order = order(of: shape.graph(.depthFirst))
    #expect(order.filter { $0 >= far } == [light, near, far])
  }

  /// A task that leads to two joins is run once, and the joins when all of their inputs wait there.
  @Test func `a side path may split`() {
    var shape = ShapedGraph()
    let parts = shape.tasks(6)
    let means = parts.map { shape.task([$0]) }
    let squares = means.map { shape.task([$0]) }
    let cubes = means.map { shape.task([$0]) }
    let ends = [shape.task(squares), shape.task(cubes), shape.task(parts)]
    _ = shape.task(ends)
    let order = order(of: shape.graph(.depthFirst))
    #expect(Set(order).count == shape.dependencies.count)
  }
}
