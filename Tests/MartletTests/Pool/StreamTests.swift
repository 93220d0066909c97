import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Martlet

@Suite struct StreamTests {
  @Test(arguments: [1, 2, 4], [0, 1, 2, 50, 5000]) func `a stream gives each result once`(width: Int, count: Int) throws
  {
    let pool = Pool(width: width)
    for buffer in [1, 2, 7, 256, 100_000] {
      let ordered = pool.stream(0..<count, order: .ofElements, buffer: buffer) { $0 * 3 }
      for number in 0..<count {
        guard let result = try ordered.next() else { break }
        if result != IndexedResult(index: number, value: number * 3) { #expect(Bool(false), "\(result), \(buffer)") }
      }
      #expect(try ordered.next() == nil)
      #expect(try ordered.next() == nil)
      let completed = pool.stream(0..<count, buffer: buffer) { $0 * 3 }
      var seen: [Int] = []
      while let result = try completed.next() {
        seen.append(result.index)
        if result.value != result.index * 3 { #expect(Bool(false), "\(result)") }
      }
      #expect(seen.sorted() == Array(0..<count))
    }
    pool.close()
  }

  @Test func `asynchronous loops, left early too`() async throws {
    let pool = Pool(width: 2)
    var sum = 0
    for try await result in pool.stream(0..<1000, buffer: 10, { $0 }) { sum += result.value }
    #expect(sum == 499_500)
    let begun = Atomic<Int>(0)
    for try await result in pool.stream(
      0..<1_000_000, buffer: 10, { begun.wrappingAdd(max(1, $0 &- $0), ordering: .relaxed) })
    where result.index > 20 { break }
    await pool.close()
    // What was taken, what finds room, and one for each thread.
    #expect(begun.load(ordering: .relaxed) < 1000)
  }

  @Test(arguments: [ResultOrder.asCompleted, .ofElements]) func `the pool works ahead as far as there is room`(
    order: ResultOrder
  ) throws {
    let pool = Pool(width: 2)
    let begun = Atomic<Int>(0)
    let stream = pool.stream(0..<1000, order: order, buffer: 12) { number in
      begun.wrappingAdd(1, ordering: .relaxed)
      return number
    }
    for taken in 1...500 {
      _ = try stream.next()
      #expect(begun.load(ordering: .relaxed) <= taken + 12)
    }
    // It does reach that without being asked.
    while begun.load(ordering: .relaxed) < 506 { usleep(100) }
    stream.cancel()
    #expect(throws: CancellationError.self) { try stream.next() }
    pool.close()
  }

  @Test func `results come as they are completed, or in order`() throws {
    let pool = Pool(width: 2)
    let gate = Gate()
    let completed = pool.stream(0..<50) { number in
      if number == 0 { gate.wait() }
      return number
    }
    for _ in 1..<50 { #expect(try completed.next()?.index != 0) }
    gate.open()
    #expect(try completed.next()?.index == 0)
    gate.reset()
    let begun = Atomic<Int>(0)
    let ordered = pool.stream(0..<50, order: .ofElements, buffer: 10) { number in
      if number == 0 { gate.wait() }
      begun.wrappingAdd(1, ordering: .relaxed)
      return number
    }
    while begun.load(ordering: .relaxed) < 9 { usleep(100) }
    #expect(begun.load(ordering: .relaxed) == 9)
    gate.open()
    for number in 0..<50 { #expect(try ordered.next()?.value == number) }
    pool.close()
  }

  @Test(arguments: sampled(0..<200)) func `failures at random: all before the first in order, or what was there`(
    seed: Int
  )
    throws
  {
    var random = SeededGenerator(seed: UInt64(seed))
    let pool = Pool(width: 1 + random.below(3))
    let count = 1 + random.below(500)
    let failing = Set((0..<1 + random.below(3)).map { _ in random.below(count) })
    let buffer = 1 + random.below(40)
    let alive = Occupancy()
    let naps = random.chance(20)
    let order = random.pick([ResultOrder.asCompleted, .ofElements])
    let body: @Sendable (Int) throws -> Counted = { number in
      if naps, number % 17 == 0 { usleep(20) }
      if failing.contains(number) { throw Mistake(number: number) }
      return Counted(alive)
    }
    do {
      let stream = pool.stream(0..<count, order: order, buffer: buffer, body)
      var seen: [Int] = []
      do {
        while let result = try stream.next() { seen.append(result.index) }
        #expect(Bool(false), "seed \(seed): no error")
      } catch let error as Mistake {
        #expect(failing.contains(error.number), "seed \(seed)")
        if order == .ofElements {
          #expect(error.number == failing.min(), "seed \(seed)")
          #expect(seen == Array(0..<error.number), "seed \(seed)")
        }
      }
      #expect(Set(seen).count == seen.count && failing.isDisjoint(with: seen), "seed \(seed)")
      #expect(throws: Mistake.self) { try stream.next() }
    }
    do {
      let kept = pool.streamResults(0..<count, order: order, buffer: buffer, body)
      var failures: Set<Int> = []
      var total = 0
      while let result = try kept.next() {
        total += 1
        if case .failure = result.value { failures.insert(result.index) }
      }
      #expect(total == count && failures == failing, "seed \(seed)")
    }
    do {
      let cut = random.below(count)
      let stream = pool.streamResults(0..<count, order: order, buffer: buffer, body)
      for _ in 0..<cut { _ = try stream.next() }
    }
    pool.close()
    #expect(alive.current == 0, "seed \(seed)")
  }

  @Test(arguments: [1, 2]) func `streams inside tasks of their pool, and inside streams`(width: Int) throws {
    for spare in [0, 256] {
      let pool = Pool(width: width, spareThreads: spare)
      let sums = try pool.submit {
        let outer = pool.stream(0..<10, order: .ofElements, buffer: 2) { number in
          let inner = pool.stream(0..<number, buffer: 3) { $0 }
          var sum = 0
          while let result = try inner.next() { sum += result.value }
          return sum
        }
        var sums: [Int] = []
        while let result = try outer.next() { sums.append(result.value) }
        return sums
      }.result()
      #expect(sums == (0..<10).map { $0 * ($0 - 1) / 2 })
      pool.close()
    }
  }

  @Test func `closing the pool does not wait for results to be taken`() throws {
    let pool = Pool(width: 2)
    let stream = pool.stream(0..<1000, order: .ofElements, buffer: 8) { $0 }
    #expect(try stream.next()?.value == 0)
    pool.close()
    var taken = 1
    let error = #expect(throws: PoolError.self) { while try stream.next() != nil { taken += 1 } }
    #expect(error?.code == .closed)
    #expect(taken >= 1 && taken <= 1000)
    let late = pool.stream(0..<10) { $0 }
    #expect(throws: PoolError.self) { try late.next() }
    #expect(try pool.stream(0..<0) { $0 }.next() == nil)
    let other = Pool(width: 1)
    let started = Gate()
    let cancelled = other.stream(0..<1000, buffer: 1000) { _ in
      started.open()
      usleep(50)
    }
    started.wait()
    other.close(cancelling: true)
    #expect(throws: CancellationError.self) { while try cancelled.next() != nil {} }
  }

  @Test func `cancelling the Swift task that takes ends the stream`() async throws {
    let pool = Pool(width: 2)
    let started = Gate()
    let task = Task {
      for try await _ in pool.stream(
        0..<10,
        { _ in
          started.open()
          while true { try Pool.checkCancellation() }
        })
      {}
    }
    await started.opened()
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    await pool.close()
  }

  @Test(arguments: sampled(0..<40)) func `costs that jump do not stop a stream in order`(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let pool = Pool(width: 2)
    let jumps = Set((0..<4).map { _ in random.below(8000) })
    let stream = pool.stream(0..<8000, order: .ofElements) { number in
      if jumps.contains(number) { usleep(3000) }
      return number
    }
    for number in 0..<8000 {
      let result = try stream.next()
      if result?.value != number { #expect(result?.value == number, "seed \(seed)") }
    }
    #expect(try stream.next() == nil)
    pool.close()
  }

  @Test func `several threads take from one stream`() throws {
    let pool = Pool(width: 2)
    let takers = Pool(width: 4)
    let stream = pool.stream(0..<20_000, buffer: 16) { $0 }
    let sums = try takers.map(0..<4, chunk: 1) { _ in
      var sum = 0
      while let result = try stream.next() { sum += result.value }
      return sum
    }
    let sum = sums.reduce(0, +)
    #expect(sum == 199_990_000)
    takers.close()
    pool.close()
  }
}
