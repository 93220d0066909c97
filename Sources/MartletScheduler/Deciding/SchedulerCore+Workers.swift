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
    if registration.epoch == settings.epoch { acquit(registration, &actions) }
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
    noteReturn(of: registration)
    tendRestarts(&actions)
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
      for place in ends.indices {
        foresee(ends, at: place)
        finish(ends[place], on: worker)
      }
      if loads[number].isRetiring { workers[number].evacuatesAt = now }
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
    case .retire: beginToRetire(number, &actions)
    case .coordinate(let request, let operation):
      coordinate(operation, of: .worker(worker), request: request, &actions)
    case .abandon(let request): abandonCoordination(of: .worker(worker), request: request, &actions)
    case .suspended(let runs): changeLoads(runs, areSuspended: true, on: worker)
    case .resumed(let runs): changeLoads(runs, areSuspended: false, on: worker)
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
    let owner = Int(tasks[Int(slot)].owner)
    clients[owner].servedNanoseconds &+= end.nanoseconds / clients[owner].weight
    tasks[Int(slot)].isSuspect = false
    holders.add(slot, worker.rawValue, first: &tasks[Int(slot)].firstHolder)
    loads[Int(worker.rawValue)].heldBytes += end.byteCount
    if let bytes = end.inline, bytes.count <= WireLimits.inlineResultBytes { keepInline(slot, bytes) }
    let type = types.use(end.type)
    isPushed = end.isPushed
    enterMemory(slot, bytes: end.byteCount, type: type, .finished)
    isPushed = false
    types.leave(type)
  }

  func isCurrent(_ slot: UInt32, _ run: RunID, _ worker: WorkerID) -> Bool {
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
      takeBackAhead(of: slot)
      // Inputs may have been lost while it ran.
      if failOfInput(slot) { return }
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
    guard let slot = slot(of: handle), isNeeded(slot), tasks[Int(slot)].state != .failed else {
      // A copy that it was told to fetch, and that was released before anybody could give it: else it would ask for ever.
      tellRelease(Int(worker.rawValue), handle)
      if let slot = slot(of: handle), tasks[Int(slot)].state == .failed { takeBackDependents(of: slot, from: worker) }
      return
    }
    // What an older run gave is lost already; what is there now was not looked for.
    if Int(holder.rawValue) < workers.count, run.rawValue == tasks[Int(slot)].run {
      notFound(slot, at: holder.rawValue)
    }
    guard let still = self.slot(of: handle), tasks[Int(still)].state == .memory else { return }
    tellHolders(still, to: worker.rawValue, &actions)
  }

  /// An input that a worker does not have has failed: what it should compute with it fails too.
  private mutating func takeBackDependents(of slot: UInt32, from worker: WorkerID) {
    for dependent in dependents(of: slot)
    where tasks[Int(dependent)].state == .processing && tasks[Int(dependent)].worker == worker.rawValue {
      unassign(dependent, tellWorker: true)
      requeue(dependent, .inputLost)
    }
  }

  /// Somebody did not get a result where it should be.
  mutating func notFound(_ slot: UInt32, at holder: UInt32) {
    guard isHeld(slot, by: holder) else { return }
    // It may have it all the same, and only what it sent was of no use: it has to know that it is not counted on.
    tellRelease(Int(holder), handle(of: slot))
    removeHolder(slot, holder)
  }

  private mutating func tellHolders(_ slot: UInt32, to worker: UInt32, _ actions: inout [SchedulerAction]) {
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

  mutating func peers(of slot: UInt32) -> [PeerRef] {
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
