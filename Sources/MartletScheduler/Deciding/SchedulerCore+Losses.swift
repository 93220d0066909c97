import MartletProtocol

// Workers that end, and who is blamed for it.

extension SchedulerCore {
  mutating func lose(
    _ worker: WorkerID, _ death: WorkerDeath, started: [TaskHandle]?, awaitsReport: Bool = false,
    _ actions: inout [SchedulerAction]
  ) {
    let number = Int(worker.rawValue)
    guard number < workers.count, loads[number].isAlive else { return }
    loads[number].isAlive = false
    livingWorkerCount -= 1
    classify(number)
    outboxes[number] = WorkerOutbox()
    leaveCoordination(.worker(worker), &actions)
    actions.append(.log("\(worker) (\(workers[number].name), \(workers[number].address)) is gone: \(death.cause)"))
    let unfinished = Array(assignments.tasks(of: worker.rawValue).reversed())
    let blamed = suspects(unfinished, started, threads: loads[number].threads)
    // First all its tasks wait, then its results are lost: so every count of missing inputs is exact.
    for slot in unfinished {
      unassign(slot, tellWorker: false)
      lostRuns += 1
      move(slot, to: .waiting, .workerLost)
      tasks[Int(slot)].unmet = 0
    }
    for slot in unfinished { takeBackAhead(of: slot) }
    while case let pair = holders.first(ofRight: worker.rawValue), pair != Relation.none {
      removeHolder(holders.left(pair), worker.rawValue)
    }
    if awaitsReport, started == nil, workers[number].isSupervised, !blamed.isEmpty {
      openInquest(worker, death, blamed)
    } else {
      if started == nil { note(blamed, for: number, death) }
      for slot in blamed where tasks[Int(slot)].isUsed && tasks[Int(slot)].state.isActive {
        blame(slot, death)
      }
    }
    for slot in unfinished where tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .waiting {
      if tasks[Int(slot)].isBound {
        failBound(slot, "its worker is gone: \(death.cause)")
        continue
      }
      if failOfInput(slot) { continue }
      tasks[Int(slot)].unmet = missingInputs(of: slot)
      if tasks[Int(slot)].unmet == 0 { makeReady(slot, .workerLost) }
    }
    for peer in workers.indices where loads[peer].isAlive {
      actions.append(.tellWorker(WorkerID(rawValue: UInt32(peer)), .peerLost(worker)))
    }
  }

  /// Inputs of a task that are not in memory; those that nobody computes are requested.
  private mutating func missingInputs(of slot: UInt32) -> UInt32 {
    var missing: UInt32 = 0
    for input in inputs(of: slot) where tasks[Int(input)].state != .memory {
      missing += 1
      if tasks[Int(input)].state == .released { request(input, .inputLost) }
    }
    // A signal or a small constant may be there again at once.
    return missing == 0 ? 0 : unmetInputs(of: slot)
  }

  /// Who may have ended the worker: what its supervisor saw running, or else as many as it has threads, the first ones.
  private func suspects(_ unfinished: [UInt32], _ started: [TaskHandle]?, threads: Int) -> [UInt32] {
    if let started { return started.compactMap { slot(of: $0) }.filter { unfinished.contains($0) } }
    let running = unfinished.filter { assignments[tasks[Int($0)].assignment].load != .suspended }
    let ordered = running.sorted {
      (tasks[Int($0)].priority, $0) < (tasks[Int($1)].priority, $1)
    }
    return Array(ordered.prefix(threads))
  }

  mutating func blame(_ slot: UInt32, _ death: WorkerDeath) {
    if tasks[Int(slot)].deaths < .max { tasks[Int(slot)].deaths += 1 }
    // Where it runs already, it is not alone.
    if tasks[Int(slot)].state != .processing { tasks[Int(slot)].isSuspect = true }
    deathsByTask[slot, default: []].append(death)
    guard Int(tasks[Int(slot)].deaths) > settings.allowedFailures else { return }
    let deaths = deathsByTask[slot] ?? []
    fail(
      slot,
      FailureRecord(
        .killedWorkers, key: tasks[Int(slot)].digest, label: labelText(of: slot),
        message: "\(deaths.count) workers died while they ran it, the last one (\(death.worker)) of: \(death.cause)",
        attempts: UInt32(tasks[Int(slot)].attempts), deaths: deaths), .workerLost)
  }
}
