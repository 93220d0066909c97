import Synchronization
import Testing

@testable import Martlet

/// What waits, through the front door, on one thread and on two.
@Suite struct DelayedWaitingTests {
  static let pools = [ThreadPoolExecutor(threads: 1), ThreadPoolExecutor(threads: 2)]

  @Test(arguments: [0, 1])
  func `hundreds of waits are under way at once, on one thread too`(pool: Int) async throws {
    let now = Atomic<Int>(0)
    let most = Atomic<Int>(0)
    let waits = (0..<200).map { number in
      delayed("wait") { () async throws -> Int in
        let count = now.wrappingAdd(1, ordering: .relaxed).newValue
        _ = most.max(count, ordering: .relaxed)
        // All have to be there at once for any of them to go on.
        while most.load(ordering: .relaxed) < 200 { try await Task.sleep(for: .milliseconds(1)) }
        return number
      }
    }
    let sum = delayed("sum", all: waits) { $0.reduce(0, +) }
    #expect(try await sum.compute(on: Self.pools[pool]) == 19_900)
  }

  @Test(arguments: [0, 1])
  func `tasks compute graphs, and those tasks too`(pool: Int) async throws {
    let executor = Self.pools[pool]
    @Sendable func fibonacci(_ number: Int) throws -> Int {
      if number < 2 { return number }
      let parts = [1, 2].map { step in delayed("fibonacci") { try fibonacci(number - step) } }
      return try parts.run(on: executor).reduce(0, +)
    }
    let answer = delayed("outer") { try fibonacci(12) }
    #expect(try await answer.compute(on: executor) == 144)
  }

  @Test func `what fails now and then is run again, and the failure tells how often`() async throws {
    struct Flaky: Error {}
    let count = Count()
    let third = delayed("flaky") { () -> Int in
      if count.add() < 3 { throw Flaky() }
      return count.now
    }.retries(5, delay: .milliseconds(1))
    #expect(try await third.compute() == 3)
    let never = delayed("never") { () -> Int in throw Flaky() }.retries(2, delay: .milliseconds(1))
    let failure = await #expect(throws: TaskFailure.self) { try await never.map { $0 }.compute() }
    #expect(failure?.attempts == 3 && failure?.key.label == "never")
  }

  @Test func `a body that takes too long is told to stop, and the run fails`() async throws {
    let late = delayed("late") { (context: borrowing TaskContext) -> Int in
      while true { try context.checkCancellation() }
    }.timeout(.milliseconds(20))
    let failure = await #expect(throws: TaskFailure.self) { try await late.compute(on: Self.pools[1]) }
    #expect(failure?.underlying is TaskTimeout)
    let asleep = delayed("asleep") { () async throws -> Int in
      try await Task.sleep(for: .seconds(1_000_000))
      return 1
    }.timeout(.milliseconds(20))
    let second = await #expect(throws: TaskFailure.self) { try await asleep.compute(on: Self.pools[0]) }
    #expect(second?.underlying is TaskTimeout)
  }

  @Test func `resources bound how many run at once, and too great a need is refused`() async throws {
    let now = Atomic<Int>(0)
    let most = Atomic<Int>(0)
    let tasks = (0..<40).map { number in
      delayed("limited") { () async throws -> Int in
        let count = now.wrappingAdd(1, ordering: .relaxed).newValue
        _ = most.max(count, ordering: .relaxed)
        await Task.yield()
        now.wrappingSubtract(1, ordering: .relaxed)
        return number
      }.resources(["gpu": 1])
    }
    let options = ComputeOptions(run: RunOptions(resources: ["gpu": 3]))
    #expect(try await tasks.compute(options: options) == Array(0..<40))
    #expect((1...3).contains(most.load(ordering: .relaxed)))
    let failure = await #expect(throws: TaskFailure.self) {
      try await tasks[0].resources(["gpu": 4]).compute(options: options)
    }
    #expect(failure?.underlying is ResourceShortage && failure?.attempts == 0)
  }

  @Test func `cancelling the Swift task that waits cancels the run`() async throws {
    let began = Atomic<Bool>(false)
    let endless = delayed("endless") { (context: borrowing TaskContext) -> Int in
      began.store(true, ordering: .relaxed)
      while true { try context.checkCancellation() }
    }
    let task = Task { try await endless.compute(on: Self.pools[1]) }
    while !began.load(ordering: .relaxed) { await pause() }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test func `an asynchronous result is cached too`() async throws {
    let cache = try ResultCache(memory: 1 << 20)
    let count = Count()
    func page() -> Delayed<Int> {
      delayed("fetch") { () async throws -> Int in
        await Task.yield()
        return count.add()
      }.cached(in: cache, key: "page")
    }
    #expect(try await page().compute() == 1)
    #expect(try await page().compute() == 1)
  }
}
