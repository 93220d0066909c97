import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Martlet

@Suite struct MapTests {
  @Test(arguments: [1, 2, 4], [0, 1, 2, 7, 1000, 100_000]) func `map gives what a plain map gives`(
    width: Int, count: Int
  ) throws {
    let pool = Pool(width: width)
    let expected = (0..<count).map { $0 &* 31 }
    #expect(try pool.map(0..<count) { $0 &* 31 } == expected)
    #expect(try pool.map(Array(0..<count), chunk: 3) { "\($0)" } == (0..<count).map { "\($0)" })
    #expect(try pool.map(Array(0..<count), chunk: 0) { $0 &* 31 } == expected)
    let sum = Atomic<Int>(0)
    try pool.forEach(0..<count) { sum.wrappingAdd($0, ordering: .relaxed) }
    #expect(sum.load(ordering: .relaxed) == count * (count - 1) / 2)
    pool.close()
  }

  @Test func `asynchronous callers get the same`() async throws {
    let pool = Pool(width: 2)
    #expect(try await pool.map(0..<1000) { $0 + 1 } == Array(1...1000))
    #expect(try await pool.map(0..<0) { $0 } == [])
    let sum = Atomic<Int>(0)
    try await pool.forEach(0..<1000) { sum.wrappingAdd($0, ordering: .relaxed) }
    #expect(sum.load(ordering: .relaxed) == 499_500)
    #expect(try await pool.reduce(0..<1000, 0, +) == 499_500)
    await pool.close()
  }

  @Test func `collections without random access, and slices`() throws {
    let pool = Pool(width: 2)
    #expect(try pool.map(Set(0..<100)) { $0 }.sorted() == Array(0..<100))
    #expect(try pool.map("häuser") { String($0) } == ["h", "ä", "u", "s", "e", "r"])
    #expect(try pool.map((0..<100).map { $0 }[40..<60]) { $0 } == Array(40..<60))
    #expect(try pool.map([1, nil, 3] as [Int?]) { $0 } == [1, nil, 3])
    #expect(try pool.map(stride(from: 0, to: 10, by: 3).map { $0 }.reversed()) { $0 } == [9, 6, 3, 0])
    #expect(try pool.stream("abc", order: .ofElements) { String($0) }.next()?.value == "a")
    pool.close()
  }

  @Test(arguments: sampled(0..<60)) func `the first error in their order is thrown, and nothing leaks`(seed: Int) throws
  {
    var random = SeededGenerator(seed: UInt64(seed))
    let pool = Pool(width: 1 + random.below(4))
    let count = 1 + random.below(3000)
    let failing = Set((0..<1 + random.below(4)).map { _ in random.below(count) })
    let chunk = random.chance(50) ? nil : 1 + random.below(200)
    let alive = Occupancy()
    let error = #expect(throws: Mistake.self, "seed \(seed)") {
      try pool.map(0..<count, chunk: chunk) { number -> Counted in
        if failing.contains(number) { throw Mistake(number: number) }
        return Counted(alive)
      }
    }
    #expect(error?.number == failing.min(), "seed \(seed)")
    #expect(alive.current == 0, "seed \(seed)")
    let results = try pool.mapResults(0..<count, chunk: chunk) { number -> Counted in
      if failing.contains(number) { throw Mistake(number: number) }
      return Counted(alive)
    }
    #expect(alive.current == count - failing.count)
    for (number, result) in results.enumerated() {
      switch result {
      case .success: #expect(!failing.contains(number), "seed \(seed)")
      case .failure(let error): #expect(error as? Mistake == Mistake(number: number), "seed \(seed)")
      }
    }
    pool.close()
  }

  @Test(arguments: sampled(0..<60)) func `reduce keeps the order, whatever the pieces`(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let pool = Pool(width: 1 + random.below(4))
    let count = random.below(2000)
    let chunk = random.chance(50) ? nil : 1 + random.below(100)
    // Joining texts is associative, and not commutative.
    let texts = (0..<count).map { "\($0)," }
    #expect(try pool.reduce(texts, "", chunk: chunk, +) == texts.joined(), "seed \(seed)")
    let all = try pool.reduce(
      texts, into: [String](), chunk: chunk, { $0.append($1) }, combine: { $0.append(contentsOf: $1) })
    #expect(all == texts, "seed \(seed)")
    if count > 0 {
      let bad = random.below(count)
      let error = #expect(throws: Mistake.self) {
        try pool.reduce(
          0..<count, into: 0, chunk: chunk, { if $1 >= bad { throw Mistake(number: $1) } else { $0 += 1 } },
          combine: { $0 += $1 })
      }
      #expect(error?.number == bad, "seed \(seed)")
    }
    pool.close()
  }

  @Test func `with a given chunk, sums of rounded numbers repeat themselves`() throws {
    var random = SeededGenerator(seed: 5)
    let numbers = (0..<50_000).map { _ in Double(random.below(1_000_000)) / 7 }
    let pool = Pool(width: 4)
    let chunks = stride(from: 0, to: numbers.count, by: 100).map { start -> Double in
      numbers[start..<min(numbers.count, start + 100)].reduce(0, +)
    }
    let expected = chunks.dropFirst().reduce(chunks[0], +)
    for _ in 0..<5 { #expect(try pool.reduce(numbers, 0, chunk: 100, +) == expected) }
    pool.close()
  }

  @Test(arguments: [1, 2]) func `calls inside calls inside tasks end`(width: Int) throws {
    let pool = Pool(width: width)
    let sums = try pool.submit {
      try pool.map(0..<20) { (outer: Int) -> Int in
        try pool.reduce(
          0..<20, into: 0, { $0 += try pool.submit { [outer] in outer }.result() * $1 }, combine: { $0 += $1 })
      }
    }.result()
    #expect(sums == (0..<20).map { $0 * 190 })
    pool.close()
  }

  @Test func `a slow element does not keep those behind it in its piece from other threads`() throws {
    let pool = Pool(width: 2)
    let last = Atomic<Int>(0)
    let gate = Gate()
    // The first elements are cheap, so pieces are long; then one waits for all others.
    try pool.forEach(0..<20_000) { number in
      if number == 5000 { gate.wait() }
      if last.wrappingAdd(1, ordering: .relaxed).newValue == 14_000 { gate.open() }
    }
    #expect(last.load(ordering: .relaxed) == 20_000)
    pool.close()
  }

  @Test func `the end of the task around it ends a call`() throws {
    let pool = Pool(width: 2)
    let started = Gate()
    let task = pool.submit {
      try pool.forEach(0..<1_000_000_000) { _ in
        started.open()
        usleep(10)
      }
    }
    started.wait()
    task.cancel()
    #expect(throws: CancellationError.self) { try task.result() }
    pool.close()
  }

  @Test func `cancelling the Swift task ends a call`() async throws {
    let pool = Pool(width: 2)
    let started = Gate()
    let task = Task {
      try await pool.map(0..<1_000_000_000, chunk: 10) { _ in
        started.open()
        usleep(10)
      }
    }
    await started.opened()
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    await pool.close()
  }

  @Test func `closing a pool with cancellation ends a call made outside of it`() throws {
    let pool = Pool(width: 2)
    let started = Gate()
    let outcome = Shared<(any Error)?>(nil)
    let other = Pool(width: 1)
    let caller = other.submit {
      do {
        try pool.forEach(0..<1_000_000_000) { _ in
          started.open()
          usleep(10)
        }
      } catch { outcome.set(error) }
    }
    started.wait()
    pool.close(cancelling: true)
    try caller.result()
    #expect(outcome.value is CancellationError)
    let error = #expect(throws: PoolError.self) { try pool.map(0..<3) { $0 } }
    #expect(error?.code == .closed)
    other.close()
  }

  @Test func `an initialiser runs on each thread first, and calls stay on these threads`() throws {
    let ready = Shared<Set<Int>>([])
    let pool = Pool(width: 3) { index in ready.change { _ = $0.insert(index) } }
    let indexes = try pool.map(0..<2000) { _ -> Int in
      guard let index = Pool.threadIndex else { return -1 }
      return ready.value.contains(index) ? index : -2
    }
    #expect(indexes.allSatisfy { (0..<3).contains($0) })
    pool.close()
    let failing = Pool(width: 2) { _ in throw Mistake(number: 1) }
    let error = #expect(throws: PoolError.self) { try failing.map(0..<5) { $0 } }
    #expect(error?.code == .initializerFailed)
    failing.close()
  }

  // MARK: Asynchronous bodies

  @Test(arguments: [1, 2]) func `asynchronous bodies: bounded, in order, hold no thread`(width: Int) async throws {
    let pool = Pool(width: width)
    let inside = Occupancy()
    let values = try await pool.map(0..<200, concurrency: 20) { number in
      inside.enter()
      try await Task.sleep(for: .milliseconds(number % 5))
      inside.leave()
      return number * 2
    }
    #expect(values == (0..<200).map { $0 * 2 })
    #expect(inside.most <= 20)
    #expect(inside.most > width)
    await pool.close()
  }

  @Test func `the first error of asynchronous bodies cancels the others, or all are kept`() async throws {
    let pool = Pool(width: 2)
    await #expect(throws: Mistake(number: 7)) {
      try await pool.map(0..<100, concurrency: 10) { number in
        if number == 7 { throw Mistake(number: 7) }
        if number > 7 { try await Task.sleep(for: .seconds(1_000_000)) }
        return number
      }
    }
    let results = try await pool.mapResults(0..<10) { number in
      await Task.yield()
      if number == 7 { throw Mistake(number: 7) }
      return number
    }
    #expect(results.map { (try? $0.get()) ?? -1 } == [0, 1, 2, 3, 4, 5, 6, -1, 8, 9])
    let task = Task { try await pool.forEach(0..<10) { _ in try await Task.sleep(for: .seconds(1_000_000)) } }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    let begun = Occupancy()
    let closing = Task {
      try await pool.forEach(0..<10) { _ in
        begun.enter()
        try await Task.sleep(for: .seconds(1_000_000))
      }
    }
    // What comes to a closed pool is refused, and that is another error.
    while begun.most < 10 { await pause() }
    await pool.close(cancelling: true)
    await #expect(throws: CancellationError.self) { try await closing.value }
  }

  @Test func `asynchronous bodies in a plain program`() async throws {
    let values = try await aside {
      let pool = Pool(width: 1)
      let values = try pool.map(0..<50) { number in
        try await Task.sleep(for: .milliseconds(1))
        return number
      }
      pool.close()
      return values
    }
    #expect(values == Array(0..<50))
  }
}

/// Counts how many of it are alive.
final class Counted: Sendable {
  private let alive: Occupancy

  init(_ alive: Occupancy) {
    self.alive = alive
    alive.enter()
  }

  deinit { alive.leave() }
}
