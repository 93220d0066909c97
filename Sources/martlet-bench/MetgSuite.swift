import MartletEngine
import MartletGraph
import MartletSystem

/// The smallest task that still uses half of the machine: METG(50 %) of Task Bench (Slaughter et al., "Task Bench: A
/// Parameterized Benchmark for Evaluating Parallel Runtime Performance", SC 2020).
///
/// A grid of `width` tasks a step. The kernel is a dependent chain of multiplications whose length is varied; efficiency is
/// the time that a plain loop on one thread takes for all kernels, divided by the threads and by the time that the graph
/// takes. Granularity is wall time × threads / tasks; METG is the granularity at which efficiency crosses 50 %.
enum MetgSuite: BenchSuite {
  static let name = "metg"
  static let summary = "smallest task granularity with 50 % efficiency, µs (trivial and stencil_1d, 2 and 32 wide)"

  static func run(_ options: BenchOptions) throws {
    let pool = ThreadPoolExecutor(threads: options.threads)
    let tasks = options.isToy ? 640 : 32_000
    print("metg: \(options.threads) threads, \(tasks) tasks; µs, from the median (best) of \(options.rounds) rounds")
    if !options.isToy { Handoff.report() }
    for isStencil in [false, true] {
      for width in [2, 32] {
        let name = isStencil ? "stencil_1d" : "trivial"
        if let only = options.only, only != "\(name)-\(width)" { continue }
        let grid = Grid(width: width, steps: tasks / width, isStencil: isStencil)
        let points = try sweep(pool, grid, options)
        let (median, best) = (metg(points.map(\.median)), metg(points.map(\.best)))
        print(
          "  \(name)" + padded("\(width) wide", 21 - name.count) + padded(median, 9, digits: 2) + " ("
            + padded(best, 0, digits: 2) + ")")
      }
    }
  }

  /// A granularity in µs, and the efficiency at it.
  private typealias Point = (granularity: Double, efficiency: Double)

  /// Measures with shorter and shorter kernels, until efficiency is far below one half.
  private static func sweep(
    _ pool: ThreadPoolExecutor, _ grid: Grid, _ options: BenchOptions
  ) throws -> [(median: Point, best: Point)] {
    var points: [(median: Point, best: Point)] = []
    var iterations = options.isToy ? 64.0 : 1024.0
    let rounds = options.isToy ? 1 : options.rounds
    let count = Double(grid.width * grid.steps)
    let threads = Double(options.threads)
    while iterations >= 1 {
      let size = Int(iterations)
      grid.size.iterations = size
      var value = 0
      let wall = try Timings(rounds: rounds) { value = try pool.run(grid.graph, output: grid.sum) }
      let serial = Timings(rounds: rounds) {
        var sum = 0
        for task in 0..<(grid.width * grid.steps) { sum &+= kernel(task, size) }
        _ = opaque(sum)
      }
      if value != (try SerialExecutor().run(grid.graph, output: grid.sum)) {
        throw WrongResult(description: "a grid \(grid.width) wide gave \(value)")
      }
      let point = { (time: Double) -> Point in (time * threads / count / 1000, serial.best / (time * threads)) }
      points.append((point(wall.median), point(wall.best)))
      if point(wall.best).efficiency < 0.3 { break }
      iterations /= 1.25
    }
    return points
  }

  /// The granularity at the last place where efficiency falls through one half, between two points by their line.
  private static func metg(_ points: [Point]) -> Double {
    guard let last = points.lastIndex(where: { $0.efficiency >= 0.5 }) else { return points[0].granularity }
    guard last + 1 < points.count else { return points[last].granularity }
    let (above, below) = (points[last], points[last + 1])
    let share = (above.efficiency - 0.5) / (above.efficiency - below.efficiency)
    return above.granularity + (below.granularity - above.granularity) * share
  }
}

/// How long the kernels of a grid are; changed between runs only.
final class KernelSize: @unchecked Sendable {
  // Sendable: written before a run is started, which publishes it, and read by its tasks.
  var iterations = 1
}

/// A grid of tasks.
struct Grid {
  let width: Int
  let steps: Int
  let graph: TaskGraph
  let sum: Node<Int>
  let size = KernelSize()

  init(width: Int, steps: Int, isStencil: Bool) {
    self.width = width
    self.steps = steps
    let size = size
    var builder = GraphBuilder()
    builder.reserve(tasks: width * steps + 1, dependencies: 3 * width * steps + width * steps)
    var layer: [Node<Int>] = []
    var all: [Node<Int>] = []
    for column in 0..<width { layer.append(builder.task("first") { kernel(column, size.iterations) }) }
    all += layer
    for _ in 1..<steps {
      var next: [Node<Int>] = []
      for column in 0..<width {
        if !isStencil {
          next.append(builder.task("point") { kernel(column, size.iterations) })
        } else if column == 0 {
          next.append(builder.task("point", layer[0], layer[1]) { kernel($0 &+ $1, size.iterations) })
        } else if column == width - 1 {
          next.append(builder.task("point", layer[column - 1], layer[column]) { kernel($0 &+ $1, size.iterations) })
        } else {
          next.append(
            builder.task("point", layer[column - 1], layer[column], layer[column + 1]) {
              kernel($0 &+ $1 &+ $2, size.iterations)
            })
        }
      }
      layer = next
      if !isStencil { all += layer }
    }
    sum = builder.task("sum", all: isStencil ? layer : all) { $0.reduce(0, &+) }
    graph = builder.build()
  }
}

/// A chain of shifts and multiplications: some 2 ns each, each on the one before, and no shorter way to the end.
@inline(never)
func kernel(_ seed: Int, _ iterations: Int) -> Int {
  var value = seed
  for _ in 0..<iterations { value = (value ^ (value &>> 29)) &* 6_364_136_223_846_793_005 }
  return value
}
