import Synchronization
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

@Suite struct OrderTests {
  /// The order in which a run began its tasks.
  private static func started(
    _ executor: any Executor, _ graph: TaskGraph, _ outputs: [AnyNode], _ options: RunOptions = RunOptions()
  ) async throws -> [TaskID] {
    let log = EventLog()
    var options = options
    options.events = log
    _ = try await executor.aside(graph, outputs: outputs, options: options)
    var events: [TaskEvent] = []
    log.drain { if $0.kind == .taskStarted { events.append($0) } }
    return events.sorted { $0.nanoseconds < $1.nanoseconds }.map(\.task)
  }

  @Test(arguments: sampled(0..<60 as Range<UInt64>))
  func `a pool of one thread keeps to the static order, as the serial executor does`(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let shape = RandomGraph(seed: seed, tasks: 100, fanIn: 3)
    let outputs = shape.nodes.filter { _ in Int.random(in: 0..<8, using: &random) == 0 }.map(\.erased)
    let serial = try await OrderTests.started(SerialExecutor(), shape.graph, outputs)
    let pool = try await OrderTests.started(ThreadPoolExecutor(threads: 1), shape.graph, outputs)
    #expect(pool == serial, "seed \(seed)")
    let order = (0..<shape.graph.count).map { TaskID(rawValue: shape.graph.order[$0]) }
    let needed = NeededTasks(shape.graph, for: outputs)
    #expect(pool == order.filter { needed.isNeeded[$0.index] }, "seed \(seed)")
  }

  @Test(arguments: sampled(0..<40 as Range<UInt64>))
  func `its peak of live results is that of the order`(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let live = LiveCount()
    var builder = GraphBuilder()
    var nodes: [Node<Counted>] = []
    for index in 0..<120 {
      let inputs =
        nodes.isEmpty
        ? [] : (0..<Int.random(in: 0...3, using: &random)).map { _ in nodes.randomElement(using: &random)! }
      // A trait that changes nothing takes the same way.
      let traits = TaskTraits(retry: index % 7 == 0 && seed % 2 == 0 ? RetryPolicy(limit: 1) : nil)
      nodes.append(builder.task("n", all: inputs, traits: traits) { Counted(live, $0.count) })
    }
    let graph = builder.build()
    // One task at a time; a result dies after its last user.
    var users = nodes.map { graph.dependents(of: $0.id).count }
    var (now, peak) = (0, 0)
    for rank in 0..<graph.count {
      let task = TaskID(rawValue: graph.order[rank])
      now += 1
      peak = max(peak, now)
      for input in graph.dependencies(of: task) {
        users[input.index] -= 1
        if users[input.index] == 0 { now -= 1 }
      }
    }
    let sinks = nodes.filter { graph.dependents(of: $0.id).isEmpty }
    for executor in [SerialExecutor(), ThreadPoolExecutor(threads: 1)] as [any Executor] {
      // The thread that has run the graph before may still hold its results.
      while live.now.load(ordering: .relaxed) > 0 { try await _Concurrency.Task.sleep(for: .microseconds(200)) }
      live.most.store(0, ordering: .relaxed)
      _ = try await executor.aside(graph, outputs: sinks)
      #expect(live.most.load(ordering: .relaxed) == peak, "seed \(seed)")
    }
  }

  @Test(arguments: sampled(0..<20 as Range<UInt64>))
  func `with resources and budgets too, one thread keeps to the order as long as nothing waits`(
    seed: UInt64
  ) async throws {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    for index in 0..<80 {
      let inputs =
        nodes.isEmpty
        ? [] : (0..<Int.random(in: 0...3, using: &random)).map { _ in nodes.randomElement(using: &random)! }
      let traits = TaskTraits(resources: Int.random(in: 0..<3, using: &random) == 0 ? [ResourceNeed("r")] : [])
      nodes.append(builder.task("n", all: inputs, traits: traits) { $0.reduce(index, &+) })
    }
    let graph = builder.build()
    let options = RunOptions(memoryBudgetBytes: 1, resources: ["r": 1])
    let started = try await OrderTests.started(
      ThreadPoolExecutor(threads: 1), graph, nodes.map(\.erased), options)
    #expect(started == (0..<graph.count).map { TaskID(rawValue: graph.order[$0]) }, "seed \(seed)")
  }

  @Test(arguments: [1, 2, 4])
  func `of ready tasks those with the highest priority are started first`(threads: Int) async throws {
    let order = Order()
    var builder = GraphBuilder()
    let root = builder.task("root") { 0 }
    let nodes = (0..<60).map { index in
      builder.task("n", root, traits: TaskTraits(priority: Int16(index % 3 - 1))) { _ -> Int in
        order.note(index % 3 - 1)
        return 1
      }
    }
    let sum = builder.task("sum", all: nodes) { $0.reduce(0, +) }
    #expect(try await ThreadPoolExecutor(threads: threads).aside(builder.build(), output: sum) == 60)
    let noted = order.all
    // Exactly so on one thread; on more, another one may have begun one that is noted later.
    for place in noted.indices {
      let best = noted[place...].max()!
      if noted[place] != best {
        #expect(noted[place...].filter { $0 > noted[place] }.count < threads, "place \(place)")
      }
    }
  }

  @Test func `priorities go before the static order, within it nothing changes`() async throws {
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    for index in 0..<30 {
      nodes.append(builder.task("root", traits: TaskTraits(priority: index % 5 == 4 ? 7 : 0)) { index })
    }
    let graph = builder.build()
    let started = try await OrderTests.started(ThreadPoolExecutor(threads: 1), graph, nodes.map(\.erased))
    let order = (0..<graph.count).map { TaskID(rawValue: graph.order[$0]) }
    let isHigh = { (task: TaskID) in graph.traits(of: task).priority == 7 }
    #expect(started == order.filter(isHigh) + order.filter { !isHigh($0) })
  }
}

@Suite struct NestedRunTests {
  @Test(arguments: [1, 2])
  func `runs in runs in runs, hundreds deep`(threads: Int) async throws {
    let pool = ThreadPoolExecutor(threads: threads)
    let (graph, output) = NestedRunTests.deep(pool, 300, traits: .none)
    #expect(try await pool.aside(graph, output: output) == 301)
  }

  @Test func `also where each has a thread of its own, and there is one for each run`() async throws {
    let pool = ThreadPoolExecutor(threads: 1)
    let (graph, output) = NestedRunTests.deep(pool, 30, traits: TaskTraits(isBlocking: true))
    #expect(
      try await pool.aside(graph, output: output, options: RunOptions(maximumBlockingTasks: 1)) == 31)
  }

  private static func deep(_ pool: ThreadPoolExecutor, _ depth: Int, traits: TaskTraits) -> (TaskGraph, Node<Int>) {
    var builder = GraphBuilder()
    let below = builder.task("below", traits: traits) { () -> Int in
      if depth == 0 { return 0 }
      let (graph, output) = deep(pool, depth - 1, traits: traits)
      return try pool.run(graph, output: output, options: RunOptions(maximumBlockingTasks: 1))
    }
    let beside = builder.task("beside") { 1 }
    let sum = builder.task("sum", below, beside) { $0 + $1 }
    return (builder.build(), sum)
  }

  @Test(arguments: [1, 2, 4])
  func `cancelling the outermost run ends those in it`(threads: Int) async throws {
    let pool = ThreadPoolExecutor(threads: threads)
    let source = CancellationSource()
    let begun = Flag()
    var builder = GraphBuilder()
    let node = builder.task("outer") { () -> Int in
      var middle = GraphBuilder()
      let inner = middle.task("middle") { () -> Int in
        var builder = GraphBuilder()
        let endless = builder.task("endless", on: []) { _, context -> Int in
          begun.raise()
          while true { try context.checkCancellation() }
        }
        return try pool.run(builder.build(), output: endless)
      }
      return try pool.run(middle.build(), output: inner)
    }
    startThread(named: "cancels") {
      wait { begun.isRaised }
      source.cancel()
    }
    let graph = builder.build()
    await #expect(throws: CancellationError.self) {
      try await pool.aside(graph, output: node, options: RunOptions(cancellation: source))
    }
  }

  @Test func `work that is no run can be ended with its task`() async throws {
    for executor in [SerialExecutor()] + RunTests.pools as [any Executor] {
      let ended = Flag()
      var builder = GraphBuilder()
      let asks = builder.task("asks", traits: TaskTraits(timeout: .milliseconds(2))) { () -> Int in
        let source = CancellationSource.current!
        wait { source.isCancelled }
        ended.raise()
        return 1
      }
      let graph = builder.build()
      let failure = await #expect(throws: TaskFailure.self) { try await executor.aside(graph, output: asks) }
      #expect(failure?.underlying is TaskTimeout)
      #expect(ended.isRaised)
      #expect(CancellationSource.current == nil)
    }
  }
}
