import MartletProtocol

// Work that goes to another worker, or back to waiting.

extension SchedulerCore {
  /// Lets workers without enough work ask for tasks that wait elsewhere. Two steps: the victim says whether the task had
  /// begun, and only then is it given to somebody else.
  mutating func steal(_ actions: inout [SchedulerAction]) {
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
      let isComputing = assignments[place].load == .computing
      place = assignments.next(place)
      looked += 1
      let record = tasks[Int(slot)]
      guard isComputing, !record.isBeingStolen, !record.isSuspect, !record.isAhead, !leadsAhead(slot) else { continue }
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
    takeBackAhead(of: slot)
    if failOfInput(slot) { return }
    tasks[Int(slot)].unmet = unmetInputs(of: slot)
    if tasks[Int(slot)].unmet == 0 { makeReady(slot, cause) }
  }

  /// Fails a task that waits again, and one of whose inputs has failed while it was with a worker, which had it perhaps.
  /// Nobody would tell it any more.
  mutating func failOfInput(_ slot: UInt32) -> Bool {
    var edge = tasks[Int(slot)].firstInput
    while edge != Dependencies.none {
      let input = dependencies[edge].input
      edge = dependencies[edge].nextInput
      guard tasks[Int(input)].state == .failed else { continue }
      fail(slot, failures[input] ?? lostRecord(input), .inputLost)
      return true
    }
    return false
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
}
