import MartletEngine
import MartletGraph
import MartletSystem

/// What the engine costs a task, on graphs whose tasks do next to nothing.
enum EngineSuite: BenchSuite {
  static let name = "engine"
  static let summary =
    "ns a task to run, and to build, run and free, on five shapes of 100,000 tasks with typed results"

  static func run(_ options: BenchOptions) throws {
    let pool = ThreadPoolExecutor(threads: options.threads)
    let rounds = options.isToy ? 2 : options.rounds
    print("engine: \(options.threads) threads, \(rounds) rounds; ns a task, median (best)")
    if !options.isToy { Handoff.report() }
    print("  shape        tasks        run            build+run+free     floor   bytes/task  checksum")
    for shape in EngineShape.all(isToy: options.isToy) where options.only ?? shape.name == shape.name {
      let expected = shape.floor()
      let before = Int(martlet_heap_bytes())
      let (graph, output) = shape.build()
      let graphBytes = Int(martlet_heap_bytes()) - before
      let count = Double(graph.count)
      let run = try Timings(rounds: rounds) { try check(pool.run(graph, output: output), expected, shape) }
      let all = try Timings(rounds: rounds) {
        let (graph, output) = shape.build()
        try check(pool.run(graph, output: output), expected, shape)
      }
      let floor = Timings(rounds: rounds) { _ = opaque(shape.floor()) }
      print(
        "  \(shape.name)" + padded("\(graph.count)", 18 - shape.name.count)
          + padded(run.median / count, 10) + " (" + padded(run.best / count, 0) + ")"
          + padded(all.median / count, 12) + " (" + padded(all.best / count, 0) + ")"
          + padded(floor.median / count, 10) + padded(Double(graphBytes) / count, 11) + "   \(expected)")
    }
    if options.only ?? "small" == "small" { try runSmall(pool, rounds: options.isToy ? 2 : 20 * rounds) }
  }

  /// What a run costs that has next to nothing to do.
  private static func runSmall(_ pool: ThreadPoolExecutor, rounds: Int) throws {
    var line = "  small runs (chains), ns a run:"
    for count in [1, 10, 100] {
      let shape = EngineShape.chain(count)
      let expected = shape.floor()
      let (graph, output) = shape.build()
      let runs = 100
      let timings = try Timings(rounds: rounds) {
        for _ in 0..<runs { try check(pool.run(graph, output: output), expected, shape) }
      }
      line += " \(count) task\(count == 1 ? "" : "s") \(Int(timings.median / Double(runs)))" + (count < 100 ? "," : "")
    }
    print(line)
  }

  private static func check(_ value: Int, _ expected: Int, _ shape: EngineShape) throws {
    if value != expected { throw WrongResult(description: "\(shape.name) gave \(value), not \(expected)") }
  }
}

/// A measurement gave something else than the plain loop.
struct WrongResult: Error, CustomStringConvertible { let description: String }
