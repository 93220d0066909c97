import MartletBytes
import MartletProtocol

extension WorkerCore {
  // MARK: Taking work

  mutating func compute(_ task: ComputeTask, _ actions: inout [WorkerAction]) {
    guard let slot = slot(for: task.task, task.digest) else {
      return reject(task, "\(task.task) is known for another key", &actions)
    }
    let place = Int(slot)
    switch tasks[place].phase {
    case .unassigned: break
    case .waiting, .ready:
      guard task.run.rawValue > tasks[place].run else { return }
      unassign(slot, &actions)
      // Nobody may have needed it but itself.
      if !tasks[place].isUsed { return compute(task, &actions) }
    case .executing, .suspended:
      // The body that runs gives the result of the newer run as well: equal keys are equal work.
      guard task.run.rawValue > tasks[place].run else { return }
      tasks[place].run = task.run.rawValue
      executions[Int(tasks[place].execution)].isToldSuspended = false
      noteChange(tasks[place].execution)
      return
    }
    if tasks[place].execution != TaskRecord.none {
      // It was begun before the session with the scheduler was lost.
      tasks[place].phase = executions[Int(tasks[place].execution)].isSuspended ? .suspended : .executing
      tasks[place].run = task.run.rawValue
      noteChange(tasks[place].execution)
      return
    }
    if tasks[place].data.isHere {
      tasks[place].run = task.run.rawValue
      return finish(slot, nanoseconds: 0, inline: nil)
    }
    if isRetiring {
      tell(.stealAnswer(task.task, task.run, gave: true), &actions)
      return settle(slot, &actions)
    }
    assign(slot, task, &actions)
  }

  private mutating func assign(_ slot: UInt32, _ task: ComputeTask, _ actions: inout [WorkerAction]) {
    let place = Int(slot)
    var arguments: [UInt32] = []
    arguments.reserveCapacity(task.inputs.count)
    for number in task.inputs.indices {
      let handle = task.inputs[number].task
      guard let found = self.slot(for: handle, task.inputs[number].digest) else {
        for earlier in arguments { settle(earlier, &actions) }
        reject(task, "its input \(number), \(handle), is known for another key", &actions)
        return settle(slot, &actions)
      }
      arguments.append(found)
    }
    tasks[place].phase = .waiting
    tasks[place].run = task.run.rawValue
    tasks[place].priority = task.priority
    tasks[place].isBlocking = task.isBlocking
    tasks[place].isPinning = false
    tasks[place].isExpected = false
    tasks[place].arguments = arguments
    tasks[place].inputs = once(arguments)
    tasks[place].place = UInt32(queued.count)
    queued.append(slot)
    work[place] = task
    // First all inputs have somebody who waits for them, then they may come: one comes at once when it is inline.
    let inputs = tasks[place].inputs
    for input in inputs {
      // Room for a few at once: tables of four take no more memory than those of one.
      if tasks[Int(input)].dependents.isEmpty { tasks[Int(input)].dependents.reserveCapacity(4) }
      tasks[Int(input)].dependents.append(slot)
    }
    tasks[place].unmet = UInt32(inputs.count { !tasks[Int($0)].data.isInMemory })
    tasks[place].away = UInt32(inputs.count { !tasks[Int($0)].data.isHere })
    if tasks[place].unmet == 0 { return becomeReady(slot) }
    for (number, input) in arguments.enumerated() where !tasks[Int(input)].data.isHere {
      know(input, task.inputs[number], priority: task.priority, &actions)
    }
    guard tasks[place].phase == .waiting else { return }
    for input in inputs where tasks[Int(input)].data == .absent {
      tasks[Int(input)].fetchPriority = min(tasks[Int(input)].fetchPriority, task.priority)
      locate(input, &actions)
    }
    offerForLoading(slot)
  }

  /// Each place once, in the order of their first occurrence.
  private mutating func once(_ arguments: [UInt32]) -> [UInt32] {
    mark &+= 1
    var isOnce = true
    for argument in arguments {
      if tasks[Int(argument)].mark == mark { isOnce = false }
      tasks[Int(argument)].mark = mark
    }
    if isOnce { return arguments }
    mark &+= 1
    return arguments.filter { argument in
      defer { tasks[Int(argument)].mark = mark }
      return tasks[Int(argument)].mark != mark
    }
  }

  /// The scheduler's message contradicts itself: the task fails, others do not.
  private mutating func reject(_ task: ComputeTask, _ problem: String, _ actions: inout [WorkerAction]) {
    let failure = FailureRecord(.undecodable, key: task.digest, label: task.label, message: problem)
    tell(.failed(task.task, task.run, failure), &actions)
  }

  // MARK: Becoming ready

  /// A result is in memory now; it was not before.
  mutating func enterMemory(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    let wasAway = !tasks[Int(slot)].data.isHere
    moveData(slot, to: .memory)
    tasks[Int(slot)].isExpected = false
    tasks[Int(slot)].fetchPriority = .max
    tasks[Int(slot)].damagedCopies = 0
    if wasAway {
      for peer in tasks[Int(slot)].holders { leave(peer: peer) }
      tasks[Int(slot)].holders = []
    }
    if tasks[Int(slot)].phase.isQueued {
      // It came from elsewhere before it was begun here.
      finish(slot, nanoseconds: 0, inline: nil)
      unassign(slot, &actions)
    } else if tasks[Int(slot)].isFetchWanted {
      keep(slot)
    }
    let dependents = tasks[Int(slot)].dependents
    for dependent in dependents {
      tasks[Int(dependent)].unmet -= 1
      if wasAway { tasks[Int(dependent)].away -= 1 }
      if tasks[Int(dependent)].isPinning { use(slot) }
      if tasks[Int(dependent)].unmet == 0 { becomeReady(dependent) } else { offerForLoading(dependent) }
    }
  }

  private mutating func becomeReady(_ slot: UInt32) {
    pin(slot)
    tasks[Int(slot)].phase = .ready
    readyCount += 1
    if chosen == slot { chosen = TaskRecord.none }
    if tasks[Int(slot)].isBlocking {
      readyBlocking.push(tasks[Int(slot)].priority, slot)
    } else {
      ready.push(tasks[Int(slot)].priority, slot)
    }
  }

  /// The inputs of a task stay in memory from now on, or from when they come.
  mutating func pin(_ slot: UInt32) {
    guard !tasks[Int(slot)].isPinning else { return }
    tasks[Int(slot)].isPinning = true
    let inputs = tasks[Int(slot)].inputs
    for input in inputs where tasks[Int(input)].data.isInMemory { use(input) }
  }

  mutating func unpin(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    guard tasks[Int(slot)].isPinning else { return }
    tasks[Int(slot)].isPinning = false
    if chosen == slot { chosen = TaskRecord.none }
    for input in tasks[Int(slot)].inputs where tasks[Int(input)].data.isInMemory { unuse(input, &actions) }
  }

  // MARK: Giving work up

  /// Takes a queued task out: it is as if it had never been assigned. What nobody else needs goes with it; perhaps itself.
  mutating func unassign(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    unpin(slot, &actions)
    let inputs = leaveQueue(slot)
    tasks[Int(slot)].phase = .unassigned
    tasks[Int(slot)].pushTo = []
    for input in inputs { settle(input, &actions) }
    if tasks[Int(slot)].isWanted { locate(slot, &actions) }
    settle(slot, &actions)
  }

  /// Takes a task from the list of those that have not begun; gives its inputs.
  private mutating func leaveQueue(_ slot: UInt32) -> [UInt32] {
    if tasks[Int(slot)].phase == .ready { readyCount -= 1 }
    let place = Int(tasks[Int(slot)].place)
    queued.swapAt(place, queued.count - 1)
    queued.removeLast()
    if place < queued.count { tasks[Int(queued[place])].place = UInt32(place) }
    work[Int(slot)] = nil
    let inputs = tasks[Int(slot)].inputs
    tasks[Int(slot)].inputs = []
    tasks[Int(slot)].arguments = []
    for input in inputs {
      if let place = tasks[Int(input)].dependents.firstIndex(of: slot) {
        tasks[Int(input)].dependents.swapAt(place, tasks[Int(input)].dependents.count - 1)
        tasks[Int(input)].dependents.removeLast()
      }
    }
    return inputs
  }

  /// Hands a task that has not begun back to the scheduler.
  mutating func giveBack(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    let run = TaskRun(task: tasks[Int(slot)].handle, run: RunID(rawValue: tasks[Int(slot)].run))
    unassign(slot, &actions)
    tell(.stealAnswer(run.task, run.run, gave: true), &actions)
  }

  mutating func steal(_ handle: TaskHandle, _ run: RunID, _ actions: inout [WorkerAction]) {
    guard let slot = slots[handle], tasks[Int(slot)].phase.isQueued, tasks[Int(slot)].run == run.rawValue else {
      return tell(.stealAnswer(handle, run, gave: false), &actions)
    }
    giveBack(slot, &actions)
  }

  mutating func cancel(_ run: TaskRun, _ actions: inout [WorkerAction]) {
    guard let slot = slots[run.task], tasks[Int(slot)].run == run.run.rawValue else { return }
    switch tasks[Int(slot)].phase {
    case .unassigned: break
    case .waiting, .ready: unassign(slot, &actions)
    case .executing, .suspended: disown(slot, &actions)
    }
  }

  /// The body of a task runs on, for nobody.
  mutating func disown(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    let execution = tasks[Int(slot)].execution
    executions[Int(execution)].slot = TaskRecord.none
    executions[Int(execution)].deadline = .max
    actions.append(.cancelRunning(ExecutionID(rawValue: execution)))
    tasks[Int(slot)].execution = TaskRecord.none
    tasks[Int(slot)].phase = .unassigned
    tasks[Int(slot)].pushTo = []
    if tasks[Int(slot)].isWanted { locate(slot, &actions) }
    settle(slot, &actions)
  }

  // MARK: Running

  /// Lets go on what was suspended, then begins what may begin, each by priority.
  mutating func start(_ actions: inout [WorkerAction]) {
    resumeBodies(&actions)
    // Nothing is begun ahead while a body waits for the thread that would have it.
    let ahead = awakeBodies.isEmpty ? ahead : 0
    while let slot = firstReady(), computing < settings.threads + ahead {
      // The time of a task must not run while it waits for a thread.
      if computing >= settings.threads, work[Int(slot)]?.timeoutNanoseconds != 0 { break }
      // Without room, and with very many bodies that wait, one goes on: it may be what all wait for.
      if isPaused || hasManySuspended, computing > 0 { break }
      _ = ready.pop()
      begin(slot, &actions)
    }
    while let slot = firstReadyBlocking(), blocking < settings.blockingTasks {
      if isPaused || hasManySuspended, computing + blocking > 0 { break }
      _ = readyBlocking.pop()
      begin(slot, &actions)
    }
  }

  private var hasManySuspended: Bool {
    suspended >= settings.suspendedTasks || sleepingThreads >= settings.sleepingThreads
  }

  private mutating func firstReady() -> UInt32? {
    while let first = ready.first {
      if isUpToDate(first, isBlocking: false) { return first.number }
      _ = ready.pop()
    }
    return nil
  }

  private mutating func firstReadyBlocking() -> UInt32? {
    while let first = readyBlocking.first {
      if isUpToDate(first, isBlocking: true) { return first.number }
      _ = readyBlocking.pop()
    }
    return nil
  }

  private func isUpToDate(_ entry: (key: UInt64, number: UInt32), isBlocking: Bool) -> Bool {
    let place = Int(entry.number)
    return tasks[place].phase == .ready && tasks[place].priority == entry.key && tasks[place].isBlocking == isBlocking
  }

  private mutating func begin(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    guard let task = work[Int(slot)] else { return }
    let number: UInt32
    if let free = freeExecutions.popLast() {
      number = free
    } else {
      number = UInt32(executions.count)
      executions.append(Execution())
    }
    let arguments = tasks[Int(slot)].arguments.map { ValueID(rawValue: $0) }
    // The execution takes over the pins of the task.
    let inputs = leaveQueue(slot)
    tasks[Int(slot)].isPinning = false
    tasks[Int(slot)].phase = .executing
    tasks[Int(slot)].execution = number
    let deadline = now.nanoseconds.addingReportingOverflow(task.timeoutNanoseconds)
    let isLimited = task.timeoutNanoseconds > 0 && !deadline.overflow
    executions[Int(number)] = Execution(
      isUsed: true, slot: slot, inputs: inputs, label: task.label, isBlocking: task.isBlocking,
      priority: task.priority, deadline: isLimited ? deadline.partialValue : .max)
    executionCount += 1
    if task.isBlocking { blocking += 1 } else { computing += 1 }
    actions.append(
      .run(ExecutionID(rawValue: number), task, inputs: arguments, isAwaited: !tasks[Int(slot)].pushTo.isEmpty))
  }

  // MARK: Ends

  mutating func ended(_ execution: ExecutionID, _ result: TaskResult, _ actions: inout [WorkerAction]) {
    guard let end = close(execution) else { return }
    // First, so that the inputs count as used before the result was.
    for input in end.inputs { unuse(input, &actions) }
    if end.slot == TaskRecord.none || !takeResult(of: end.slot, execution, result, &actions) {
      actions.append(.discard(execution))
    }
    if end.slot != TaskRecord.none { settle(end.slot, &actions) }
  }

  /// Whether the result is held.
  private mutating func takeResult(
    of slot: UInt32, _ execution: ExecutionID, _ result: TaskResult, _ actions: inout [WorkerAction]
  ) -> Bool {
    let place = Int(slot)
    tasks[place].execution = TaskRecord.none
    let isAssigned = tasks[place].phase != .unassigned
    tasks[place].phase = .unassigned
    let isNew = !tasks[place].data.isHere
    guard isAssigned || !isRegistered || tasks[place].isWanted else { return false }
    if isNew {
      setByteCount(slot, result.byteCount)
      tasks[place].type = result.type
      actions.append(.hold(execution, ValueID(rawValue: slot)))
      enterMemory(slot, &actions)
    }
    if isAssigned {
      let inline = isNew ? result.inline.flatMap { $0.count <= settings.inlineBytes ? $0 : nil } : nil
      let isPushed = push(slot, inline)
      finish(slot, nanoseconds: result.nanoseconds, inline: inline, isPushed: isPushed)
    } else if !isRegistered {
      tasks[place].isKept = true  // the next registration reports it
    }
    return isNew
  }

  /// The result of an assigned task is here; the scheduler counts on it from now on.
  private mutating func finish(_ slot: UInt32, nanoseconds: Int64, inline: [UInt8]?, isPushed: Bool = false) {
    tasks[Int(slot)].isKept = true
    tasks[Int(slot)].isFetchWanted = false
    outbox.finished.append(
      TaskEnd(
        task: tasks[Int(slot)].handle, run: RunID(rawValue: tasks[Int(slot)].run), nanoseconds: max(0, nanoseconds),
        byteCount: tasks[Int(slot)].byteCount, type: tasks[Int(slot)].type, inline: inline, isPushed: isPushed))
  }

  mutating func failed(_ execution: ExecutionID, _ failure: FailureRecord, _ actions: inout [WorkerAction]) {
    guard let end = close(execution) else { return }
    if end.slot != TaskRecord.none { answer(end.slot, failure, &actions) }
    for input in end.inputs { unuse(input, &actions) }
    if end.slot != TaskRecord.none { settle(end.slot, &actions) }
  }

  mutating func returned(_ execution: ExecutionID, _ actions: inout [WorkerAction]) {
    guard let end = close(execution) else { return }
    if end.slot != TaskRecord.none {
      let place = Int(end.slot)
      let isAssigned = tasks[place].phase != .unassigned
      tasks[place].execution = TaskRecord.none
      tasks[place].phase = .unassigned
      if isAssigned {
        if tasks[place].data.isHere {
          finish(end.slot, nanoseconds: 0, inline: nil)
        } else {
          tell(.stealAnswer(tasks[place].handle, RunID(rawValue: tasks[place].run), gave: true), &actions)
        }
      }
      if tasks[place].isWanted { locate(end.slot, &actions) }
    }
    for input in end.inputs { unuse(input, &actions) }
    if end.slot != TaskRecord.none { settle(end.slot, &actions) }
  }

  /// The task has failed, unless a copy of its result has come meanwhile.
  private mutating func answer(_ slot: UInt32, _ failure: FailureRecord, _ actions: inout [WorkerAction]) {
    let isAssigned = tasks[Int(slot)].phase != .unassigned
    tasks[Int(slot)].execution = TaskRecord.none
    tasks[Int(slot)].phase = .unassigned
    if isAssigned {
      if tasks[Int(slot)].data.isHere {
        finish(slot, nanoseconds: 0, inline: nil)
      } else {
        tell(.failed(tasks[Int(slot)].handle, RunID(rawValue: tasks[Int(slot)].run), failure), &actions)
      }
    }
    if tasks[Int(slot)].isWanted { locate(slot, &actions) }
  }

  /// Takes an execution out of the table.
  private mutating func close(_ execution: ExecutionID) -> Execution? {
    let number = Int(execution.rawValue)
    guard number < executions.count, executions[number].isUsed else { return nil }
    let end = executions[number]
    executions[number] = Execution()
    freeExecutions.append(execution.rawValue)
    executionCount -= 1
    if end.isSuspended {
      suspended -= 1
      if end.holdsThread { sleepingThreads -= 1 }
    } else if end.isBlocking {
      blocking -= 1
    } else {
      computing -= 1
    }
    return end
  }

  mutating func timeOut(_ execution: UInt32, _ actions: inout [WorkerAction]) {
    let end = executions[Int(execution)]
    guard end.slot != TaskRecord.none else { return }
    executions[Int(execution)].slot = TaskRecord.none
    executions[Int(execution)].deadline = .max
    actions.append(.cancelRunning(ExecutionID(rawValue: execution)))
    let failure = FailureRecord(
      .timedOut, key: tasks[Int(end.slot)].digest, label: end.label, message: "it has taken longer than it may")
    answer(end.slot, failure, &actions)
    settle(end.slot, &actions)
  }
}
