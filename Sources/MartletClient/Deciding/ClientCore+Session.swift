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
      failPlacedData(&actions)
    }
    epoch = newEpoch
    connectAttempts = 0
    lastHeard = now
    lastSaid = now
    phase = .resuming
    resumesLeft = 0
    if settings.isInside { tell(.inside, &actions) }
    if settings.weight > 1 { tell(.weight(settings.weight), &actions) }
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
      let request = wireNumber(for: .resume(unwants: unwantsSaid))
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
  mutating func resumed(_ tasks: [NamedTask], unwants: UInt64, _ actions: inout [ClientAction]) -> Bool {
    guard rebind(tasks, unwants: unwants, &actions) else { return false }
    resumesLeft -= 1
    if resumesLeft == 0 { becomeReady() }
    return true
  }

  /// Notes handles of tasks that this client wants; what it does not want any more is released. `unwants`: how often the scheduler
  /// had been told that something is not wanted any more when it was asked.
  mutating func rebind(_ tasks: [NamedTask], unwants: UInt64, _ actions: inout [ClientAction]) -> Bool {
    for task in tasks {
      if let slot = futuresByDigest[task.digest],
        futures[Int(slot)].handles > 0 || futures[Int(slot)].pending > 0
      {
        guard bind(slot, task.task, unwants: unwants, &actions) else { return false }
      } else {
        releases.append(task.task)
      }
    }
    return true
  }

  /// Data on its way to a worker, or told to a scheduler that is gone, cannot be brought to another one.
  private mutating func failPlacedData(_ actions: inout [ClientAction]) {
    let wasSettling = beginWalk()
    defer { endWalk(wasSettling, &actions) }
    var graph = firstGraph
    while graph != FutureRecord.none {
      let next = graphs[Int(graph)].next
      if graphs[Int(graph)].place != nil, graphs[Int(graph)].phase == .unsent || graphs[Int(graph)].phase == .putting {
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
    let limit = epoch == nil ? settings.connectNanoseconds : settings.reconnectNanoseconds
    guard now - lostAt < limit else {
      return end("the scheduler could not be reached for \(limit / 1_000_000_000) s: \(reason)", &actions)
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
    toldHolders = [:]
    watchedGraphs = [:]
    // The scheduler gives the places of a client whose connection has ended to others at once.
    for lease in leases { actions.append(.leaseLost(semaphore: lease.semaphore, lease.lease)) }
    leases = []
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
    let wasSettling = beginWalk()
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
    endWalk(wasSettling, &actions)
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
        let failure = reason(of: failure, refusing: slot)
        if graphs[Int(slot)].partEnds.isEmpty {
          actions.append(.refused(graphs[Int(slot)].submission, failure))
          refuse(slot, failure, &actions)
        } else {
          split(slot, failure, &actions)
        }
      } else {
        isPossible = false
      }
    case .finished(let results): for result in results { finished(result, &actions) }
    case .failed(let task, let failure):
      if let slot = futuresByTask[task] { fail(slot, failure, &actions) }
    case .recomputing(let tasks): for task in tasks { recomputing(task, &actions) }
    case .holders(let held): noteHolders(held)
    case .named(let request, let tasks): isPossible = named(request, tasks, &actions)
    case .progress(let graph, let labels): advanced(graph, labels, &actions)
    case .onWorkers(let request, let tasks): isPossible = ranOnWorkers(request, tasks, &actions)
    case .answer(let request, let text): answered(request, text, &actions)
    case .coordinated(let request, let reply): coordinated(request, reply, &actions)
    case .denied(let request, let reason): denied(request, reason, &actions)
    case .restarted(let name): restarted(name, &actions)
    case .stranded(let list): actions.append(.stranded(list))
    case .heartbeat: break
    case .goodbye(let reason):
      actions.append(.closeScheduler)
      lost("it said goodbye: \(reason)", &actions)
    }
    if !isPossible { end("the scheduler contradicts itself", &actions) }
  }

  /// The scheduler says how far a graph is; a graph that is dropped meanwhile is nobody's affair.
  private func advanced(_ wire: UInt32, _ labels: [LabelProgress], _ actions: inout [ClientAction]) {
    guard let graph = watchedGraphs[wire] else { return }
    actions.append(.advanced(graphs[Int(graph)].submission, labels))
  }

  private mutating func named(_ request: UInt32, _ tasks: [NamedTask], _ actions: inout [ClientAction]) -> Bool {
    switch wireUses[request] {
    case .resume(let unwants):
      wireUses[request] = nil
      return resumed(tasks, unwants: unwants, &actions)
    case .asked(let list, let unwants):
      wireUses[request] = nil
      guard rebind(tasks, unwants: unwants, &actions) else { return false }
      return askedAgain(list, tasks)
    case .graph(let slot): return scattered(slot, tasks, &actions)
    case .request(let slot): return subscribed(slot, tasks, &actions)
    case .abandoned(let operation, let unwants):
      wireUses[request] = nil
      for task in tasks { undo(operation, .value(.task(task.task)), &actions) }
      return rebind(tasks, unwants: unwants, &actions)
    case .renewal, nil: return false
    }
  }
}
