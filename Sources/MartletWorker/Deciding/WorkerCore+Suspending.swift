import MartletProtocol

// Bodies that wait: for results of other tasks, for something that is shared, for a clock. While one does, its task is
// `suspended` and somebody else computes in its place; its inputs stay in memory, its resources stay its own.
//
//     executing ──taskSuspended──▶ suspended ──taskAwake──▶ suspended, awake ──resume──▶ executing
//
// Bodies that are awake go on before anything is begun, by priority, as soon as there is a thread's room; also while the worker
// is paused, because what has begun frees memory when it ends.

extension WorkerCore {
  mutating func suspend(_ execution: ExecutionID, holdsThread: Bool) {
    let number = Int(execution.rawValue)
    guard number < executions.count, executions[number].isUsed, !executions[number].isSuspended else { return }
    executions[number].isSuspended = true
    executions[number].holdsThread = holdsThread
    suspended += 1
    if holdsThread { sleepingThreads += 1 }
    if executions[number].isBlocking { blocking -= 1 } else { computing -= 1 }
    let slot = executions[number].slot
    if slot != TaskRecord.none, tasks[Int(slot)].phase == .executing { tasks[Int(slot)].phase = .suspended }
    noteChange(execution.rawValue)
  }

  mutating func awake(_ execution: ExecutionID) {
    let number = Int(execution.rawValue)
    guard number < executions.count, executions[number].isSuspended, !executions[number].isAwake else { return }
    executions[number].isAwake = true
    if executions[number].isBlocking {
      awakeBlockingBodies.push(executions[number].priority, execution.rawValue)
    } else {
      awakeBodies.push(executions[number].priority, execution.rawValue)
    }
  }

  /// Lets bodies go on that can.
  mutating func resumeBodies(_ actions: inout [WorkerAction]) {
    while let first = awakeBodies.first {
      if isUpToDate(first, isBlocking: false) {
        if computing >= settings.threads { break }
        computing += 1
        resume(first.number, &actions)
      }
      _ = awakeBodies.pop()
    }
    while let first = awakeBlockingBodies.first {
      if isUpToDate(first, isBlocking: true) {
        if blocking >= settings.blockingTasks { break }
        blocking += 1
        resume(first.number, &actions)
      }
      _ = awakeBlockingBodies.pop()
    }
  }

  private func isUpToDate(_ entry: (key: UInt64, number: UInt32), isBlocking: Bool) -> Bool {
    let execution = executions[Int(entry.number)]
    return execution.isAwake && execution.priority == entry.key && execution.isBlocking == isBlocking
  }

  private mutating func resume(_ number: UInt32, _ actions: inout [WorkerAction]) {
    let place = Int(number)
    suspended -= 1
    if executions[place].holdsThread { sleepingThreads -= 1 }
    executions[place].isSuspended = false
    executions[place].isAwake = false
    executions[place].holdsThread = false
    let slot = executions[place].slot
    if slot != TaskRecord.none, tasks[Int(slot)].phase == .suspended { tasks[Int(slot)].phase = .executing }
    noteChange(number)
    actions.append(.resume(ExecutionID(rawValue: number)))
  }

  // MARK: What the scheduler knows of it

  /// The scheduler may have to be told at the next flush whether a body computes.
  mutating func noteChange(_ execution: UInt32) {
    guard isRegistered, !executions[Int(execution)].isListed else { return }
    executions[Int(execution)].isListed = true
    outbox.changed.append(execution)
  }

  /// Tells what has changed since the last time, all in all: what was suspended and has gone on since is not told.
  mutating func tellSuspensions(_ actions: inout [WorkerAction]) {
    var begun: [TaskRun] = []
    var ended: [TaskRun] = []
    for number in outbox.changed where executions[Int(number)].isListed {
      let execution = executions[Int(number)]
      executions[Int(number)].isListed = false
      guard execution.slot != TaskRecord.none, execution.isSuspended != execution.isToldSuspended else { continue }
      let task = tasks[Int(execution.slot)]
      guard task.phase != .unassigned, task.hasHandle else { continue }
      executions[Int(number)].isToldSuspended = execution.isSuspended
      let run = TaskRun(task: task.handle, run: RunID(rawValue: task.run))
      if execution.isSuspended { begun.append(run) } else { ended.append(run) }
    }
    outbox.changed.removeAll(keepingCapacity: true)
    if !begun.isEmpty { actions.append(.tellScheduler(.suspended(begun))) }
    if !ended.isEmpty { actions.append(.tellScheduler(.resumed(ended))) }
  }

  /// The session is over: what the scheduler was told means nothing any more.
  mutating func forgetToldSuspensions() {
    for number in executions.indices {
      executions[number].isToldSuspended = false
      executions[number].isListed = false
    }
  }
}
