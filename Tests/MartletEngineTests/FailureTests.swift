import Glibc
import Synchronization
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

@Suite struct FailureTests {
  static let executors: [any Executor] = [SerialExecutor()] + RunTests.pools

  @Test func `a failure names the task, its key, and the path from an output`() throws {
    var builder = GraphBuilder()
    let start = builder.literal(1, label: "start")
    let bad = builder.task("bad", start) { _ -> Int in throw Mistake(number: 7) }
    let unwanted = builder.task("unwanted", bad) { $0 }
    let middle = builder.task("middle", bad) { $0 }
    let top = builder.task("top", middle) { $0 }
    _ = unwanted
    let graph = builder.build()
    for executor in FailureTests.executors {
      let failure = try #require(throws: TaskFailure.self) { try executor.run(graph, output: top) }
      #expect(failure.task == bad.id)
      #expect(failure.key == graph.key(of: bad.id))
      #expect(failure.path.map(\.label) == ["top", "middle", "bad"])
      #expect(failure.underlying as? Mistake == Mistake(number: 7))
      #expect("\(failure)".hasPrefix("task bad-"))
      // The pool is as good as new.
      #expect(try executor.run(graph, output: start) == 1)
    }
  }

  @Test(arguments: sampled(0..<40 as Range<UInt64>))
  func `wherever it fails, the run ends, nothing runs after it, and every result is freed`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let live = LiveCount()
    let bad = Int.random(in: 0..<200, using: &random)
    do {
      var builder = GraphBuilder()
      var nodes: [Node<Counted>] = []
      for index in 0..<200 {
        let inputs =
          nodes.isEmpty
          ? [] : (0..<Int.random(in: 0...3, using: &random)).map { _ in nodes.randomElement(using: &random)! }
        nodes.append(
          builder.task("n", all: inputs) { values in
            if index == bad { throw Mistake(number: index) }
            return Counted(live, values.count)
          })
      }
      let graph = builder.build()
      for executor in FailureTests.executors {
        let failure = #expect(throws: TaskFailure.self, "seed \(seed)") { try executor.run(graph, outputs: nodes) }
        #expect(failure?.task == nodes[bad].id, "seed \(seed)")
      }
    }
    #expect(live.now.load(ordering: .acquiring) == 0, "seed \(seed)")
  }

  @Test(arguments: sampled(0..<40 as Range<UInt64>))
  func `cancelled at any task, the run throws and frees its results`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let live = LiveCount()
    let moment = Int.random(in: 0..<150, using: &random)
    for executor in FailureTests.executors {
      let source = CancellationSource()
      let isCancelled = Atomic<Bool>(false)
      let counter = Counter()
      let late = Counter()
      var builder = GraphBuilder()
      var nodes: [Node<Counted>] = []
      for index in 0..<200 {
        let inputs =
          nodes.isEmpty || index % 4 == 0 ? [] : [nodes.randomElement(using: &random)!, nodes[nodes.count - 1]]
        nodes.append(
          builder.task("n", all: inputs) { _ in
            if isCancelled.load(ordering: .relaxed) { _ = late.next() }
            if counter.next() == moment {
              source.cancel()
              isCancelled.store(true, ordering: .relaxed)
            }
            return Counted(live, index)
          })
      }
      let graph = builder.build()
      #expect(throws: CancellationError.self, "seed \(seed)") {
        try executor.run(graph, outputs: nodes, options: RunOptions(cancellation: source))
      }
      // At most what the other threads had begun: the thread that cancels may have been kept waiting before it did.
      #expect(late.count <= 6, "seed \(seed)")
    }
    #expect(live.now.load(ordering: .acquiring) == 0, "seed \(seed)")
  }

  @Test func `a source that is cancelled before stops the run before its first task`() throws {
    let source = CancellationSource()
    source.cancel()
    var builder = GraphBuilder()
    let node = builder.task("never") { () -> Int in throw Mistake(number: 1) }
    let graph = builder.build()
    for executor in FailureTests.executors {
      #expect(throws: CancellationError.self) {
        try executor.run(graph, output: node, options: RunOptions(cancellation: source))
      }
    }
  }

  @Test(arguments: 0..<60)
  func `cancelled at its very end, a run gives its result or throws`(delay: Int) throws {
    for pool in RunTests.pools {
      let source = CancellationSource()
      var builder = GraphBuilder()
      let parts = (0..<6).map { index in builder.task("part") { index } }
      let sum = builder.task("sum", all: parts) { values in
        if delay % 3 == 0 { source.cancel() }
        return values.reduce(0, +)
      }
      let graph = builder.build()
      if delay % 3 != 0 {
        startThread(named: "cancels") {
          for _ in 0..<delay { sched_yield() }
          source.cancel()
        }
      }
      do {
        #expect(try pool.run(graph, output: sum, options: RunOptions(cancellation: source)) == 15)
      } catch {
        #expect(error is CancellationError)
      }
    }
  }

  @Test func `a task that throws because the run was cancelled is no failure`() throws {
    for executor in FailureTests.executors {
      let source = CancellationSource()
      var builder = GraphBuilder()
      let node = builder.task("asks", on: []) { _, context -> Int in
        source.cancel()
        try context.checkCancellation()
        return 1
      }
      let graph = builder.build()
      #expect(throws: CancellationError.self) {
        try executor.run(graph, output: node, options: RunOptions(cancellation: source))
      }
    }
  }

  @Test func `a task that asks stops when another one fails`() throws {
    var builder = GraphBuilder()
    let begun = Flag()
    let patient = builder.task("patient", on: []) { _, context -> Int in
      begun.raise()
      while true { try context.checkCancellation() }
    }
    let bad = builder.task("bad") { () -> Int in
      wait { begun.isRaised }
      throw Mistake(number: 3)
    }
    let graph = builder.build()
    let failure = #expect(throws: TaskFailure.self) {
      try ThreadPoolExecutor(threads: 2).run(graph, outputs: [patient, bad])
    }
    #expect(failure?.task == bad.id)
  }

  @Test func `cancelling the Swift task that computes cancels the run`() async throws {
    let pool = ThreadPoolExecutor(threads: 2)
    let begun = Flag()
    var builder = GraphBuilder()
    let endless = builder.task("endless", on: []) { _, context -> Int in
      begun.raise()
      while true { try context.checkCancellation() }
    }
    let fine = builder.task("fine") { 5 }
    let graph = builder.build()
    let work = _Concurrency.Task { try await pool.compute(graph, output: endless) }
    while !begun.isRaised { await _Concurrency.Task.yield() }
    work.cancel()
    let result = await work.result
    #expect(throws: (any Error).self) { try result.get() }
    #expect(try await pool.compute(graph, output: fine) == 5)
  }
}

/// Counts calls.
final class Counter: Sendable {
  private let calls = Atomic<Int>(0)
  var count: Int { calls.load(ordering: .relaxed) }
  func next() -> Int { calls.add(1, ordering: .relaxed).oldValue }
}

/// Is raised once.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)
  var isRaised: Bool { value.load(ordering: .acquiring) }
  func raise() { value.store(true, ordering: .releasing) }
}
