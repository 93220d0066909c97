import TestSupport
import Testing

@testable import MartletGraph

@Suite struct LeastMemoryOrderTests {
  private func order(_ graph: TaskGraph) -> [Int] { graph.tasksInOrder.map(\.index) }

  @Test(arguments: KnownShape.all)
  func `known shapes keep as few results alive as promised`(known: KnownShape) {
    let graph = known.shape.graph()
    #expect(graph.liveResults().peak == known.ours)
    #expect(graph.liveResults().peak <= known.dask)
    #expect(graph.liveResults().peak <= known.shape.graph(.depthFirst).liveResults().peak)
  }

  @Test(arguments: KnownShape.all)
  func `known shapes in other numberings are not above Dask's peak`(known: KnownShape) {
    for seed in sampled(0..<10 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed)
      let peak = known.shape.renumbered(&random).graph().liveResults().peak
      #expect(peak <= known.daskRenumbered, "seed \(seed)")
    }
  }

  @Test func `every order is one of all tasks, each after what it needs, and none is worse than depth-first`() {
    for seed in sampled(0..<600 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed)
      let shape = ShapedGraph.random(&random, limit: 60)
      let graph = shape.graph()
      let order = order(graph)
      var rank = [Int](repeating: -1, count: graph.count)
      for (place, task) in order.enumerated() { rank[task] = place }
      #expect(!rank.contains(-1), "seed \(seed)")
      for (task, inputs) in shape.dependencies.enumerated() {
        for input in inputs { #expect(rank[input] < rank[task], "seed \(seed)") }
      }
      let simple = shape.graph(.depthFirst).liveResults()
      let live = graph.liveResults()
      #expect((live.peak, live.mean) <= (simple.peak, simple.mean), "seed \(seed)")
    }
  }

  @Test func `live results are counted as a slow simulation counts them`() {
    for seed in sampled(0..<200 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed)
      let shape = ShapedGraph.random(&random, limit: 25)
      for order in [GraphOrder.depthFirst, .leastMemory] {
        let graph = shape.graph(order)
        let model = shape.liveResults(self.order(graph))
        #expect(graph.liveResults().peak == model.peak, "seed \(seed)")
        #expect(graph.liveResults().mean == Double(model.sum) / Double(max(1, graph.count)), "seed \(seed)")
      }
    }
  }

  /// Against all orders there are. A heuristic need not find the best; on graphs this small it misses few.
  @Test func `small graphs are ordered as well as can be`() {
    var missed: [UInt64] = []
    let seeds = 0..<400 as Range<UInt64>
    for seed in seeds {
      var random = SeededGenerator(seed: seed)
      let shape = ShapedGraph.random(&random, limit: 9)
      let (peak, least) = (shape.graph().liveResults().peak, shape.leastPeak())
      #expect(peak >= least, "seed \(seed): the simulation is wrong")
      if peak > least { missed.append(seed) }
    }
    #expect(missed.isEmpty, "seeds \(missed)")
  }

  /// Against a model of the order of Dask, which at times does better than Dask: on the graph of seed 56 it keeps 8 results,
  /// Dask 2026.8 10, and ours 9.
  @Test(arguments: 0..<6 as Range<UInt64>)
  func `no graph of any family but one keeps more alive than the order by critical paths`(part: UInt64) {
    var below = 0
    for seed in (200 * part)..<(200 * (part + 1)) {
      var random = SeededGenerator(seed: seed)
      let shape = ShapedGraph.ofFamilies(&random)
      let critical = CriticalPathOrder(shape.dependencies).order
      #expect(critical.count == shape.dependencies.count, "seed \(seed): the model is wrong")
      let (ours, theirs) = (shape.graph().liveResults().peak, shape.peak(critical))
      #expect(ours <= theirs + (seed == 56 ? 1 : 0), "seed \(seed)")
      if ours < theirs { below += 1 }
    }
    #expect(below > 20, "the model is no match")
  }

  /// Where the search has to go over the same parts again and again, one batch after the other.
  @Test(arguments: 0..<4 as Range<UInt64>)
  func `reductions of the same parts keep no more alive than in the order by critical paths`(part: UInt64) {
    for seed in (100 * part)..<(100 * (part + 1)) {
      var random = SeededGenerator(seed: seed)
      let shape = ShapedGraph.reductions(&random)
      let critical = shape.peak(CriticalPathOrder(shape.dependencies).order)
      #expect(shape.graph().liveResults().peak <= critical, "seed \(seed)")
    }
  }

  /// Layers of which a third are sinks; on these, which sink is next decides whether the model is better.
  @Test(arguments: [18, 268, 622, 750] as [UInt64])
  func `of many sinks the nearest one is next`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var shape = ShapedGraph()
    var row = shape.tasks(20 + random.below(280))
    for _ in 0...random.below(3) {
      row = (0..<(20 + random.below(280))).map { _ in
        shape.task((0...random.below(3)).map { _ in row[random.below(row.count)] })
      }
    }
    let critical = shape.peak(CriticalPathOrder(shape.dependencies).order)
    #expect(shape.graph().liveResults().peak <= critical)
  }

  @Test func `joins that can be had early are made early where that keeps less alive`() {
    for (place, known) in JoinedEarly.all.enumerated() {
      #expect(known.shape.graph().liveResults().peak <= known.dask, "graph \(place)")
    }
  }

  /// From one end to the other, wherever that is: then no more is alive than one window.
  @Test func `windows over parts in any order keep one window alive`() {
    for seed in sampled(0..<100 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed)
      let (count, width) = (20 + random.below(380), 2 + random.below(7))
      var shape = ShapedGraph()
      let parts = shape.tasks(count)
      for start in 0...(count - width) { _ = shape.task(Array(parts[start..<(start + width)])) }
      let peak = shape.renumbered(&random).graph().liveResults().peak
      #expect(peak == width, "seed \(seed): \(count) parts")
    }
  }

  /// The smaller matrix, a row of the other one and what is summed up.
  @Test func `products of matrices in any order keep one matrix and a row alive`() {
    for seed in sampled(0..<100 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed)
      let (rows, inner, columns) = (4 + random.below(6), 3 + random.below(4), 4 + random.below(6))
      var shape = ShapedGraph()
      let left = (0..<rows).map { _ in shape.tasks(inner) }
      let right = (0..<columns).map { _ in shape.tasks(inner) }
      for row in left {
        for column in right { _ = shape.tree((0..<inner).map { shape.task([row[$0], column[$0]]) }, arity: 2) }
      }
      let peak = shape.renumbered(&random).graph().liveResults().peak
      #expect(peak <= (min(rows, columns) + 1) * inner + 4, "seed \(seed): \(rows) × \(inner) × \(columns)")
    }
  }

  /// Also above the size from which few candidates are tried.
  @Test(arguments: [false, true], [1500, 12_000])
  func `many parts that are reduced several times are not all alive at once`(isMapped: Bool, partCount: Int) {
    var shape = ShapedGraph()
    let parts = shape.tasks(partCount)
    for _ in 0..<3 { shape.tree(isMapped ? parts.map { shape.task([$0]) } : parts, arity: 2) }
    #expect(shape.graph().liveResults().peak <= 64)
  }

  @Test func `names have no say, and the order is the same each time`() {
    for seed in sampled(0..<50 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed)
      let shape = ShapedGraph.random(&random, limit: 80)
      let names = (0..<80).map { _ in "k\(random.next())" }
      let plain = order(shape.graph())
      #expect(order(shape.graph(label: { names[$0] })) == plain, "seed \(seed)")
      #expect(order(shape.graph(.depthFirst).reordered(.leastMemory)) == plain, "seed \(seed)")
    }
  }

  @Test func `long chains and wide fans need no recursion`() {
    var chain = ShapedGraph()
    var last = chain.task()
    let source = last
    for _ in 0..<200_000 { last = chain.task([last]) }
    _ = chain.task([last, source])
    #expect(chain.graph().liveResults().peak == 2)
    var fan = ShapedGraph()
    let root = fan.task()
    _ = fan.task((0..<100_000).map { _ in fan.task([root]) })
    #expect(fan.graph().liveResults().peak == 100_000)
  }
}
