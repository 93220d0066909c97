import MartletBytes
import MartletProtocol

extension ClientCore {
  // MARK: From the program

  mutating func take(_ id: RequestID, _ body: ClientRequest, _ actions: inout [ClientAction]) {
    func deny(_ reason: String) { actions.append(.answered(id, .denied(reason))) }
    if phase == .ended { return deny("the session is over: \(endReason)") }
    if requestsByID[id] != nil { return deny("request \(id.rawValue) is not answered yet") }
    if requestsByID.count >= settings.requestLimit {
      return deny("\(settings.requestLimit) requests are not answered yet: wait for some")
    }
    if let problem = body.problem { return deny(problem) }
    for future in named(by: body) {
      guard let place = slot(of: future), futures[Int(place)].handles > 0 else { return deny("there is no \(future)") }
    }
    let slot: UInt32
    let record = RequestRecord(id: id, body: body, sequence: requestSequence)
    requestSequence += 1
    if let old = freeRequests.popLast() {
      slot = old
      requests[Int(slot)] = record
    } else {
      slot = UInt32(requests.count)
      requests.append(record)
    }
    requestsByID[id] = slot
    // Its futures may not go before it is answered.
    for future in named(by: body) { futures[Int(future.slot)].handles += 1 }
    if case .gather(let list) = body { return gather(list, slot, &actions) }
    // Whatever becomes of it, it is not held any more: it is not renewed, and cannot be lost.
    if case .coordinate(.giveBack(_, let lease), _) = body { leases.removeAll { $0.lease == lease } }
    if unsentRequests.count > 2 * requests.count + 64 {
      unsentRequests.removeAll { !requests[Int($0.slot)].isUsed || requests[Int($0.slot)].sequence != $0.sequence }
    }
    unsentRequests.append((slot, record.sequence))
    hasUnsentRequests = true
  }

  private func named(by body: ClientRequest) -> [FutureID] {
    switch body {
    case .gather(let list), .publish(_, let list, _), .whoHas(let list), .replicate(let list, _), .rebalance(let list):
      list
    case .coordinate(_, let future): future.map { [$0] } ?? []
    case .unpublish, .subscribe, .ask, .runOnWorkers, .retireWorkers, .restart: []
    }
  }

  /// Answers a request, which is over then.
  mutating func answer(_ slot: UInt32, _ answer: ClientAnswer, _ actions: inout [ClientAction]) {
    guard requests[Int(slot)].isUsed else { return }
    actions.append(.answered(requests[Int(slot)].id, answer))
    remove(slot, &actions)
  }

  mutating func remove(_ slot: UInt32, _ actions: inout [ClientAction]) {
    let record = requests[Int(slot)]
    requests[Int(slot)].isUsed = false
    requestsByID[record.id] = nil
    if let wire = record.wire { wireUses[wire] = nil }
    freeRequests.append(slot)
    if case .gather(let list) = record.body {
      for future in list {
        if let place = self.slot(of: future) { futures[Int(place)].gathers.removeAll { $0 == slot } }
      }
    }
    for future in named(by: record.body) { release(future, &actions) }
  }

  // MARK: Gathering

  private mutating func gather(_ list: [FutureID], _ slot: UInt32, _ actions: inout [ClientAction]) {
    for future in list {
      if let failure = futures[Int(future.slot)].failure, futures[Int(future.slot)].state == .failed {
        return answer(slot, .failed(future, failure), &actions)
      }
    }
    var remaining = 0
    for future in list where futures[Int(future.slot)].state != .held {
      futures[Int(future.slot)].gathers.append(slot)
      remaining += 1
    }
    requests[Int(slot)].remaining = remaining
    if remaining == 0 { return answer(slot, .gathered, &actions) }
    advance(slot, &actions)
  }

  /// Begins fetches of a gather, as many as it may have under way; what is not finished is fetched when it is.
  private mutating func advance(_ slot: UInt32, _ actions: inout [ClientAction]) {
    guard case .gather(let list) = requests[Int(slot)].body else { return }
    while requests[Int(slot)].isUsed, requests[Int(slot)].cursor < list.count,
      requests[Int(slot)].underway < settings.gatherWindow
    {
      let future = list[requests[Int(slot)].cursor]
      requests[Int(slot)].cursor += 1
      let state = futures[Int(future.slot)].state
      if state == .finished { requests[Int(slot)].underway += 1 }
      want(future, &actions)
    }
  }

  /// A value that a gather waits for has come.
  mutating func gathered(_ slot: UInt32, _ actions: inout [ClientAction]) {
    guard requests[Int(slot)].isUsed else { return }
    requests[Int(slot)].remaining -= 1
    requests[Int(slot)].underway = max(0, requests[Int(slot)].underway - 1)
    if requests[Int(slot)].remaining == 0 {
      answer(slot, .gathered, &actions)
    } else {
      advance(slot, &actions)
    }
  }

  /// The gathers that wait for a value that will not come.
  mutating func endGathers(of slot: UInt32, _ failure: FailureRecord, _ actions: inout [ClientAction]) {
    let future = id(of: slot)
    let waiting = futures[Int(slot)].gathers
    futures[Int(slot)].gathers = []
    for request in waiting { answer(request, .failed(future, failure), &actions) }
  }

  // MARK: To the scheduler

  /// Sends requests that were not sent, in their order. Those that speak of futures wait until the scheduler knows these.
  mutating func sendRequests(_ actions: inout [ClientAction]) {
    let waiting = unsentRequests
    unsentRequests = []
    hasUnsentRequests = false
    for (slot, sequence) in waiting where requests[Int(slot)].isUsed && requests[Int(slot)].sequence == sequence {
      let futures = named(by: requests[Int(slot)].body)
      if let failed = futures.first(where: { self.futures[Int($0.slot)].state == .failed }) {
        let failure = self.futures[Int(failed.slot)].failure ?? lostRecord(failed.slot, "it failed")
        answer(slot, .failed(failed, failure), &actions)
        continue
      }
      let tasks = futures.compactMap { self.futures[Int($0.slot)].task }
      if tasks.count < futures.count {
        if let gone = bringBack(futures) {
          let reason = "the scheduler does not know \(digest(of: gone)!) any more, and its graph is no longer kept here"
          answer(slot, .denied(reason), &actions)
          continue
        }
        unsentRequests.append((slot, sequence))
        hasUnsentRequests = true
        continue
      }
      let wire = wireNumber(for: .request(slot))
      requests[Int(slot)].wire = wire
      tell(message(requests[Int(slot)].body, tasks, wire), &actions)
      requests[Int(slot)].unwantsSaid = unwantsSaid
    }
  }

  /// Sees to it that the scheduler will know the futures of a request: it may be another one than that which has computed
  /// values that are here. The first that nobody can give it, or nil.
  private mutating func bringBack(_ list: [FutureID]) -> FutureID? {
    for future in list {
      let record = futures[Int(future.slot)]
      guard record.task == nil, record.state == .held, record.pending == 0, record.expected == 0 else { continue }
      if record.provider == FutureRecord.none { return future }
      bringBack(future.slot)
    }
    return nil
  }

  private func message(_ body: ClientRequest, _ tasks: [TaskHandle], _ wire: UInt32) -> ClientToScheduler {
    switch body {
    case .gather, .whoHas: return .ask(request: wire, .whoHas(tasks))
    case .publish(let name, _, let overwrites):
      return .publish(request: wire, name: name, tasks: tasks, overwrites: overwrites)
    case .unpublish(let name): return .unpublish(request: wire, name: name)
    case .subscribe(let name): return .subscribe(request: wire, name: name)
    case .ask(let question): return .ask(request: wire, question)
    case .replicate(_, let copies): return .replicate(request: wire, tasks, copies: copies)
    case .rebalance: return .rebalance(request: wire, tasks)
    case .runOnWorkers(let call): return .runOnWorkers(request: wire, call)
    case .retireWorkers(let names): return .retireWorkers(request: wire, names)
    case .restart(let name, let timeout): return .restart(request: wire, name: name, timeoutNanoseconds: timeout)
    case .coordinate(let operation, _):
      guard let task = tasks.first else { return .coordinate(request: wire, operation) }
      switch operation {
      case .put(let queue, _, let limit, let timeout):
        return .coordinate(
          request: wire, .put(queue: queue, value: .task(task), limit: limit, timeoutNanoseconds: timeout))
      case .set(let variable, _): return .coordinate(request: wire, .set(variable: variable, value: .task(task)))
      case .take, .unset, .read, .signal, .wait, .acquire, .renew, .giveBack, .publish, .listen:
        return .coordinate(request: wire, operation)
      }
    }
  }

  /// The connection is gone: what can be said twice is said again, of the rest nobody knows whether it was carried out.
  mutating func requestsLost(_ actions: inout [ClientAction]) {
    for number in requests.indices where requests[number].isUsed && requests[number].wire != nil {
      requests[number].wire = nil
      if requests[number].body.canBeRepeated {
        unsentRequests.append((UInt32(number), requests[number].sequence))
        hasUnsentRequests = true
      } else {
        answer(
          UInt32(number),
          .denied("the connection to the scheduler was lost: whether it was carried out is not known"), &actions)
      }
    }
    unsentRequests.sort { $0.sequence < $1.sequence }
  }

  // MARK: Answers

  private func request(_ wire: UInt32) -> UInt32? {
    if case .request(let slot)? = wireUses[wire] { return slot }
    return nil
  }

  mutating func answered(_ wire: UInt32, _ text: String, _ actions: inout [ClientAction]) {
    guard let slot = request(wire) else { return }
    if case .whoHas(let list) = requests[Int(slot)].body {
      let held = list.map { future in
        HeldFuture(future: future, holders: futures[Int(future.slot)].task.flatMap { toldHolders[$0] } ?? [])
      }
      toldHolders = [:]
      return answer(slot, .holders(held), &actions)
    }
    answer(slot, .text(text), &actions)
  }

  /// The tasks behind a published name, or the one that is shared: one handle on each for the program.
  mutating func subscribed(_ slot: UInt32, _ tasks: [NamedTask], _ actions: inout [ClientAction]) -> Bool {
    switch requests[Int(slot)].body {
    case .subscribe: break
    case .coordinate(.take, _), .coordinate(.read, _): if tasks.count != 1 { return false }
    default: return false
    }
    var list: [FutureID] = []
    for task in tasks {
      let place = use(task.digest, &actions)
      guard bind(place, task.task, unwants: requests[Int(slot)].unwantsSaid, &actions) else { return false }
      list.append(id(of: place))
    }
    // What was released meanwhile the scheduler has taken for wanted when it named it, and for unwanted since.
    if requests[Int(slot)].unwantsSaid != unwantsSaid || !releases.isEmpty { wantAgain(list, &actions) }
    if case .subscribe = requests[Int(slot)].body {
      answer(slot, .futures(list), &actions)
    } else if let future = list.first {
      answer(slot, .future(future), &actions)
    }
    return true
  }

  /// The tasks of a call on workers: one handle on each for the program.
  mutating func ranOnWorkers(_ wire: UInt32, _ tasks: [WorkersTask], _ actions: inout [ClientAction]) -> Bool {
    guard let slot = request(wire), case .runOnWorkers = requests[Int(slot)].body else {
      // The program has abandoned it.
      tell(.release(tasks.map(\.task)), &actions)
      return true
    }
    var list: [HeldFuture] = []
    for task in tasks {
      let place = use(task.digest, &actions)
      guard bind(place, task.task, unwants: requests[Int(slot)].unwantsSaid, &actions) else { return false }
      list.append(HeldFuture(future: id(of: place), holders: [task.worker]))
    }
    answer(slot, .holders(list), &actions)
    return true
  }

  mutating func denied(_ wire: UInt32, _ reason: String, _ actions: inout [ClientAction]) {
    switch wireUses[wire] {
    case .request(let slot): answer(slot, .denied(reason), &actions)
    case .renewal(let lease):
      wireUses[wire] = nil
      loseLease(lease, &actions)
    case .abandoned: wireUses[wire] = nil
    case .resume, .asked, .graph, nil: break
    }
  }

  mutating func coordinated(_ wire: UInt32, _ reply: CoordinationReply, _ actions: inout [ClientAction]) {
    switch wireUses[wire] {
    case .renewal(let lease):
      wireUses[wire] = nil
      if reply != .done { loseLease(lease, &actions) }
      return
    case .abandoned(let operation, _):
      wireUses[wire] = nil
      return undo(operation, reply, &actions)
    case .request, .resume, .asked, .graph, nil: break
    }
    guard let slot = request(wire) else { return }
    let record = requests[Int(slot)]
    switch reply {
    case .message(let topic, let bytes):
      guard case .coordinate(.listen, _) = record.body else { return }
      actions.append(.answered(record.id, .message(topic: topic, bytes)))
    case .done:
      if case .coordinate(.listen(_, true), _) = record.body {
        if !record.isListening { actions.append(.answered(record.id, .done)) }
        requests[Int(slot)].isListening = true
        return
      }
      answer(slot, .done, &actions)
    case .value(.bytes(let type, let bytes)): answer(slot, .value(type: type, bytes), &actions)
    // Clients are told of tasks by `named`.
    case .value(.task(let task)): answer(slot, .denied("it is the task \(task), of which no key is known"), &actions)
    case .lease(let lease, let fence):
      if case .coordinate(.acquire(let semaphore, _, _, let duration, _), _) = record.body, duration > 0 {
        leases.append(
          LeaseRecord(semaphore: semaphore, lease: lease, duration: duration, renewAt: now + duration / 3))
      }
      answer(slot, .lease(lease, fence: fence), &actions)
    case .timedOut: answer(slot, .timedOut, &actions)
    case .denied(let reason): answer(slot, .denied(reason), &actions)
    }
  }

  // MARK: Leases

  /// Leases are renewed when a third of their time is over, until they are given back.
  mutating func renewLeases(_ actions: inout [ClientAction]) {
    guard phase == .ready else { return }
    for number in leases.indices where leases[number].renewAt <= now {
      let lease = leases[number]
      leases[number].renewAt = now + lease.duration / 3
      let wire = wireNumber(for: .renewal(lease.lease))
      tell(.coordinate(request: wire, .renew(semaphore: lease.semaphore, lease: lease.lease)), &actions)
    }
  }

  private mutating func loseLease(_ lease: UInt64, _ actions: inout [ClientAction]) {
    for record in leases where record.lease == lease {
      actions.append(.leaseLost(semaphore: record.semaphore, lease))
    }
    leases.removeAll { $0.lease == lease }
  }
}

extension ClientRequest {
  /// Whether it does the same when it is carried out twice.
  var canBeRepeated: Bool {
    switch self {
    case .gather, .subscribe, .whoHas, .ask, .replicate, .rebalance: true
    case .publish(_, _, let overwrites): overwrites
    case .unpublish, .runOnWorkers, .retireWorkers, .restart: false
    case .coordinate(let operation, _):
      switch operation {
      case .set, .unset, .read, .signal, .wait, .listen, .renew: true
      case .put, .take, .acquire, .giveBack, .publish: false
      }
    }
  }
}
