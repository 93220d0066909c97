import Glibc
import Martlet
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(60))) struct SchedulingScenarios {
  // A pool is closed in the middle of the work, as a worker is retired: what was handed in before has its result, each task
  // ran once, and what comes later is refused by name.
  @Test(arguments: [1, 4]) func `closing in the middle loses nothing, runs nothing twice, and refuses the rest`(
    width: Int
  ) async throws {
    let pool = Pool(width: width)
    let gate = Gate()
    let runs = (0..<200).map { _ in Count() }
    var futures: [Future<Int>] = []
    for number in 0..<200 {
      futures.append(
        await pool.submit {
          gate.wait()
          return number * runs[number].add()
        })
    }
    async let closed: Void = pool.close()
    // Until it is closed, what comes later is accepted too.
    var accepted: [Future<Int>] = []
    var refusal: (any Error)?
    while refusal == nil {
      let late = await pool.submit { 0 }
      if case .failure(let error)? = late.resultIfFinished {
        refusal = error
      } else {
        accepted.append(late)
        try await Task.sleep(for: .microseconds(100))
      }
    }
    gate.open()
    await closed
    #expect((refusal as? PoolError)?.code == .closed)
    #expect(accepted.allSatisfy { $0.state == .succeeded })
    for (number, future) in futures.enumerated() { #expect(try await future.value == number) }
    #expect(runs.allSatisfy { $0.now == 1 })
  }

  // Chains that do not depend on each other: who has begun one goes on with it before he begins another, so no more of their
  // first results are alive than there are threads.
  @Test(arguments: [1, 2, 4]) func `of independent chains no more are begun than there are threads`(
    threads: Int
  ) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    for _ in 0..<20 {
      let (roots, all) = (Occupancy(), Occupancy())
      let chains = (0..<32).map { number in
        delayed("root") { Tracked(number, roots) }
          .map("first") { Tracked($0.value + 1, all) }
          .map("second") { Tracked($0.value + 1, all) }
          .map("last") { $0.value + 1 }
      }
      #expect(try await aside { try chains.run(on: executor) } == (3..<35).map { $0 })
      #expect(roots.most <= threads)
      // A result and the one that is made of it.
      #expect(all.most <= 2 * threads)
      #expect(roots.current == 0 && all.current == 0)
    }
  }

  // Ten tasks that block, room for four: six wait, none more gets in, and all of them end.
  @Test(arguments: [1, 2]) func `of tasks that block as many run as there is room for, whatever the threads`(
    threads: Int
  ) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    let (inside, gate) = (Occupancy(), Gate())
    let tasks = (0..<10).map { number in
      delayed("blocks") { () -> Int in
        inside.enter()
        defer { inside.leave() }
        gate.wait()
        return number
      }.blocking()
    }
    let beside = delayed("beside") { 5 }
    let sum = delayed("sum", all: tasks) { $0.reduce(0, +) }
    async let result = aside {
      try sum.run(on: executor, options: .running(RunOptions(maximumBlockingTasks: 4)))
    }
    try await eventually { inside.current == 4 }
    // The threads of the executor are free meanwhile.
    #expect(try await aside { try beside.run(on: executor) } == 5)
    #expect(inside.current == 4)
    gate.open()
    #expect(try await result == 45)
    #expect(inside.most == 4)
  }

  // The same in a pool: the first four run, the others wait in their turn; who leaves makes room for the next.
  @Test func `a pool runs as many as it is wide, the others wait`() async throws {
    let pool = Pool(width: 4)
    let gates = (0..<10).map { _ in Gate() }
    var futures: [Future<Int>] = []
    for number in 0..<10 {
      futures.append(
        await pool.submit {
          gates[number].wait()
          return number
        })
    }
    let all = futures
    func running() -> Int { all.count { $0.state == .running } }
    for ended in 0...6 {
      try await eventually { all.count { $0.state == .running } == 4 }
      #expect(running() == 4 && all.count { $0.state == .waiting } == 6 - ended)
      if ended < 6 {
        gates[ended].open()
        #expect(try await all[ended].value == ended)
      }
    }
    for gate in gates { gate.open() }
    for (number, future) in futures.enumerated() { #expect(try await future.value == number) }
    await pool.close()
  }

  // Tasks are stolen while their run is cancelled or fails, at any moment: each runs once at most, and once where the run
  // has a result.
  @Test(arguments: sampled(0..<60 as Range<UInt64>)) func `whatever is stolen when, no task runs twice`(
    seed: UInt64
  ) async throws {
    let executor = ThreadPoolExecutor(threads: 4)
    for round in sampled(0..<5 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed * 5 + round)
      let runs = (0..<321).map { _ in Count() }
      let (source, ending, at) = (CancellationSource(), random.below(3), random.below(320))
      @Sendable func body(_ number: Int) throws -> Int {
        runs[number].add()
        if number == at {
          if ending == 1 { source.cancel() }
          if ending == 2 { throw Mistake(number: at) }
        }
        return number
      }
      var leaves: [Delayed<Int>] = []
      for root in 0..<64 {
        let node = delayed("root") { try body(5 * root) }
        for child in 1...4 { leaves.append(node.map("child") { try body($0 + child) }) }
      }
      let sum = delayed("sum", all: leaves) { values in try body(320) + values.reduce(0, +) }
      let result = try await aside {
        Result { try sum.run(on: executor, options: .running(RunOptions(cancellation: source))) }
      }
      let counts = runs.map(\.now)
      switch result {
      case .success(let value):
        #expect(ending != 2 && value == (0...320).reduce(0) { $1 % 5 == 0 && $1 < 320 ? $0 : $0 + $1 }, "seed \(seed)")
        #expect(counts == [Int](repeating: 1, count: 321), "seed \(seed)")
      case .failure(let error):
        #expect(ending != 0 && counts.allSatisfy { $0 <= 1 } && counts[320] == 0, "seed \(seed): \(error)")
        if ending == 2 { #expect((error as? TaskFailure)?.underlying as? Mistake == Mistake(number: at)) }
      }
    }
  }

  // One thread has all the tasks in its queue and is held up by a long one: the others take them.
  @Test(arguments: [2, 4]) func `what lies behind a long task is taken by others`(threads: Int) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    for _ in 0..<10 {
      let (begun, ended) = (Count(), Count())
      let root = delayed("root") { 1 }
      let children = (0..<20).map { number in
        root.map("child") { value -> Int in
          if begun.add() == 1 { while ended.now < 19 { usleep(50) } }
          ended.add()
          return value + number
        }
      }
      #expect(try await aside { try children.run(on: executor) } == Array(1...20))
    }
  }

  // Twenty executors come and go while they work on the blocks of one array, several at a time: the result is exact.
  @Test func `executors that come and go in the middle of a job do not change its result`() async throws {
    let table = try await delayed("table") { (0..<400).map { ($0 &* 7919) % 1009 } }.persist()
    let computed = Count()
    let pieces = try await withThrowingTaskGroup(of: (Int, [Int]).self) { group in
      var results = [[Int]](repeating: [], count: 20)
      for piece in 0..<20 {
        if piece >= 4, let (done, values) = try await group.next() { results[done] = values }
        group.addTask {
          let executor = ThreadPoolExecutor(threads: 1 + piece % 4)
          let blocks = (0..<20).map { block in
            table.map("block") { values -> Int in
              computed.add()
              return values[piece * 20 + block] &* values[(piece * 20 + block + 1) % 400]
            }
          }
          return (piece, try await blocks.compute(on: executor))
        }
      }
      for try await (done, values) in group { results[done] = values }
      return results
    }
    let values = (0..<400).map { ($0 &* 7919) % 1009 }
    let products = (0..<400).map { (place: Int) -> Int in values[place] &* values[(place + 1) % 400] }
    #expect(Array(pieces.joined()) == products)
    #expect(computed.now == 400)
  }

  // Tasks that compute graphs, on the executor that runs them, as deep as one likes: one thread is enough.
  @Test(arguments: [1, 2]) func `computing inside a task does not deadlock, however few the threads`(
    threads: Int
  ) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    @Sendable func nested(_ depth: Int) -> Delayed<Int> {
      if depth == 0 { return delayed("deepest") { 1 } }
      let both = [delayed("left") { depth }, delayed("inner") { try nested(depth - 1).run(on: executor) }]
      return delayed("outer", all: both) { $0.reduce(0, +) }
    }
    #expect(try await aside { try nested(40).run(on: executor) } == 821)

    @Sendable func awaiting(_ depth: Int) -> Delayed<Int> {
      if depth == 0 { return delayed("deepest") { 1 } }
      return delayed("inner") { () async throws -> Int in
        try await awaiting(depth - 1).compute(on: executor) + depth
      }
    }
    #expect(try await awaiting(20).compute(on: executor) == 211)

    // A task of the executor that submits to a pool whose tasks compute on the executor.
    let pool = Pool(width: 1)
    @Sendable func crossing(_ depth: Int) -> Delayed<Int> {
      if depth == 0 { return delayed("deepest") { 1 } }
      return delayed("crossing") {
        try pool.submit { () throws -> Int in try crossing(depth - 1).run(on: executor) + depth }.result()
      }
    }
    #expect(try await aside { try crossing(10).run(on: executor) } == 56)
    await pool.close()
  }
}
