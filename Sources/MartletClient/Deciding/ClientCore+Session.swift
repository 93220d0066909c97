import MartletBytes
import MartletProtocol

extension ClientCore {
  mutating func beginToConnect(_ actions: inout [ClientAction]) {
    guard phase == .idle else { return }
    phase = .disconnected
    lostAt = now
    connectAttempts = 0
    actions.append(.connectScheduler(afterNanoseconds: 0))
  }

  mutating func connected(_ newEpoch: UInt64, _ actions: inout [ClientAction]) {
    switch phase {
    case .ended:
      actions.append(.closeScheduler)
      return
    case .ready, .resuming: forgetConnection(&actions)
    case .idle, .disconnected: break
    }
    let isNew = epoch != nil && epoch != newEpoch
    if isNew {
      actions.append(.log("another scheduler answers: what is not done is submitted again"))
      for lease in leases { actions.append(.leaseLost(semaphore: lease.semaphore, lease.lease)) }
      leases = []
      failPlacedData(&actions)
    } else {
      for number in leases.indices { leases[number].renewAt = now }
    }
    epoch = newEpoch
    connectAttempts = 0
    lastHeard = now
    lastSaid = now
    phase = .resuming
    resumesLeft = 0
    // First the data that nobody there can compute: it may be needed as soon as anything is wanted.
    sendData(&actions)
    // What another graph still has to bring is asked for with it.
    var digests: [Digest128] = []
    for record in futures where record.isUsed && record.handles > 0 && !record.isCancelled {
      let isComing = record.provider != FutureRecord.none && graphs[Int(record.provider)].phase != .accepted
      if !isComing { digests.append(record.digest) }
    }
    var rest = digests[...]
    while !rest.isEmpty {
      let request = wireNumber(for: .resume)
      resumesLeft += 1
      tell(.want(request: request, Array(rest.prefix(settings.keysInMessage))), &actions)
      rest = rest.dropFirst(settings.keysInMessage)
    }
    if resumesLeft == 0 { becomeReady() }
  }

  private mutating func becomeReady() {
    phase = .ready
    needsResend = true
    hasUnsentRequests = true
  }

  /// The scheduler has named what it knows of what was asked for after a reconnect.
  mutating func resumed(_ tasks: [NamedTask], _ actions: inout [ClientAction]) -> Bool {
    guard rebind(tasks, &actions) else { return false }
    resumesLeft -= 1
    if resumesLeft == 0 { becomeReady() }
    return true
  }

  /// Notes handles of tasks that this client wants; what it does not want any more is released.
  mutating func rebind(_ tasks: [NamedTask], _ actions: inout [ClientAction]) -> Bool {
    for task in tasks {
      if let slot = futuresByDigest[task.digest],
        futures[Int(slot)].handles > 0 || futures[Int(slot)].pending > 0
      {
        guard bind(slot, task.task, &actions) else { return false }
      } else {
        releases.append(task.task)
      }
    }
    return true
  }

  /// Data on its way to a worker, or told to a scheduler that is gone, cannot be brought to another one.
  private mutating func failPlacedData(_ actions: inout [ClientAction]) {
    var graph = firstGraph
    while graph != FutureRecord.none {
      let next = graphs[Int(graph)].next
      if graphs[Int(graph)].place != nil, graphs[Int(graph)].phase == .unsent {
        let failure = FailureRecord(
          .lost, key: Digest128(low: 0, high: 0), label: "", message: "the scheduler was restarted: scatter it anew",
          attempts: 0)
        refuse(graph, failure, &actions)
      }
      graph = next
    }
  }

  mutating func lost(_ reason: String, _ actions: inout [ClientAction]) {
    switch phase {
    case .idle, .ended: return
    case .ready, .resuming:
      forgetConnection(&actions)
      phase = .disconnected
      lostAt = now
      connectAttempts = 0
      actions.append(.log("the scheduler is lost: \(reason)"))
    case .disconnected: break
    }
    let seconds = settings.reconnectNanoseconds / 1_000_000_000
    guard now - lostAt < settings.reconnectNanoseconds else {
      return end("the scheduler could not be reached for \(seconds) s: \(reason)", &actions)
    }
    actions.append(.connectScheduler(afterNanoseconds: backoff(connectAttempts)))
    connectAttempts += 1
  }

  /// A wait that doubles with each attempt.
  func backoff(_ attempts: Int) -> Int64 {
    min(settings.longestBackoffNanoseconds, settings.firstBackoffNanoseconds << max(0, min(attempts, 20)))
  }

  /// The scheduler's handles mean nothing any more on the next connection.
  private mutating func forgetConnection(_ actions: inout [ClientAction]) {
    futuresByTask.removeAll(keepingCapacity: true)
    for number in futures.indices where futures[number].isUsed {
      futures[number].task = nil
      futures[number].expected = 0
      switch futures[number].fetch {
      case .queued, .asking, .delayed: stopFetch(UInt32(number), &actions)
      case .none, .inFlight, .receiving: break
      }
    }
    var graph = firstGraph
    while graph != FutureRecord.none {
      if graphs[Int(graph)].phase == .sent { graphs[Int(graph)].phase = .unsent }
      if graphs[Int(graph)].phase == .unsent || graphs[Int(graph)].phase == .refused {
        graphs[Int(graph)].sentPieces = 0
        graphs[Int(graph)].expected = []
        graphs[Int(graph)].named = 0
      }
      graph = graphs[Int(graph)].next
    }
    releases.removeAll()
    retries.removeAll()
    asks.removeAll()
    missing.removeAll()
    requestsLost(&actions)
    wireUses.removeAll()
    resumesLeft = 0
  }

  /// Ends the session: nothing will come any more.
  mutating func end(_ reason: String, _ actions: inout [ClientAction]) {
    guard phase != .ended else { return }
    if phase == .ready || phase == .resuming { forgetConnection(&actions) }
    phase = .ended
    endReason = reason
    for number in requests.indices where requests[number].isUsed {
      answer(UInt32(number), .denied("the session is over: \(reason)"), &actions)
    }
    leases = []
    for number in futures.indices where futures[number].isUsed && futures[number].state != .held {
      fail(UInt32(number), lostRecord(UInt32(number), "the session is over: \(reason)"), &actions)
    }
    var graph = firstGraph
    while graph != FutureRecord.none {
      let next = graphs[Int(graph)].next
      graphs[Int(graph)].isComplete = true
      openSubmissions[graphs[Int(graph)].submission] = nil
      let failure = FailureRecord(
        .lost, key: Digest128(low: 0, high: 0), label: "", message: "the session is over: \(reason)", attempts: 0)
      refuse(graph, failure, &actions)
      graph = next
    }
    settle(&actions)
    closePeers(&actions)
    actions.append(.closeScheduler)
    actions.append(.sessionLost(reason: reason))
  }

  mutating func close(_ actions: inout [ClientAction]) {
    if phase == .ready || phase == .resuming { tell(.goodbye, &actions) }
    end("it was closed", &actions)
  }

  mutating func tick(_ actions: inout [ClientAction]) {
    if phase == .ready || phase == .resuming {
      if now - lastHeard > settings.silenceNanoseconds {
        actions.append(.closeScheduler)
        lost("it was silent for \((now - lastHeard) / 1_000_000_000) s", &actions)
      } else if now - lastSaid >= settings.heartbeatNanoseconds {
        tell(.heartbeat, &actions)
      }
    }
    tickPeers(&actions)
    while let future = timers.pop(until: now) {
      guard let slot = slot(of: future), futures[Int(slot)].fetch == .delayed else { continue }
      futures[Int(slot)].fetch = .none
      if futures[Int(slot)].state == .finished, futures[Int(slot)].wantsValue { enqueue(slot, &actions) }
    }
    renewLeases(&actions)
  }

  // MARK: What the scheduler says

  mutating func hear(_ message: SchedulerToClient, _ actions: inout [ClientAction]) {
    guard phase == .ready || phase == .resuming else { return }
    lastHeard = now
    var isPossible = true
    switch message {
    case .accepted(let graph, let tasks):
      if case .graph(let slot)? = wireUses[graph] {
        isPossible = accepted(slot, tasks, &actions)
      } else {
        isPossible = false
      }
    case .refused(let graph, let failure):
      if case .graph(let slot)? = wireUses[graph] {
        actions.append(.refused(graphs[Int(slot)].submission, failure))
        refuse(slot, failure, &actions)
      } else {
        isPossible = false
      }
    case .finished(let results): for result in results { finished(result, &actions) }
    case .failed(let task, let failure):
      if let slot = futuresByTask[task] { fail(slot, failure, &actions) }
    case .recomputing(let tasks): for task in tasks { recomputing(task, &actions) }
    case .holders(let held): noteHolders(held)
    case .named(let request, let tasks): isPossible = named(request, tasks, &actions)
    case .onWorkers(let request, let tasks): isPossible = ranOnWorkers(request, tasks, &actions)
    case .answer(let request, let text): answered(request, text, &actions)
    case .coordinated(let request, let reply): coordinated(request, reply, &actions)
    case .denied(let request, let reason): denied(request, reason, &actions)
    case .heartbeat: break
    case .goodbye(let reason):
      actions.append(.closeScheduler)
      lost("it said goodbye: \(reason)", &actions)
    }
    if !isPossible { end("the scheduler contradicts itself", &actions) }
  }

  private mutating func named(_ request: UInt32, _ tasks: [NamedTask], _ actions: inout [ClientAction]) -> Bool {
    switch wireUses[request] {
    case .resume:
      wireUses[request] = nil
      return resumed(tasks, &actions)
    case .asked(let list):
      wireUses[request] = nil
      guard rebind(tasks, &actions) else { return false }
      return askedAgain(list, tasks)
    case .graph(let slot): return scattered(slot, tasks, &actions)
    case .request(let slot): return subscribed(slot, tasks, &actions)
    case .renewal, nil: return false
    }
  }
}
