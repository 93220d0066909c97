import Synchronization
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

@Suite struct RunTests {
  /// Pools of several widths, among them more threads than processors and deques that are always full.
  static let pools: [ThreadPoolExecutor] = [
    ThreadPoolExecutor(threads: 1), ThreadPoolExecutor(threads: 2), ThreadPoolExecutor(threads: 5),
    ThreadPoolExecutor(threads: 3, dequeCapacity: 2, spinLimit: 1),
    ThreadPoolExecutor(threads: 4, dequeCapacity: 4, spinLimit: 30),
  ]

  @Test(arguments: sampled(0..<60 as Range<UInt64>))
  func `every executor gives the results of a plain loop`(seed: UInt64) throws {
    let random = RandomGraph(
      seed: seed, tasks: 1 + Int(seed) * 5, fanIn: 1 + Int(seed % 4), near: seed % 2 == 0 ? 8 : .max)
    let outputs = random.nodes.map(\.erased) + random.texts.map(\.erased)
    let executors: [any Executor] = [SerialExecutor()] + RunTests.pools
    for executor in executors {
      for _ in 0..<3 {
        let results = try executor.run(random.graph, outputs: outputs, options: RunOptions())
        for (node, value) in zip(random.nodes, random.expected) { #expect(results[node] == value, "seed \(seed)") }
        for (node, text) in zip(random.texts, random.expectedTexts) { #expect(results[node] == text, "seed \(seed)") }
      }
    }
  }

  @Test(arguments: sampled(0..<60 as Range<UInt64>))
  func `any choice of outputs is computed from what it needs only`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let shape = RandomGraph(seed: seed, tasks: 80, fanIn: 3)
    let chosen = shape.nodes.indices.filter { _ in Int.random(in: 0..<10, using: &random) == 0 }
    var needed = Set<TaskID>()
    var open = chosen.map { shape.nodes[$0].id }
    while let task = open.popLast() {
      guard needed.insert(task).inserted else { continue }
      open += shape.graph.dependencies(of: task)
    }
    let executors: [any Executor] = [SerialExecutor()] + RunTests.pools
    for executor in executors {
      let log = EventLog()
      let results = try executor.run(
        shape.graph, outputs: chosen.map { shape.nodes[$0] }, options: RunOptions(events: log))
      for index in chosen { #expect(results[shape.nodes[index]] == shape.expected[index], "seed \(seed)") }
      var ended = Set<TaskID>()
      log.drain { if $0.kind == .taskEnded { ended.insert($0.task) } }
      #expect(ended == needed, "seed \(seed)")
    }
  }

  @Test func `literals, calls, gathers and aliases give their values`() throws {
    var builder = GraphBuilder()
    let number = builder.literal(20)
    let text = builder.literal("a text that is longer than fifteen bytes")
    let length = builder.task("length", text) { $0.utf8.count }
    let gathered = builder.gather([number, length])
    let alias = builder.alias(gathered, label: "result")
    let five = builder.task("five", number, text, length, gathered, alias) { "\($0) \($1) \($2) \($3) \($4)" }
    let optional = builder.task("optional") { Int?.none }
    let nothing = builder.task("nothing") {}
    let erased = builder.task("erased", on: [number.erased, text.erased]) { inputs, context in
      context.report(bytesIn: 3)
      try context.checkCancellation()
      return try inputs.value(0, as: Int.self) + inputs.value(1, as: String.self).count
    }
    let graph = builder.build()
    let executors: [any Executor] = [SerialExecutor()] + RunTests.pools
    for executor in executors {
      #expect(try executor.run(graph, output: alias) == [20, 40])
      #expect(
        try executor.run(graph, output: five) == "20 a text that is longer than fifteen bytes 40 [20, 40] [20, 40]")
      #expect(try executor.run(graph, output: optional) == nil)
      #expect(try executor.run(graph, output: nothing) == ())
      #expect(try executor.run(graph, output: erased) == 60)
      #expect(try executor.run(graph, output: number) == 20)
      #expect(try executor.run(graph, outputs: [text, text])[text] == "a text that is longer than fifteen bytes")
    }
  }

  @Test func `a graph without tasks, and a run without outputs, end`() throws {
    let empty = GraphBuilder().build()
    var builder = GraphBuilder()
    _ = builder.task("unwanted") { throw Mistake(number: 1) }
    let graph = builder.build()
    let executors: [any Executor] = [SerialExecutor()] + RunTests.pools
    for executor in executors {
      _ = try executor.run(empty, outputs: [])
      _ = try executor.run(graph, outputs: [])
    }
  }

  @Test func `an input of another type is an error that names both`() throws {
    var builder = GraphBuilder()
    let text = builder.literal("text")
    let wrong = builder.task("wrong", on: [text.erased]) { inputs, _ in try inputs.value(0, as: Int.self) }
    let missing = builder.task("missing", on: [text.erased]) { inputs, _ in try inputs.value(1, as: String.self) }
    let graph = builder.build()
    for (node, message) in [
      (wrong.erased, "input 0 is String, not Int"), (missing.erased, "input 1 does not exist (a String was asked for)"),
    ] {
      let failure = #expect(throws: TaskFailure.self) { try SerialExecutor().run(graph, outputs: [node]) }
      #expect(failure.map { "\($0.underlying)" } == message)
    }
  }

  @Test func `the last user of a result can take it and change it in place`() throws {
    var builder = GraphBuilder()
    let array = builder.task("array") { [Int](repeating: 1, count: 1000) }
    let address = builder.task("address", on: [array.erased]) { inputs, _ -> [Int] in
      var values: [Int] = try inputs.take(0)
      let before = values.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
      values[0] = 2
      let after = values.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
      return before == after ? values : []
    }
    let graph = builder.build()
    let executors: [any Executor] = [SerialExecutor()] + RunTests.pools
    for executor in executors {
      #expect(try executor.run(graph, output: address).first == 2)
      // An output is not given away.
      let results = try executor.run(graph, outputs: [array, address])
      #expect(results[array].first == 1)
      #expect(results[address].isEmpty)
    }
  }

  @Test(arguments: [10, 1000])
  func `many short runs one after the other lose no wake-up`(tasks: Int) throws {
    let random = RandomGraph(seed: 5, tasks: tasks, fanIn: 2)
    for pool in RunTests.pools {
      for _ in 0..<(3000 / tasks) {
        #expect(try pool.run(random.graph, output: random.nodes[tasks - 1]) == random.expected[tasks - 1])
      }
    }
  }

  @Test func `results are there for tasks of other types than numbers`() throws {
    let live = LiveCount()
    do {
      var builder = GraphBuilder()
      let objects = (0..<100).map { index in builder.task("object") { Counted(live, index) } }
      let sum = builder.task("sum", all: objects) { $0.reduce(0) { $0 + $1.value } }
      let graph = builder.build()
      for pool in RunTests.pools { #expect(try pool.run(graph, output: sum) == 4950) }
    }
    #expect(live.now.load(ordering: .relaxed) == 0)
  }
}
