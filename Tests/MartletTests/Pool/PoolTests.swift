import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Martlet

@Suite struct PoolTests {
  @Test(arguments: [1, 3]) func `no more tasks in flight than there is room for`(width: Int) throws {
    let pool = Pool(width: width, maximumInFlight: 5)
    let inside = Occupancy()
    var futures: [Future<Int>] = []
    for number in 0..<500 {
      futures.append(
        pool.submit {
          inside.enter()
          defer { inside.leave() }
          return number
        })
      #expect(pool.inFlight <= 5)
    }
    #expect(try futures.map { try $0.result() } == Array(0..<500))
    #expect(inside.most <= width)
    pool.close()
    #expect(pool.inFlight == 0)
  }

  @Test func `without room a task of the pool runs what it submits itself`() throws {
    let pool = Pool(width: 2, maximumInFlight: 1)
    let sum = try pool.submit {
      try (0..<50).map { number in try pool.submit { number }.result() }.reduce(0, +)
    }.result()
    #expect(sum == 1225)
    pool.close()
  }

  @Test func `who waits for room without blocking can be cancelled`() async throws {
    let pool = Pool(width: 1, maximumInFlight: 1)
    let gate = Gate()
    let first = await pool.submit { gate.wait() }
    let second = Task { await pool.submit { 2 } }
    let third = Task { await pool.submit { 3 } }
    for _ in 0..<100 { await Task.yield() }
    second.cancel()
    let cancelled = await second.value
    gate.open()
    try await first.value
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    #expect(try await third.value.value == 3)
    await pool.close()
  }

  @Test func `closing lets everything finish, also what tasks submit, and refuses the rest`() throws {
    let pool = Pool(width: 2)
    let done = Atomic<Int>(0)
    for _ in 0..<100 {
      _ = pool.submit {
        _ = pool.submit {
          usleep(20)
          done.wrappingAdd(1, ordering: .relaxed)
        }
      }
    }
    pool.close()
    #expect(done.load(ordering: .relaxed) == 100)
    let late = pool.submit { 1 }
    let error = #expect(throws: PoolError.self) { try late.result() }
    #expect(error?.code == .closed)
    pool.close()
  }

  @Test func `closing with cancellation: what waits never runs, what runs is asked to stop`() async throws {
    let pool = Pool(width: 1)
    let started = Gate()
    let ran = Atomic<Int>(0)
    let sleeping = await pool.submit { try await Task.sleep(for: .seconds(1_000_000)) }
    while sleeping.state == .waiting { await pause() }
    let looping = await pool.submit {
      started.open()
      while true {
        try Pool.checkCancellation()
        usleep(1000)
      }
    }
    var waiting: [Future<Void>] = []
    for _ in 0..<50 { waiting.append(await pool.submit { ran.wrappingAdd(1, ordering: .relaxed) }) }
    await started.opened()
    await pool.close(cancelling: true)
    #expect(ran.load(ordering: .relaxed) == 0)
    #expect(sleeping.state == .cancelled && looping.state == .cancelled)
    #expect(waiting.allSatisfy { $0.state == .cancelled })
  }

  @Test func `an initialiser runs once on each thread, and its error is everybody's`() throws {
    let runs = Shared<[Int]>([])
    let pool = Pool(width: 2) { runs.append($0) }
    let seen = try (0..<200).map { _ in pool.submit { Pool.threadIndex } }.map { try $0.result() }
    #expect(seen.allSatisfy { index in index.map { runs.value.contains($0) } ?? false })
    pool.close()
    #expect(runs.value.count == Set(runs.value).count)
    let failing = Pool(width: 2) { _ in throw Mistake(number: 9) }
    let futures = (0..<20).map { number in failing.submit { number } }
    for future in futures {
      let error = #expect(throws: PoolError.self) { try future.result() }
      #expect(error?.code == .initializerFailed && error?.cause as? Mistake == Mistake(number: 9))
    }
    failing.close()
  }

  @Test(arguments: sampled(0..<400)) func `any work, failures and cancellation at random: all ends, nothing is left`(
    seed: Int
  ) async throws {
    try await aside { try randomWork(seed) }
  }

  private func randomWork(_ seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let alive = Occupancy()
    let inside = Occupancy()
    let width = 1 + random.below(4)
    let inFlight = random.pick([1, 3, 50, 1 << 16])
    do {
      let pool = Pool(
        width: width, maximumInFlight: inFlight, spareThreads: 256, spinLimit: random.pick([0, 100, 1000]))
      let futures = Shared<[Future<Counted>]>([])
      let count = 1 + random.below(60)
      for number in 0..<count {
        let kind = random.below(8)
        let cancels = random.chance(15)
        let fails = random.chance(15)
        let future = pool.submit { () throws -> Counted in
          inside.enter()
          defer { inside.leave() }
          switch kind {
          case 0:
            // Some other task, finished or not, but never one that could wait for this.
            let others = futures.value
            if let other = others.first { _ = other.wait(timeout: .microseconds(50)) }
          case 1:
            let below = (0..<3).map { _ in pool.submit { Counted(alive) } }
            if cancels { below[0].cancel() }
            below.wait()
          case 2: _ = try pool.map(0..<10) { _ in Counted(alive) }
          case 3:
            let stream = pool.streamResults(0..<20, buffer: 3) { _ in Counted(alive) }
            for _ in 0..<5 { _ = try stream.next() }
          case 4:
            let slow = pool.submit { () async throws -> Counted in
              await Task.yield()
              return Counted(alive)
            }
            if cancels { slow.cancel() }
            _ = slow.wait()
          case 5: try Pool.checkCancellation()
          default: break
          }
          if fails { throw Mistake(number: number) }
          return Counted(alive)
        }
        futures.append(future)
        if cancels { futures.value[random.below(futures.value.count)].cancel() }
      }
      if random.chance(50) { futures.value.wait() }
      pool.close(cancelling: random.chance(50))
      #expect(futures.value.allSatisfy { $0.isFinished }, "seed \(seed)")
      #expect(pool.inFlight == 0, "seed \(seed)")
      futures.set([])
    }
    #expect(alive.current == 0 && inside.current == 0, "seed \(seed)")
  }

  @Test(arguments: [false, true]) func `closing leaves no thread, and neither does forgetting a pool`(forgets: Bool) {
    let core: PoolCore
    do {
      let pool = Pool(width: 20)
      core = pool.core
      let gate = Gate()
      let futures = (0..<20).map { _ in pool.submit { gate.wait() } }
      while futures.contains(where: { $0.state == .waiting }) { usleep(100) }
      #expect(threads() == 20)
      gate.open()
      futures.wait()
      if !forgets {
        pool.close()
        #expect(threads() == 0)
      }
    }
    func threads() -> Int { core.lock.withLock { core.state.pointee.threads } }
    for _ in 0..<100_000 where threads() > 0 { usleep(100) }
    #expect(threads() == 0)
  }
}
