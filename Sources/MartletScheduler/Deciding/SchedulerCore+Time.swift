import MartletProtocol

// What happens because time passes.

extension SchedulerCore {
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
    failLacking()
    tendStranded(&actions)
    tendRestarts(&actions)
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
    for (client, graph, labels) in watches.due(at: now) {
      actions.append(.tellClient(client, .progress(graph: graph, labels)))
    }
  }

  /// A worker that says that it does nothing while it should do something: the assignment, or its answer, is lost. That must
  /// not happen; when it does, the run goes on.
  mutating func watch(_ number: Int, _ actions: inout [SchedulerAction]) {
    let metrics = workers[number].metrics
    guard metrics.executing == 0, metrics.ready == 0, metrics.incomingBytes == 0 else { return }
    var late: [UInt32] = []
    var place = assignments.first(of: UInt32(number))
    while place != Assignments.none {
      let slot = assignments[place].task
      // What is ahead waits for other workers, perhaps for long.
      if now - assignments[place].since > settings.watchdogNanoseconds, !tasks[Int(slot)].isAhead { late.append(slot) }
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
