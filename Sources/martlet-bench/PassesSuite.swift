import MartletEngine
import MartletGraph
import MartletSystem

/// What optimising costs a task, and what it wins when the graph runs.
enum PassesSuite: BenchSuite {
  static let name = "passes"
  static let summary = "ns a task to optimise graphs of a million tasks, and to run them before and after"

  static func run(_ options: BenchOptions) throws {
    let pool = ThreadPoolExecutor(threads: options.threads)
    let rounds = options.isToy ? 2 : options.rounds
    print("passes: \(options.threads) threads, \(rounds) rounds; ns a task of the first graph, median (best)")
    print(
      "  shape           tasks      after        optimise     + new graph       build         run before"
        + "      run after    floor   checksum")
    for (name, passes) in [("standard", GraphPasses.standard), ("all", .all)] {
      print("  \(name) passes")
      for shape in all(isToy: options.isToy) where options.only ?? shape.name == shape.name {
        try measure(shape, passes, rounds, pool)
      }
    }
  }

  private static func measure(
    _ shape: EngineShape, _ passes: GraphPasses, _ rounds: Int, _ pool: ThreadPoolExecutor
  ) throws {
    let expected = shape.floor()
    let (graph, output) = shape.build()
    let count = Double(graph.count)
    let build = Timings(rounds: rounds) { _ = shape.build() }
    let whole = Timings(rounds: rounds) { _ = graph.optimized(for: output, passes: passes) }
    let decide = Timings(rounds: rounds) { graph.decideOnly(for: [output.erased], passes: passes) }
    let optimized = graph.optimized(for: output, passes: passes)
    guard let newOutput = optimized.node(output) else { throw WrongResult(description: "\(shape.name): no output") }
    let before = try Timings(rounds: rounds) { try check(pool.run(graph, output: output), expected, shape) }
    let after = try Timings(rounds: rounds) {
      try check(pool.run(optimized.graph, output: newOutput), expected, shape)
    }
    let floor = Timings(rounds: rounds) { _ = opaque(shape.floor()) }
    func column(_ timings: Timings) -> String {
      padded(timings.median / count, 9) + " (" + padded(timings.best / count, 4) + ")"
    }
    print(
      "  \(shape.name)" + padded("\(graph.count)", 19 - shape.name.count) + padded("\(optimized.graph.count)", 10)
        + column(decide) + column(whole) + column(build) + column(before) + column(after)
        + padded(floor.median / count, 9) + "   \(expected)")
  }

  private static func check(_ value: Int, _ expected: Int, _ shape: EngineShape) throws {
    if value != expected { throw WrongResult(description: "\(shape.name) gave \(value), not \(expected)") }
  }

  static func all(isToy: Bool) -> [EngineShape] {
    let million = isToy ? 1000 : 1_000_000
    return [
      EngineShape.chain(million), chains(million / 10, 10), parameter(million), expressions(million / 10),
      EngineShape.tree(isToy ? 1 << 8 : 1 << 19), EngineShape.wavefront(isToy ? 30 : 1000),
      EngineShape.layers(isToy ? 10 : 1000, isToy ? 100 : 1000),
    ]
  }

  /// Chains side by side, and a sum.
  static func chains(_ count: Int, _ length: Int) -> EngineShape {
    EngineShape(name: "chains") {
      var builder = GraphBuilder()
      builder.reserve(tasks: count * length + 1, dependencies: count * length)
      let ends = (0..<count).map { index in
        var node = builder.task("first") { index }
        for _ in 1..<length { node = builder.task("next", node) { $0 &* 3 &+ 1 } }
        return node
      }
      let sum = builder.task("sum", all: ends) { $0.reduce(0, &+) }
      return (builder.build(), sum)
    } floor: {
      var sum = 0
      for index in 0..<count {
        var value = index
        for _ in 1..<length { value = opaque(value &* 3 &+ 1) }
        sum &+= value
      }
      return sum
    }
  }

  /// A constant that everybody needs: inlined.
  static func parameter(_ count: Int) -> EngineShape {
    EngineShape(name: "parameter") {
      var builder = GraphBuilder()
      builder.reserve(tasks: 2 * (count / 2) + 2, dependencies: 4 * (count / 2))
      let factor = builder.literal(3)
      let leaves = (0..<(count / 2)).map { index in builder.task("leaf") { index } }
      let products = leaves.map { builder.task("scale", $0, factor) { $0 &* $1 } }
      let sum = builder.task("sum", all: products) { $0.reduce(0, &+) }
      return (builder.build(), sum)
    } floor: {
      var sum = 0
      for index in 0..<(count / 2) { sum &+= opaque(index &* 3) }
      return sum
    }
  }

  /// `((a + b) * a - b) ...` on arrays of arrays: chains with a second input here and there, through aliases.
  static func expressions(_ count: Int) -> EngineShape {
    EngineShape(name: "expressions") {
      var builder = GraphBuilder()
      builder.reserve(tasks: 10 * count + 1, dependencies: 16 * count)
      let ends = (0..<count).map { index in
        let a = builder.task("a") { index }
        let b = builder.task("b") { index &* 7 }
        let named = builder.alias(a, label: "input")
        var node = builder.task("add", named, b) { $0 &+ $1 }
        for _ in 0..<3 {
          node = builder.task("multiply", node, a) { $0 &* $1 }
          node = builder.task("subtract", node, b) { $0 &- $1 }
        }
        return node
      }
      let sum = builder.task("sum", all: ends) { $0.reduce(0, &+) }
      return (builder.build(), sum)
    } floor: {
      var sum = 0
      for index in 0..<count {
        let (a, b) = (index, index &* 7)
        var value = a &+ b
        for _ in 0..<3 { value = opaque(value &* a) &- b }
        sum &+= value
      }
      return sum
    }
  }
}
