import MartletBytes
import MartletProtocol

extension SchedulerCore {
  /// Gives ready tasks to workers that have room, and lets idle workers take over waiting ones.
  mutating func dispatch(_ actions: inout [SchedulerAction]) {
    var held: [UInt32] = []
    while held.count < 64, let client = nextClient(), let entry = queues[client].pop() {
      let slot = entry.number
      guard tasks[Int(slot)].isUsed, tasks[Int(slot)].state == .ready, Int(tasks[Int(slot)].owner) == client else {
        continue  // it was given up, or this is an old entry of the slot
      }
      switch place(slot) {
      case .worker(let worker): assign(slot, to: worker)
      case .full: held.append(slot)
      case .impossible:
        move(slot, to: .noWorker, .noWorkerLeft)
        unplaceable.append(slot)
      }
      if held.count > 0, openRoom() == 0 { break }
    }
    for slot in held { queues[Int(tasks[Int(slot)].owner)].push(tasks[Int(slot)].priority, slot) }
    steal(&actions)
  }

  /// The client with ready tasks that was served least.
  private func nextClient() -> Int? {
    var best: Int?
    for client in queues.indices where !queues[client].isEmpty {
      if let other = best, clients[other].servedNanoseconds <= clients[client].servedNanoseconds { continue }
      best = client
    }
    return best
  }

  /// Workers that would take any task.
  private func openRoom() -> Int {
    workers.count { $0.isOpen && hasRoom($0, for: 0) }
  }

  private enum Place {
    case worker(UInt32)
    /// Workers could run it, but none has room now.
    case full
    /// No worker may run it.
    case impossible
  }

  /// The worker on which the task will end first, as far as one knows: work before it, and bytes to move to it. Among equal
  /// ones the one that holds less, then the lower number.
  private mutating func place(_ slot: UInt32) -> Place {
    let record = tasks[Int(slot)]
    let demand = traits[Int(record.traits)]
    let inputs = dataInputs(of: slot)
    let expected = max(demand.estimatedResultBytes, statistics.bytes(record.label))
    let isSource = demand.isSource || inputs.isEmpty
    var best: (score: Int64, held: Int64, worker: UInt32)?
    var isPossible = false
    for number in candidates(inputs) {
      let worker = workers[Int(number)]
      guard mayRun(worker, record, demand) else { continue }
      isPossible = true
      guard worker.isOpen, hasRoom(worker, for: expected), isFree(worker, demand) else { continue }
      if record.isSuspect, worker.processing > 0 { continue }
      if isSource, !hasMemory(worker, for: expected), processingCount > 0 { continue }
      var missing: Int64 = 0
      for input in inputs where !holders.contains(input, number) { missing &+= tasks[Int(input)].resultBytes }
      let score =
        worker.occupancyNanoseconds / Int64(worker.threads)
        &+ Int64(Double(missing) / settings.bytesPerSecond * 1e9)
      if let best, (best.score, best.held, best.worker) <= (score, worker.heldBytes, number) { continue }
      best = (score, worker.heldBytes, number)
    }
    if let best { return .worker(best.worker) }
    if !isPossible { isPossible = workers.contains { mayRun($0, record, demand) } }
    return isPossible ? .full : .impossible
  }

  /// The inputs whose results the task is given, not those that it only comes after.
  func dataInputs(of slot: UInt32) -> [UInt32] {
    let all = dependencies.rights(of: slot)
    return Array(all.prefix(all.count - Int(tasks[Int(slot)].orderOnlyCount)))
  }

  /// The workers to look at: those that hold one of the first inputs, and some others in turn. All of a small cluster.
  private mutating func candidates(_ inputs: [UInt32]) -> [UInt32] {
    if workers.count <= 32 { return Array(0..<UInt32(workers.count)) }
    var found: [UInt32] = []
    for input in inputs.prefix(8) {
      var pair = holders.first(ofLeft: input)
      var looked = 0
      while pair != Relation.none, looked < 4 {
        let worker = holders.right(pair)
        if !found.contains(worker) { found.append(worker) }
        pair = holders.nextOfLeft(pair)
        looked += 1
      }
    }
    // Those with room, wherever they are: a bounded walk from where the last one ended.
    var looked = 0
    var others = 0
    while looked < workers.count, others < 8 {
      cursor = cursor + 1 >= workers.count ? 0 : cursor + 1
      looked += 1
      let worker = workers[cursor]
      guard worker.isOpen, worker.processing < worker.threads || looked > 256 else { continue }
      others += 1
      if !found.contains(UInt32(cursor)) { found.append(UInt32(cursor)) }
    }
    return found
  }

  /// Whether the worker could run the task if it had nothing else to do.
  private func mayRun(_ worker: WorkerRecord, _ record: TaskRecord, _ demand: WorkTraits) -> Bool {
    guard worker.isAlive, !worker.isRetiring else { return false }
    if case .call(let function, _) = record.work {
      guard Int(function) < worker.functions.count, worker.functions[Int(function)] else { return false }
    }
    for need in demand.resources {
      guard let place = worker.resources.firstIndex(where: { $0.name == need.name }),
        worker.resources[place].amount >= need.amount
      else { return false }
    }
    if !demand.workers.isEmpty, !demand.workers.contains(worker.name), !demand.workers.contains(worker.address),
      !demand.workers.contains(worker.host)
    {
      guard demand.allowsOtherWorkers,
        !workers.contains(where: { other in
          other.isOpen && (demand.workers.contains(other.name) || demand.workers.contains(other.address))
        })
      else { return false }
    }
    return true
  }

  /// Whether the worker has its resources free now.
  private func isFree(_ worker: WorkerRecord, _ demand: WorkTraits) -> Bool {
    demand.resources.allSatisfy { need in
      guard let place = worker.resources.firstIndex(where: { $0.name == need.name }) else { return false }
      return worker.resources[place].amount - worker.occupied[place] >= need.amount
    }
  }

  /// Whether the worker should be given more: few tasks of unknown or long duration, many short ones, but large results
  /// count as long.
  private func hasRoom(_ worker: WorkerRecord, for expectedBytes: Int64) -> Bool {
    let few = Int((Double(worker.threads) * settings.saturation).rounded(.up))
    if worker.processing < few { return true }
    return expectedBytes <= 64 << 10 && worker.processing < worker.threads + 512
      && worker.occupancyNanoseconds < Int64(worker.threads) * settings.queueNanoseconds
  }

  /// Whether a result of that size has room on the worker, with those that are expected already.
  private func hasMemory(_ worker: WorkerRecord, for bytes: Int64) -> Bool {
    worker.memoryLimit == 0
      || worker.heldBytes &+ worker.expectedBytes &+ bytes <= worker.memoryLimit / 10 * 6
  }

  // MARK: Assigning

  private mutating func assign(_ slot: UInt32, to worker: UInt32) {
    let number = Int(worker)
    tasks[Int(slot)].run &+= 1
    tasks[Int(slot)].attempts &+= 1
    tasks[Int(slot)].worker = worker
    tasks[Int(slot)].since = now
    move(slot, to: .processing, .assigned)
    let record = tasks[Int(slot)]
    let demand = traits[Int(record.traits)]
    assignments.add(slot, worker)
    processingCount += 1
    workers[number].processing += 1
    workers[number].occupancyNanoseconds &+= duration(record.label)
    workers[number].expectedBytes &+= max(demand.estimatedResultBytes, statistics.bytes(record.label))
    occupy(number, demand, 1)
    tasks[Int(slot)].bookedNanoseconds = duration(record.label)
    tasks[Int(slot)].bookedBytes = max(demand.estimatedResultBytes, statistics.bytes(record.label))
    if record.isSuspect { workers[number].isIsolated = true }

    var inputs: [InputRef] = []
    for input in dataInputs(of: slot) {
      let isHere = holders.contains(input, worker)
      inputs.append(
        InputRef(
          task: handle(of: input), digest: tasks[Int(input)].digest, run: RunID(rawValue: tasks[Int(input)].run),
          byteCount: tasks[Int(input)].resultBytes,
          holders: isHere ? [] : peers(of: input), inline: isHere ? nil : inlines[input],
          type: isHere ? "" : types[tasks[Int(input)].resultType]))
    }
    outboxes[number].compute.append(
      ComputeTask(
        task: handle(of: slot), run: RunID(rawValue: record.run), digest: record.digest, label: labels[record.label],
        priority: record.priority, work: assigned(record.work), timeoutNanoseconds: demand.timeoutNanoseconds,
        isBlocking: demand.isBlocking, resources: demand.resources, inputs: inputs))
  }

  private func assigned(_ work: TaskWork) -> AssignedWork {
    switch work {
    case .call(let function, let arguments):
      .call(functionNames[Int(function)] ?? FunctionName(name: "", version: 0), arguments: arguments)
    case .literal(let type, let bytes): .literal(type: types[type], bytes: bytes)
    case .gather(let element): .gather(element: types[element])
    case .alias: .alias
    case .signal: .signal
    }
  }

  /// How long a task of the label is expected to take.
  private func duration(_ label: UInt32) -> Int64 { statistics.nanoseconds(label) ?? settings.unknownNanoseconds }

  private mutating func occupy(_ worker: Int, _ demand: WorkTraits, _ sign: Int64) {
    for need in demand.resources {
      if let place = workers[worker].resources.firstIndex(where: { $0.name == need.name }) {
        workers[worker].occupied[place] += sign * need.amount
      }
    }
  }

  /// Takes a processing task from its worker; its state is the caller's to change.
  mutating func unassign(_ slot: UInt32, tellWorker: Bool) {
    let record = tasks[Int(slot)]
    let number = Int(record.worker)
    assignments.remove(slot, record.worker)
    processingCount -= 1
    workers[number].processing -= 1
    workers[number].occupancyNanoseconds &-= record.bookedNanoseconds
    workers[number].expectedBytes &-= record.bookedBytes
    occupy(number, traits[Int(record.traits)], -1)
    if record.isSuspect { workers[number].isIsolated = false }
    tasks[Int(slot)].isBeingStolen = false
    guard tellWorker, workers[number].isAlive else { return }
    let run = TaskRun(task: handle(of: slot), run: RunID(rawValue: record.run))
    // What was not sent yet need not be taken back.
    if let place = outboxes[number].compute.lastIndex(where: { $0.task == run.task && $0.run == run.run }) {
      outboxes[number].compute.remove(at: place)
    } else {
      outboxes[number].cancel.append(run)
    }
  }

  // MARK: Stealing

  /// Lets workers without enough work ask for tasks that wait elsewhere. Two steps: the victim says whether the task had
  /// begun, and only then is it given to somebody else.
  private mutating func steal(_ actions: inout [SchedulerAction]) {
    guard workers.count > 1, processingCount > 0 else { return }
    guard queues.allSatisfy(\.isEmpty) else { return }
    guard let thief = workers.indices.first(where: { workers[$0].isOpen && workers[$0].processing == 0 }) else {
      return
    }
    var victim: Int?
    for offset in 0..<min(workers.count, 64) {
      let number = (cursor + offset) % workers.count
      guard workers[number].isAlive, workers[number].processing > workers[number].threads else { continue }
      if let other = victim, workers[other].occupancyNanoseconds >= workers[number].occupancyNanoseconds { continue }
      victim = number
    }
    guard let victim else { return }
    // The one assigned last is the least likely to have begun.
    var pair = assignments.last(ofRight: UInt32(victim))
    var looked = 0
    while pair != Relation.none, looked < 8 {
      let slot = assignments.left(pair)
      pair = assignments.previousOfRight(pair)
      looked += 1
      let record = tasks[Int(slot)]
      guard !record.isBeingStolen, !record.isSuspect else { continue }
      let demand = traits[Int(record.traits)]
      guard mayRun(workers[thief], record, demand), isFree(workers[thief], demand) else { continue }
      var bytes: Int64 = 0
      for input in dataInputs(of: slot) where !holders.contains(input, UInt32(thief)) {
        bytes &+= tasks[Int(input)].resultBytes
      }
      // Moving its inputs must not take longer than waiting for its turn.
      let wait = workers[victim].occupancyNanoseconds / Int64(workers[victim].threads)
      guard Int64(Double(bytes) / settings.bytesPerSecond * 1e9) < wait else { continue }
      tasks[Int(slot)].isBeingStolen = true
      actions.append(
        .tellWorker(
          WorkerID(rawValue: UInt32(victim)), .steal(handle(of: slot), RunID(rawValue: record.run))))
      return
    }
  }

  mutating func stealAnswered(_ handle: TaskHandle, _ run: RunID, _ gave: Bool, _ worker: WorkerID) {
    guard let slot = slot(of: handle), tasks[Int(slot)].state == .processing,
      tasks[Int(slot)].run == run.rawValue, tasks[Int(slot)].worker == worker.rawValue
    else { return }
    tasks[Int(slot)].isBeingStolen = false
    guard gave else { return }
    unassign(slot, tellWorker: false)
    tasks[Int(slot)].attempts -= 1
    requeue(slot, .stolen)
  }

  /// A task that was taken from its worker waits for another one.
  mutating func requeue(_ slot: UInt32, _ cause: Story.Cause) {
    move(slot, to: .waiting, cause)
    tasks[Int(slot)].unmet = unmetInputs(of: slot)
    if tasks[Int(slot)].unmet == 0 { makeReady(slot, cause) }
  }

  /// How many inputs are not in memory, counted anew.
  func unmetInputs(of slot: UInt32) -> UInt32 {
    UInt32(dependencies.rights(of: slot).count { tasks[Int($0)].state != .memory })
  }

  // MARK: Time

  mutating func tick(_ actions: inout [SchedulerAction]) {
    while let timer = timers.first, timer.key <= now.nanoseconds {
      _ = timers.pop()
      let slot = timer.number
      guard tasks[Int(slot)].isUsed, tasks[Int(slot)].isDelayed, tasks[Int(slot)].state == .waiting else { continue }
      tasks[Int(slot)].isDelayed = false
      if tasks[Int(slot)].unmet == 0 { makeReady(slot, .retryDue) }
    }
    for number in workers.indices
    where workers[number].isAlive && now - workers[number].lastHeard > settings.silenceNanoseconds {
      let worker = WorkerID(rawValue: UInt32(number))
      let silence = (now - workers[number].lastHeard) / 1_000_000_000
      lose(
        worker,
        WorkerDeath(
          worker: workers[number].name, host: workers[number].host, cause: "no heartbeat for \(silence) s",
          peakBytes: workers[number].metrics.residentBytes), started: nil, &actions)
      actions.append(.closeWorker(worker))
    }
    dropLeftClients()
    for number in clients.indices
    where clients[number].isAlive && now - clients[number].lastHeard > settings.silenceNanoseconds {
      let client = ClientID(rawValue: UInt32(number))
      actions.append(.log("\(client) has been silent for too long: what it wanted is released"))
      actions.append(.closeClient(client))
      lose(client, &actions)
    }
    passCoordination(&actions)
    retireIfEmpty(0, &actions)
  }

  /// A worker that says that it does nothing while it should do something: the assignment, or its answer, is lost. That must
  /// not happen; when it does, the run goes on.
  mutating func watch(_ number: Int, _ actions: inout [SchedulerAction]) {
    let metrics = workers[number].metrics
    guard metrics.executing == 0, metrics.ready == 0, metrics.incomingBytes == 0 else { return }
    for slot in assignments.lefts(of: UInt32(number))
    where now - tasks[Int(slot)].since > settings.watchdogNanoseconds {
      actions.append(
        .log(
          "\(labels[tasks[Int(slot)].label]) \(handle(of: slot)) was given to worker \(number), which does nothing: "
            + "it is given out again"))
      unassign(slot, tellWorker: true)
      requeue(slot, .watchdog)
    }
  }
}
