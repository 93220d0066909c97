import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Martlet

@Suite struct SeveralFuturesTests {
  @Test func `waiting for the first, the first failure, all`() throws {
    let pool = Pool(width: 4)
    let gates = (0..<3).map { _ in Gate() }
    let futures = gates.enumerated().map { number, gate in
      pool.submit { () throws -> Int in
        gate.wait()
        if number == 1 { throw Mistake(number: 1) }
        return number
      }
    }
    var outcome = futures.wait(for: .first, timeout: .milliseconds(1))
    #expect(outcome.finished.isEmpty && outcome.unfinished.count == 3)
    gates[2].open()
    outcome = futures.wait(for: .first)
    #expect(outcome.finished.map { try? $0.result() } == [2])
    #expect(futures.wait(for: .firstFailure, timeout: .milliseconds(1)).finished.count == 1)
    gates[1].open()
    outcome = futures.wait(for: .firstFailure)
    #expect(outcome.finished.count == 2 && outcome.unfinished[0] === futures[0])
    #expect(futures.wait(for: .all, timeout: .milliseconds(1)).unfinished.count == 1)
    gates[0].open()
    #expect(futures.wait(for: .all).unfinished.isEmpty)
    #expect(futures.wait(for: .all, timeout: .seconds(1_000_000)).finished.count == 3)
    #expect(futures.allSatisfy { $0.listeners.isEmpty })
    #expect([Future<Int>]().wait(for: .first).finished.isEmpty)
    // Futures of different types.
    let mixed: [AnyFuture] = [futures[0], pool.submit { "text" }]
    #expect(mixed.wait().finished.count == 2)
    pool.close()
  }

  @Test func `the same without blocking, and cancelled`() async throws {
    let pool = Pool(width: 2)
    let gate = Gate()
    let slow = await pool.submit { gate.wait() }
    let quick = await pool.submit {}
    let first = await [slow, quick].wait(for: .first)
    #expect(first.finished.first === quick)
    let none = await [slow].wait(for: .all, timeout: .milliseconds(1))
    #expect(none.unfinished.count == 1)
    let waiting = Task { await [slow].wait(for: .all).finished.count }
    waiting.cancel()
    #expect(await waiting.value == 0)
    #expect(slow.listeners.isEmpty)
    gate.open()
    #expect(await [slow, quick].wait().finished.count == 2)
    await pool.close()
  }

  @Test(arguments: [1, 2], [0, 256]) func `waiting for several inside a task`(width: Int, spare: Int) throws {
    let pool = Pool(width: width, spareThreads: spare)
    for goal in [WaitGoal.first, .firstFailure, .all] {
      for timeout in [nil, Duration.seconds(1_000_000)] {
        let sum = try pool.submit {
          let futures = (0..<20).map { number in pool.submit { number } }
          let outcome = futures.wait(for: goal, timeout: timeout)
          #expect(outcome.finished.count >= (goal == .first ? 1 : 20))
          return try futures.map { try $0.result() }.reduce(0, +)
        }.result()
        #expect(sum == 190)
      }
    }
    pool.close()
  }

  @Test func `futures come as they end, more are inserted meanwhile`() throws {
    let pool = Pool(width: 2)
    let gate = Gate()
    let slow = pool.submit { () -> Int in
      gate.wait()
      return 0
    }
    let completed = CompletedFutures([slow])
    #expect(throws: PoolError.self) { try completed.next(timeout: .milliseconds(1)) }
    for number in 1...3 { completed.insert(pool.submit { number }) }
    #expect(completed.remaining == 4)
    var seen: [Int] = []
    while seen.count < 20, let future = completed.next() {
      let number = try future.result()
      seen.append(number)
      if number < 18 { completed.insert(pool.submit { number + 3 }) }
    }
    #expect(seen.sorted() == Array(1...20))
    gate.open()
    #expect(completed.next() === slow)
    #expect(completed.next() == nil)
    completed.insert(slow)
    completed.insert(slow)
    #expect(try completed.next(timeout: .seconds(1_000_000)) === slow)
    pool.close()
  }

  @Test func `cancelling those that have not ended`() async throws {
    let pool = Pool(width: 2)
    let completed = CompletedFutures<Int>()
    completed.insert(await pool.submit { 7 })
    for _ in 0..<10 {
      completed.insert(
        await pool.submit { () async throws -> Int in
          try await Task.sleep(for: .seconds(1_000_000))
          return 1
        })
    }
    var states: [AnyFuture.State] = []
    for await future in completed {
      states.append(future.state)
      completed.cancelAll()
    }
    #expect(states == [.succeeded] + Array(repeating: .cancelled, count: 10))
    let open = CompletedFutures([await pool.submit { try await Task.sleep(for: .seconds(1_000_000)) }])
    let taker = Task { () -> Int in
      var count = 0
      for await _ in open { count += 1 }
      return count
    }
    taker.cancel()
    #expect(await taker.value == 0)
    open.cancelAll()
    await pool.close()
  }

  @Test(arguments: sampled(0..<40)) func `as they end, from many threads`(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let pool = Pool(width: 1 + random.below(4))
    let count = random.below(500)
    let completed = CompletedFutures<Int>()
    let inserting = pool.submit { [seed] in
      var random = SeededGenerator(seed: UInt64(seed) + 1000)
      for number in 0..<count {
        let future = pool.submit { () throws -> Int in
          if number % 7 == 0 { throw Mistake(number: number) }
          return number
        }
        if random.chance(10) { future.cancel() }
        completed.insert(future)
      }
    }
    var taken = 0
    while taken < count {
      if let future = try completed.next(timeout: .seconds(1_000_000)) {
        taken += 1
        if !future.isFinished { #expect(Bool(false), "seed \(seed)") }
      }
    }
    try inserting.result()
    #expect(completed.remaining == 0 && completed.next() == nil, "seed \(seed)")
    pool.close()
  }
}
