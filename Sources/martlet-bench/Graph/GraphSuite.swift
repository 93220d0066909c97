import Martlet
import MartletSystem

/// What graphs cost that are written with `Delayed`: beside the engine's own, and phase by phase at a million tasks.
enum GraphSuite: BenchSuite {
  static let name = "graph"
  static let summary =
    "Delayed: ns a task to make, lower, run and free; a million tasks by phase, with memory; layers; tasks with traits"

  static func run(_ options: BenchOptions) throws {
    if let name = options.only, name.hasPrefix("million-") {
      return try MillionTasks.measure(String(name.dropFirst(8)), options)
    }
    let pool = ThreadPoolExecutor(threads: options.threads)
    let rounds = options.isToy ? 2 : options.rounds
    let tasks = options.isToy ? 100 : 100_000
    print("graph: \(options.threads) threads, \(rounds) rounds; ns a task, median (best)")
    print("                          engine             Delayed          Delayed, least memory    the same, optimised")
    print("  shape        tasks      build+run+free   make+run+free          make+run+free          make+run+free")
    for (engine, delayed) in DelayedShape.all(tasks: tasks)
    where options.only ?? delayed.name == delayed.name {
      let expected = engine.floor()
      let count = Double(engine.build().0.count)
      let own = try Timings(rounds: rounds) {
        let (graph, output) = engine.build()
        try check(pool.run(graph, output: output), expected, delayed)
      }
      func timed(_ options: ComputeOptions) throws -> Timings {
        try Timings(rounds: rounds) { try check(delayed.make().run(on: pool, options: options), expected, delayed) }
      }
      let plain = try timed(ComputeOptions())
      let ordered = try timed(ComputeOptions(order: .leastMemory))
      let full = try timed(ComputeOptions(passes: .standard, order: .leastMemory))
      func column(_ timings: Timings) -> String {
        padded(timings.median / count, 10) + " (" + padded(timings.best / count, 0) + ")"
      }
      print(
        "  \(delayed.name)" + padded("\(Int(count))", 18 - delayed.name.count) + column(own) + "    " + column(plain)
          + "    " + column(ordered) + "    " + column(full))
    }
    try LayerTasks.report(options, rounds: rounds)
    try SpecialTasks.report(pool, options, rounds: rounds)
    try MillionTasks.report(options)
  }

  static func check(_ value: Int, _ expected: Int, _ shape: DelayedShape) throws {
    if value != expected { throw WrongResult(description: "\(shape.name) gave \(value), not \(expected)") }
  }
}
