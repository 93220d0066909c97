import MartletBytes
import MartletProtocol

extension SchedulerCore {
  /// Moves a task from one state to another, and remembers it. Stops the program where the table of states forbids it: then
  /// the tables contradict each other, and going on would give wrong results.
  mutating func move(_ slot: UInt32, to state: TaskState, _ cause: Story.Cause) {
    let from = tasks[Int(slot)].state
    guard from.mayBecome(state) else {
      fatalError(
        "\(labelText(of: slot)) \(handle(of: slot)): \(from) → \(state) (\(cause)) is no transition\n"
          + story(of: tasks[Int(slot)].digest).joined(separator: "\n"))
    }
    tasks[Int(slot)].state = state
    stateCounts[Int(from.rawValue)] -= 1
    stateCounts[Int(state.rawValue)] += 1
    transitionCount += 1
    if !watches.isEmpty {
      let label = kinds[tasks[Int(slot)].kind].label
      watches.note(tasks[Int(slot)], label, labels[label], from, state, cause)
    }
    story.note(
      Story.Entry(
        digest: tasks[Int(slot)].digest, time: now, from: from, to: state, cause: cause,
        worker: tasks[Int(slot)].worker, run: tasks[Int(slot)].run))
  }

  /// Sees to it that a released task will be computed, with all that it needs.
  mutating func request(_ first: UInt32, _ cause: Story.Cause) {
    var stack = [first]
    while let slot = stack.popLast() {
      // The task that needed it may have failed meanwhile, because of another input.
      guard tasks[Int(slot)].isUsed, tasks[Int(slot)].state == .released, isNeeded(slot) else { continue }
      move(slot, to: .waiting, cause)
      if tasks[Int(slot)].run > 0 { repeatedTasks += 1 }
      var unmet: UInt32 = 0
      var failed = Relation.none
      var edge = tasks[Int(slot)].firstInput
      while edge != Dependencies.none {
        let input = dependencies[edge].input
        edge = dependencies[edge].nextInput
        tasks[Int(input)].waiters += 1
        switch tasks[Int(input)].state {
        case .memory: break
        case .failed: if failed == Relation.none { failed = input }
        case .released:
          unmet += 1
          stack.append(input)
        case .waiting, .ready, .noWorker, .processing: unmet += 1
        }
      }
      tasks[Int(slot)].unmet = unmet
      if tasks[Int(slot)].isData || (tasks[Int(slot)].isBound && tasks[Int(slot)].run > 0) {
        fail(slot, lostRecord(slot), .inputLost)
      } else if failed != Relation.none {
        fail(slot, failures[failed] ?? lostRecord(failed), .inputLost)
      } else if unmet == 0 {
        makeReady(slot, cause)
      }
    }
  }

  func lostRecord(_ slot: UInt32) -> FailureRecord {
    FailureRecord(
      .lost, key: tasks[Int(slot)].digest, label: labelText(of: slot),
      message: "its data is lost and cannot be computed again: scatter it anew, or keep more than one copy")
  }

  /// All inputs of a waiting task are there.
  mutating func makeReady(_ slot: UInt32, _ cause: Story.Cause) {
    if tasks[Int(slot)].isDelayed { return }
    switch kinds[tasks[Int(slot)].kind].work {
    case .signal:
      // Nothing to compute: it is there when its input is.
      enterMemory(slot, bytes: 0, type: nil, cause)
      return
    case .literal(let type) where tasks[Int(slot)].arguments.count <= WireLimits.inlineResultBytes:
      let bytes = tasks[Int(slot)].arguments.array
      keepInline(slot, bytes)
      enterMemory(slot, bytes: Int64(bytes.count), type: type, cause)
      return
    case .literal, .call, .block, .gather, .alias: break
    }
    move(slot, to: .ready, cause)
    enqueue(slot)
  }

  /// The result of a task is there. Its holders and its inline copy were noted before.
  mutating func enterMemory(_ slot: UInt32, bytes: Int64, type: UInt32?, _ cause: Story.Cause) {
    let wasActive = tasks[Int(slot)].state.isActive
    move(slot, to: .memory, cause)
    tasks[Int(slot)].resultBytes = bytes
    if let type {
      types.use(type)
      leaveType(slot)
      tasks[Int(slot)].resultType = type
    }
    var edge = tasks[Int(slot)].firstDependent
    while edge != Dependencies.none {
      let dependent = dependencies[edge].dependent
      edge = dependencies[edge].nextDependent
      if tasks[Int(dependent)].isAhead { noteInput(slot, of: dependent) }
      guard tasks[Int(dependent)].state == .waiting else { continue }
      tasks[Int(dependent)].unmet -= 1
      if tasks[Int(dependent)].unmet == 0 { becomingReady.append(dependent) }
    }
    tellWanting(slot)
    lookAtCopies(of: slot)
    // The slot may be forgotten by what follows, so nothing else is done with it.
    if !isNeeded(slot) { unneeded.append(slot) }
    if wasActive { leaveInputs(slot) } else { settleUnneeded() }
    settleReady()
  }

  /// Makes tasks ready whose last input has come. With a list instead of recursion, as `settleUnneeded`: signals are there
  /// at once, and may form a chain.
  private mutating func settleReady() {
    if isReadying { return }
    isReadying = true
    while let slot = becomingReady.popLast() {
      guard tasks[Int(slot)].isUsed, tasks[Int(slot)].state == .waiting, tasks[Int(slot)].unmet == 0 else { continue }
      makeReady(slot, .inputReady)
    }
    isReadying = false
  }

  /// A task that needed its inputs no longer does: results that nobody else needs are dropped.
  mutating func leaveInputs(_ slot: UInt32) {
    var edge = tasks[Int(slot)].firstInput
    while edge != Dependencies.none {
      let input = dependencies[edge].input
      edge = dependencies[edge].nextInput
      tasks[Int(input)].waiters -= 1
      if tasks[Int(input)].waiters == 0 { unneeded.append(input) }
    }
    settleUnneeded()
  }

  /// Looks at tasks that somebody has stopped to need: drops results, gives up work, forgets. With a list of its own
  /// instead of recursion: a chain of a million may fall at once.
  mutating func settleUnneeded() {
    if isSettling { return }
    isSettling = true
    while let slot = unneeded.popLast() {
      guard tasks[Int(slot)].isUsed, !isNeeded(slot) else { continue }
      switch tasks[Int(slot)].state {
      case .memory: drop(slot, .resultDropped)
      case .waiting, .ready, .noWorker, .processing: giveUp(slot, .cancelled)
      case .released, .failed: forgetIfUnknown(slot)
      }
    }
    isSettling = false
  }

  /// Drops a result everywhere.
  mutating func drop(_ slot: UInt32, _ cause: Story.Cause) {
    removeHolders(of: slot)
    dropInline(slot)
    move(slot, to: .released, cause)
    forgetIfUnknown(slot)
  }

  /// Takes a result from all who hold it.
  mutating func removeHolders(of slot: UInt32) {
    while case let pair = tasks[Int(slot)].firstHolder, pair != Relation.none {
      let worker = holders.right(pair)
      holders.remove(worker, first: &tasks[Int(slot)].firstHolder)
      loads[Int(worker)].heldBytes -= tasks[Int(slot)].resultBytes
      if loads[Int(worker)].isAlive { tellRelease(Int(worker), handle(of: slot)) }
    }
  }

  /// Gives up a task that was to be computed.
  mutating func giveUp(_ slot: UInt32, _ cause: Story.Cause) {
    if tasks[Int(slot)].state == .processing { unassign(slot, tellWorker: true) }
    tasks[Int(slot)].isDelayed = false
    move(slot, to: .released, cause)
    leaveInputs(slot)
    forgetIfUnknown(slot)
  }

  /// Forgets a task that nobody needs and that no other task could ever need for being computed again.
  mutating func forgetIfUnknown(_ slot: UInt32) {
    let record = tasks[Int(slot)]
    guard record.isUsed, record.state == .released || record.state == .failed, !isNeeded(slot),
      record.firstDependent == Dependencies.none, record.pins == 0
    else { return }
    if record.firstInput != Dependencies.none {
      dependencies.removeInputs(of: slot, &tasks, &unneeded)
    }
    table.remove(record.digest) { tasks[Int($0)].digest }
    forgetCopies(of: slot)
    leaveType(slot)
    leaveKind(record.kind)
    record.arguments.forget()
    if record.state == .failed { failures[slot] = nil }
    if record.deaths > 0 { deathsByTask[slot] = nil }
    if !watches.isEmpty { watches.forget(record) }
    tasks[Int(slot)].isUsed = false
    tasks[Int(slot)].arguments = .none
    stateCounts[Int(record.state.rawValue)] -= 1
    tasks[Int(slot)].generation &+= 1
    freeSlots.append(slot)
    settleUnneeded()
  }

  /// The last copy of a result is gone.
  mutating func loseResult(_ slot: UInt32) {
    // While it counts as there: below, it is counted as missing.
    takeBackAhead(of: slot)
    move(slot, to: .released, .inputLost)
    var edge = tasks[Int(slot)].firstDependent
    while edge != Dependencies.none {
      let dependent = dependencies[edge].dependent
      edge = dependencies[edge].nextDependent
      switch tasks[Int(dependent)].state {
      case .waiting: tasks[Int(dependent)].unmet += 1
      case .ready, .noWorker:
        move(dependent, to: .waiting, .inputLost)
        tasks[Int(dependent)].unmet = 1
      // A worker that has not fetched it yet is told where it is when it is there again.
      case .processing, .released, .memory, .failed: break
      }
    }
    guard isNeeded(slot) else { return forgetIfUnknown(slot) }
    for client in wants.rights(from: tasks[Int(slot)].firstWant) {
      recomputing.append((ClientID(rawValue: client), handle(of: slot)))
    }
    request(slot, .inputLost)
  }

  /// A task has no result and will have none; all that wait for it neither.
  mutating func fail(_ first: UInt32, _ failure: FailureRecord, _ cause: Story.Cause) {
    var stack = [first]
    while let slot = stack.popLast() {
      switch tasks[Int(slot)].state {
      case .waiting, .ready, .noWorker: break
      // Who has reported the failure knows that it has ended; who computes what is cancelled does not.
      case .processing: unassign(slot, tellWorker: cause == .cancelled || slot != first)
      case .released, .memory, .failed: continue
      }
      tasks[Int(slot)].isDelayed = false
      move(slot, to: .failed, cause)
      failures[slot] = failure
      for client in wants.rights(from: tasks[Int(slot)].firstWant) {
        failedForClients.append((ClientID(rawValue: client), handle(of: slot), failure))
      }
      for dependent in dependents(of: slot)
      where tasks[Int(dependent)].state == .waiting || tasks[Int(dependent)].isAhead {
        stack.append(dependent)
      }
      leaveInputs(slot)
      if !isNeeded(slot) {
        unneeded.append(slot)
        settleUnneeded()
      }
    }
  }

  /// The type of a result is remembered until the task is forgotten: when a result was lost or dropped, a copy that was on its
  /// way may still come, and is taken if it is needed; the worker that has it does not say of what type it is.
  private mutating func leaveType(_ slot: UInt32) {
    let type = tasks[Int(slot)].resultType
    tasks[Int(slot)].resultType = Names.none
    if type != Names.none { types.leave(type) }
  }

  // MARK: Small results

  mutating func keepInline(_ slot: UInt32, _ bytes: [UInt8]) {
    guard !tasks[Int(slot)].hasInline, inlines.bytes + bytes.count <= settings.inlineBudgetBytes else { return }
    tasks[Int(slot)].inline = inlines.add(bytes)
  }

  mutating func dropInline(_ slot: UInt32) {
    guard tasks[Int(slot)].hasInline else { return }
    inlines.remove(tasks[Int(slot)].inline)
    tasks[Int(slot)].inline = InlineResults.none
  }
}
