import Glibc
import Synchronization
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

/// A random graph of tasks of all kinds, one of which may throw, one of which may cancel the run.
private struct RandomEnding {
  /// Bodies that are running, results that are alive.
  let bodies = LiveCount()
  let live = LiveCount()
  let graph: TaskGraph
  let outputs: [Node<Counted>]
  let expected: [Int]
  /// What tasks throw for good; nil: none does.
  let bad: Int?
  let source = CancellationSource()
  /// Whether a body or another thread cancels the source.
  let isCancelled: Bool
  let options: RunOptions

  init(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let count = Int.random(in: 1...60, using: &random)
    let end = Int.random(in: 0..<4, using: &random)
    let place = Int.random(in: 0..<count, using: &random)
    bad = end == 1 ? place : nil
    isCancelled = end == 2
    let canceller = isCancelled && Bool.random(using: &random) ? place : -1
    var builder = GraphBuilder()
    var nodes: [Node<Counted>] = []
    var expected: [Int] = []
    let (bodies, live, source) = (bodies, live, source)
    for index in 0..<count {
      let picks =
        nodes.isEmpty
        ? [] : (0..<Int.random(in: 0...3, using: &random)).map { _ in nodes.indices.randomElement(using: &random)! }
      let inputs = picks.map { nodes[$0] }
      expected.append(picks.reduce(index) { $0 &* 7 &+ expected[$1] })
      var traits = TaskTraits()
      traits.isBlocking = Int.random(in: 0..<4, using: &random) == 0
      traits.priority = Int16(Int.random(in: 0..<8, using: &random) == 0 ? 1 : 0)
      if Int.random(in: 0..<4, using: &random) == 0 { traits.resources = [ResourceNeed("r", amount: 1 + index % 2)] }
      if Int.random(in: 0..<6, using: &random) == 0 { traits.timeout = .seconds(1_000_000) }
      traits.isSource = Int.random(in: 0..<5, using: &random) == 0
      traits.estimatedResultBytes = 100
      let failures = Int.random(in: 0..<5, using: &random) == 0 ? 2 : 0
      if failures > 0 {
        traits.retry = RetryPolicy(limit: 2, delay: .microseconds(Int.random(in: 0...1, using: &random) * 30))
      }
      let attempts = Counter()
      let isBad = bad == index
      let begin = { @Sendable () throws -> Void in
        bodies.enter()
        if canceller == index { source.cancel() }
        if isBad || attempts.next() < failures {
          bodies.leave()
          throw Mistake(number: index)
        }
      }
      let finish = { @Sendable (values: [Counted]) -> Counted in
        defer { bodies.leave() }
        return Counted(live, values.reduce(index) { $0 &* 7 &+ $1.value }, bytes: 100)
      }
      switch Int.random(in: 0..<5, using: &random) {
      case 0:
        let isLong = Bool.random(using: &random)
        nodes.append(
          builder.asyncTask("async", all: inputs, traits: traits) { values in
            try begin()
            if isLong {
              do {
                try await _Concurrency.Task.sleep(for: .microseconds(100))
              } catch {
                bodies.leave()
                throw error
              }
            } else {
              await _Concurrency.Task.yield()
            }
            return finish(values)
          })
      case 1:
        nodes.append(
          builder.task("nested", all: inputs, traits: traits) { values in
            try begin()
            var inner = GraphBuilder()
            let parts = (0..<4).map { part in inner.task("part") { part } }
            let sum = inner.task("sum", all: parts) { $0.reduce(0, +) }
            do {
              _ = try RunTests.pools[1].run(inner.build(), output: sum)
            } catch {
              bodies.leave()
              throw error
            }
            return finish(values)
          })
      default:
        nodes.append(
          builder.task("plain", all: inputs, traits: traits) { values in
            try begin()
            return finish(values)
          })
      }
    }
    graph = builder.build()
    outputs = nodes
    self.expected = expected
    options = RunOptions(
      memoryBudgetBytes: Int.random(in: 0..<3, using: &random) == 0 ? 1000 : nil, cancellation: source,
      events: Int.random(in: 0..<3, using: &random) == 0 ? EventLog(capacityPerThread: 64) : nil,
      resources: ["r": 2], maximumBlockingTasks: Int.random(in: 1...4, using: &random),
      maximumAsyncTasks: Int.random(in: 1...4, using: &random))
  }

  /// Whether all results are freed, or will be when the thread that ran has let go of them.
  func checkNothingIsLeft(_ name: String) {
    for _ in 0..<10_000 where live.now.load(ordering: .acquiring) != 0 { usleep(100) }
    #expect(live.now.load(ordering: .acquiring) == 0, "\(name)")
  }

  /// Whether a run ended as it must.
  func check(_ outcome: Result<RunResults, any Error>, isFromOutside: Bool, _ name: String) {
    // Whatever happened, nothing runs on.
    #expect(bodies.now.load(ordering: .acquiring) == 0, "\(name)")
    switch outcome {
    case .success(let results):
      #expect(bad == nil, "\(name)")
      for (node, value) in zip(outputs, expected) { #expect(results[node].value == value, "\(name)") }
    case .failure(let failure as TaskFailure):
      #expect(live.now.load(ordering: .acquiring) == 0, "\(name)")
      #expect(failure.underlying as? Mistake == bad.map { Mistake(number: $0) }, "\(name)")
    case .failure(let error):
      #expect(live.now.load(ordering: .acquiring) == 0, "\(name)")
      #expect(error is CancellationError && (isCancelled || isFromOutside), "\(name): \(error)")
    }
  }
}

@Suite struct RandomEndTests {
  static let executors: [any Executor] = [SerialExecutor()] + RunTests.pools

  @Test(arguments: sampled(0..<24 as Range<UInt64>))
  func `wherever a run fails or is cancelled, it ends, nothing runs on, and no result is left`(part: UInt64)
    async throws
  {
    for seed in (part * 10)..<(part * 10 + 10) {
      for (place, executor) in RandomEndTests.executors.enumerated() {
        let work = RandomEnding(seed: seed)
        let name = "seed \(seed), executor \(place)"
        do {
          if work.isCancelled {
            let delay = Int(seed % 7)
            startThread(named: "cancels") {
              for _ in 0..<(delay * 20) { sched_yield() }
              work.source.cancel()
            }
          }
          do {
            let results = try await executor.aside(
              work.graph, outputs: work.outputs.map(\.erased), options: work.options)
            work.check(.success(results), isFromOutside: false, name)
          } catch {
            work.check(.failure(error), isFromOutside: false, name)
          }
        }
        work.checkNothingIsLeft(name)
      }
    }
  }

  @Test(arguments: sampled(1000..<1012 as Range<UInt64>))
  func `cancelling the Swift task that computes ends the run at any moment`(part: UInt64) async throws {
    for seed in (part * 10)..<(part * 10 + 10) {
      for (place, executor) in RandomEndTests.executors.enumerated() {
        let work = RandomEnding(seed: seed)
        let name = "seed \(seed), executor \(place)"
        let task = _Concurrency.Task {
          do {
            let results = try await executor.compute(
              work.graph, outputs: work.outputs.map(\.erased), options: work.options)
            work.check(.success(results), isFromOutside: true, name)
          } catch {
            work.check(.failure(error), isFromOutside: true, name)
          }
        }
        for _ in 0..<(seed % 11) { await _Concurrency.Task.yield() }
        task.cancel()
        await task.value
        work.checkNothingIsLeft(name)
      }
    }
  }
}
