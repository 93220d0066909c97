import MartletBytes
import MartletClient
import MartletProtocol
import MartletWorker

// The clients' shells: connections, values that come, and what the program hears.

extension Simulation {
  mutating func start(_ place: Place) throws(SimulationFailure) {
    switch place {
    case .scheduler: break
    case .worker(let worker):
      guard workers[worker].session == nil else { return }
      guard let session = connect(place, .scheduler) else {
        time.plan(.starts(place), at: time.now + chance.delay(50_000_000))
        return
      }
      workers[worker].session = session
      say(.workerToScheduler(.register(workers[worker].registration)), from: place)
      try tell(worker, .schedulerConnected)
    case .client(let client):
      guard clients[client].isAlive, clients[client].session == nil else { return }
      guard let session = connect(place, .scheduler) else {
        return try tell(client: client, .schedulerLost(reason: "it cannot be reached"))
      }
      clients[client].session = session
      try tell(client: client, .schedulerConnected(epoch: epoch))
    case .plainClient(let client): startPlain(client)
    }
  }

  mutating func arrive(_ said: Said, _ connection: Int, at place: Place) throws(SimulationFailure) {
    guard connections[connection][keyPath: connections[connection].end(of: place)], !connections[connection].isSilent
    else { return }
    switch place {
    case .scheduler: try arriveAtScheduler(said, connection)
    case .worker(let worker): try arriveAtWorker(said, connection, worker)
    case .client(let client): if clients[client].isAlive { try arriveAtClient(said, connection, client) }
    case .plainClient(let client):
      if case .fromClientsScheduler(let message) = said, plainClients[client].isAlive { try hearPlain(client, message) }
    }
  }

  mutating func close(_ connection: Int, at place: Place) throws(SimulationFailure) {
    let end = connections[connection].end(of: place)
    guard connections[connection][keyPath: end] else { return }
    connections[connection][keyPath: end] = false
    switch place {
    case .scheduler: try closeAtScheduler(connection)
    case .worker(let worker): if workers[worker].isAlive { try closeAtWorker(connection, worker) }
    case .client(let client): if clients[client].isAlive { try closeAtClient(connection, client) }
    case .plainClient(let client): plainClients[client].isAlive = false
    }
  }

  /// Hands a client's core an event, and does what it wants.
  mutating func tell(client: Int, _ event: ClientEvent) throws(SimulationFailure) {
    _ = try carryOut(client, event)
  }

  /// The same; gives the future whose value the core takes from the frame that has just begun.
  private mutating func carryOut(_ client: Int, _ event: ClientEvent) throws(SimulationFailure) -> FutureID? {
    var actions: [ClientAction] = []
    clients[client].core.handle(event, at: Timestamp(nanoseconds: time.now), &actions)
    let isTick = if case .tick = event { true } else { false }
    if !chance.oneIn(4) || isTick { clients[client].core.flush(&actions) }
    if options.checksEveryEvent, let problem = clients[client].core.brokenInvariant() {
      throw failure("client \(client) after \(event): \(problem)")
    }
    var taken: FutureID?
    for action in actions {
      if case .value(let future, _, .frame) = action { taken = future }
      try act(client, action)
    }
    return taken
  }

  private mutating func act(_ client: Int, _ action: ClientAction) throws(SimulationFailure) {
    let place = Place.client(client)
    switch action {
    case .tellScheduler(let message):
      if case .submit(let piece) = message { report.tasks += piece.tasks.count }
      say(.toScheduler(message), from: place)
    case .connectScheduler(let wait):
      time.plan(.starts(place), at: time.now + wait + chance.delay(200_000))
    case .closeScheduler:
      if let session = clients[client].session { hangUp(session, from: place) }
      clients[client].session = nil
    case .connectWorker(let address): connectWorker(client, address)
    case .closeWorker(let address):
      guard let connection = clients[client].peers.removeValue(forKey: address) else { break }
      clients[client].receiving[connection] = nil
      hangUp(connection, from: place)
    case .askWorker(let address, let request): ask(client, address, request)
    case .submitted(_, let futures): clients[client].submitted += futures
    case .refused(let id, let failure):
      // One before it may be refused meanwhile, for an input that has failed: its futures fail, and are looked at as such.
      if id.rawValue == clients[client].nextSubmission - 1 { clients[client].refusal = failure }
    case .resolved, .recomputing, .advanced, .stranded: break
    case .value(let future, _, .bytes(let bytes)): try take(client, future, try? UInt64(simulated: bytes))
    case .value(_, _, .frame): break
    case .failed(let future, let failure):
      note("client \(client): \(future) failed: \(failure.kind) \(failure.message)")
      clients[client].failures[future] = failure
      try expect(client, future, failure)
    case .valueFailed(let future, let failure): note("client \(client): \(future): \(failure.message)")
    case .forgotten(let future):
      clients[client].values.remove(future)
      clients[client].failures[future] = nil
      clients[client].jobs[future] = nil
    case .discard(let address):
      if let connection = clients[client].peers[address] { clients[client].receiving[connection] = nil }
    case .progress(_, let progress):
      if progress.finished + progress.failed > progress.total {
        throw self.failure("client \(client) is told of \(progress)")
      }
    case .answered(let request, let answer): try answered(client, request, answer)
    case .leaseLost(let semaphore, _): throw self.failure("client \(client) has lost a lease of \(semaphore)")
    case .sessionLost(let reason):
      if !clients[client].isClosed { throw self.failure("client \(client) has lost its session: \(reason)") }
    case .restarted(let name): note("client \(client): restarted by \(name)")
    case .log(let line): note("client \(client): \(line)")
    }
    switch action {
    case .resolved(let future, _, _), .recomputing(let future), .value(let future, _, _):
      clients[client].failures[future] = nil
    default: break
    }
  }

  /// A value has come: it is what a sequential program would have got.
  private mutating func take(_ client: Int, _ future: FutureID, _ value: UInt64?) throws(SimulationFailure) {
    // Released while it came, or a call on a worker whose futures are not known yet.
    if let job = clients[client].jobs[future], value != workloads[clients[client].workload].expected[job] {
      throw failure("client \(client), job \(job): \(value as Any) is wrong")
    }
    clients[client].values.insert(future)
  }

  // MARK: Workers

  private mutating func connectWorker(_ client: Int, _ address: String) {
    let found = workers.firstIndex { $0.isAlive && $0.name == address }
    guard let found, let connection = connect(.client(client), .worker(found)) else {
      time.plan(.workerUnreachable(client: client, address), at: time.now + chance.delay(5_000_000))
      return
    }
    clients[client].peers[address] = connection
    // The connection is there when the other side has answered; what is said before waits for that.
    let arrival = time.now + chance.delay(400_000)
    connections[connection].lastTime = (arrival, arrival)
    time.plan(.arrives(.reply(.done(request: 0), nil), connection: connection, to: .client(client)), at: arrival)
  }

  private mutating func ask(_ client: Int, _ address: String, _ request: PeerRequest) {
    guard let connection = clients[client].peers[address] else { return }
    say(.request(request), on: connection, from: .client(client))
    guard case .put(let number, let values) = request else { return }
    for value in values {
      let workload = workloads[clients[client].workload]
      guard let job = workload.jobs.indices.first(where: { workload.digest($0) == value.digest }) else { continue }
      let content = SimulatedValue(number: workload.expected[job] ?? 0, bytes: value.byteCount)
      say(.put(request: number, value, content), on: connection, from: .client(client), takes: value.byteCount)
    }
  }

  mutating func workerUnreachable(_ client: Int, _ address: String) throws(SimulationFailure) {
    guard clients[client].isAlive, clients[client].peers[address] == nil else { return }
    try tell(client: client, .workerLost(address))
  }

  private mutating func arriveAtClient(_ said: Said, _ connection: Int, _ client: Int) throws(SimulationFailure) {
    switch said {
    case .fromClientsScheduler(let message):
      if clients[client].session == connection { try tell(client: client, .schedulerSaid(message)) }
    case .reply(let reply, _):
      guard let address = clients[client].peers.first(where: { $0.value == connection })?.key else { return }
      if case .done(0) = reply { return try tell(client: client, .workerConnected(address)) }
      clients[client].receiving[connection] = try carryOut(client, .workerSaid(address, reply))
    case .body(let value):
      guard let address = clients[client].peers.first(where: { $0.value == connection })?.key,
        let future = clients[client].receiving.removeValue(forKey: connection)
      else { return }
      if options.faults.contains(.damagedData), time.now < options.calmNanoseconds, chance.oneIn(40) {
        return try tell(client: client, .valueDamaged(future, from: address))
      }
      if clients[client].core.digest(of: future) != nil { try take(client, future, value.number) }
      try tell(client: client, .valueReceived(future, from: address))
    case .toScheduler, .workerToScheduler, .schedulerToWorker, .request, .put: break
    }
  }

  private mutating func closeAtClient(_ connection: Int, _ client: Int) throws(SimulationFailure) {
    if clients[client].session == connection {
      clients[client].session = nil
      try tell(client: client, .schedulerLost(reason: "the connection broke"))
    } else if let address = clients[client].peers.first(where: { $0.value == connection })?.key {
      clients[client].peers[address] = nil
      clients[client].receiving[connection] = nil
      try tell(client: client, .workerLost(address))
    }
  }
}
