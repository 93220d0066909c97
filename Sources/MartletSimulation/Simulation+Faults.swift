import MartletClient
import MartletProtocol
import MartletWorker

// What goes wrong, and when.

extension Simulation {
  mutating func fault() throws(SimulationFailure) {
    guard time.now < options.calmNanoseconds else { return }
    time.plan(.fault, at: time.now + Int64(chance.below(Int(2 * options.faultNanoseconds))))
    let fault = options.faults[chance.below(options.faults.count)]
    let living = workers.indices.filter { workers[$0].isAlive && workers[$0].session != nil }
    guard let worker = living.randomElement(using: &chance) else { return }
    report.faults += 1
    note("fault: \(fault) (worker \(worker))")
    switch fault {
    case .crash: crash(worker)
    case .freeze:
      let until = time.now + chance.delay(300_000_000)
      if chance.oneIn(4) {
        let client = chance.below(clients.count)
        clients[client].frozenUntil = max(clients[client].frozenUntil, until)
      } else {
        // What has come meanwhile waits for that time: an earlier one would let what comes later overtake it.
        workers[worker].frozenUntil = max(workers[worker].frozenUntil, until)
      }
    case .cut: cutSome(worker, within: 20_000_000)
    case .halfOpen: cutSome(worker, within: 4_000_000_000)
    case .partition:
      partition = Set(workers.indices.filter { _ in chance.oneIn(3) }.map { .worker($0) })
      partition.formUnion(clients.indices.filter { _ in chance.oneIn(6) }.map { .client($0) })
      partitionEnds = time.now + chance.delay(200_000_000)
    case .late: workers[worker].lateUntil = time.now + chance.delay(100_000_000)
    case .twice: workers[worker].twiceUntil = time.now + chance.delay(100_000_000)
    case .memory:
      let limit = workers[worker].core.settings.memoryLimit
      workers[worker].foreignBytes = Int64(chance.below(Int(limit) + 1))
      workers[worker].foreignUntil = time.now + chance.delay(100_000_000)
      // Nineteen of twenty parts: there its supervisor ends it.
      let values = workers[worker].values.values.reduce(0) { $0 + $1.bytes }
      if limit > 0, values + workers[worker].foreignBytes > limit / 20 * 19 { crash(worker) }
    case .fullDisk: workers[worker].diskIsFullUntil = time.now + chance.delay(400_000_000)
    case .retire:
      guard living.count(where: { !workers[$0].core.isRetiring }) > 1 else { return }
      try tell(worker, .retireRequested)
      if options.replacesWorkers, chance.oneIn(2) { addWorker(within: 50_000_000) }
    case .restart: restartScheduler()
    case .renew:
      let client = chance.below(clients.count)
      guard clients[client].isAlive, !clients[client].isClosed else { return }
      let request = RequestID(rawValue: clients[client].nextRequest)
      clients[client].nextRequest += 1
      try tell(
        client: client,
        .request(request, .restart(name: "", timeoutNanoseconds: Int64(chance.below(300_000_000)))))
    case .vanish: vanish()
    case .damagedFile, .damagedData, .failure, .cancel: break  // not at one moment
    }
  }

  /// A client ends; what it was connected to learns of it at once, or in its time.
  private mutating func vanish() {
    guard let client = clients.indices.dropFirst().randomElement(using: &chance), clients[client].isAlive else {
      return
    }
    clients[client].isAlive = false
    let isSeen = chance.oneIn(2)
    var list = clients[client].peers.values.sorted()
    if let session = clients[client].session { list.append(session) }
    for connection in list {
      if isSeen { hangUp(connection, from: .client(client)) } else { cut(connection, within: 4_000_000_000) }
    }
  }

  /// Cuts a connection of a worker, or of a client.
  private mutating func cutSome(_ worker: Int, within delay: Int64) {
    var session = workers[worker].session
    var peers = workers[worker].peers.values.sorted()
    if chance.oneIn(3) {
      let client = chance.below(clients.count)
      session = clients[client].session
      peers = clients[client].peers.values.sorted()
    }
    if !peers.isEmpty, chance.oneIn(2) { session = peers[chance.below(peers.count)] }
    if let session { cut(session, within: delay) }
  }
}
