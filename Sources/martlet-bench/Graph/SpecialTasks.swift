import Martlet
import MartletEngine
import MartletGraph
import MartletSystem

/// What tasks cost that are not plain closures: asynchronous and blocking ones, those that are repeated, those that need a
/// resource; each flat, with a sum.
enum SpecialTasks {
  static func report(_ pool: ThreadPoolExecutor, _ options: BenchOptions, rounds: Int) throws {
    let count = options.isToy ? 100 : 20_000
    print("special tasks: \(count), flat; ns a task to build, run and free, median (best)")
    let expected = (0..<count).reduce(0, &+)
    for (name, traits) in [
      ("plain", TaskTraits.none), ("blocking", TaskTraits(isBlocking: true)),
      ("retry, not used", TaskTraits(retry: RetryPolicy(limit: 3))),
      ("timeout, not used", TaskTraits(timeout: .seconds(60))),
      ("resource", TaskTraits(resources: [ResourceNeed("connections")])), ("priority", TaskTraits(priority: 1)),
    ] {
      try line(name, pool, count, rounds, options, expected) { builder, index in
        builder.task("leaf", traits: traits) { index }
      }
    }
    try line("retry, used once", pool, count, rounds, options, expected) { builder, index in
      let isFirst = FirstTime()
      return builder.task("leaf", traits: TaskTraits(retry: RetryPolicy(limit: 3))) {
        if isFirst.take() { throw NotYet() }
        return index
      }
    }
    try line("asynchronous", pool, count, rounds, options, expected) { builder, index in
      builder.asyncTask("leaf") { index }
    }
    try line("asynchronous, yields", pool, count, rounds, options, expected) { builder, index in
      builder.asyncTask("leaf") {
        await Task.yield()
        return index
      }
    }
  }

  private static func line(
    _ name: String, _ pool: ThreadPoolExecutor, _ count: Int, _ rounds: Int, _ options: BenchOptions, _ expected: Int,
    _ leaf: (inout GraphBuilder, Int) -> Node<Int>
  ) throws {
    if let only = options.only, only != name { return }
    let timings = try Timings(rounds: rounds) {
      var builder = GraphBuilder()
      var leaves: [Node<Int>] = []
      for index in 0..<count { leaves.append(leaf(&builder, index)) }
      let sum = builder.task("sum", all: leaves) { $0.reduce(0, &+) }
      let value = try pool.run(builder.build(), output: sum, options: RunOptions(resources: ["connections": 2]))
      if value != expected { throw WrongResult(description: "\(name) gave \(value), not \(expected)") }
    }
    print(
      "  \(name)" + padded(timings.median / Double(count), 38 - name.count) + " ("
        + padded(timings.best / Double(count), 0) + ")")
  }

  private struct NotYet: Error {}

  /// True once. A task runs on one thread at a time, one run after the other.
  private final class FirstTime: @unchecked Sendable {
    // Sendable: only one task has it.
    private var isFirst = true

    func take() -> Bool {
      defer { isFirst = false }
      return isFirst
    }
  }
}
