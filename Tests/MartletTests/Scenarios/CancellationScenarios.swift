import Glibc
import Martlet
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(60))) struct CancellationScenarios {
  // A task that runs is cancelled, and its result is wanted again before it has ended. Where it ends well all the same, its
  // value is kept; where it does not, the new one computes it, and the old error is nobody's but the old one's.
  @Test(arguments: [1, 2]) func `a value that comes after cancelling is kept, an error of then is not passed on`(
    width: Int
  ) async throws {
    let pool = Pool(width: width)
    for ending in 0..<3 {
      let (began, gate) = (Gate(), Gate())
      let first = await pool.submit { () -> Int in
        began.open()
        gate.wait()
        #expect(Pool.isCurrentTaskCancelled)
        if ending == 1 { throw Mistake(number: 1) }
        if ending == 2 { try Pool.checkCancellation() }
        return 6
      }
      await began.opened()
      #expect(!first.cancel())
      let second = await pool.submit { () -> Int in
        #expect(!Pool.isCurrentTaskCancelled)
        return 7
      }
      gate.open()
      #expect(try await second.value == 7)
      switch ending {
      case 0:
        #expect(try await first.value == 6)
        #expect(first.state == .succeeded)
      case 1:
        await #expect(throws: Mistake(number: 1)) { try await first.value }
        #expect(first.state == .failed)
      default:
        await #expect(throws: CancellationError.self) { try await first.value }
        #expect(first.state == .cancelled)
      }
    }
    await pool.close()
  }

  // The same with a graph: a run is cancelled while x executes; x is wanted by another run at once.
  @Test(arguments: [1, 3]) func `a task cancelled in one run is computed by the next, which does not hear of it`(
    threads: Int
  ) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    let (living, began, gate, calls) = (Occupancy(), Gate(), Gate(), Count())
    let x = delayed("x") { () -> Tracked in
      if calls.add() == 1 {
        began.open()
        gate.wait()
        throw Mistake(number: 1)
      }
      return Tracked(4, living)
    }
    let y = x.map("y") { $0.value * 10 }
    let source = CancellationSource()
    async let first = aside { Result { try y.run(on: executor, options: .running(RunOptions(cancellation: source))) } }
    await began.opened()
    source.cancel()
    async let second = aside { try y.run(on: executor) }
    try await eventually { calls.now == 2 }
    gate.open()
    let result = try await first
    #expect(throws: (any Error).self) { try result.get() }
    #expect(try await second == 40)
    #expect(calls.now == 2 && living.current == 0)
  }

  // x and y are released by everybody while x is in the making: when it has ended, nothing of it is left.
  @Test(arguments: [1, 2, 4]) func `results that nobody waits for any more leave nothing behind`(
    width: Int
  ) async throws {
    let (living, gate, began) = (Occupancy(), Gate(), Gate())
    let pool = Pool(width: width)
    do {
      let x = await pool.submit { () -> Tracked in
        let result = Tracked(1, living)
        began.open()
        gate.wait()
        return result
      }
      for _ in 0..<20 { _ = await pool.submit { Tracked(try x.result().value + 1, living) } }
      await began.opened()
    }
    #expect(living.current == 1)
    gate.open()
    await pool.close()
    #expect(living.current == 0 && living.most > 1)
  }

  // Two who wait for the same work: one leaves, the other has the result.
  @Test func `who leaves does not cancel the work of another`() async throws {
    let executor = ThreadPoolExecutor(threads: 3)
    let (began, isOpen) = (Count(), Shared(false))
    let shared = delayed("shared") { (context: borrowing TaskContext) throws -> Int in
      began.add()
      while true {
        try context.checkCancellation()
        if isOpen.value { return 21 }
        usleep(50)
      }
    }
    let leaves = Task { try await shared.map { $0 * 2 }.compute(on: executor) }
    let stays = Task { try await shared.map { $0 * 2 }.compute(on: executor) }
    try await eventually { began.now == 2 }
    leaves.cancel()
    await #expect(throws: CancellationError.self) { try await leaves.value }
    isOpen.set(true)
    #expect(try await stays.value == 42)
  }

  // A storm: five runs at a time on one executor, each cancelled somewhere in its second half, again and again. Every run
  // ends, nothing runs or is alive afterwards, and the next run is right.
  @Test(arguments: sampled(0..<6 as Range<UInt64>))
  func `after a storm of cancellations nothing is left and the next run is right`(
    seed: UInt64
  ) async throws {
    let executor = ThreadPoolExecutor(threads: 3)
    let (living, inside) = (Occupancy(), Occupancy())
    try await withThrowingTaskGroup { group in
      for part in 0..<5 as Range<UInt64> {
        group.addTask {
          var random = SeededGenerator(seed: seed * 100 + part)
          for _ in 0..<5 {
            let work = StormWork(&random, living, inside)
            let source = CancellationSource()
            work.cancelAt.set(work.count / 2 + random.below(work.count / 2 + 1))
            work.source.set(source)
            let value = try await aside {
              Result { try work.sum.run(on: executor, options: .running(RunOptions(cancellation: source))) }
            }
            switch value {
            case .success(let sum): #expect(sum == work.expected, "seed \(seed), part \(part)")
            case .failure(let error): #expect(error is CancellationError, "seed \(seed), part \(part): \(error)")
            }
            #expect(work.inside.current == 0, "seed \(seed), part \(part)")
            work.source.set(nil)
            #expect(try await aside { try work.sum.run(on: executor) } == work.expected, "seed \(seed), part \(part)")
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(living.current == 0 && inside.current == 0 && living.most > 0, "seed \(seed)")
  }

  // The same storm in a process of its own, where threads and descriptors can be counted.
  @Test func `after a storm of cancellations there are no more threads and descriptors than before`() async {
    await #expect(processExitsWith: .success) {
      @Sendable func round(_ seed: UInt64) {
        let pool = Pool(width: 3)
        let executor = ThreadPoolExecutor(threads: 3)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<10 {
          let work = StormWork(&random, Occupancy(), Occupancy())
          let source = CancellationSource()
          work.cancelAt.set(work.count / 2 + random.below(work.count / 2 + 1))
          work.source.set(source)
          _ = try? work.sum.run(on: executor, options: .running(RunOptions(cancellation: source)))
          for number in 0..<20 {
            let future = pool.submit { number }
            if random.chance(50) { future.cancel() }
          }
        }
        pool.close(cancelling: true)
      }
      // Sleeping opens descriptors of the system's own, so it comes before they are counted.
      let rounds = Count()
      startThread(named: "aside") {
        round(0)
        rounds.add()
      }
      try await eventually { rounds.now == 1 }
      try await eventually { ProcessCounts.threads == [] }
      let descriptors = ProcessCounts.descriptors
      startThread(named: "aside") {
        for seed in sampled(1..<10 as Range<UInt64>) { round(seed) }
        rounds.add()
      }
      try await eventually { rounds.now == 2 }
      // Ended threads are gone a moment after they were told to end.
      try await eventually { ProcessCounts.threads == [] }
      #expect(ProcessCounts.descriptors == descriptors)
    }
  }
}

/// Layers of tasks with tracked results, of which one cancels the run that it is in.
private struct StormWork: Sendable {
  let sum: Delayed<Int>
  let expected: Int
  let count: Int
  /// Cancelled by the task that is begun as number `cancelAt`.
  let source = Shared<CancellationSource?>(nil)
  let cancelAt = Shared(0)
  let inside = Occupancy()

  init(_ random: inout SeededGenerator, _ living: Occupancy, _ all: Occupancy) {
    let begun = Count()
    let (source, cancelAt, inside) = (self.source, self.cancelAt, self.inside)
    @Sendable func body(_ inputs: [Tracked], _ number: Int) -> Tracked {
      inside.enter()
      all.enter()
      defer {
        inside.leave()
        all.leave()
      }
      if begun.add() == cancelAt.value { source.value?.cancel() }
      return Tracked(inputs.reduce(number) { $0 &* 31 &+ $1.value }, living)
    }
    var (nodes, values): ([Delayed<Tracked>], [Int]) = ([], [])
    for number in 0..<200 {
      let picks = nodes.isEmpty ? [] : (0..<random.below(4)).map { _ in random.below(nodes.count) }
      nodes.append(delayed("layer", all: picks.map { nodes[$0] }) { body($0, number) })
      values.append(picks.reduce(number) { $0 &* 31 &+ values[$1] })
    }
    sum = delayed("sum", all: nodes) { $0.reduce(0) { $0 &+ $1.value } }
    expected = values.reduce(0, &+)
    count = nodes.count
  }
}

/// What this process has.
enum ProcessCounts {
  static var descriptors: Int { names(in: "/proc/self/fd").count }

  /// The names of this library's threads.
  static var threads: [String] {
    names(in: "/proc/self/task").compactMap { task in
      guard let file = fopen("/proc/self/task/\(task)/comm", "r") else { return nil }
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 64)
      guard fgets(&line, 64, file) != nil else { return nil }
      let name = line.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
      return name.hasPrefix("martlet-") ? String(name.dropLast()) : nil
    }.sorted()
  }

  private static func names(in path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}
