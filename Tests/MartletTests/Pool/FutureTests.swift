import Glibc
import TestSupport
import Testing

@testable import Martlet

/// Something that a task throws.
struct Mistake: Error, Equatable { let number: Int }

@Suite struct FutureTests {
  @Test func `a task gives its value, or what it throws`() throws {
    let pool = Pool(width: 2)
    #expect(try pool.submit { 6 * 7 }.result() == 42)
    let failing = pool.submit { () throws -> Int in throw Mistake(number: 3) }
    #expect(throws: Mistake(number: 3)) { try failing.result() }
    #expect(failing.state == .failed)
    pool.close()
  }

  @Test func `asynchronous callers and bodies`() async throws {
    let pool = Pool(width: 1)
    let sync = await pool.submit { 1 }
    let asynchronous = await pool.submit {
      try await Task.sleep(for: .milliseconds(1))
      return 2
    }
    #expect(try await sync.value + asynchronous.value == 3)
    #expect(asynchronous.state == .succeeded)
    await pool.close()
  }

  @Test func `asynchronous bodies hold no thread while they wait`() async throws {
    let pool = Pool(width: 1)
    var futures: [Future<Int>] = []
    for number in 0..<50 {
      futures.append(
        await pool.submit {
          try await Task.sleep(for: .milliseconds(30))
          return number
        })
    }
    // One thread: a synchronous task gets its turn while all of them sleep.
    let between = await pool.submit { 7 }
    #expect(try await between.value == 7)
    var sum = 0
    for future in futures { sum += try await future.value }
    #expect(sum == 49 * 25)
    await pool.close()
  }

  @Test(arguments: [1, 2, 3]) func `waiting inside tasks never deadlocks: recursion`(width: Int) throws {
    let pool = Pool(width: width)
    @Sendable func fibonacci(_ n: Int) throws -> Int {
      if n < 2 { return n }
      let left = pool.submit { try fibonacci(n - 1) }
      let right = pool.submit { try fibonacci(n - 2) }
      return try left.result() + right.result()
    }
    #expect(try pool.submit { try fibonacci(15) }.result() == 610)
    pool.close()
  }

  @Test(arguments: [1, 2]) func `each of a chain of tasks waits for the one before`(width: Int) throws {
    // Several times: a thread that wakes up is easily taken for one that waits, and something run on top of it.
    for _ in 0..<20 {
      let pool = Pool(width: width, spareThreads: 8)
      let gate = Gate()
      var last = pool.submit { () -> Int in
        gate.wait()
        return 0
      }
      for _ in 0..<500 {
        let before = last
        last = pool.submit { try before.result() + 1 }
      }
      gate.open()
      #expect(try last.result() == 500)
      pool.close()
    }
  }

  @Test func `each of a chain of tasks waits for one submitted later, deeper than a stack`() throws {
    let pool = Pool(width: 1, maximumInFlight: 1 << 20)
    let count = 20_000
    let futures = Shared<[Future<Int>]>([])
    let gate = Gate()
    let all = (0..<count).map { index in
      pool.submit { () -> Int in
        if index == 0 { gate.wait() }
        if index == count - 1 { return 0 }
        return try futures.value[index + 1].result() + 1
      }
    }
    futures.set(all)
    gate.open()
    #expect(try all[0].result() == count - 1)
    futures.set([])
    pool.close()
  }

  @Test(arguments: 0..<3) func `tasks that all wait for asynchronous ones go on when no thread is left`(spare: Int)
    async throws
  {
    let sum = try await aside {
      let pool = Pool(width: 1, spareThreads: spare)
      let futures = (0..<20).map { number in
        pool.submit { () -> Int in
          let slow = pool.submit { () async throws -> Int in
            try await Task.sleep(for: .milliseconds(2))
            return number
          }
          return try slow.result()
        }
      }
      let sum = try futures.map { try $0.result() }.reduce(0, +)
      pool.close()
      return sum
    }
    #expect(sum == 190)
  }

  @Test func `a cancelled task that nobody started never runs`() async throws {
    let pool = Pool(width: 1)
    let gate = Gate()
    let first = await pool.submit { gate.wait() }
    let ran = Shared(false)
    let second = await pool.submit { ran.set(true) }
    #expect(second.cancel())
    #expect(second.state == .cancelled)
    #expect(!second.cancel())
    gate.open()
    try await first.value
    await #expect(throws: CancellationError.self) { try await second.value }
    await pool.close()
    #expect(!ran.value)
  }

  @Test func `a running task is asked to stop`() async throws {
    let pool = Pool(width: 1)
    let started = Gate()
    let looping = await pool.submit {
      started.open()
      while true {
        try Pool.checkCancellation()
        sched_yield()
      }
    }
    await started.opened()
    #expect(looping.state == .running)
    #expect(!looping.cancel())
    await #expect(throws: CancellationError.self) { try await looping.value }
    #expect(looping.state == .cancelled)
    let sleeping = await pool.submit { try await Task.sleep(for: .seconds(1_000_000)) }
    while sleeping.state == .waiting { await pause() }
    sleeping.cancel()
    await #expect(throws: CancellationError.self) { try await sleeping.value }
    // Who does not look keeps its value.
    let deaf = await pool.submit { () -> Int in
      started.reset()
      started.wait()
      return 5
    }
    while deaf.state == .waiting { await pause() }
    deaf.cancel()
    while deaf.state == .running {
      started.open()
      await Task.yield()
    }
    #expect(try await deaf.value == 5)
    await pool.close()
  }

  @Test func `a timeout stops who looks`() async throws {
    let pool = Pool(width: 2)
    let futures = [
      await pool.submit(timeout: .milliseconds(5)) { try await Task.sleep(for: .seconds(1_000_000)) },
      await pool.submit(timeout: .milliseconds(5)) {
        while true { try Pool.checkCancellation() }
      },
    ]
    for future in futures {
      let error = await #expect(throws: PoolError.self) { try await future.value }
      #expect(error?.code == .timedOut)
    }
    let inTime = await pool.submit(timeout: .seconds(1_000_000)) { 3 }
    #expect(try await inTime.value == 3)
    await pool.close()
  }

  @Test func `waiting ends with its timeout and leaves nothing behind`() throws {
    let pool = Pool(width: 1)
    let gate = Gate()
    let future = pool.submit { gate.wait() }
    for _ in 0..<20 {
      #expect(!future.wait(timeout: .microseconds(50)))
      let error = #expect(throws: PoolError.self) { try future.result(timeout: .zero) }
      #expect(error?.code == .timedOut)
    }
    #expect(future.listeners.isEmpty)
    gate.open()
    #expect(future.wait(timeout: .seconds(1_000_000)))
    #expect(future.wait(timeout: .seconds(Int64.max)))
    pool.close()
  }

  @Test func `completion is told once, before or after`() throws {
    let pool = Pool(width: 1)
    let gate = Gate()
    let told = Shared(0)
    let future = pool.submit { () -> Int in
      gate.wait()
      return 4
    }
    for _ in 0..<3 { future.onCompletion { result in told.change { $0 += (try? result.get()) ?? 0 } } }
    gate.open()
    #expect(try future.result() == 4)
    future.onCompletion { result in told.change { $0 += (try? result.get()) ?? 0 } }
    pool.close()
    #expect(told.value == 16)
  }

  @Test func `tasks of higher priority start first, others in their order`() throws {
    let pool = Pool(width: 1)
    let gate = Gate()
    let order = Shared<[Int]>([])
    let first = pool.submit { gate.wait() }
    for number in 0..<3 { _ = pool.submit(priority: .low) { order.append(20 + number) } }
    for number in 0..<3 { _ = pool.submit { order.append(10 + number) } }
    for number in 0..<3 { _ = pool.submit(priority: .high) { order.append(number) } }
    gate.open()
    try first.result()
    pool.close()
    #expect(order.value == [0, 1, 2, 10, 11, 12, 20, 21, 22])
  }
}
