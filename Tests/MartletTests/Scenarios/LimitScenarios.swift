import Glibc
import Martlet
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(60))) struct LimitScenarios {
  // Memory above its limit while a task runs: it may end, what would bring more data in waits, and goes on once there is room.
  @Test(arguments: [2, 4, 8]) func `while memory is used up sources wait, and go on when there is room`(
    threads: Int
  ) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    let (reading, holding, gate) = (Count(), Occupancy(), Gate())
    let size = 10_000
    let sums = (0..<40).map { number in
      delayed("read") { () -> [UInt8] in
        reading.add()
        return [UInt8](repeating: UInt8(number), count: size)
      }.source(bytes: size).map("use") { bytes -> Int in
        holding.enter()
        defer { holding.leave() }
        gate.wait()
        return bytes.reduce(0) { $0 + Int($1) }
      }
    }
    var builder = GraphBuilder()
    let nodes = (0..<40).map { number in
      let read = builder.task("read", traits: TaskTraits(isSource: true, estimatedResultBytes: size)) { () -> [UInt8] in
        reading.add()
        return [UInt8](repeating: UInt8(number), count: size)
      }
      return builder.task("use", read) { bytes -> Int in
        holding.enter()
        defer { holding.leave() }
        gate.wait()
        return bytes.reduce(0) { $0 + Int($1) }
      }
    }
    let graph = builder.build()
    let budget = 15_000
    async let run = aside {
      try executor.run(graph, outputs: nodes, options: RunOptions(memoryBudgetBytes: budget))
    }
    try await eventually { holding.current > 0 }
    // One is held; a second may have begun before its size was known. Nobody is to begin a third.
    try await Task.sleep(for: .milliseconds(20))
    #expect(reading.now <= 2)
    gate.open()
    let results = try await run
    #expect(nodes.map { results[$0] } == (0..<40).map { $0 * size })
    #expect(reading.now == 40)
    let peak = try #require(results.peakResultBytes)
    #expect(peak >= size && peak <= budget + size + 1000)
    #expect(
      try await aside { try sums.run(on: executor, options: .running(RunOptions(memoryBudgetBytes: budget))) }
        == (0..<40).map { $0 * size })
  }

  // One unit of R, and everything that may go wrong while it is occupied: failing, being too late, waiting without a thread,
  // blocking. It is always given back, and never held by two.
  @Test(arguments: [1, 2, 4]) func `one unit of a resource is never held twice and always given back`(
    threads: Int
  ) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    let (holders, attempts) = (Occupancy(), Count())
    let tasks = (0..<40).map { number -> Delayed<Int> in
      let task: Delayed<Int>
      let tries = Count()
      switch number % 4 {
      case 0:
        task = delayed("fails first") { () -> Int in
          holders.enter()
          defer { holders.leave() }
          attempts.add()
          if tries.add() == 1 { throw Mistake(number: number) }
          return number
        }
      case 1:
        task = delayed("late first") { (context: borrowing TaskContext) throws -> Int in
          holders.enter()
          defer { holders.leave() }
          attempts.add()
          while tries.now == 0 {
            if context.isCancelled {
              tries.add()
              throw CancellationError()
            }
            usleep(50)
          }
          return number
        }.timeout(.milliseconds(30))
      case 2:
        task = delayed("awaits") { () async throws -> Int in
          holders.enter()
          defer { holders.leave() }
          attempts.add()
          if tries.add() == 1 { throw Mistake(number: number) }
          await Task.yield()
          return number
        }
      default:
        task = delayed("blocks") { () -> Int in
          holders.enter()
          defer { holders.leave() }
          attempts.add()
          if tries.add() == 1 { throw Mistake(number: number) }
          usleep(100)
          return number
        }.blocking()
      }
      return task.resources(["R": 1]).retries(30, delay: .zero)
    }
    let options = ComputeOptions.running(RunOptions(resources: ["R": 1]))
    #expect(try await tasks.compute(on: executor, options: options).reduce(0, +) == 780)
    #expect(holders.most == 1 && holders.current == 0)
    #expect(attempts.now >= 80)
  }

  // The unit is occupied: tasks that do not need it go past those that wait for it. The run is cancelled then, and the
  // next one, whose task needs another amount, has all there is.
  @Test func `tasks that do not need a resource go past, and cancelling gives it back`() async throws {
    let executor = ThreadPoolExecutor(threads: 2)
    let (plain, waiting) = (Count(), Count())
    let holds = delayed("holds") { (context: borrowing TaskContext) throws -> Int in
      while true {
        try context.checkCancellation()
        usleep(50)
      }
    }.resources(["R": 1]).priority(2)
    let waits = delayed("waits") { waiting.add() }.resources(["R": 1]).priority(1)
    let others = (0..<50).map { _ in delayed("plain") { plain.add() } }
    let run = Task {
      try await ([holds, waits] + others).compute(
        on: executor, options: .running(RunOptions(resources: ["R": 1])))
    }
    try await eventually { plain.now == 50 }
    #expect(waiting.now == 0)
    run.cancel()
    await #expect(throws: CancellationError.self) { try await run.value }
    #expect(waiting.now == 0)
    let two = delayed("two") { 2 }.resources(["R": 2])
    let one = delayed("one") { 1 }.resources(["R": 1])
    #expect(
      try await [two, one, two].compute(on: executor, options: .running(RunOptions(resources: ["R": 2]))) == [2, 1, 2])
    // More than there is: said before anything runs.
    let failure = await #expect(throws: TaskFailure.self) {
      try await two.compute(on: executor, options: .running(RunOptions(resources: ["R": 1])))
    }
    let shortage = failure?.underlying as? ResourceShortage
    #expect(shortage?.resource == "R" && shortage?.needed == 2 && shortage?.available == 1)
  }

  // Priorities between tasks that need the resource and tasks that do not: the higher one is begun first.
  @Test func `priority is kept between tasks with and without needs`() async throws {
    let log = Log()
    func note(_ name: String, _ priority: Int16, needs: Bool) -> Delayed<Void> {
      let task = delayed(name) { log.add(name) }.priority(priority)
      return needs ? task.resources(["R": 1]) : task
    }
    let tasks = [
      note("plain 1", 1, needs: false), note("needs 4", 4, needs: true), note("plain 3", 3, needs: false),
      note("needs 2", 2, needs: true), note("plain 5", 5, needs: false),
    ]
    let options = ComputeOptions.running(RunOptions(resources: ["R": 1]))
    _ = try await aside { try tasks.run(on: ThreadPoolExecutor(threads: 1), options: options).count }
    #expect(log.lines == ["plain 5", "needs 4", "plain 3", "needs 2", "plain 1"])
  }
}
