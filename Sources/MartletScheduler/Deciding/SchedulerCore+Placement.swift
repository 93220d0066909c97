import MartletBytes
import MartletProtocol

/// The workers that are looked at for one task. Kept from task to task, so that a look allocates nothing.
struct Placing: Sendable {
  struct Candidate: BitwiseCopyable, Sendable {
    var worker: UInt32
    /// Bytes of the inputs that it holds.
    var heldBytes: Int64
  }

  var candidates: [Candidate] = []
  /// By worker: the look in which it was found last, and its place among the candidates of that.
  private var marks: [(look: UInt32, place: UInt32)] = []
  private var look: UInt32 = 0

  /// Begins to look.
  mutating func begin(workers: Int) {
    candidates.removeAll(keepingCapacity: true)
    while marks.count < workers { marks.append((0, 0)) }
    look &+= 1
    if look == 0 {
      for worker in marks.indices { marks[worker].look = 0 }
      look = 1
    }
  }

  /// Adds a candidate; one that is known stays as it is.
  mutating func add(_ worker: UInt32) {
    if marks[Int(worker)].look == look { return }
    marks[Int(worker)] = (look, UInt32(candidates.count))
    candidates.append(Candidate(worker: worker, heldBytes: 0))
  }

  /// A worker holds an input; only of interest when it is a candidate.
  mutating func credit(_ worker: UInt32, _ bytes: Int64) {
    if marks[Int(worker)].look == look { candidates[Int(marks[Int(worker)].place)].heldBytes &+= bytes }
  }
}

extension SchedulerCore {
  /// Workers with room that are looked at for a task, besides those that hold its inputs.
  private static let lookedAt = 8

  /// Gives ready tasks to workers that have room, and lets idle workers take over waiting ones.
  mutating func dispatch(_ actions: inout [SchedulerAction]) {
    if queuedClients.isEmpty { return steal(&actions) }
    // Nobody to give anything to: without workers, tasks still have to be found to be without workers.
    if roomy.isEmpty, hungry.isEmpty, livingWorkerCount > 0 { return }
    var held: [UInt32] = []
    while held.count < 64, let client = nextClient(), let entry = queues[client].pop() {
      if queues[client].isEmpty { queuedClients.removeAll { $0 == UInt32(client) } }
      let slot = entry.number
      guard tasks[Int(slot)].isUsed, tasks[Int(slot)].state == .ready, Int(tasks[Int(slot)].owner) == client else {
        continue  // it was given up, or this is an old entry of the slot
      }
      switch place(slot) {
      case .worker(let worker): assign(slot, to: worker)
      case .full: held.append(slot)
      case .impossible where tasks[Int(slot)].isBound:
        failBound(slot, "its worker is gone, or does not know the function")
      case .impossible:
        move(slot, to: .noWorker, .noWorkerLeft)
        unplaceable.append(slot)
        if unplaceable.count > 64 + 2 * count(.noWorker) { forgetPlaceable() }
      }
      if roomy.isEmpty, hungry.isEmpty, livingWorkerCount > 0 { break }
    }
    for slot in held { enqueue(slot) }
    steal(&actions)
  }

  /// Puts a ready task into its client's queue.
  mutating func enqueue(_ slot: UInt32) {
    let owner = tasks[Int(slot)].owner
    if queues[Int(owner)].isEmpty { queuedClients.append(owner) }
    queues[Int(owner)].push(tasks[Int(slot)].priority, slot)
    // Entries of tasks that were given up must not pile up while no worker has room.
    if queues[Int(owner)].count > 1024 + 2 * count(.ready) {
      var queue = queues[Int(owner)]
      queues[Int(owner)] = ReadyQueue()
      queue.keep { _, slot in
        tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .ready && tasks[Int(slot)].owner == owner
      }
      queues[Int(owner)] = queue
    }
  }

  /// Takes tasks that are no longer without workers from the list of those that are.
  private mutating func forgetPlaceable() {
    unplaceable = unplaceable.filter { tasks[Int($0)].isUsed && tasks[Int($0)].state == .noWorker }
  }

  /// The client with ready tasks that was served least; of equal ones the first that came.
  private func nextClient() -> Int? {
    var best: Int?
    for number in queuedClients {
      let client = Int(number)
      if let other = best,
        (clients[other].servedNanoseconds, other) <= (clients[client].servedNanoseconds, client)
      {
        continue
      }
      best = client
    }
    return best
  }

  private enum Place {
    case worker(UInt32)
    /// Workers could run it, but none has room now.
    case full
    /// No worker may run it.
    case impossible
  }

  /// The worker on which the task will end first, as far as one knows: work before it, and bytes to move to it. Among equal
  /// ones the one that holds less, then the lower number. Looks at those that hold its first inputs and at a few with room.
  private mutating func place(_ slot: UInt32) -> Place {
    let kind = kinds[tasks[Int(slot)].kind]
    let isSuspect = tasks[Int(slot)].isSuspect
    let estimate = traits[Int(kind.traits)].estimatedResultBytes
    let expected = max(estimate, statistics.bytes(kind.label))
    let isPlain = !traits[Int(kind.traits)].isDemanding
    placing.begin(workers: workers.count)
    let inputBytes = addHolders(of: slot)
    addRoomy(kind, expected, isPlain: isPlain)
    if inputBytes > 0 { creditHolders(of: slot) }
    let isSource = inputBytes < 0 || traits[Int(kind.traits)].isSource
    var best: (score: Int64, held: Int64, worker: UInt32)?
    for candidate in placing.candidates {
      let number = Int(candidate.worker)
      guard mayRun(number, kind) else { continue }
      guard loads[number].isOpen, hasRoom(number, for: expected), isPlain || isFree(number, kind) else { continue }
      if isSuspect, loads[number].processing > 0 { continue }
      if isSource, !hasMemory(number, for: expected), assignments.count > 0 { continue }
      let missing = max(0, inputBytes) &- candidate.heldBytes
      var score = loads[number].occupancyNanoseconds
      if loads[number].threads > 1 { score /= Int64(loads[number].threads) }
      if missing > 0 { score &+= Int64(Double(missing) * (1e9 / settings.bytesPerSecond)) }
      if let best, (best.score, best.held, best.worker) <= (score, loads[number].heldBytes, candidate.worker) {
        continue
      }
      best = (score, loads[number].heldBytes, candidate.worker)
    }
    if let best { return .worker(best.worker) }
    return workers.indices.contains { mayRun($0, kind) } ? .full : .impossible
  }

  /// Adds holders of the first inputs to the candidates. The bytes of all inputs; -1 without any.
  private mutating func addHolders(of slot: UInt32) -> Int64 {
    var edge = tasks[Int(slot)].firstInput
    var bytes: Int64 = -1
    var looked = 0
    while edge != Dependencies.none {
      let current = dependencies[edge]
      edge = current.nextInput
      if current.isOrderOnly { continue }
      bytes = max(0, bytes) &+ tasks[Int(current.input)].resultBytes
      looked += 1
      guard looked <= SchedulerCore.lookedAt else { continue }
      var pair = tasks[Int(current.input)].firstHolder
      var found = 0
      while pair != Relation.none, found < 4 {
        placing.add(holders.right(pair))
        pair = holders.nextOfLeft(pair)
        found += 1
      }
    }
    return bytes
  }

  /// Notes what the candidates hold of the inputs: of each at most 64 holders.
  private mutating func creditHolders(of slot: UInt32) {
    var edge = tasks[Int(slot)].firstInput
    while edge != Dependencies.none {
      let current = dependencies[edge]
      edge = current.nextInput
      if current.isOrderOnly { continue }
      var pair = tasks[Int(current.input)].firstHolder
      var found = 0
      while pair != Relation.none, found < 64 {
        placing.credit(holders.right(pair), tasks[Int(current.input)].resultBytes)
        pair = holders.nextOfLeft(pair)
        found += 1
      }
    }
  }

  /// Adds workers with room to the candidates, in turn: the hungry ones first. All that may run it are looked at for a task
  /// that not every worker can run.
  private mutating func addRoomy(_ kind: TaskKind, _ expected: Int64, isPlain: Bool) {
    if !isPlain {
      for number in workers.indices where loads[number].isOpen { placing.add(UInt32(number)) }
      return
    }
    var looked = 0
    while looked < min(SchedulerCore.lookedAt, hungry.count), let worker = hungry.next(from: cursor) {
      placing.add(worker)
      cursor = worker + 1
      looked += 1
    }
    guard expected <= SchedulerCore.shortBytes else { return }
    var others = 0
    while others < min(SchedulerCore.lookedAt - looked, roomy.count), let worker = roomy.next(from: cursor) {
      placing.add(worker)
      cursor = worker + 1
      others += 1
    }
  }

  /// Whether the worker could run a task of the kind if it had nothing else to do.
  private func mayRun(_ number: Int, _ kind: TaskKind) -> Bool {
    guard loads[number].isAlive, !loads[number].isRetiring else { return false }
    if let function = kind.function {
      guard Int(function) < workers[number].functions.count, workers[number].functions[Int(function)] else {
        return false
      }
    }
    if kind.traits == 0 || !traits[Int(kind.traits)].isDemanding { return true }
    let demand = traits[Int(kind.traits)]
    let worker = workers[number]
    for need in demand.resources {
      guard let place = worker.resources.firstIndex(where: { $0.name == need.name }),
        worker.resources[place].amount >= need.amount
      else { return false }
    }
    if !demand.workers.isEmpty, !demand.workers.contains(worker.name), !demand.workers.contains(worker.address),
      !demand.workers.contains(worker.host)
    {
      guard demand.allowsOtherWorkers,
        !workers.indices.contains(where: { other in
          loads[other].isOpen
            && (demand.workers.contains(workers[other].name) || demand.workers.contains(workers[other].address))
        })
      else { return false }
    }
    return true
  }

  /// Whether the worker has its resources free now.
  private func isFree(_ number: Int, _ kind: TaskKind) -> Bool {
    traits[Int(kind.traits)].resources.allSatisfy { need in
      guard let place = workers[number].resources.firstIndex(where: { $0.name == need.name }) else { return false }
      return workers[number].resources[place].amount - workers[number].occupied[place] >= need.amount
    }
  }

  /// Results of at most so many bytes count as small: a worker is given many tasks that give such ones.
  private static let shortBytes: Int64 = 64 << 10

  /// Whether the worker should be given more: few tasks of unknown or long duration, many short ones, but large results
  /// count as long.
  private func hasRoom(_ number: Int, for expectedBytes: Int64) -> Bool {
    loads[number].isHungry || (expectedBytes <= SchedulerCore.shortBytes && isRoomy(number))
  }

  private func isRoomy(_ number: Int) -> Bool {
    loads[number].processing < loads[number].threads + 512
      && loads[number].occupancyNanoseconds < Int64(loads[number].threads) * settings.queueNanoseconds
  }

  /// Enters the worker into the sets that it belongs to, after anything of its load has changed.
  mutating func classify(_ number: Int) {
    let isOpen = loads[number].isOpen
    hungry.set(UInt32(number), isOpen && loads[number].isHungry)
    roomy.set(UInt32(number), isOpen && isRoomy(number))
    idle.set(UInt32(number), isOpen && loads[number].processing == 0)
  }

  /// Whether a result of that size has room on the worker, with those that are expected already.
  private func hasMemory(_ number: Int, for bytes: Int64) -> Bool {
    loads[number].memoryLimit == 0
      || loads[number].heldBytes &+ loads[number].expectedBytes &+ bytes <= loads[number].memoryLimit / 10 * 6
  }

  // MARK: Assigning

  private mutating func assign(_ slot: UInt32, to worker: UInt32) {
    let number = Int(worker)
    tasks[Int(slot)].run &+= 1
    if tasks[Int(slot)].attempts < UInt16.max { tasks[Int(slot)].attempts += 1 }
    tasks[Int(slot)].worker = worker
    move(slot, to: .processing, .assigned)
    let kind = kinds[tasks[Int(slot)].kind]
    let nanoseconds = statistics.nanoseconds(kind.label) ?? settings.unknownNanoseconds
    let bytes = max(traits[Int(kind.traits)].estimatedResultBytes, statistics.bytes(kind.label))
    tasks[Int(slot)].assignment = assignments.add(
      slot, to: worker, nanoseconds: nanoseconds, bytes: bytes, since: now)
    loads[number].processing += 1
    loads[number].occupancyNanoseconds &+= nanoseconds
    loads[number].expectedBytes &+= bytes
    if kind.traits != 0 { occupy(number, kind, 1) }
    if tasks[Int(slot)].isSuspect { loads[number].isIsolated = true }
    classify(number)
    list(number)
    let record = tasks[Int(slot)]
    var task = ComputeTask(
      task: handle(of: slot), run: RunID(rawValue: record.run), digest: record.digest, label: labels[kind.label],
      priority: record.priority, work: assigned(kind.work, record.arguments), inputs: inputRefs(of: slot, for: worker))
    if kind.traits != 0 {
      task.timeoutNanoseconds = traits[Int(kind.traits)].timeoutNanoseconds
      task.isBlocking = traits[Int(kind.traits)].isBlocking
      task.resources = traits[Int(kind.traits)].resources
    }
    outboxes[number].compute.append(task)
  }

  /// What a worker is told of a task's inputs.
  private func inputRefs(of slot: UInt32, for worker: UInt32) -> [InputRef] {
    var edge = tasks[Int(slot)].firstInput
    if edge == Dependencies.none { return [] }
    var count = 0
    while edge != Dependencies.none {
      if !dependencies[edge].isOrderOnly { count += 1 }
      edge = dependencies[edge].nextInput
    }
    var inputs: [InputRef] = []
    inputs.reserveCapacity(count)
    edge = tasks[Int(slot)].firstInput
    while edge != Dependencies.none {
      let current = dependencies[edge]
      edge = current.nextInput
      if current.isOrderOnly { continue }
      let input = tasks[Int(current.input)]
      let isHere = holders.contains(worker, from: input.firstHolder)
      inputs.append(
        InputRef(
          task: TaskHandle(slot: current.input, generation: input.generation), digest: input.digest,
          run: RunID(rawValue: input.run), byteCount: input.resultBytes,
          holders: isHere ? [] : peers(of: current.input), inline: isHere ? nil : inlines[input.inline],
          type: isHere ? "" : typeName(of: current.input)))
    }
    return inputs
  }

  private func assigned(_ work: TaskKind.Work, _ data: KeptBytes) -> AssignedWork {
    switch work {
    case .call(let function), .block(let function, _):
      .call(
        functionNames[Int(function)] ?? FunctionName(name: "", version: 0), arguments: self.data(of: work, data))
    case .literal(let type): .literal(type: types[type], bytes: data.array)
    case .gather(let element): .gather(element: types[element])
    case .alias: .alias
    case .signal: .signal
    }
  }

  private mutating func occupy(_ number: Int, _ kind: TaskKind, _ sign: Int64) {
    for need in traits[Int(kind.traits)].resources {
      if let place = workers[number].resources.firstIndex(where: { $0.name == need.name }) {
        workers[number].occupied[place] += sign * need.amount
      }
    }
  }

  /// Takes a processing task from its worker; its state is the caller's to change.
  mutating func unassign(_ slot: UInt32, tellWorker: Bool) {
    let record = tasks[Int(slot)]
    let number = Int(record.worker)
    let booked = assignments[record.assignment]
    assignments.remove(record.assignment, of: record.worker)
    tasks[Int(slot)].unmet = 0
    loads[number].processing -= 1
    loads[number].occupancyNanoseconds &-= booked.nanoseconds
    loads[number].expectedBytes &-= booked.bytes
    let kind = kinds[record.kind]
    if kind.traits != 0 { occupy(number, kind, -1) }
    if record.isSuspect { loads[number].isIsolated = false }
    classify(number)
    tasks[Int(slot)].isBeingStolen = false
    guard tellWorker, loads[number].isAlive else { return }
    let run = TaskRun(task: handle(of: slot), run: RunID(rawValue: record.run))
    // What was not sent yet need not be taken back.
    if let place = outboxes[number].compute.lastIndex(where: { $0.task == run.task && $0.run == run.run }) {
      outboxes[number].compute.remove(at: place)
    } else {
      list(number)
      outboxes[number].cancel.append(run)
    }
  }

  // MARK: Stealing

  /// Lets workers without enough work ask for tasks that wait elsewhere. Two steps: the victim says whether the task had
  /// begun, and only then is it given to somebody else.
  private mutating func steal(_ actions: inout [SchedulerAction]) {
    guard assignments.count > 0, queuedClients.isEmpty, let thief = idle.next(from: 0) else { return }
    var victim: Int?
    for offset in 0..<min(workers.count, 64) {
      let number = (Int(cursor) + offset) % workers.count
      guard loads[number].isAlive, loads[number].processing > loads[number].threads else { continue }
      if let other = victim, loads[other].occupancyNanoseconds >= loads[number].occupancyNanoseconds { continue }
      victim = number
    }
    guard let victim else { return }
    // The one assigned last is the least likely to have begun.
    var place = assignments.first(of: UInt32(victim))
    var looked = 0
    while place != Assignments.none, looked < 8 {
      let slot = assignments[place].task
      place = assignments.next(place)
      looked += 1
      let record = tasks[Int(slot)]
      guard !record.isBeingStolen, !record.isSuspect else { continue }
      let kind = kinds[record.kind]
      guard mayRun(Int(thief), kind), isFree(Int(thief), kind) else { continue }
      var bytes: Int64 = 0
      var edge = record.firstInput
      while edge != Dependencies.none {
        let current = dependencies[edge]
        edge = current.nextInput
        if !current.isOrderOnly, !isHeld(current.input, by: thief) { bytes &+= tasks[Int(current.input)].resultBytes }
      }
      // Moving its inputs must not take longer than waiting for its turn.
      let wait = loads[victim].occupancyNanoseconds / Int64(loads[victim].threads)
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
    var missing: UInt32 = 0
    var edge = tasks[Int(slot)].firstInput
    while edge != Dependencies.none {
      if tasks[Int(dependencies[edge].input)].state != .memory { missing += 1 }
      edge = dependencies[edge].nextInput
    }
    return missing
  }

  // MARK: Time

  mutating func tick(_ actions: inout [SchedulerAction]) {
    concludeLateInquests()
    while let timer = timers.first, timer.key <= now.nanoseconds {
      _ = timers.pop()
      let slot = timer.number
      guard tasks[Int(slot)].isUsed, tasks[Int(slot)].isDelayed, tasks[Int(slot)].state == .waiting else { continue }
      tasks[Int(slot)].isDelayed = false
      if tasks[Int(slot)].unmet == 0 { makeReady(slot, .retryDue) }
    }
    for number in workers.indices
    where loads[number].isAlive && now - workers[number].lastHeard > settings.silenceNanoseconds {
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
    tendCopies()
    retireIfEmpty(0, &actions)
  }

  /// A worker that says that it does nothing while it should do something: the assignment, or its answer, is lost. That must
  /// not happen; when it does, the run goes on.
  mutating func watch(_ number: Int, _ actions: inout [SchedulerAction]) {
    let metrics = workers[number].metrics
    guard metrics.executing == 0, metrics.ready == 0, metrics.incomingBytes == 0 else { return }
    var late: [UInt32] = []
    var place = assignments.first(of: UInt32(number))
    while place != Assignments.none {
      if now - assignments[place].since > settings.watchdogNanoseconds { late.append(assignments[place].task) }
      place = assignments.next(place)
    }
    // The oldest first.
    for slot in late.reversed() where tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .processing {
      actions.append(
        .log(
          "\(labelText(of: slot)) \(handle(of: slot)) was given to worker \(number), which does nothing: "
            + "it is given out again"))
      unassign(slot, tellWorker: true)
      requeue(slot, .watchdog)
    }
  }
}

extension WorkTraits {
  /// Whether not every worker can run a task with these.
  fileprivate var isDemanding: Bool { !resources.isEmpty || !workers.isEmpty }
}
