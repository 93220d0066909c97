import Glibc
import Synchronization
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

@Suite struct AsyncTaskTests {
  static let executors: [any Executor] = [SerialExecutor()] + RunTests.pools

  @Test(arguments: sampled(0..<30 as Range<UInt64>))
  func `asynchronous tasks anywhere in a graph give the results of a plain loop`(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    var expected: [Int] = []
    for index in 0..<120 {
      let picks =
        nodes.isEmpty
        ? [] : (0..<Int.random(in: 0...3, using: &random)).map { _ in nodes.indices.randomElement(using: &random)! }
      let inputs = picks.map { nodes[$0] }
      expected.append(picks.reduce(index) { $0 &* 7 &+ expected[$1] })
      switch Int.random(in: 0..<6, using: &random) {
      case 0:
        nodes.append(builder.asyncTask("async", all: inputs) { $0.reduce(index) { $0 &* 7 &+ $1 } })
      case 1:
        nodes.append(
          builder.asyncTask("waits", all: inputs) { values in
            await _Concurrency.Task.yield()
            try await _Concurrency.Task.sleep(for: .microseconds(50))
            return values.reduce(index) { $0 &* 7 &+ $1 }
          })
      default:
        nodes.append(builder.task("plain", all: inputs) { $0.reduce(index) { $0 &* 7 &+ $1 } })
      }
    }
    let graph = builder.build()
    for executor in AsyncTaskTests.executors {
      let results = try await executor.aside(graph, outputs: nodes)
      for (node, value) in zip(nodes, expected) { #expect(results[node] == value, "seed \(seed)") }
    }
  }

  @Test func `a thousand tasks wait at once on one thread`() async throws {
    let waiting = LiveCount()
    var builder = GraphBuilder()
    let nodes = (0..<1000).map { index in
      builder.asyncTask("waits") { () -> Int in
        waiting.enter()
        // Each waits until all have begun.
        while waiting.most.load(ordering: .relaxed) < 1000 { try await _Concurrency.Task.sleep(for: .milliseconds(1)) }
        return index
      }
    }
    let sum = builder.task("sum", all: nodes) { $0.reduce(0, +) }
    #expect(try await ThreadPoolExecutor(threads: 1).aside(builder.build(), output: sum) == 999 * 1000 / 2)
  }

  @Test func `no more of them are under way than the options say`() async throws {
    let live = LiveCount()
    var builder = GraphBuilder()
    let nodes = (0..<100).map { index in
      builder.asyncTask("waits") { () -> Int in
        live.enter()
        try await _Concurrency.Task.sleep(for: .microseconds(200))
        live.leave()
        return index
      }
    }
    let sum = builder.task("sum", all: nodes) { $0.reduce(0, +) }
    let value = try await ThreadPoolExecutor(threads: 2).aside(
      builder.build(), output: sum, options: RunOptions(maximumAsyncTasks: 5))
    #expect(value == 99 * 100 / 2)
    #expect(live.most.load(ordering: .relaxed) <= 5)
  }

  @Test func `the Swift tasks of a run that fails are cancelled, and have ended when it throws`() async throws {
    for executor in RunTests.pools {
      let live = LiveCount()
      let begun = Flag()
      var builder = GraphBuilder()
      let endless = builder.asyncTask("endless") { () -> Int in
        live.enter()
        defer { live.leave() }
        begun.raise()
        try await _Concurrency.Task.sleep(for: .seconds(1_000_000))
        return 1
      }
      let bad = builder.asyncTask("bad") { () -> Int in
        while !begun.isRaised { await _Concurrency.Task.yield() }
        throw Mistake(number: 4)
      }
      let graph = builder.build()
      let failure = await #expect(throws: TaskFailure.self) {
        try await executor.aside(graph, outputs: [endless, bad])
      }
      #expect(failure?.underlying as? Mistake == Mistake(number: 4))
      #expect(live.now.load(ordering: .acquiring) == 0)
    }
  }

  @Test func `cancelling a run ends its asynchronous tasks`() async throws {
    for executor in AsyncTaskTests.executors {
      let source = CancellationSource()
      let begun = Flag()
      var builder = GraphBuilder()
      let endless = builder.asyncTask("endless") { () -> Int in
        begun.raise()
        try await _Concurrency.Task.sleep(for: .seconds(1_000_000))
        return 1
      }
      startThread(named: "cancels") {
        wait { begun.isRaised }
        source.cancel()
      }
      let graph = builder.build()
      await #expect(throws: CancellationError.self) {
        try await executor.aside(graph, output: endless, options: RunOptions(cancellation: source))
      }
    }
  }

  @Test func `asynchronous tasks have the task-local values of the Swift task that computes`() async throws {
    for executor in AsyncTaskTests.executors {
      var builder = GraphBuilder()
      let node = builder.asyncTask("reads") { AsyncTaskTests.flavour }
      let graph = builder.build()
      let value = try await AsyncTaskTests.$flavour.withValue("lemon") {
        try await executor.compute(graph, output: node)
      }
      #expect(value == "lemon")
    }
  }

  @TaskLocal static var flavour = "none"

  @Test func `an asynchronous task computes graphs on the executor that runs it`() async throws {
    for executor in AsyncTaskTests.executors {
      let (graph, output) = nested(executor, depth: 4)
      #expect(try await executor.aside(graph, output: output) == 16)
    }
  }

  private func nested(_ executor: any Executor, depth: Int) -> (TaskGraph, Node<Int>) {
    var builder = GraphBuilder()
    let parts = (0..<2).map { _ in
      builder.asyncTask("part") { () -> Int in
        if depth == 1 { return 1 }
        let (graph, output) = AsyncTaskTests().nested(executor, depth: depth - 1)
        return try await executor.compute(graph, output: output)
      }
    }
    let sum = builder.task("sum", all: parts) { $0.reduce(0, +) }
    return (builder.build(), sum)
  }

  @Test func `an asynchronous task has a number of its own in the log while it waits`() async throws {
    for executor in RunTests.pools {
      var builder = GraphBuilder()
      let nodes = (0..<20).map { index in
        builder.asyncTask("waits") { () -> Int in
          try await _Concurrency.Task.sleep(for: .microseconds(100))
          return index
        }
      }
      let graph = builder.build()
      let log = EventLog()
      _ = try await executor.aside(graph, outputs: nodes, options: RunOptions(events: log))
      var open: [UInt16: TaskID] = [:]
      var counts: [TaskEvent.Kind: Int] = [:]
      log.drain { event in
        counts[event.kind, default: 0] += 1
        if event.kind == .taskStarted {
          #expect(open.updateValue(event.task, forKey: event.thread) == nil)
        } else {
          #expect(open.removeValue(forKey: event.thread) == event.task)
        }
      }
      #expect(counts == [.taskStarted: 40, .taskSuspended: 20, .taskEnded: 20])
    }
  }

  @Test func `the result of an asynchronous task counts in the budget`() async throws {
    for executor in AsyncTaskTests.executors {
      let live = LiveCount()
      var builder = GraphBuilder()
      let nodes = (0..<6).map { index in
        builder.asyncTask("reads", traits: TaskTraits(isSource: true, estimatedResultBytes: 1000)) { () -> Counted in
          await _Concurrency.Task.yield()
          return Counted(live, index, bytes: 1000)
        }
      }
      let sizes = nodes.map { node in builder.task("size", node) { $0.residentBytes } }
      let sum = builder.task("sum", all: sizes) { $0.reduce(0, +) }
      let results = try await executor.aside(
        builder.build(), outputs: [sum.erased], options: RunOptions(memoryBudgetBytes: 2500))
      #expect(results[sum] == 6000)
      #expect(live.most.load(ordering: .relaxed) <= 2)
      #expect(results.peakResultBytes! < 2500 + 1000)
    }
  }
}
