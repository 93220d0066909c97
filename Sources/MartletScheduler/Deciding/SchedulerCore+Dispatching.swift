import MartletProtocol

// Who is served next.

extension SchedulerCore {
  /// Gives ready tasks to workers that have room, and lets idle workers take over waiting ones.
  mutating func dispatch(_ actions: inout [SchedulerAction]) {
    if !readyBlocking.isEmpty { dispatchBlocking() }
    if queuedClients.isEmpty {
      assignAhead()
      return steal(&actions)
    }
    // Nobody to give anything to: without workers, tasks still have to be found to be without workers.
    if roomy.isEmpty, hungry.isEmpty, livingWorkerCount > 0 { return }
    var held: [UInt32] = []
    while held.count < 64, let client = nextClient(), let entry = queues[client].pop() {
      if queues[client].isEmpty { queuedClients.removeAll { $0 == UInt32(client) } }
      let slot = entry.number
      foreseeReady(of: client)
      guard tasks[Int(slot)].isUsed, tasks[Int(slot)].state == .ready, Int(tasks[Int(slot)].owner) == client else {
        continue  // it was given up, or this is an old entry of the slot
      }
      switch place(slot) {
      case .worker(let worker): assign(slot, to: worker)
      case .full: held.append(slot)
      case .impossible: setAside(slot)
      }
      if roomy.isEmpty, hungry.isEmpty, livingWorkerCount > 0 { break }
    }
    for slot in held { enqueue(slot) }
    assignAhead()
    steal(&actions)
  }

  /// Puts a ready task into its client's queue.
  mutating func enqueue(_ slot: UInt32) {
    let traitsNumber = kinds[tasks[Int(slot)].kind].traits
    if traitsNumber != 0, traits[Int(traitsNumber)].isBlocking {
      return readyBlocking.push(tasks[Int(slot)].priority, slot)
    }
    let owner = tasks[Int(slot)].owner
    if queues[Int(owner)].isEmpty { queuedClients.append(owner) }
    queues[Int(owner)].push(tasks[Int(slot)].priority, slot)
    // Entries of tasks that were given up must not pile up while no worker has room.
    if queues[Int(owner)].count > 1024 + 2 * count(.ready) {
      var queue = queues[Int(owner)]
      queues[Int(owner)] = ReadyQueue()
      queue.keep { _, slot in
        tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .ready && tasks[Int(slot)].owner == owner
      }
      queues[Int(owner)] = queue
    }
  }

  /// Gives ready tasks that have threads of their own to workers, beside what those compute.
  private mutating func dispatchBlocking() {
    var held: [UInt32] = []
    while held.count < 64, !patient.isEmpty || livingWorkerCount == 0, let entry = readyBlocking.pop() {
      let slot = entry.number
      guard tasks[Int(slot)].isUsed, tasks[Int(slot)].state == .ready, traits(of: slot).isBlocking else { continue }
      switch place(slot) {
      case .worker(let worker): assign(slot, to: worker)
      case .full: held.append(slot)
      case .impossible: setAside(slot)
      }
    }
    for slot in held { enqueue(slot) }
    // Entries of tasks that were given up must not pile up while no worker has room.
    if readyBlocking.count > 1024 + 2 * count(.ready) {
      var queue = readyBlocking
      readyBlocking = ReadyQueue()
      queue.keep { _, slot in
        tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .ready && traits(of: slot).isBlocking
      }
      readyBlocking = queue
    }
  }

  /// No worker may run a ready task.
  private mutating func setAside(_ slot: UInt32) {
    if tasks[Int(slot)].isBound { return failBound(slot, "its worker is gone, or does not know the function") }
    move(slot, to: .noWorker, .noWorkerLeft)
    unplaceable.append(slot)
    if unplaceable.count > 64 + 2 * count(.noWorker) { forgetPlaceable() }
  }

  /// Takes tasks that are no longer without workers from the list of those that are.
  private mutating func forgetPlaceable() {
    unplaceable = unplaceable.filter { tasks[Int($0)].isUsed && tasks[Int($0)].state == .noWorker }
  }

  /// The client with ready tasks that was served least; of equal ones the first that came. When more tasks wait than workers
  /// are there, what tasks have submitted goes first: begun is finished before more is begun.
  private mutating func nextClient() -> Int? {
    var best: Int?
    let prefersInside =
      assignments.suspendedCount > livingWorkerCount && queuedClients.contains { clients[Int($0)].isInside }
    for number in queuedClients {
      let client = Int(number)
      if prefersInside, !clients[client].isInside { continue }
      if let other = best,
        (clients[other].servedNanoseconds, other) <= (clients[client].servedNanoseconds, client)
      {
        continue
      }
      best = client
    }
    return best
  }
}
