import MartletBytes
import MartletProtocol
import TestSupport
import Testing

@testable import MartletClient
@testable import MartletScheduler

/// Random programs on a faulty cluster.
@Suite struct ClientModelTests {
  /// What a run suffers.
  struct Faults { var cuts = false, restarts = false, crashes = false }

  private func jobs(_ random: inout SeededGenerator, count: Int) -> [ModelSession.Job] {
    var jobs: [ModelSession.Job] = []
    for number in 0..<count {
      var job = ModelSession.Job()
      if number > 0, random.chance(80) {
        job.inputs = (0...random.below(3)).map { _ in random.below(number) }.filter { !jobs[$0].isSignal }
      }
      if random.chance(8) {
        job.fails = true
      } else if job.inputs.isEmpty, random.chance(20) {
        job.isData = true
      } else if number > 0, random.chance(6) {
        job = ModelSession.Job(inputs: [random.below(number)], isSignal: true)
      }
      jobs.append(job)
    }
    return jobs
  }

  /// A program that has handles.
  private struct Program: ~Copyable {
    var session: ModelSession
    var random: SeededGenerator
    /// Handles by job.
    var handles: [Int: (future: FutureID, count: Int)] = [:]
    var cancelled: Set<Int> = []
    var nextSubmission: UInt32 = 1
    var nextRequest: UInt32 = 1
    var gathers: [RequestID: [Int]] = [:]
    var published: [RequestID] = []
    var puts: [RequestID] = []
    var takes: [RequestID] = []

    /// Sends a graph of some jobs with all that they need, or with futures in its place.
    mutating func submit() throws {
      let count = session.jobs.count
      let wanted = Set((0...random.below(3)).map { _ in random.below(count) })
      var included: Set<Int> = []
      var known: Set<Int> = []
      var stack = Array(wanted).sorted()
      while let job = stack.popLast() {
        guard !included.contains(job), !known.contains(job) else { continue }
        if session.jobs[job].isData {
          try bring(job)
          known.insert(job)
          continue
        }
        if !wanted.contains(job), let had = handles[job], session.failures[had.future] == nil, !cancelled.contains(job),
          random.chance(60)
        {
          known.insert(job)
          continue
        }
        included.insert(job)
        stack += session.jobs[job].inputs
      }
      // A task that is there under its own description and as a future has one key.
      let ordered = included.sorted()
      guard !ordered.isEmpty else { return }
      let id = SubmissionID(rawValue: nextSubmission)
      nextSubmission += 1
      var begin = 0
      var pieceWanted: [Int] = []
      let isGivenUp = random.chance(5)
      repeat {
        let end = random.chance(60) ? ordered.count : min(ordered.count, begin + 1 + random.below(5))
        var piece = Submission(graph: 0, isLast: end == ordered.count)
        piece.functions = [FunctionName(name: "f", version: 1)]
        piece.labels = ["job"]
        for place in begin..<end {
          let job = session.jobs[ordered[place]]
          piece.tasks.append(
            SubmittedTask(
              digest: ModelSession.digest(ordered[place]), label: 0,
              work: job.isSignal ? .signal : .call(function: 0, arguments: [UInt8(truncatingIfNeeded: ordered[place])]),
              dependencies: job.inputs.map { input in
                if let index = ordered.firstIndex(of: input), index >= begin, index < place {
                  return .back(UInt32(place - index))
                }
                return .known(ModelSession.digest(input))
              }))
          if wanted.contains(ordered[place]) {
            piece.wanted.append(UInt32(place - begin))
            pieceWanted.append(ordered[place])
          }
        }
        if isGivenUp, piece.isLast, begin > 0 {
          try session.hand(.giveUp(id))
          break
        }
        try session.hand(.submit(id, piece))
        // Other things happen between the pieces of a graph.
        for _ in 0..<random.below(3) { _ = try session.step() }
        begin = end
      } while begin < ordered.count
      let futures = session.submitted[id] ?? []
      session.submitted[id] = nil
      if let refusal = session.refused[id], !isGivenUp { throw Broken(description: "refused: \(refusal)") }
      for (job, future) in zip(pieceWanted, futures) {
        if isGivenUp, session.client.slot(of: future).map({ session.client.futures[Int($0)].isCancelled }) == true {
          cancelled.insert(job)
        } else {
          cancelled.remove(job)
        }
        if let known = handles[job], known.future != future { throw Broken(description: "one key, two futures") }
        handles[job] = (future, (handles[job]?.count ?? 0) + 1)
      }
    }

    mutating func bring(_ job: Int) throws {
      guard handles[job] == nil else { return }
      let id = SubmissionID(rawValue: nextSubmission)
      nextSubmission += 1
      let value = ScatteredValue(
        digest: ModelSession.digest(job), label: "data", type: "Int64", byteCount: 8, holders: [],
        bytes: ModelSession.bytes(session.expected[job]))
      try session.hand(.scatter(id, [value], at: nil))
      handles[job] = (session.submitted[id]![0], 1)
      session.submitted[id] = nil
    }

    mutating func act() throws {
      let live = handles.keys.sorted()
      guard !live.isEmpty, !random.chance(35) else { return try submit() }
      let job = random.pick(live)
      let future = handles[job]!.future
      switch random.below(9) {
      case 0, 1:
        // Data cannot be computed again by the scheduler: the program keeps it.
        if session.jobs[job].isData { return }
        try release(job)
      case 2: try session.hand(.want(future))
      case 3, 4:
        let list = (0...random.below(6)).map { _ in random.pick(live) }
        let id = RequestID(rawValue: nextRequest)
        nextRequest += 1
        gathers[id] = list
        try session.hand(.request(id, .gather(list.map { handles[$0]!.future })))
        if random.chance(10) {
          try session.hand(.abandon(id))
          gathers[id] = nil
        }
      case 5:
        if session.jobs[job].isData { return }
        let slot = session.client.slot(of: future)!
        let state = session.client.futures[Int(slot)].state
        if state == .waiting || state == .finished {
          try session.hand(.cancel([future], force: false))
          cancelled.insert(job)
        }
      case 6:
        // What was given up before all of it was sent cannot be tried again.
        let record = session.client.futures[Int(future.slot)]
        let canBeTried = record.task != nil || record.provider != FutureRecord.none
        if session.failures[future] != nil, canBeTried {
          try session.hand(.retry([future]))
          session.failures[future] = nil
          cancelled.remove(job)
        }
      case 7: try share(future)
      default:
        if session.values[future] != nil, !session.jobs[job].isSignal {
          session.values[future] = nil
          try session.hand(.valueDropped(future))
        }
      }
    }

    /// Publishes a result or puts it into a queue, or looks for published ones or takes one; often nobody waits for the answer.
    private mutating func share(_ future: FutureID) throws {
      let name = random.pick(Program.names)
      let timeout: Int64 = random.pick([0, 200, .max])
      let id: RequestID
      switch random.below(5) {
      case 0:
        published.append(try request(.publish(name: name, [future], overwrites: true)))
        return
      case 1: id = try request(.subscribe(name: name))
      case 2:
        let put = CoordinationRequest.put(
          queue: name, value: .bytes(type: "", []), limit: 0, timeoutNanoseconds: timeout)
        puts.append(try request(.coordinate(put, future: future)))
        return
      default:
        id = try request(.coordinate(.take(queue: name, timeoutNanoseconds: timeout), future: nil))
        takes.append(id)
      }
      guard random.chance(60) else { return }
      for _ in 0..<random.below(20) { _ = try session.step() }
      try session.hand(.abandon(id))
    }

    /// How many futures were put into queues, and how many were taken.
    var putCount: Int { puts.count { session.answers[$0] == .done } }
    var takenCount: Int {
      takes.count { if case .future? = session.answers[$0] { true } else { false } }
    }

    private static let names = ["m", "n"]

    @discardableResult
    private mutating func request(_ request: ClientRequest) throws -> RequestID {
      let id = RequestID(rawValue: nextRequest)
      nextRequest += 1
      try session.hand(.request(id, request))
      return id
    }

    /// Takes back what was shared.
    mutating func unshare() throws {
      for id in takes where session.answers[id] == nil { try session.hand(.abandon(id)) }
      // What was given to nobody goes back first.
      while (puts + published).contains(where: { session.answers[$0] == nil }) || session.client.hasAbandoned {
        if try !session.step() { try session.tick() }
      }
      for name in Program.names {
        // The connection may break meanwhile: then it is not known what came of it.
        while true {
          if case .denied(let reason) = try answer(.unpublish(name: name)), reason.hasPrefix("nothing is published") {
            break
          }
        }
        while try answer(.coordinate(.take(queue: name, timeoutNanoseconds: 0), future: nil), isTake: true) != .timedOut
        {}
      }
    }

    private mutating func answer(_ body: ClientRequest, isTake: Bool = false) throws -> ClientAnswer {
      let id = try request(body)
      if isTake { takes.append(id) }
      var steps = 0
      while true {
        if let answer = session.answers[id] { return answer }
        steps += 1
        if steps > 30_000 { throw Broken(description: "no answer: \(body)") }
        if try !session.step() { try session.tick() }
      }
    }

    mutating func release(_ job: Int) throws {
      let known = handles[job]!
      handles[job] = known.count == 1 ? nil : (known.future, known.count - 1)
      if handles[job] == nil { cancelled.remove(job) }
      try session.hand(.release(known.future))
    }

    func isDone() -> Bool {
      handles.allSatisfy { job, known in
        session.values[known.future] != nil || session.failures[known.future] != nil
      } && gathers.keys.allSatisfy { session.answers[$0] != nil }
    }
  }

  private func run(seed: UInt64, _ faults: Faults) throws {
    var random = SeededGenerator(seed: seed)
    let jobs = jobs(&random, count: 1 + random.below(40))
    var program = Program(session: ModelSession(seed: seed, jobs: jobs), random: random)
    try program.session.hand(.connect)
    for _ in 0..<(1 + random.below(25)) {
      try program.act()
      for _ in 0..<random.below(30) { _ = try program.session.step() }
      if faults.cuts, random.chance(12) { program.session.cut() }
      if faults.restarts, random.chance(6) { program.session.restart() }
      if faults.crashes, random.chance(10) { program.session.crash(random.below(program.session.workers.count)) }
      if faults.crashes, random.chance(10) { program.session.cutPeer(random.below(program.session.workers.count)) }
      if random.chance(20) { try program.session.tick() }
    }
    program.session.isFaulty = random.chance(50)
    try finish(&program)
    try check(program)
    // Nobody wants anything any more: nothing is left.
    try program.unshare()
    if !faults.cuts, !faults.restarts, program.putCount != program.takenCount {
      throw Broken(description: "\(program.putCount) were put into queues, \(program.takenCount) taken")
    }
    for job in program.handles.keys.sorted() {
      while program.handles[job] != nil { try program.release(job) }
    }
    var quiet = 0
    var steps = 0
    while quiet < 60 {
      steps += 1
      if try !program.session.step() || steps % 20 == 0 {
        quiet += 1
        try program.session.tick()
      }
    }
    if let left = program.session.client.leftover() { throw Broken(description: "client: \(left)") }
    if let left = program.session.scheduler.leftover() { throw Broken(description: "scheduler: \(left)") }
    if program.session.client.phase != .ready { throw Broken(description: "not connected at the end") }
  }

  private func finish(_ program: inout Program) throws {
    for job in program.handles.keys.sorted() { try program.session.hand(.want(program.handles[job]!.future)) }
    var steps = 0
    while !program.isDone() {
      steps += 1
      if steps == 4_000 { program.session.isFaulty = false }
      if steps > 30_000 {
        let stuck = program.handles.filter { _, known in
          program.session.values[known.future] == nil && program.session.failures[known.future] == nil
        }
        let records = stuck.map { job, known -> String in
          let future = program.session.client.slot(of: known.future).map { program.session.client.futures[Int($0)] }
          let task = future.flatMap(\.task).flatMap { program.session.scheduler.slot(of: $0) }
          let state = task.map { program.session.scheduler.tasks[Int($0)] }
          let wants = state.map { program.session.scheduler.wants.rights(from: $0.firstWant) }
          let story = program.session.scheduler.story(of: ModelSession.digest(job))
          return "job \(job): \(future as Any) \(state as Any) wanted by \(wants as Any)\n\(story)"
        }
        throw Broken(description: "no end: \(records.first ?? "a gather is not answered")")
      }
      if try !program.session.step() || steps % 50 == 0 {
        try program.session.tick()
        // What was cancelled may be computed after all: it was published, and an answer that names it has come.
        for job in program.handles.keys.sorted() { try program.session.hand(.want(program.handles[job]!.future)) }
      }
    }
  }

  private func check(_ program: borrowing Program) throws {
    if let reason = program.session.lostReason { throw Broken(description: "the session was lost: \(reason)") }
    if program.session.valueFailures > 0 { throw Broken(description: "a value was not fetched") }
    for (job, known) in program.handles {
      if let failure = program.session.failures[known.future] {
        let isRight = program.session.failing[job] ? failure.kind == .threw : failure.kind == .cancelled
        if !isRight, !program.cancelled.contains(job) { throw Broken(description: "job \(job): \(failure)") }
      } else if program.session.failing[job] {
        throw Broken(description: "job \(job) should fail")
      } else if program.session.values[known.future] != program.session.expected[job] {
        throw Broken(description: "job \(job) has a wrong value")
      }
    }
    for (id, list) in program.gathers {
      switch program.session.answers[id] {
      case .gathered?:
        if list.contains(where: { program.session.failing[$0] }) {
          throw Broken(description: "a gather has gathered a failure")
        }
      case .failed?: break
      case let other: throw Broken(description: "a gather was answered with \(other as Any)")
      }
    }
  }

  private func runAll(_ seeds: Range<UInt64>, _ faults: Faults) {
    for seed in sampled(seeds) {
      do { try run(seed: seed, faults) } catch {
        Issue.record(Comment(rawValue: "seed \(seed): \(error)"))
      }
    }
  }

  @Test func `programs get their values`() { runAll(0..<200, Faults()) }
  @Test func `connections to the scheduler break`() { runAll(1000..<1150, Faults(cuts: true)) }
  @Test func `workers die, and connections to them break`() { runAll(2000..<2150, Faults(crashes: true)) }
  @Test func `schedulers are replaced`() { runAll(3000..<3150, Faults(restarts: true)) }
  @Test func `everything breaks`() { runAll(4400..<4700, Faults(cuts: true, restarts: true, crashes: true)) }
}

extension ClientCore {
  /// Whether something is still to be answered that nobody waits for.
  fileprivate var hasAbandoned: Bool {
    wireUses.values.contains { if case .abandoned = $0 { true } else { false } }
  }
}
