import MartletEngine
import MartletGraph
import MartletSystem

/// The smallest task that still uses half of the machine (`GranularitySweep`), on threads: a grid of `width` tasks a step. The
/// kernel is a dependent chain of multiplications whose length is varied.
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
        let rounds = options.isToy ? 1 : options.rounds
        let sweep = try GranularitySweep(
          tasks: width * grid.steps, processors: options.threads, iterations: options.isToy ? 64 : 1024, rounds: rounds
        ) { iterations in
          grid.size.iterations = iterations
          var value = 0
          let wall = try Timings(rounds: rounds) { value = try pool.run(grid.graph, output: grid.sum) }
          if value != (try SerialExecutor().run(grid.graph, output: grid.sum)) {
            throw WrongResult(description: "a grid \(width) wide gave \(value)")
          }
          return wall
        }
        print("  \(name)" + padded("\(width) wide", 19 - name.count) + sweep.text)
      }
    }
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
