import MartletBytes
package import MartletProtocol

extension SchedulerCore {
  /// A number for a client that is about to connect: one of a client that has gone and left nothing, else a new one.
  package mutating func takeClientNumber() -> ClientID {
    if let old = freeClients.popLast() { return old }
    addClient()
    return ClientID(rawValue: UInt32(clients.count - 1))
  }

  private mutating func addClient() {
    clients.append(ClientRecord(isAlive: false, lastHeard: now, servedNanoseconds: 0))
    queues.append(ReadyQueue())
    finishedForClients.append([])
  }

  mutating func connect(_ client: ClientID) {
    // A newcomer starts level with who was served least, not with a claim on all the past.
    let least = clients.filter(\.isAlive).map(\.servedNanoseconds).min() ?? 0
    while clients.count <= Int(client.rawValue) { addClient() }
    var record = ClientRecord(isAlive: true, lastHeard: now, servedNanoseconds: least)
    // Tasks of a client before it that others want have the numbers of its graphs.
    record.graphs = clients[Int(client.rawValue)].graphs
    clients[Int(client.rawValue)] = record
  }

  mutating func hear(_ client: ClientID, _ message: ClientToScheduler, _ actions: inout [SchedulerAction]) {
    guard Int(client.rawValue) < clients.count, clients[Int(client.rawValue)].isAlive else { return }
    clients[Int(client.rawValue)].lastHeard = now
    switch message {
    case .submit(let piece): submit(piece, from: client, &actions)
    case .release(let handles):
      for handle in handles { release(handle, by: client) }
    case .cancel(let handles, let force): cancel(handles, by: client, force: force)
    case .retry(let handles):
      for handle in handles { retry(handle, for: client) }
    case .scatter(let values):
      for value in values { scatter(value, from: client) }
    case .ask(let request, let question): answer(client, request, question, &actions)
    case .publish(let request, let name, let handles, let overwrites):
      publish(handles, as: name, overwrites: overwrites, client, request, &actions)
    case .unpublish(let request, let name): unpublish(name, client, request, &actions)
    case .subscribe(let request, let name): subscribe(name, client, request, &actions)
    case .coordinate(let request, let operation):
      coordinate(operation, of: .client(client), request: request, &actions)
    case .abandon(let request): abandonCoordination(of: .client(client), request: request, &actions)
    case .want(let request, let digests): want(digests, by: client, request, &actions)
    case .missing(let handles, let address):
      guard let worker = workers.indices.first(where: { loads[$0].isAlive && workers[$0].address == address }) else {
        break
      }
      for handle in handles {
        guard let slot = slot(of: handle), isWanted(slot, by: client) else { continue }
        notFound(slot, at: UInt32(worker))
      }
    case .replicate(let request, let handles, let count): replicate(handles, copies: count, client, request, &actions)
    case .rebalance(let request, let handles): rebalance(handles, client, request, &actions)
    case .runOnWorkers(let request, let call): runOnWorkers(call, client, request, &actions)
    case .retireWorkers(let request, let names): retire(names, client, request, &actions)
    case .restart(let request, let name, let timeout): restart(name, timeout: timeout, client, request, &actions)
    case .heartbeat: actions.append(.tellClient(client, .heartbeat))
    case .inside: clients[Int(client.rawValue)].isInside = true
    case .weight(let weight): clients[Int(client.rawValue)].weight = Int64(max(1, weight))
    case .goodbye:
      lose(client, &actions)
      dropWants(of: client)
      actions.append(.closeClient(client))
    }
  }

  /// A client's connection is gone: what only it wanted is given up, at once or when nobody has come back for it.
  mutating func lose(_ client: ClientID, _ actions: inout [SchedulerAction]) {
    guard Int(client.rawValue) < clients.count, clients[Int(client.rawValue)].isAlive else { return }
    leaveCoordination(.client(client), &actions)
    clients[Int(client.rawValue)].isAlive = false
    finishedForClients[Int(client.rawValue)] = []
    recomputing.removeAll { $0.client == client }
    failedForClients.removeAll { $0.client == client }
    let open = openGraphs.filter { $0.client == client }
    openGraphs.removeAll { $0.client == client }
    for graph in open { unpin(graph) }
    watches.removeAll(of: client)
    restarts.askers.removeAll { $0.client == client }
    // The tasks of a worker that has died run again elsewhere, and will want the same.
    let grace =
      clients[Int(client.rawValue)].isInside ? settings.insideGraceNanoseconds : settings.clientGraceNanoseconds
    if grace > 0, wants.count(ofRight: client.rawValue) > 0 {
      clients[Int(client.rawValue)].leavesAt = now + grace
      leavingClients.append(client)
    } else {
      dropWants(of: client)
      leftClients.append(client)
    }
  }

  /// Gives up what only this client wanted.
  private mutating func dropWants(of client: ClientID) {
    while case let pair = wants.first(ofRight: client.rawValue), pair != Relation.none {
      let slot = wants.left(pair)
      wants.remove(client.rawValue, first: &tasks[Int(slot)].firstWant)
      unneeded.append(slot)
    }
    settleUnneeded()
  }

  /// Clients that have not come back in time: what only they wanted is given up.
  mutating func dropLeftClients() {
    guard leavingClients.contains(where: { clients[Int($0.rawValue)].leavesAt <= now }) else { return }
    let left = leavingClients.filter { clients[Int($0.rawValue)].leavesAt <= now }
    leavingClients.removeAll { clients[Int($0.rawValue)].leavesAt <= now }
    for client in left { dropWants(of: client) }
    leftClients += left
  }

  /// A client wants results by key: those that are known are named, and what is there of them is told.
  private mutating func want(
    _ digests: [Digest128], by client: ClientID, _ request: UInt32, _ actions: inout [SchedulerAction]
  ) {
    let slots = digests.compactMap { slot(of: $0) }
    for slot in slots { addWant(slot, client) }
    let named = slots.map { NamedTask(task: handle(of: $0), digest: tasks[Int($0)].digest) }
    actions.append(.tellClient(client, .named(request: request, tasks: named)))
    see(to: slots, for: client)
  }

  /// Requests what a client has begun to want, or tells what came of it.
  mutating func see(to slots: [UInt32], for client: ClientID) {
    for slot in slots {
      switch tasks[Int(slot)].state {
      case .released: self.request(slot, .client)
      case .memory: tell(client, slot)
      case .failed:
        if let failure = failures[slot] { failedForClients.append((client, handle(of: slot), failure)) }
      case .waiting, .ready, .noWorker, .processing: break
      }
    }
  }

  private mutating func release(_ handle: TaskHandle, by client: ClientID) {
    guard let slot = slot(of: handle), wants.remove(client.rawValue, first: &tasks[Int(slot)].firstWant) else { return }
    if !finishedForClients[Int(client.rawValue)].isEmpty, forgetfulClients.last != client.rawValue {
      forgetfulClients.append(client.rawValue)
    }
    unneeded.append(slot)
    settleUnneeded()
  }

  private mutating func cancel(_ handles: [TaskHandle], by client: ClientID, force: Bool) {
    for handle in handles {
      guard let slot = slot(of: handle), isWanted(slot, by: client) else { continue }
      if force, tasks[Int(slot)].state.isActive {
        fail(
          slot,
          FailureRecord(
            .cancelled, key: tasks[Int(slot)].digest, label: labelText(of: slot),
            message: "\(client) cancelled it for all"), .cancelled)
      }
      release(handle, by: client)
    }
  }

  /// Tries again what failed: from the tasks that failed first, as far as they are known.
  private mutating func retry(_ handle: TaskHandle, for client: ClientID) {
    guard let first = slot(of: handle), tasks[Int(first)].state == .failed, isWanted(first, by: client)
    else {
      return
    }
    // Failures may lie behind tasks that were never needed, or not any more. Only looked up.
    var seen: Set<UInt32> = [first]
    var reset: [UInt32] = []
    var stack = [first]
    while let slot = stack.popLast() {
      if tasks[Int(slot)].state == .failed {
        failures[slot] = nil
        deathsByTask[slot] = nil
        tasks[Int(slot)].deaths = 0
        tasks[Int(slot)].isSuspect = false
        tasks[Int(slot)].retriesLeft = traits(of: slot).retries
        move(slot, to: .released, .client)
        reset.append(slot)
      }
      guard tasks[Int(slot)].state == .released else { continue }
      for input in inputs(of: slot) where seen.insert(input).inserted { stack.append(input) }
    }
    // What others want of it is tried again too. The tasks that failed first come last.
    for slot in reset where tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .released && isNeeded(slot) {
      request(slot, .client)
    }
  }

  /// Tells all who want a task that its result is there.
  mutating func tellWanting(_ slot: UInt32) {
    var pair = tasks[Int(slot)].firstWant
    while pair != Relation.none {
      tell(ClientID(rawValue: wants.right(pair)), slot)
      pair = wants.nextOfLeft(pair)
    }
  }

  mutating func tell(_ client: ClientID, _ slot: UInt32) {
    let number = Int(client.rawValue)
    guard clients[number].isAlive else { return }
    if finishedForClients[number].isEmpty { listedClients.append(client.rawValue) }
    finishedForClients[number].append(
      FinishedResult(
        task: handle(of: slot), type: typeName(of: slot), byteCount: tasks[Int(slot)].resultBytes,
        inline: inlines[tasks[Int(slot)].inline], holders: addresses(of: slot)))
  }

  /// Where a result lies: at most four addresses, unless `limit` says otherwise.
  func addresses(of slot: UInt32, limit: Int = 4) -> [String] {
    var pair = tasks[Int(slot)].firstHolder
    if pair == Relation.none { return [] }
    if holders.nextOfLeft(pair) == Relation.none { return workers[Int(holders.right(pair))].addresses }
    var found: [String] = []
    while pair != Relation.none, found.count < limit {
      found.append(workers[Int(holders.right(pair))].address)
      pair = holders.nextOfLeft(pair)
    }
    return found
  }

  private func answer(
    _ client: ClientID, _ request: UInt32, _ question: Question, _ actions: inout [SchedulerAction]
  ) {
    switch question {
    case .whoHas(let handles):
      let held = handles.compactMap { handle in
        slot(of: handle).map { HeldResult(task: handle, holders: addresses(of: $0, limit: .max)) }
      }
      actions.append(.tellClient(client, .holders(held)))
      actions.append(.tellClient(client, .answer(request: request, text: "")))
    case .story(let digest):
      actions.append(
        .tellClient(client, .answer(request: request, text: story(of: digest).joined(separator: "\n"))))
    case .published: actions.append(.tellClient(client, .answer(request: request, text: publishedNames)))
    case .workers, .tasks:
      actions.append(.tellClient(client, .denied(request: request, reason: "this scheduler does not offer that")))
    }
  }
}
