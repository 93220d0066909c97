import MartletProtocol
import MartletWorker

// What goes wrong, and when.

extension Simulation {
  mutating func fault() throws(SimulationFailure) {
    guard time.now < calmAfter else { return }
    time.plan(.fault, at: time.now + Int64(chance.below(40_000_000)))
    let fault = options.faults[chance.below(options.faults.count)]
    let living = workers.indices.filter { workers[$0].isAlive && workers[$0].session != nil }
    guard let worker = living.randomElement(using: &chance) else { return }
    report.faults += 1
    note("fault: \(fault) (worker \(worker))")
    switch fault {
    case .crash:
      end(worker)
      if !chance.oneIn(4) { addWorker(within: 50_000_000) }
    case .freeze: workers[worker].frozenUntil = time.now + chance.delay(300_000_000)
    case .cut: cut(connection(of: worker), within: 20_000_000)
    case .halfOpen: cut(connection(of: worker), within: 4_000_000_000)
    case .partition:
      partition = Set(workers.indices.filter { _ in chance.oneIn(3) })
      partitionEnds = time.now + chance.delay(200_000_000)
    case .fullDisk: workers[worker].diskIsFullUntil = time.now + chance.delay(400_000_000)
    case .retire:
      guard living.count > 1 else { return }
      try tell(worker, .retireRequested)
      if chance.oneIn(2) { addWorker(within: 50_000_000) }
    case .vanish:
      guard let client = clients.indices.dropFirst().randomElement(using: &chance), clients[client].isAlive,
        let session = clients[client].session
      else { return }
      clients[client].isAlive = false
      hangUp(session, from: .client(client))
    case .damagedFile, .damagedData, .failure: break  // not at one moment
    }
  }

  /// The session of a worker, or one of its connections to peers.
  private mutating func connection(of worker: Int) -> Int {
    let peers = workers[worker].peers.values.sorted()
    if !peers.isEmpty, chance.oneIn(2) { return peers[chance.below(peers.count)] }
    return workers[worker].session ?? 0
  }
}
