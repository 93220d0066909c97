import MartletBytes
import MartletProtocol
import TestSupport

@testable import MartletWorker

extension ModelWorld {
  // MARK: The scheduler

  mutating func say(_ message: SchedulerToWorker) {
    guard isWelcomed else { return }
    toWorker.append(message)
    lastMessages.append(message)
    if lastMessages.count > 20 { lastMessages.removeFirst() }
  }

  /// A task with inputs of smaller numbers: those that the worker holds, those of peers, small ones, and some that nobody has.
  mutating func compute(_ key: Int) -> ComputeTask {
    beliefs[key].runs += 1
    beliefs[key].assigned = beliefs[key].runs
    var inputs: [InputRef] = []
    for _ in 0..<(key == 0 ? 0 : random.below(4)) {
      let input = random.below(key)
      var reference = InputRef(
        task: handle(input), digest: Self.digest(input), byteCount: Self.bytes(input), holders: [])
      if !beliefs[input].isHeld {
        if Self.isSmall(input), random.chance(70) {
          reference.inline = [UInt8(input)]
          reference.type = "T"
        }
        reference.holders = holders(input).map(self.reference)
        if goesWrong() { reference.holders.append(self.reference(random.below(peers.count))) }
        if goesWrong() { reference.holders = [] }
        if reference.inline == nil, goesWrong() { reference.byteCount = random.pick([0, 3, 100_000, .max]) }
      }
      // Another worker computes it, and pushes it, or does not.
      if !beliefs[input].isHeld, !expected.contains(input), random.chance(20) {
        expected.insert(input)
        reference = InputRef(
          task: handle(input), digest: Self.digest(input), byteCount: 0, holders: [], delivery: .expected)
      }
      if reference.inline == nil, reference.delivery == .fetched, goesWrong(), random.chance(10) {
        reference.digest = Self.digest(input + 1)
      }
      inputs.append(reference)
    }
    return ComputeTask(
      task: handle(key), run: RunID(rawValue: beliefs[key].runs), digest: Self.digest(key), label: "k\(key)",
      priority: UInt64(random.chance(80) ? key : random.below(Self.keys)), work: .alias,
      timeoutNanoseconds: random.chance(10) ? 3_000_000 : 0, isBlocking: random.chance(15), inputs: inputs)
  }

  /// One thing that a scheduler may do at any time.
  mutating func decide() {
    guard isWelcomed else { return }
    switch random.below(20) {
    case 0..<7:
      var tasks: [ComputeTask] = []
      for _ in 0...random.below(4) {
        let key = random.below(Self.keys)
        if beliefs[key].assigned == nil, !beliefs[key].isHeld || goesWrong() { tasks.append(compute(key)) }
      }
      if !tasks.isEmpty { say(.compute(tasks)) }
    case 7, 8:
      // Cancels what is assigned.
      let runs = beliefs.indices.filter { beliefs[$0].assigned != nil && random.chance(20) }
      say(.cancel(runs.map { TaskRun(task: handle($0), run: RunID(rawValue: beliefs[$0].runs)) }))
      for key in runs { beliefs[key].assigned = nil }
    case 9, 10, 11:
      let dropped = beliefs.indices.filter { beliefs[$0].isHeld && random.chance(40) }
      for key in dropped { beliefs[key].isHeld = false }
      say(.release(dropped.map(handle)))
    case 12, 13:
      let key = random.below(Self.keys)
      if let run = beliefs[key].assigned { say(.steal(handle(key), RunID(rawValue: run))) }
    case 14, 15:
      let key = random.below(Self.keys)
      if !beliefs[key].isHeld, beliefs[key].assigned == nil {
        say(
          .fetch([
            InputRef(
              task: handle(key), digest: Self.digest(key), byteCount: Self.bytes(key),
              holders: holders(key).map(reference))
          ]))
      }
    case 16:
      if goesWrong() {
        let peer = random.below(peers.count)
        peers[peer].isAlive = false
        say(.peerLost(WorkerID(rawValue: UInt32(peer))))
        addPeer()
      }
    case 17:
      if goesWrong(), let message = lastMessages.last {
        if case .compute(let tasks) = message {
          for input in tasks.flatMap(\.inputs) where input.delivery == .expected {
            if let key = key(input.task) { expected.insert(key) }
          }
        }
        say(message)
      } else {
        tellExpected()
      }
    case 18: if goesWrong() { say(nonsense()) }
    default:
      let computed = beliefs.indices.filter { beliefs[$0].assigned != nil && random.chance(40) }
      say(
        computed.isEmpty
          ? .heartbeat
          : .push(computed.map { PushOrder(task: handle($0), to: reference(random.below(peers.count))) }))
    }
  }

  /// What was expected is there: its worker may have pushed it before, or afterwards.
  mutating func tellExpected() {
    guard let key = expected.min() else { return }
    expected.remove(key)
    if holders(key).isEmpty { giveToAPeer(key) }
    var reference = InputRef(
      task: handle(key), digest: Self.digest(key), byteCount: Self.bytes(key),
      holders: holders(key).map(self.reference))
    if Self.isSmall(key) {
      reference.inline = [UInt8(key)]
      reference.type = "T"
      if random.chance(70) { pushes.append(key) }
    }
    say(.inputs([reference]))
  }

  /// What a scheduler never says.
  private mutating func nonsense() -> SchedulerToWorker {
    let strange = TaskHandle(slot: UInt32(random.below(60)), generation: UInt32(random.below(2)))
    // An assignment that is not the last one of its task.
    let key = random.below(Self.keys)
    let old = TaskRun(task: handle(key), run: RunID(rawValue: beliefs[key].runs &- 1))
    switch random.below(8) {
    case 6: return .cancel([old])
    case 7: return .steal(old.task, old.run)
    case 0: return .release([strange, strange])
    case 1: return .cancel([TaskRun(task: strange, run: RunID(rawValue: 0))])
    case 2: return .steal(strange, RunID(rawValue: .max))
    case 3:
      return .holders(
        strange, [reference(0), reference(0), PeerRef(worker: WorkerID(rawValue: worker), address: "")],
        run: RunID(rawValue: 0))
    case 4: return .welcome(WorkerID(rawValue: 1), epoch: 77, heartbeatNanoseconds: 0, keep: [])
    default: return .peerLost(WorkerID(rawValue: 4000))
    }
  }

  /// Bodies wait, or go on: each of the two is said once.
  private mutating func hears(_ runs: [TaskRun], areSuspended: Bool) throws {
    for run in runs {
      guard let key = key(run.task) else { throw Broken(description: "unknown: \(run)") }
      guard beliefs[key].assigned == run.run.rawValue else { continue }
      if beliefs[key].suspended == run.run.rawValue, areSuspended { throw Broken(description: "\(run) waits twice") }
      if beliefs[key].suspended != run.run.rawValue, !areSuspended { throw Broken(description: "\(run) goes on twice") }
      beliefs[key].suspended = areSuspended ? run.run.rawValue : nil
      suspensions += 1
    }
  }

  mutating func schedulerHears(_ message: WorkerToScheduler) throws {
    switch message {
    case .finished(let ends):
      for end in ends {
        guard let key = key(end.task) else { throw Broken(description: "unknown: \(message)") }
        if beliefs[key].assigned == end.run.rawValue {
          beliefs[key].assigned = nil
          beliefs[key].isHeld = true
          answered += 1
          if end.byteCount != Self.bytes(key) { throw Broken(description: "wrong size: \(message)") }
        } else if !beliefs[key].isHeld {
          say(.release([end.task]))
        }
      }
    case .suspended(let runs): try hears(runs, areSuspended: true)
    case .resumed(let runs): try hears(runs, areSuspended: false)
    case .failed(let task, let run, _):
      if let key = key(task), beliefs[key].assigned == run.rawValue { beliefs[key].assigned = nil }
    case .fetched(let tasks):
      for task in tasks {
        guard let key = key(task) else { throw Broken(description: "unknown: \(message)") }
        if random.chance(20) {
          beliefs[key].isHeld = false
          say(.release([task]))
        } else {
          beliefs[key].isHeld = true
        }
      }
    case .missing(let task, let from, _):
      guard let key = key(task) else { throw Broken(description: "unknown: \(message)") }
      if from.rawValue == worker {
        beliefs[key].isHeld = false
      }
      // It is computed again somewhere.
      if holders(key).isEmpty, isEnding || random.chance(30) { giveToAPeer(key) }
      say(.holders(task, holders(key).map(reference), run: RunID(rawValue: 0)))
    case .dropped(let tasks):
      for task in tasks { if let key = key(task) { beliefs[key].isHeld = false } }
    case .stealAnswer(let task, let run, let gave):
      if gave, let key = key(task), beliefs[key].assigned == run.rawValue { beliefs[key].assigned = nil }
    case .heartbeat, .paused, .retire, .coordinate, .abandon, .goodbye, .register: break
    }
  }

  private mutating func giveToAPeer(_ key: Int) {
    let alive = peers.indices.filter { peers[$0].isAlive }
    if alive.isEmpty { addPeer() }
    peers[alive.isEmpty ? peers.count - 1 : random.pick(alive)].holds.insert(key)
  }

  // MARK: Sessions

  mutating func connect() throws {
    isConnected = true
    try hand(.schedulerConnected)
    worker += 1
    let registration = core.registration(
      base: WorkerRegistration(name: "w", address: "a", host: "h", threads: 1, memoryLimit: 0, functions: []))
    if random.chance(30) {
      epoch += 1
      shift &+= UInt32(random.below(Self.keys))
      for key in beliefs.indices { beliefs[key].runs = UInt32(random.below(3)) }
    }
    var keep: [Holding] = []
    for holding in registration.holdings {
      guard let key = Self.keysByDigest[holding.digest] else { throw Broken(description: "unknown: \(holding)") }
      if holding.byteCount != Self.bytes(key) { throw Broken(description: "wrong size: \(holding)") }
      if random.chance(60) {
        var kept = holding
        kept.task = handle(key)
        keep.append(kept)
        beliefs[key].isHeld = true
      }
    }
    isWelcomed = true
    toWorker = [
      .welcome(WorkerID(rawValue: worker), epoch: epoch, heartbeatNanoseconds: 5_000_000, keep: keep)
    ]
  }

  mutating func disconnect() throws {
    isConnected = false
    isWelcomed = false
    toWorker = []
    toScheduler = []
    lastMessages = []
    expected = []
    for key in beliefs.indices {
      beliefs[key].assigned = nil
      beliefs[key].isHeld = false
    }
    try hand(.schedulerLost)
  }

  // MARK: Steps

  /// Something happens; false when there was nothing.
  mutating func step() throws {
    now += Int64(1 + random.below(1_000_000))
    if random.chance(2) { core.ahead = random.below(4) }
    switch random.below(12) {
    case 0, 1, 2:
      guard isConnected, !toWorker.isEmpty else { return }
      let message = toWorker.removeFirst()
      try hand(.schedulerSaid(message))
    case 3, 4: if !toScheduler.isEmpty { try schedulerHears(toScheduler.removeFirst()) }
    case 5, 6, 7: try somethingEnds()
    case 8, 9:
      let answering = peers.indices.filter { !peers[$0].replies.isEmpty }
      if !answering.isEmpty { try hearPeer(random.pick(answering)) }
    case 10: try hand(.tick)
    default: if !isEnding { try somethingElse() }
    }
  }

  private mutating func somethingEnds() throws {
    guard !pending.isEmpty else { return }
    let event = pending.remove(at: random.below(pending.count))
    switch event {
    case .taskEnded(let execution, _, _, _, _):
      if random.chance(4) {
        running[execution.rawValue] = nil
        return try hand(.taskReturned(execution))
      }
      results[execution.rawValue] = Self.keysByDigest[running[execution.rawValue]!.task.digest]
      running[execution.rawValue] = nil
    case .taskFailed(let execution, _): running[execution.rawValue] = nil
    case .taskSuspended(let execution, _): pending.append(.taskAwake(execution))
    case .taskAwake(let execution): awake.insert(execution.rawValue)
    case .peerConnected(let peer):
      if !peers[Int(peer.rawValue)].isAlive { return try hand(.peerLost(peer)) }
      peers[Int(peer.rawValue)].isConnected = true
    case .dataSent(let requester, let request):
      guard let place = sending.firstIndex(where: { $0.requester == requester.rawValue && $0.request == request })
      else {
        return try hand(event)
      }
      sending.remove(at: place)
    default: break
    }
    try hand(event)
  }

  private mutating func somethingElse() throws {
    switch random.below(13) {
    case 12:
      guard let key = pushes.popLast() else { return }
      // Now and then it is damaged, or what nobody waits for.
      let named = goesWrong() ? random.below(Self.keys) : key
      let result = PushedResult(
        task: handle(named), digest: Self.digest(key), type: "T", byteCount: Self.bytes(key), bytes: [UInt8(key)])
      try hand(.dataRequested(RequesterID(rawValue: 7), .push([result])))
    case 0..<4: decide()
    case 4:
      requests += 1
      let keys = (0...random.below(3)).map { _ in random.below(Self.keys) }
      try hand(
        .dataRequested(
          RequesterID(rawValue: UInt64(random.below(3))),
          .get(
            request: requests,
            keys.map { NamedTask(task: handle($0), digest: Self.digest(random.chance(95) ? $0 : $0 + 1)) })))
    case 9:
      requests += 1
      let requester = UInt64(random.below(3))
      let keys = Array(Set((0..<random.below(4)).map { _ in random.below(Self.keys) })).sorted()
      putting[Put(requester: requester, request: requests)] = keys
      try hand(
        .dataRequested(
          RequesterID(rawValue: requester),
          .put(
            request: requests,
            keys.map { PutValue(digest: Self.digest($0), type: "T", byteCount: Self.bytes($0)) })))
    case 5:
      if random.chance(10) {
        let requester = UInt64(random.below(3))
        sending.removeAll { $0.requester == requester }
        pending.removeAll {
          if case .dataPut(RequesterID(rawValue: requester), _, _, _, _) = $0 { true } else { false }
        }
        try hand(.requesterLost(RequesterID(rawValue: requester)))
      }
    case 6: try hand(.memory(residentBytes: faults.memoryLimit == 0 ? 0 : Int64(random.below(Int(faults.memoryLimit)))))
    case 7: if goesWrong() { try cut(random.below(peers.count)) }
    case 8:
      guard faults.losesScheduler, random.chance(15) else { return }
      if isConnected { try disconnect() } else { try connect() }
    default: decide()
    }
  }

  // MARK: The end

  /// From now on nothing goes wrong and nothing new is wanted: everything comes to its end.
  mutating func finish() throws {
    isEnding = true
    if !isConnected { try connect() }
    try hand(.memory(residentBytes: 0))
    let peersAlive = peers.indices.filter { peers[$0].isAlive }
    if peersAlive.isEmpty { addPeer() }
    for peer in peers.indices where peers[peer].isAlive {
      // An honest answer is what it holds.
      peers[peer].holds = Set(0..<Self.keys)
    }
    while !expected.isEmpty { tellExpected() }
    var steps = 0
    while beliefs.contains(where: { $0.assigned != nil }) || !isQuiet {
      steps += 1
      if steps > 30_000 {
        let open = beliefs.indices.filter { beliefs[$0].assigned != nil }
        throw Broken(description: "no end: \(open) have no answer, \(pending) \(core.leftover() ?? "")")
      }
      try step()
    }
    say(.release(beliefs.indices.map(handle)))
    while !isQuiet { try step() }
    // Copies that came after their release, of which the scheduler heard since.
    say(.release(beliefs.indices.filter { beliefs[$0].isHeld }.map(handle)))
    while !isQuiet { try step() }
    for peer in peers.indices { try cut(peer) }
    try hand(.tick)
    while !isQuiet { try step() }
    if let left = core.leftover() { throw Broken(description: left) }
    guard memory.isEmpty, files.isEmpty, running.isEmpty, core.peers.allSatisfy({ !$0.isUsed }) else {
      throw Broken(description: "the shell holds \(memory), \(files), \(running)")
    }
  }

  private var isQuiet: Bool {
    toWorker.isEmpty && toScheduler.allSatisfy { if case .heartbeat = $0 { true } else { false } } && pending.isEmpty
      && peers.allSatisfy(\.replies.isEmpty) && core.outbox.finished.isEmpty && core.outbox.fetched.isEmpty
      && core.outbox.dropped.isEmpty && core.fetchingCount == 0 && core.unlocated.isEmpty
      && core.puts.isEmpty
  }
}
