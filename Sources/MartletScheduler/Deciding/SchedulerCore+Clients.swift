import MartletBytes
import MartletProtocol

extension SchedulerCore {
  mutating func connect(_ client: ClientID) {
    while clients.count <= Int(client.rawValue) {
      // A newcomer starts level with who was served least, not with a claim on all the past.
      let least = clients.filter(\.isAlive).map(\.servedNanoseconds).min() ?? 0
      clients.append(ClientRecord(isAlive: false, lastHeard: now, servedNanoseconds: least))
      queues.append(Heap())
      finishedForClients.append([])
    }
    clients[Int(client.rawValue)].isAlive = true
    clients[Int(client.rawValue)].lastHeard = now
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
    case .heartbeat: actions.append(.tellClient(client, .heartbeat))
    case .goodbye:
      lose(client, &actions)
      actions.append(.closeClient(client))
    }
  }

  /// A client is gone: what only it wanted is given up.
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
    while case let pair = wants.first(ofRight: client.rawValue), pair != Relation.none {
      unneeded.append(wants.left(pair))
      wants.remove(pair: pair)
    }
    settleUnneeded()
  }

  private mutating func release(_ handle: TaskHandle, by client: ClientID) {
    guard let slot = slot(of: handle), wants.remove(slot, client.rawValue) else { return }
    finishedForClients[Int(client.rawValue)].removeAll { $0.task == handle }
    unneeded.append(slot)
    settleUnneeded()
  }

  private mutating func cancel(_ handles: [TaskHandle], by client: ClientID, force: Bool) {
    for handle in handles {
      guard let slot = slot(of: handle), wants.contains(slot, client.rawValue) else { continue }
      if force, tasks[Int(slot)].state.isActive {
        fail(
          slot,
          FailureRecord(
            .cancelled, key: tasks[Int(slot)].digest, label: labels[tasks[Int(slot)].label],
            message: "\(client) cancelled it for all"), .cancelled)
      }
      release(handle, by: client)
    }
  }

  /// Tries again what failed: from the tasks that failed first, as far as they are known.
  private mutating func retry(_ handle: TaskHandle, for client: ClientID) {
    guard let first = slot(of: handle), tasks[Int(first)].state == .failed, wants.contains(first, client.rawValue)
    else {
      return
    }
    var stack = [first]
    while let slot = stack.popLast() {
      guard tasks[Int(slot)].state == .failed else { continue }
      failures[slot] = nil
      deathsByTask[slot] = nil
      tasks[Int(slot)].deaths = 0
      tasks[Int(slot)].isSuspect = false
      tasks[Int(slot)].retriesLeft = traits[Int(tasks[Int(slot)].traits)].retries
      move(slot, to: .released, .client)
      stack += dependencies.rights(of: slot)
    }
    request(first, .client)
  }

  /// Tells all who want a task that its result is there.
  mutating func tellWanting(_ slot: UInt32) {
    for client in wants.rights(of: slot) { tell(ClientID(rawValue: client), slot) }
  }

  mutating func tell(_ client: ClientID, _ slot: UInt32) {
    guard clients[Int(client.rawValue)].isAlive else { return }
    let record = tasks[Int(slot)]
    finishedForClients[Int(client.rawValue)].append(
      FinishedResult(
        task: handle(of: slot), type: types[record.resultType], byteCount: record.resultBytes, inline: inlines[slot],
        holders: addresses(of: slot)))
  }

  /// Where a result lies: at most four addresses.
  func addresses(of slot: UInt32) -> [String] {
    var found: [String] = []
    var pair = holders.first(ofLeft: slot)
    while pair != Relation.none, found.count < 4 {
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
        slot(of: handle).map { HeldResult(task: handle, holders: addresses(of: $0)) }
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
