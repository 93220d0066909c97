import MartletProtocol

extension WorkerCore {
  /// What is wrong with the tables; nil when all of them agree. Recomputes what the fast paths keep up to date. O(all).
  package func brokenInvariant() -> String? {
    brokenTask() ?? brokenLedger() ?? brokenPeer()
  }

  private func brokenTask() -> String? {
    var uses = [UInt32](repeating: 0, count: tasks.count)
    var reads = uses
    var runs = uses
    for task in tasks where task.isUsed && task.isPinning {
      for input in task.inputs where tasks[Int(input)].data.isInMemory { uses[Int(input)] += 1 }
    }
    for execution in executions where execution.isUsed {
      for input in execution.inputs { uses[Int(input)] += 1 }
      if execution.slot != TaskRecord.none { runs[Int(execution.slot)] += 1 }
    }
    for transfer in transfers {
      for slot in transfer.values { uses[Int(slot)] += 1 }
      for slot in transfer.files { reads[Int(slot)] += 1 }
    }
    var readyTasks = 0
    for (number, task) in tasks.enumerated() {
      var name: String { "\(task.handle) (\(task.phase), \(task.data))" }
      guard task.isUsed else {
        if task.data != .absent || !task.dependents.isEmpty || uses[number] > 0 {
          return "\(name) is forgotten, but used"
        }
        continue
      }
      if task.hasHandle, slots[task.handle] != UInt32(number) { return "\(name) is not found by its handle" }
      if uses[number] != task.uses { return "\(name) has \(uses[number]) uses, \(task.uses) were counted" }
      if reads[number] != task.reads { return "\(name) has \(reads[number]) readers, \(task.reads) were counted" }
      if task.uses > 0, !task.data.isInMemory { return "\(name) is used, and not in memory" }
      if task.isPut, task.data != .memory || task.hasHandle || !puts.contains(UInt32(number)) {
        return "\(name) is not held for a client"
      }
      if task.phase.isQueued, task.data.isHere { return "\(name) is queued, and its result is here" }
      if task.isKept, !task.data.isHere { return "\(name) is counted on, and not here" }
      if runs[number] != (task.execution == TaskRecord.none ? 0 : 1) { return "\(name) has \(runs[number]) executions" }
      switch task.phase {
      case .unassigned: if !task.inputs.isEmpty { return "\(name) has inputs" }
      case .waiting, .ready:
        if Int(task.place) >= queued.count || queued[Int(task.place)] != UInt32(number) {
          return "\(name) is not queued"
        }
        if task.phase == .ready { readyTasks += 1 }
        if let problem = brokenInputs(UInt32(number)) { return "\(name) \(problem)" }
        if work[number] == nil { return "\(name) does not know what to do" }
      case .executing, .suspended:
        guard task.execution != TaskRecord.none else { return "\(name) has no execution" }
        if executions[Int(task.execution)].isSuspended != (task.phase == .suspended) {
          return "\(name) waits, or does not"
        }
      }
      if task.phase == .unassigned, task.execution == TaskRecord.none, !task.isWanted, !task.isKept, !task.isPut,
        task.uses == 0,
        task.reads == 0, task.data != .fetching, task.data != .spilling, task.data != .loading
      {
        return "\(name) should be forgotten"
      }
      if task.isToBeFetched, task.holders.isEmpty, !task.isUnlocated { return "\(name) is sought by nobody" }
      if task.isUnlocated != unlocated.contains(UInt32(number)) { return "\(name) is listed wrongly as lost" }
      if task.isToBeFetched,
        let holder = task.holders.first(where: { !peers[Int($0)].queue.holds(task.fetchPriority, UInt32(number)) })
      {
        return "\(name) is not in the queue of \(peers[Int(holder)].worker)"
      }
    }
    if readyTasks != readyCount { return "\(readyTasks) tasks are ready, \(readyCount) were counted" }
    if puts.count != tasks.count(where: \.isPut) { return "too much is held for clients" }
    if queued.count != tasks.count(where: { $0.isUsed && $0.phase.isQueued }) { return "too many tasks are queued" }
    return nil
  }

  private func brokenInputs(_ slot: UInt32) -> String? {
    let task = tasks[Int(slot)]
    let unmet = task.inputs.count { !tasks[Int($0)].data.isInMemory }
    let away = task.inputs.count { !tasks[Int($0)].data.isHere }
    if unmet != task.unmet { return "misses \(unmet) inputs, \(task.unmet) were counted" }
    if away != task.away { return "has \(away) inputs elsewhere, \(task.away) were counted" }
    if (unmet == 0) != (task.phase == .ready) { return "misses \(unmet) inputs" }
    if task.phase == .ready, !task.isPinning { return "does not hold its inputs" }
    if task.inputs.contains(where: { input in tasks[Int(input)].dependents.count { $0 == slot } != 1 }) {
      return "is not known to its inputs"
    }
    if task.phase == .waiting, away == 0, !task.isPinning, !loadable.holds(task.priority, slot) {
      return "waits for files that nobody reads"
    }
    return nil
  }

  private func brokenLedger() -> String? {
    // By phase: bytes, and how many.
    var bytes = [Int64](repeating: 0, count: 6)
    var counts = [Int](repeating: 0, count: 6)
    var onDisk: Int64 = 0
    for task in tasks {
      bytes[Int(task.data.rawValue)] += task.byteCount
      counts[Int(task.data.rawValue)] += 1
      onDisk += task.diskBytes
      if task.data == .spilled || task.data == .loading, !task.hasFile { return "\(task.handle) has no file" }
    }
    func total(_ phase: DataPhase) -> Int64 { bytes[Int(phase.rawValue)] }
    func count(_ phase: DataPhase) -> Int { counts[Int(phase.rawValue)] }
    if memoryBytes != total(.memory) + total(.spilling) { return "the bytes in memory are off" }
    if fetchingBytes != total(.fetching) || fetchingCount != count(.fetching) { return "the fetched bytes are off" }
    if loadingBytes != total(.loading) || loadingCount != count(.loading) { return "the loaded bytes are off" }
    if spillingBytes != total(.spilling) || spillingCount != count(.spilling) { return "the spilled bytes are off" }
    if receivingBytes != receptions.reduce(0, { $0 + $1.bytes }) { return "the bytes of clients are off" }
    if diskBytes != onDisk { return "the bytes on disk are off" }
    var listed = 0
    var slot = oldest
    var earlier = TaskRecord.none
    while slot != TaskRecord.none {
      let task = tasks[Int(slot)]
      if !task.isListed || task.data != .memory || task.uses > 0 || task.earlier != earlier {
        return "\(task.handle) is listed wrongly for spilling"
      }
      listed += 1
      earlier = slot
      slot = task.later
    }
    if newest != earlier || listed != tasks.count(where: { $0.isListed }) { return "the list for spilling is broken" }
    let running = executions.filter(\.isUsed)
    if executionCount != running.count || suspended != running.count(where: { $0.isSuspended })
      || computing != running.count(where: { !$0.isSuspended && !$0.isBlocking })
      || blocking != running.count(where: { !$0.isSuspended && $0.isBlocking })
    {
      return "the executions are counted wrongly"
    }
    if sleepingThreads != running.count(where: { $0.holdsThread }) { return "the sleeping threads are counted wrongly" }
    if running.contains(where: { !$0.isSuspended && ($0.isAwake || $0.holdsThread) }) { return "a body is half asleep" }
    for (number, execution) in executions.enumerated() where execution.isAwake {
      let heap = execution.isBlocking ? awakeBlockingBodies : awakeBodies
      if !heap.holds(execution.priority, UInt32(number)) { return "a body is awake, and nobody knows" }
      if execution.isBlocking ? blocking < settings.blockingTasks : computing < settings.threads {
        return "a body is awake, and there is room for it"
      }
    }
    if isRegistered {
      for (number, execution) in executions.enumerated() where execution.slot != TaskRecord.none {
        let isAssigned = tasks[Int(execution.slot)].phase != .unassigned
        if isAssigned, execution.isSuspended != execution.isToldSuspended, !execution.isListed {
          return "the scheduler will not hear whether body \(number) waits"
        }
      }
    }
    if chosen != TaskRecord.none, tasks[Int(chosen)].phase != .waiting || !tasks[Int(chosen)].isPinning {
      return "the chosen task does not wait"
    }
    return nil
  }

  private func brokenPeer() -> String? {
    var uses = [Int](repeating: 0, count: peers.count)
    for task in tasks where task.isUsed { for peer in task.holders { uses[Int(peer)] += 1 } }
    for (number, peer) in peers.enumerated() where peer.isUsed {
      if uses[number] != peer.uses { return "\(peer.worker) is named \(uses[number]) times, \(peer.uses) were counted" }
      if peerNumbers[peer.worker] != UInt32(number) { return "\(peer.worker) is not found" }
      if peer.uses == 0, peer.request == 0, peer.link == .none { return "\(peer.worker) should be forgotten" }
    }
    if peerNumbers.count != peers.count(where: \.isUsed) { return "peers are known twice" }
    if queuedFetches != peers.reduce(0, { $0 + $1.queue.count }) { return "the queued fetches are off" }
    for (number, task) in tasks.enumerated() where task.isUsed && task.data == .fetching {
      let peer = peers[Int(task.fetchedFrom)]
      if peer.request == 0 || !peer.asked.contains(where: { $0.slot == UInt32(number) && !$0.isAnswered }) {
        return "\(task.handle) was not asked for"
      }
    }
    return nil
  }

  /// What is left when nothing is assigned, kept, asked for or sent any more: nothing, or this.
  package func leftover() -> String? {
    if let task = tasks.first(where: \.isUsed) { return "\(task.handle) is left: \(task.phase), \(task.data)" }
    if !slots.isEmpty || !queued.isEmpty || !unlocated.isEmpty || !transfers.isEmpty || !puts.isEmpty
      || !receptions.isEmpty
    {
      return "a table is not empty"
    }
    if executionCount > 0 { return "\(executionCount) executions are left" }
    if memoryBytes != 0 || fetchingBytes != 0 || loadingBytes != 0 || diskBytes != 0 { return "bytes are left" }
    if let peer = peers.first(where: { $0.isUsed && $0.link == .none }) { return "\(peer.worker) is left" }
    return nil
  }
}
