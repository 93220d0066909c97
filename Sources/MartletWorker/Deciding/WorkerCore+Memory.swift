import MartletProtocol

extension WorkerCore {
  /// A share of the memory limit, in bytes.
  func share(_ part: Double) -> Int64 { Int64(Double(settings.memoryLimit) * part) }

  /// What is in memory, and what is on its way there.
  var claimedBytes: Int64 { memoryBytes &+ fetchingBytes &+ loadingBytes &+ receivingBytes }

  /// Whether so much may be brought into memory now.
  func hasRoom(for bytes: Int64) -> Bool {
    settings.memoryLimit == 0 || (!isPaused && claimedBytes &+ bytes <= share(settings.pauseShare))
  }

  /// Decides whether new work is begun.
  mutating func judgePause(_ actions: inout [WorkerAction]) {
    guard settings.memoryLimit > 0 else { return }
    let most = max(claimedBytes, residentBytes)
    if !isPaused, most > share(settings.pauseShare) {
      isPaused = true
      actions.append(
        .log(
          "pausing: \(claimedBytes) bytes of results, \(residentBytes) of the process, limit \(settings.memoryLimit)"))
    } else if isPaused, most <= share(settings.resumeShare) {
      isPaused = false
      actions.append(.log("going on: \(claimedBytes) bytes of results, \(residentBytes) of the process"))
    }
    tellPause(&actions)
  }

  /// Tells the scheduler whether it may give work. When nothing is left to do here but to wait for others, it may although there
  /// is no room: what they wait for may have to be done here, and one at a time is begun.
  mutating func tellPause(_ actions: inout [WorkerAction]) {
    let takesNothing = isPaused && (suspended == 0 || computing + blocking > 0 || readyCount > 0)
    guard isRegistered, takesNothing != isToldPaused else { return }
    isToldPaused = takesNothing
    tell(.paused(takesNothing), &actions)
  }

  // MARK: Reading back

  /// Offers a task for loading its inputs, if that is all that it lacks.
  mutating func offerForLoading(_ slot: UInt32) {
    let place = Int(slot)
    guard tasks[place].unmet > 0, tasks[place].away == 0, tasks[place].phase == .waiting, !tasks[place].isPinning else {
      return
    }
    loadable.push(tasks[place].priority, slot)
  }

  /// Reads the inputs of tasks back, by priority, as far as there is room. All inputs of a task come together and stay: so
  /// nothing is read only to be spilled before it was used.
  mutating func load(_ actions: inout [WorkerAction]) {
    while loadingCount < settings.loadsAtOnce, let first = loadable.first {
      let task = tasks[Int(first.number)]
      guard task.phase == .waiting, !task.isPinning, task.away == 0, task.priority == first.key else {
        _ = loadable.pop()
        continue
      }
      let bytes = task.inputs.reduce(Int64(0)) {
        tasks[Int($1)].data == .spilled ? $0 &+ tasks[Int($1)].byteCount : $0
      }
      guard hasRoom(for: bytes) else {
        wasDenied = true
        return
      }
      _ = loadable.pop()
      pin(first.number)
      loadInputs(of: first.number, &actions)
    }
  }

  mutating func loadInputs(of slot: UInt32, _ actions: inout [WorkerAction]) {
    for input in tasks[Int(slot)].inputs where tasks[Int(input)].data == .spilled {
      moveData(input, to: .loading)
      actions.append(.load(ValueID(rawValue: input)))
    }
  }

  mutating func loadEnded(_ value: ValueID, _ outcome: FileOutcome, _ actions: inout [WorkerAction]) {
    let slot = value.rawValue
    guard Int(slot) < tasks.count, tasks[Int(slot)].data == .loading else { return }
    switch outcome {
    case .done: enterMemory(slot, &actions)
    case .failed(let reason):
      actions.append(.log("\(tasks[Int(slot)].handle) cannot be read back: \(reason)"))
      loseData(slot, &actions)
    }
    settle(slot, &actions)
  }

  /// A result that was in a file is lost.
  private mutating func loseData(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    // What is being sent from the file is as damaged.
    for transfer in transfers where transfer.files.contains(slot) {
      actions.append(.stopSending(transfer.requester, request: transfer.request))
    }
    moveData(slot, to: .absent)
    actions.append(.drop(ValueID(rawValue: slot)))
    if tasks[Int(slot)].isKept {
      tasks[Int(slot)].isKept = false
      if isRegistered {
        // After `finished` and `fetched` of the same result.
        flush(&actions)
        outbox.dropped.append(tasks[Int(slot)].handle)
      }
    }
    for dependent in tasks[Int(slot)].dependents {
      tasks[Int(dependent)].away += 1
      unpin(dependent, &actions)
    }
    locate(slot, &actions)
  }

  /// When nothing computes, nothing comes, and work waits for want of room only: the first task that could get its inputs
  /// gets them. So a worker that can spill nothing more still gets on, one task at a time.
  mutating func helpOne(_ actions: inout [WorkerAction]) {
    if chosen != TaskRecord.none, !isObtainable(chosen) { unpin(chosen, &actions) }
    if chosen == TaskRecord.none {
      guard wasDenied, computing == 0, fetchingCount == 0, loadingCount == 0, spillingCount == 0 else { return }
      for slot in queued where tasks[Int(slot)].phase == .waiting && isObtainable(slot) {
        if chosen == TaskRecord.none || (tasks[Int(slot)].priority, slot) < (tasks[Int(chosen)].priority, chosen) {
          chosen = slot
        }
      }
      guard chosen != TaskRecord.none else { return }
      pin(chosen)
    }
    feed(chosen, &actions)
  }

  /// Whether all inputs of a waiting task are here or can be asked for.
  private func isObtainable(_ slot: UInt32) -> Bool {
    tasks[Int(slot)].inputs.allSatisfy { input in
      let task = tasks[Int(input)]
      return task.data != .absent || (task.isToBeFetched && !task.holders.isEmpty)
    }
  }

  // MARK: Spilling

  /// Writes the least recently used results to files while too much is held. Those that bodies, ready tasks or transfers use
  /// are not in the list.
  mutating func spill(_ actions: inout [WorkerAction]) {
    guard settings.memoryLimit > 0, now >= spillBlockedUntil else { return }
    while spillingCount < settings.spillsAtOnce {
      let staying = memoryBytes &- spillingBytes
      guard staying > share(settings.spillShare) || residentExcess > spillingBytes, let slot = leastUsed() else {
        return
      }
      if tasks[Int(slot)].hasFile {
        unload(slot, &actions)
      } else if settings.diskLimit > 0, diskBytes &+ spillingBytes &+ tasks[Int(slot)].byteCount > settings.diskLimit {
        stopSpilling("\(diskBytes) bytes of files, \(settings.diskLimit) are allowed", &actions)
        return
      } else {
        moveData(slot, to: .spilling)
        actions.append(.spill(ValueID(rawValue: slot)))
      }
    }
  }

  /// The least recently used result that no queued task waits for, if one of the first is such; else the least recently
  /// used one.
  private func leastUsed() -> UInt32? {
    var slot = oldest
    for _ in 0..<16 where slot != TaskRecord.none {
      if tasks[Int(slot)].dependents.isEmpty { return slot }
      slot = tasks[Int(slot)].later
    }
    return oldest == TaskRecord.none ? nil : oldest
  }

  /// Forgets a value in memory that has a file.
  private mutating func unload(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    moveData(slot, to: .spilled)
    residentExcess = max(0, residentExcess &- tasks[Int(slot)].byteCount)
    actions.append(.unload(ValueID(rawValue: slot)))
    for dependent in tasks[Int(slot)].dependents {
      tasks[Int(dependent)].unmet += 1
      offerForLoading(dependent)
    }
  }

  mutating func spillEnded(
    _ value: ValueID, _ outcome: FileOutcome, _ bytesOnDisk: Int64, _ actions: inout [WorkerAction]
  ) {
    let slot = value.rawValue
    guard Int(slot) < tasks.count, tasks[Int(slot)].data == .spilling else { return }
    moveData(slot, to: .memory)
    switch outcome {
    case .done:
      tasks[Int(slot)].hasFile = true
      tasks[Int(slot)].diskBytes = min(max(0, bytesOnDisk), mostBytes)
      diskBytes &+= tasks[Int(slot)].diskBytes
      hasComplainedOfDisk = false
    case .failed(let reason): stopSpilling(reason, &actions)
    }
    settle(slot, &actions)
    // It may have been taken up meanwhile: then it stays, and the file serves the next time.
    if tasks[Int(slot)].isUsed, tasks[Int(slot)].data == .memory, tasks[Int(slot)].hasFile, tasks[Int(slot)].uses == 0 {
      unload(slot, &actions)
    }
  }

  /// The results stay in memory; that is said once.
  private mutating func stopSpilling(_ reason: String, _ actions: inout [WorkerAction]) {
    spillBlockedUntil = now + settings.spillRetryNanoseconds
    if hasComplainedOfDisk { return }
    hasComplainedOfDisk = true
    actions.append(.log("results stay in memory, they cannot be spilled: \(reason)"))
  }
}
