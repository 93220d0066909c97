import Glibc
import Martlet
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(60))) struct FailureScenarios {
  // A task that brings down whoever runs it: it is given up after its limit, with a name and a count, and nobody else is.
  @Test(arguments: [1, 3]) func `a task that never succeeds is tried once more than its limit, and others go on`(
    threads: Int
  ) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    let (deaths, others) = (Count(), Count())
    let deadly = delayed("deadly") { () -> Int in throw Mistake(number: deaths.add()) }.retries(3, delay: .zero)
    let queued = (0..<40).map { number in
      delayed("other") { () -> Int in
        others.add()
        return number
      }
    }
    async let failed = aside { Result { try deadly.map { $0 + 1 }.run(on: executor) } }
    async let sum = aside { try queued.run(on: executor).reduce(0, +) }
    #expect(try await sum == 780)
    let result = try await failed
    let failure = #expect(throws: TaskFailure.self) { try result.get() }
    #expect(failure?.attempts == 4 && failure?.key.label == "deadly")
    #expect(failure?.underlying as? Mistake == Mistake(number: 4))
    #expect(failure?.path.count == 2)
    #expect(failure.map { "\($0)" }?.contains("failed 4 times: Mistake(number: 4)") == true)
    #expect((deaths.now, others.now) == (4, 40))
  }

  // Innocent tasks are queued behind one that fails without a second chance: they are not blamed for where they stood.
  @Test(arguments: [1, 2]) func `tasks queued behind one that fails are not failed`(width: Int) async throws {
    let pool = Pool(width: width)
    let gate = Gate()
    let deadly = await pool.submit { () -> Int in
      gate.wait()
      throw Mistake(number: 7)
    }
    var innocents: [Future<Int>] = []
    for number in 0..<50 { innocents.append(await pool.submit { number }) }
    gate.open()
    #expect(await innocents.wait(for: .all).unfinished.isEmpty)
    #expect(innocents.allSatisfy { $0.state == .succeeded })
    await #expect(throws: Mistake(number: 7)) { try await deadly.value }
    await pool.close()

    let results = try await Pool.shared.mapResults(0..<30) { number -> Int in
      if number == 11 { throw Mistake(number: number) }
      return number
    }
    #expect(results.map { try? $0.get() } == (0..<30).map { $0 == 11 ? nil : $0 })
  }

  // One of a thousand tasks throws: the others stop, and the error comes once. All others wait for the end of the run, so
  // that any which is begun afterwards would be counted.
  @Test(arguments: [1, 2, 4]) func `one of a thousand tasks throws: the others are not begun, and it is thrown once`(
    threads: Int
  ) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    let (begun, inside) = (Count(), Occupancy())
    var tasks = (0..<1000).map { number in
      delayed("waits") { (context: borrowing TaskContext) -> Int in
        begun.add()
        inside.enter()
        defer { inside.leave() }
        while !context.isCancelled { usleep(50) }
        return number
      }
    }
    tasks[613] = delayed("throws") { throw Mistake(number: 613) }.priority(1)
    let log = EventLog()
    let all = tasks
    let failure = await #expect(throws: TaskFailure.self) {
      try await aside { try all.run(on: executor, options: .running(RunOptions(events: log))) }
    }
    #expect(inside.current == 0)
    #expect(failure?.underlying as? Mistake == Mistake(number: 613))
    let count = begun.now
    #expect(count < threads)
    var (failures, starts) = (0, 0)
    log.drain {
      failures += $0.kind == .taskFailed ? 1 : 0
      starts += $0.kind == .taskStarted ? 1 : 0
    }
    #expect(failures == 1 && starts == count + 1)
    // The executor is as good as before.
    #expect(try await aside { try (Delayed(20) + delayed("more") { 22 }).run(on: executor) } == 42)
    #expect(begun.now == count)
  }

  // One who no longer answers: it is asked to stop when its time is up, does its work elsewhere, and its neighbours do not notice.
  @Test(arguments: [1, 2]) func `a task that hangs is ended by its time, and done by the next attempt`(
    threads: Int
  ) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    let (attempts, neighbours) = (Count(), Count())
    let hanging = delayed("hangs") { (context: borrowing TaskContext) throws -> Int in
      if attempts.add() > 2 { return 5 }
      while true {
        try context.checkCancellation()
        usleep(50)
      }
    }.timeout(.milliseconds(200)).retries(20, delay: .zero)
    // More attempts than it needs: on a loaded machine one that does not hang may be late too.
    let work = (0..<20).map { number in
      delayed("neighbour") { () -> Int in
        neighbours.add()
        return number
      }
    }
    let sum = delayed("sum", hanging, work.gathered()) { $0 + $1.reduce(0, +) }
    #expect(try await aside { try sum.run(on: executor) } == 195)
    #expect(attempts.now >= 3 && neighbours.now == 20)

    let again = Count()
    let hopeless = delayed("hopeless") { (context: borrowing TaskContext) throws -> Int in
      again.add()
      while true {
        try context.checkCancellation()
        usleep(50)
      }
    }.timeout(.milliseconds(10)).retries(1, delay: .zero)
    let failure = await #expect(throws: TaskFailure.self) { try await aside { try hopeless.run(on: executor) } }
    #expect((failure?.underlying as? TaskTimeout)?.limit == .milliseconds(10))
    #expect(failure?.attempts == 2 && again.now == 2)
  }

  // The same in the pool: only who hangs is blamed.
  @Test func `a submitted task that hangs is told that its time is up, those beside it have their results`()
    async throws
  {
    let pool = Pool(width: 2)
    let hanging = await pool.submit(timeout: .milliseconds(20)) { () -> Int in
      while true {
        try Pool.checkCancellation()
        usleep(50)
      }
    }
    var others: [Future<Int>] = []
    for number in 0..<50 { others.append(await pool.submit { number * number }) }
    for (number, other) in others.enumerated() { #expect(try await other.value == number * number) }
    let error = await #expect(throws: PoolError.self) { try await hanging.value }
    #expect(error?.code == .timedOut)
    #expect(hanging.state == .failed)
    await pool.close()
  }
}
