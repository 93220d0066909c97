import MartletBytes
import MartletProtocol

extension WorkerCore {
  mutating func hear(_ message: SchedulerToWorker, _ actions: inout [WorkerAction]) {
    // What an older session said late means nothing in this one.
    guard isConnected else { return }
    switch message {
    case .welcome(let worker, let epoch, let heartbeat, let keep):
      welcome(worker, epoch, heartbeat, keep, &actions)
      return
    case .refused(let reason):
      actions.append(.stop(reason: "the scheduler does not take this worker: \(reason)"))
      return
    case .goodbye(let reason):
      actions.append(.log("the scheduler has ended the session: \(reason)"))
      return
    case .coordinated(let request, let reply):
      actions.append(.deliver(request: request, reply))
      return
    case .restart(let reason): return restart(reason, &actions)
    case .compute, .cancel, .release, .fetch, .steal, .holders, .peerLost, .retired, .heartbeat, .named, .push, .inputs:
      break
    }
    guard isRegistered else { return }
    switch message {
    case .compute(let tasks):
      for task in tasks { compute(task, &actions) }
    case .cancel(let runs):
      for run in runs { cancel(run, &actions) }
    case .release(let handles):
      for handle in handles { release(handle, &actions) }
    case .fetch(let inputs):
      for input in inputs { fetchCopy(input, &actions) }
    case .steal(let handle, let run): steal(handle, run, &actions)
    case .holders(let handle, let holders, let run):
      guard let slot = slots[handle], tasks[Int(slot)].data == .absent, tasks[Int(slot)].isWanted else { break }
      tasks[Int(slot)].isExpected = false
      addHolders(slot, holders, run)
      locate(slot, &actions)
    case .push(let orders):
      for order in orders { notePush(order, &actions) }
    case .inputs(let inputs):
      for input in inputs { hasCome(input, &actions) }
    case .named(let names):
      for name in names { named(name, &actions) }
    case .peerLost(let peer): if let number = peerNumbers[peer] { giveUp(number, &actions) }
    case .retired: actions.append(.stop(reason: "all results are held elsewhere"))
    case .heartbeat, .welcome, .refused, .goodbye, .coordinated, .restart: break
    }
  }

  // MARK: Sessions

  /// A session begins. What the scheduler keeps has new names from now on; everything else is let go.
  private mutating func welcome(
    _ worker: WorkerID, _ epoch: UInt64, _ heartbeat: Int64, _ keep: [Holding], _ actions: inout [WorkerAction]
  ) {
    guard !isRegistered else { return }
    if epoch != self.epoch { forgetPeers(&actions) }
    self.worker = worker
    self.epoch = epoch
    isRegistered = true
    heartbeatNanoseconds = heartbeat
    lastHeartbeat = now
    slots = [:]
    mayHaveOrphans = executionCount > 0
    var places: [Digest128: UInt32] = [:]
    for slot in tasks.indices where tasks[slot].isUsed {
      tasks[slot].hasHandle = false
      tasks[slot].isKept = false
      if tasks[slot].data.isHere, !tasks[slot].isPut { places[tasks[slot].digest] = UInt32(slot) }
    }
    for holding in keep where slots[holding.task] == nil {
      guard let slot = places[holding.digest], !tasks[Int(slot)].isKept else {
        outbox.dropped.append(holding.task)
        continue
      }
      tasks[Int(slot)].handle = holding.task
      tasks[Int(slot)].hasHandle = true
      tasks[Int(slot)].isKept = true
      slots[holding.task] = slot
    }
    settleAll(&actions)
    tellPause(&actions)
    if isRetiring { tell(.retire, &actions) }
  }

  /// Another scheduler counts the workers anew: what was known under their old numbers means others now.
  private mutating func forgetPeers(_ actions: inout [WorkerAction]) {
    for number in peers.indices where peers[number].isUsed {
      for slot in tasks.indices where tasks[slot].isUsed && tasks[slot].data != .fetching {
        removeHolder(UInt32(slot), UInt32(number))
      }
      if peers[number].isUsed { giveUp(UInt32(number), &actions) }
    }
  }

  /// The connection is gone: what has not begun is given out by the scheduler again, what runs goes on, results stay.
  mutating func loseScheduler(_ actions: inout [WorkerAction]) {
    guard isConnected else { return }
    isConnected = false
    isRegistered = false
    outbox = Outbox()
    isToldPaused = false
    forgetToldSuspensions()
    while let slot = queued.last { unassign(slot, &actions) }
    for execution in executions where execution.isUsed && execution.slot != TaskRecord.none {
      tasks[Int(execution.slot)].phase = .unassigned
    }
    for slot in tasks.indices { tasks[slot].isFetchWanted = false }
    settleAll(&actions)
  }

  mutating func settleAll(_ actions: inout [WorkerAction]) {
    for slot in tasks.indices where tasks[slot].isUsed { settle(UInt32(slot), &actions) }
  }

  /// No new work; what has not begun is given back.
  mutating func retire(_ actions: inout [WorkerAction]) {
    guard !isRetiring else { return }
    isRetiring = true
    tell(.retire, &actions)
    while let slot = queued.last { giveBack(slot, &actions) }
  }

  // MARK: Results

  private mutating func release(_ handle: TaskHandle, _ actions: inout [WorkerAction]) {
    guard let slot = slots[handle] else { return }
    tasks[Int(slot)].isKept = false
    tasks[Int(slot)].isFetchWanted = false
    settle(slot, &actions)
  }

  /// The scheduler wants a copy here.
  private mutating func fetchCopy(_ input: InputRef, _ actions: inout [WorkerAction]) {
    guard let slot = slot(for: input.task, input.digest) else {
      actions.append(.log("\(input.task) should be fetched, and is known for another key"))
      return
    }
    know(slot, input, priority: .max, &actions)
    if tasks[Int(slot)].data.isHere {
      keep(slot)
    } else {
      tasks[Int(slot)].isFetchWanted = true
      locate(slot, &actions)
    }
  }

  /// Takes what a message says about a result: where it is, what it takes, and the result itself when it is small.
  mutating func know(_ slot: UInt32, _ input: InputRef, priority: UInt64, _ actions: inout [WorkerAction]) {
    guard tasks[Int(slot)].data == .absent else {
      if tasks[Int(slot)].data == .fetching { addHolders(slot, input.holders, input.run) }
      return
    }
    let isComputedHere = tasks[Int(slot)].phase != .unassigned || tasks[Int(slot)].execution != TaskRecord.none
    tasks[Int(slot)].isExpected =
      input.delivery == .expected && !isComputedHere && tasks[Int(slot)].holders.isEmpty
    setByteCount(slot, input.byteCount)
    if let bytes = input.inline, tasks[Int(slot)].phase == .unassigned, tasks[Int(slot)].execution == TaskRecord.none {
      tasks[Int(slot)].type = input.type
      actions.append(.decode(ValueID(rawValue: slot), type: input.type, bytes: bytes))
      enterMemory(slot, &actions)
      return
    }
    addHolders(slot, input.holders, input.run)
    tasks[Int(slot)].fetchPriority = min(tasks[Int(slot)].fetchPriority, priority)
  }

  /// A copy stays until the scheduler releases it, and it is told that there is one.
  mutating func keep(_ slot: UInt32) {
    tasks[Int(slot)].isFetchWanted = false
    guard isRegistered, tasks[Int(slot)].hasHandle, !tasks[Int(slot)].isKept else { return }
    tasks[Int(slot)].isKept = true
    outbox.fetched.append(tasks[Int(slot)].handle)
  }

  // MARK: Time

  mutating func tick(_ actions: inout [WorkerAction]) {
    for number in executions.indices where executions[number].isUsed && executions[number].deadline <= now.nanoseconds {
      timeOut(UInt32(number), &actions)
    }
    askForHolders(&actions)
    forgetUnnamed(&actions)
    abandonRequests(&actions)
    if isRegistered, now - lastHeartbeat >= heartbeatNanoseconds {
      lastHeartbeat = now
      tell(.heartbeat(metrics), &actions)
    }
  }
}
