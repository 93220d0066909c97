import Glibc
import MartletGraph
import MartletSystem

/// How many results are alive in an order, and what it takes to find it, for any graph in a file or for known shapes.
enum OrderSuite: BenchSuite {
  static let name = "order"
  static let summary = "peak and mean of live results in our order and depth-first, of FILE.json or of known shapes"
  static let takesFiles = true

  static func run(_ options: BenchOptions) throws {
    if options.files.isEmpty { return OrderShape.report(options) }
    for path in options.files {
      let file = try GraphFile(path: path)
      var raw = RawGraph()
      for (key, needs) in zip(file.keys, file.dependencies) { raw.add(key, needs: needs) { _, _ in 0 } }
      let built: RawGraph.Built
      do {
        built = try raw.build()
      } catch { throw GraphFileError(description: "\(path): \(error)") }
      report(built.graph, path, options)
    }
  }

  private static func report(_ graph: TaskGraph, _ path: String, _ options: BenchOptions) {
    print("\(path): \(graph.count) tasks, \(graph.dependencyTotal) dependencies")
    for order in [GraphOrder.leastMemory, .depthFirst] {
      let (ordered, nanoseconds) = timed(graph, order)
      let live = ordered.liveResults()
      let name = order == .leastMemory ? "ours:       " : "depth-first:"
      print(
        "\(name) peak \(live.peak)  mean \(padded(live.mean, 0, digits: 2))  time \(padded(nanoseconds / 1e6, 0, digits: 3)) ms"
          + " (\(padded(nanoseconds / 1000 / Double(max(1, graph.count)), 0, digits: 3)) µs a task)")
      if order == .leastMemory, options.printsOrder {
        for task in ordered.tasksInOrder { print(graph.key(of: task).label) }
      }
    }
  }

  /// A graph in an order, and the time that it took: the least of some, as the first one pays for cold code.
  static func timed(_ graph: TaskGraph, _ order: GraphOrder) -> (graph: TaskGraph, nanoseconds: Double) {
    var least = UInt64.max
    var ordered = graph
    for _ in 0..<(graph.count < 100_000 ? 5 : 1) {
      let start = martlet_monotonic_nanoseconds()
      ordered = graph.reordered(order)
      least = min(least, UInt64(martlet_monotonic_nanoseconds() - start))
    }
    return (ordered, Double(least))
  }
}
