import MartletBytes
import MartletProtocol

extension SchedulerCore {
  mutating func register(
    _ worker: WorkerID, _ registration: WorkerRegistration, _ actions: inout [SchedulerAction]
  ) {
    guard Int(worker.rawValue) == workers.count else {
      actions.append(.tellWorker(worker, .refused(reason: "the number \(worker.rawValue) is taken")))
      actions.append(.closeWorker(worker))
      return
    }
    // Before the new worker is given anything of what is decided by it.
    if let death = registration.lastDeath { conclude(death, &actions) }
    var known: [Bool] = []
    for function in registration.functions {
      let number = self.function(numbered: function)  // kept for as long as the scheduler lives: they are few
      while known.count <= Int(number) { known.append(false) }
      known[Int(number)] = true
    }
    let threads = Int(registration.threads)
    let load = WorkerLoad(
      threads: threads, memoryLimit: registration.memoryLimit,
      fewTasks: Int((Double(threads) * settings.saturation).rounded(.up)))
    workers.append(
      WorkerRecord(
        name: registration.name, address: registration.address, host: registration.host,
        resources: registration.resources, occupied: [Int64](repeating: 0, count: registration.resources.count),
        functions: known, lastHeard: now, peers: [PeerRef(worker: worker, address: registration.address)],
        addresses: [registration.address], load: load))
    workers[Int(worker.rawValue)].isSupervised = registration.isSupervised
    loads.append(load)
    livingWorkerCount += 1
    outboxes.append(WorkerOutbox())
    classify(Int(worker.rawValue))
    var kept: [Holding] = []
    for holding in registration.holdings {
      guard let slot = slot(of: holding.digest), adopt(slot, holding, worker) else { continue }
      var current = holding
      current.task = handle(of: slot)
      kept.append(current)
    }
    actions.append(
      .tellWorker(
        worker,
        .welcome(worker, epoch: settings.epoch, heartbeatNanoseconds: settings.heartbeatNanoseconds, keep: kept)))
    actions.append(
      .log("\(worker) (\(registration.name), \(registration.address)) has come: \(registration.threads) threads"))
    // What could not have as many copies as it should.
    if !copies.isEmpty { for slot in copies.wanted.keys.sorted() { lookAtCopies(of: slot) } }
    let waiting = unplaceable
    unplaceable = []
    for slot in waiting where tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .noWorker {
      move(slot, to: .ready, .workerCame)
      enqueue(slot)
    }
  }

  /// Takes a result that a worker brings along; false when nobody needs it.
  private mutating func adopt(_ slot: UInt32, _ holding: Holding, _ worker: WorkerID) -> Bool {
    guard isNeeded(slot), tasks[Int(slot)].state != .failed, tasks[Int(slot)].state != .released else { return false }
    if isHeld(slot, by: worker.rawValue) { return true }
    holders.add(slot, worker.rawValue, first: &tasks[Int(slot)].firstHolder)
    guard tasks[Int(slot)].state != .memory else {
      // Sizes of equal results are equal; what was noted first counts.
      loads[Int(worker.rawValue)].heldBytes += tasks[Int(slot)].resultBytes
      return true
    }
    loads[Int(worker.rawValue)].heldBytes += holding.byteCount
    if tasks[Int(slot)].state == .processing { unassign(slot, tellWorker: true) }
    tasks[Int(slot)].isDelayed = false
    let type = types.use(holding.type)
    enterMemory(slot, bytes: holding.byteCount, type: type, .workerCame)
    types.leave(type)
    return true
  }

  mutating func hear(_ worker: WorkerID, _ message: WorkerToScheduler, _ actions: inout [SchedulerAction]) {
    let number = Int(worker.rawValue)
    guard number < workers.count, loads[number].isAlive else { return }
    workers[number].lastHeard = now
    switch message {
    case .register: actions.append(.tellWorker(worker, .refused(reason: "this worker is registered already")))
    case .heartbeat(let metrics):
      workers[number].metrics = metrics
      actions.append(.tellWorker(worker, .heartbeat))
      watch(number, &actions)
    case .finished(let ends):
      for end in ends { finish(end, on: worker) }
    case .failed(let handle, let run, let failure): attemptFailed(handle, run, failure, on: worker)
    case .fetched(let handles):
      for handle in handles {
        addHolder(handle, worker)
        copyArrived(handle, at: worker.rawValue)
      }
      retireIfEmpty(number, &actions)
    case .missing(let handle, let holder, let run): missing(handle, from: holder, run, on: worker, &actions)
    case .dropped(let handles):
      for handle in handles {
        if let slot = slot(of: handle) { removeHolder(slot, worker.rawValue) }
      }
    case .stealAnswer(let handle, let run, let gave): stealAnswered(handle, run, gave, worker)
    case .paused(let isPaused):
      loads[number].isPaused = isPaused
      classify(number)
    case .retire:
      loads[number].isRetiring = true
      classify(number)
      evacuate(number, &actions)
      retireIfEmpty(number, &actions)
    case .coordinate(let request, let operation):
      coordinate(operation, of: .worker(worker), request: request, &actions)
    case .goodbye:
      lose(
        worker, WorkerDeath(worker: workers[number].name, host: workers[number].host, cause: "it left"), started: [],
        &actions)
      actions.append(.closeWorker(worker))
    }
  }

  // MARK: Answers

  private mutating func finish(_ end: TaskEnd, on worker: WorkerID) {
    guard let slot = slot(of: end.task), isCurrent(slot, end.run, worker) else {
      // A late answer: its task was given to another worker, or nobody needs it. The worker may forget the result, unless it
      // holds it as a copy anyway.
      if let slot = slot(of: end.task), isHeld(slot, by: worker.rawValue) { return }
      tellRelease(Int(worker.rawValue), end.task)
      return
    }
    unassign(slot, tellWorker: false)
    statistics.note(label(of: slot), nanoseconds: end.nanoseconds, bytes: end.byteCount)
    clients[Int(tasks[Int(slot)].owner)].servedNanoseconds &+= end.nanoseconds
    tasks[Int(slot)].isSuspect = false
    holders.add(slot, worker.rawValue, first: &tasks[Int(slot)].firstHolder)
    loads[Int(worker.rawValue)].heldBytes += end.byteCount
    if let bytes = end.inline, bytes.count <= WireLimits.inlineResultBytes { keepInline(slot, bytes) }
    let type = types.use(end.type)
    enterMemory(slot, bytes: end.byteCount, type: type, .finished)
    types.leave(type)
  }

  private func isCurrent(_ slot: UInt32, _ run: RunID, _ worker: WorkerID) -> Bool {
    tasks[Int(slot)].state == .processing && tasks[Int(slot)].run == run.rawValue
      && tasks[Int(slot)].worker == worker.rawValue
  }

  private mutating func attemptFailed(
    _ handle: TaskHandle, _ run: RunID, _ failure: FailureRecord, on worker: WorkerID
  ) {
    guard let slot = slot(of: handle), isCurrent(slot, run, worker) else { return }
    if tasks[Int(slot)].retriesLeft > 0, failure.kind == .threw || failure.kind == .timedOut {
      unassign(slot, tellWorker: false)
      tasks[Int(slot)].isSuspect = false
      tasks[Int(slot)].retriesLeft -= 1
      let policy = traits(of: slot)
      move(slot, to: .waiting, .failed)
      // Inputs may have been lost while it ran.
      tasks[Int(slot)].unmet = unmetInputs(of: slot)
      let delay = Int64(
        min(
          Double(policy.retryLongestDelayNanoseconds),
          Double(policy.retryDelayNanoseconds) * power(policy.retryFactor, Int(tasks[Int(slot)].attempts) - 1)))
      if delay > 0 {
        tasks[Int(slot)].isDelayed = true
        timers.push((now + delay).nanoseconds, slot)
      } else if tasks[Int(slot)].unmet == 0 {
        makeReady(slot, .retryDue)
      }
      return
    }
    var final = failure
    final.key = tasks[Int(slot)].digest
    final.label = labelText(of: slot)
    final.attempts = UInt32(tasks[Int(slot)].attempts)
    fail(slot, final, .failed)
  }

  private func power(_ base: Double, _ exponent: Int) -> Double {
    var product = 1.0
    for _ in 0..<min(max(0, exponent), 64) { product *= base }
    return product
  }

  private mutating func addHolder(_ handle: TaskHandle, _ worker: WorkerID) {
    guard let slot = slot(of: handle), isNeeded(slot), tasks[Int(slot)].state != .failed else {
      tellRelease(Int(worker.rawValue), handle)
      return
    }
    guard tasks[Int(slot)].state == .memory else {
      // The last copy seemed lost, and here is another one: it need not be computed again.
      let holding = Holding(
        task: handle, digest: tasks[Int(slot)].digest, type: typeName(of: slot),
        byteCount: tasks[Int(slot)].resultBytes)
      _ = adopt(slot, holding, worker)
      return
    }
    guard !isHeld(slot, by: worker.rawValue) else { return }
    holders.add(slot, worker.rawValue, first: &tasks[Int(slot)].firstHolder)
    loads[Int(worker.rawValue)].heldBytes += tasks[Int(slot)].resultBytes
  }

  /// A worker did not find an input where it was told. Another holder, or the input is computed again.
  private mutating func missing(
    _ handle: TaskHandle, from holder: WorkerID, _ run: RunID, on worker: WorkerID, _ actions: inout [SchedulerAction]
  ) {
    guard let slot = slot(of: handle) else { return }
    // What an older run gave is lost already; what is there now was not looked for.
    if Int(holder.rawValue) < workers.count, run.rawValue == tasks[Int(slot)].run {
      notFound(slot, at: holder.rawValue)
    }
    guard let still = self.slot(of: handle), tasks[Int(still)].state == .memory else { return }
    tellHolders(still, to: worker.rawValue, &actions)
  }

  /// Somebody did not get a result where it should be.
  mutating func notFound(_ slot: UInt32, at holder: UInt32) {
    guard isHeld(slot, by: holder) else { return }
    // It may have it all the same, and only what it sent was of no use: it has to know that it is not counted on.
    tellRelease(Int(holder), handle(of: slot))
    removeHolder(slot, holder)
  }

  private func tellHolders(_ slot: UInt32, to worker: UInt32, _ actions: inout [SchedulerAction]) {
    actions.append(
      .tellWorker(
        WorkerID(rawValue: worker),
        .holders(handle(of: slot), peers(of: slot), run: RunID(rawValue: tasks[Int(slot)].run))))
  }

  /// Takes one copy from the books; the last one's loss has consequences.
  mutating func removeHolder(_ slot: UInt32, _ worker: UInt32) {
    guard holders.remove(worker, first: &tasks[Int(slot)].firstHolder) else { return }
    loads[Int(worker)].heldBytes -= tasks[Int(slot)].resultBytes
    lookAtCopies(of: slot)
    guard tasks[Int(slot)].state == .memory, tasks[Int(slot)].firstHolder == Relation.none, !tasks[Int(slot)].hasInline
    else {
      return
    }
    lostRuns += 1
    loseResult(slot)
  }

  // MARK: Ends of workers

  mutating func lose(
    _ worker: WorkerID, _ death: WorkerDeath, started: [TaskHandle]?, awaitsReport: Bool = false,
    _ actions: inout [SchedulerAction]
  ) {
    let number = Int(worker.rawValue)
    guard number < workers.count, loads[number].isAlive else { return }
    loads[number].isAlive = false
    livingWorkerCount -= 1
    classify(number)
    outboxes[number] = WorkerOutbox()
    leaveCoordination(.worker(worker), &actions)
    actions.append(.log("\(worker) (\(workers[number].name), \(workers[number].address)) is gone: \(death.cause)"))
    let unfinished = Array(assignments.tasks(of: worker.rawValue).reversed())
    let blamed = suspects(unfinished, started, threads: loads[number].threads)
    // First all its tasks wait, then its results are lost: so every count of missing inputs is exact.
    for slot in unfinished {
      unassign(slot, tellWorker: false)
      lostRuns += 1
      move(slot, to: .waiting, .workerLost)
      tasks[Int(slot)].unmet = 0
    }
    while case let pair = holders.first(ofRight: worker.rawValue), pair != Relation.none {
      removeHolder(holders.left(pair), worker.rawValue)
    }
    if awaitsReport, started == nil, workers[number].isSupervised, !blamed.isEmpty {
      openInquest(worker, death, blamed)
    } else {
      for slot in blamed where tasks[Int(slot)].isUsed && tasks[Int(slot)].state.isActive {
        blame(slot, death)
      }
    }
    for slot in unfinished where tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .waiting {
      if tasks[Int(slot)].isBound {
        failBound(slot, "its worker is gone: \(death.cause)")
        continue
      }
      tasks[Int(slot)].unmet = missingInputs(of: slot)
      if tasks[Int(slot)].unmet == 0 { makeReady(slot, .workerLost) }
    }
    for peer in workers.indices where loads[peer].isAlive {
      actions.append(.tellWorker(WorkerID(rawValue: UInt32(peer)), .peerLost(worker)))
    }
  }

  /// Inputs of a task that are not in memory; those that nobody computes are requested.
  private mutating func missingInputs(of slot: UInt32) -> UInt32 {
    var missing: UInt32 = 0
    for input in inputs(of: slot) where tasks[Int(input)].state != .memory {
      missing += 1
      if tasks[Int(input)].state == .released { request(input, .inputLost) }
    }
    // A signal or a small constant may be there again at once.
    return missing == 0 ? 0 : unmetInputs(of: slot)
  }

  /// Who may have ended the worker: what its supervisor saw running, or else as many as it has threads, the first ones.
  private func suspects(_ unfinished: [UInt32], _ started: [TaskHandle]?, threads: Int) -> [UInt32] {
    if let started { return started.compactMap { slot(of: $0) }.filter { unfinished.contains($0) } }
    let ordered = unfinished.sorted {
      (tasks[Int($0)].priority, $0) < (tasks[Int($1)].priority, $1)
    }
    return Array(ordered.prefix(threads))
  }

  mutating func blame(_ slot: UInt32, _ death: WorkerDeath) {
    tasks[Int(slot)].deaths += 1
    // Where it runs already, it is not alone.
    if tasks[Int(slot)].state != .processing { tasks[Int(slot)].isSuspect = true }
    deathsByTask[slot, default: []].append(death)
    guard Int(tasks[Int(slot)].deaths) > settings.allowedFailures else { return }
    let deaths = deathsByTask[slot] ?? []
    fail(
      slot,
      FailureRecord(
        .killedWorkers, key: tasks[Int(slot)].digest, label: labelText(of: slot),
        message: "\(deaths.count) workers died while they ran it, the last one (\(death.worker)) of: \(death.cause)",
        attempts: UInt32(tasks[Int(slot)].attempts), deaths: deaths), .workerLost)
  }

  // MARK: Retiring

  /// Copies what only this worker holds to others.
  private mutating func evacuate(_ number: Int, _ actions: inout [SchedulerAction]) {
    let others = workers.indices.filter { loads[$0].isOpen }
    guard !others.isEmpty else {
      actions.append(.log("worker \(number) wants to retire, but no other worker can take its results"))
      return
    }
    for slot in holders.lefts(of: UInt32(number))
    where hasOneHolder(slot) && !tasks[Int(slot)].hasInline {
      let target = others.min {
        (loads[$0].heldBytes + incoming(to: $0), $0) < (loads[$1].heldBytes + incoming(to: $1), $1)
      }
      list(target ?? others[0])
      outboxes[target ?? others[0]].fetch.append(
        InputRef(
          task: handle(of: slot), digest: tasks[Int(slot)].digest, run: RunID(rawValue: tasks[Int(slot)].run),
          byteCount: tasks[Int(slot)].resultBytes,
          holders: peers(of: slot)))
    }
  }

  private func incoming(to worker: Int) -> Int64 { outboxes[worker].fetch.reduce(0) { $0 + $1.byteCount } }

  /// Lets a retiring worker go when nothing depends on it any more.
  mutating func retireIfEmpty(_: Int, _ actions: inout [SchedulerAction]) {
    for number in workers.indices where loads[number].isAlive && loads[number].isRetiring {
      guard loads[number].processing == 0 else { continue }
      let hasSole = holders.lefts(of: UInt32(number)).contains {
        hasOneHolder($0) && !tasks[Int($0)].hasInline
      }
      if hasSole { continue }
      let worker = WorkerID(rawValue: UInt32(number))
      actions.append(.tellWorker(worker, .retired))
      lose(
        worker, WorkerDeath(worker: workers[number].name, host: workers[number].host, cause: "it retired"), started: [],
        &actions)
    }
  }

  func peers(of slot: UInt32) -> [PeerRef] {
    var pair = tasks[Int(slot)].firstHolder
    if pair == Relation.none { return [] }
    if holders.nextOfLeft(pair) == Relation.none { return workers[Int(holders.right(pair))].peers }
    var found: [PeerRef] = []
    while pair != Relation.none, found.count < 4 {
      let worker = holders.right(pair)
      found.append(PeerRef(worker: WorkerID(rawValue: worker), address: workers[Int(worker)].address))
      pair = holders.nextOfLeft(pair)
    }
    return found
  }
}
