import MartletBytes
import MartletProtocol
import MartletWorker

// Clients, and who comes and goes.

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
      guard let session = connect(place, .scheduler) else { return }
      clients[client].session = session
      for piece in clients[client].workload.pieces(graph: 1, &chance) { say(.toScheduler(.submit(piece)), from: place) }
    }
  }

  mutating func arrive(_ said: Said, _ connection: Int, at place: Place) throws(SimulationFailure) {
    guard connections[connection][keyPath: connections[connection].end(of: place)], !connections[connection].isSilent
    else { return }
    switch place {
    case .scheduler: try arriveAtScheduler(said, connection)
    case .worker(let worker): try arriveAtWorker(said, connection, worker)
    case .client(let client):
      if case .fromClientsScheduler(let message) = said, clients[client].isAlive { try hear(client, message) }
    }
  }

  mutating func close(_ connection: Int, at place: Place) throws(SimulationFailure) {
    let end = connections[connection].end(of: place)
    guard connections[connection][keyPath: end] else { return }
    connections[connection][keyPath: end] = false
    switch place {
    case .scheduler: try closeAtScheduler(connection)
    case .worker(let worker): if workers[worker].isAlive { try closeAtWorker(connection, worker) }
    case .client(let client): clients[client].isAlive = false
    }
  }

  private mutating func hear(_ client: Int, _ message: SchedulerToClient) throws(SimulationFailure) {
    switch message {
    case .accepted(_, let handles):
      // In several messages, perhaps.
      for (handle, job) in zip(handles, clients[client].workload.wanted.dropFirst(clients[client].named)) {
        clients[client].handles[handle] = job
      }
      clients[client].named += handles.count
      if clients[client].named == clients[client].workload.wanted.count { wish(client) }
    case .refused(_, let failure): throw self.failure("client \(client) was refused: \(failure)")
    case .finished(let results):
      for result in results {
        take(result, client)
        guard clients[client].everywhere?.remove(result.task) != nil, let bytes = result.inline else { continue }
        let workload = clients[client].workload
        if (try? UInt64(simulated: bytes)) != workload.expected[clients[client].everywhereJob] {
          throw self.failure("client \(client): a call on a worker gave a wrong value")
        }
      }
    case .onWorkers(_, let tasks):
      clients[client].everywhereAll = tasks.map(\.task)
      clients[client].everywhere = Set(clients[client].everywhereAll)
    case .failed(let handle, let failure):
      _ = clients[client].everywhere?.remove(handle)
      if let job = clients[client].handles[handle] { clients[client].failures[job] = failure }
    case .holders(let held):
      for one in held {
        take(FinishedResult(task: one.task, type: "", byteCount: 0, inline: nil, holders: one.holders), client)
      }
    case .denied(let request, let reason):
      if request == 4 { throw self.failure("client \(client): \(reason)") }
    case .recomputing, .answer, .named, .coordinated, .heartbeat, .goodbye: break
    }
    guard clients[client].hasAll, !clients[client].isDone else { return }
    clients[client].isDone = true
    let handles = clients[client].handles.keys.sorted { $0.slot < $1.slot } + clients[client].everywhereAll
    say(.toScheduler(.release(handles)), from: .client(client))
  }

  /// Copies of what it wants, another distribution, and a call that all workers run: some clients ask for that.
  private mutating func wish(_ client: Int) {
    let handles = clients[client].handles.keys.sorted { $0.slot < $1.slot }
    if chance.oneIn(3) {
      say(.toScheduler(.replicate(request: 2, handles, copies: UInt32(2 + chance.below(2)))), from: .client(client))
    }
    if chance.oneIn(3) { say(.toScheduler(.rebalance(request: 3, [])), from: .client(client)) }
    let workload = clients[client].workload
    guard chance.oneIn(3),
      let job = workload.jobs.indices.first(where: {
        workload.jobs[$0].inputs.isEmpty && workload.jobs[$0].after.isEmpty && workload.jobs[$0].throwsTimes == 0
      })
    else { return }
    clients[client].everywhere = nil
    clients[client].everywhereJob = job
    let call = WorkersCall(
      digest: Digest128(low: UInt64(client), high: 0x65), label: "everywhere", function: Workload.function,
      arguments: client.portableBytes() + job.portableBytes())
    say(.toScheduler(.runOnWorkers(request: 4, call)), from: .client(client))
  }

  /// Asks where results are that were where nobody has them any more.
  mutating func askAgain(_ client: Int) {
    let missing = clients[client].sought.filter {
      clients[client].handles[$0].map { job in
        clients[client].results[job] == nil && clients[client].failures[job] == nil
      } ?? false
    }
    guard !missing.isEmpty else { return }
    let handles = missing.sorted { $0.slot < $1.slot }
    say(.toScheduler(.ask(request: 1, .whoHas(handles))), from: .client(client))
  }

  private mutating func take(_ result: FinishedResult, _ client: Int) {
    guard let job = clients[client].handles[result.task] else { return }
    clients[client].sought.insert(result.task)
    if let bytes = result.inline {
      clients[client].results[job] = try? UInt64(simulated: bytes)
      return
    }
    // Seen from above: what the holders have. When none of them has it any more, the scheduler is asked again.
    let digest = clients[client].workload.digest(job)
    for address in result.holders {
      guard let worker = workers.first(where: { $0.isAlive && $0.name == address }) else { continue }
      if let value = worker.core.value(of: digest).flatMap({ worker.values[$0] ?? worker.files[$0] }) {
        clients[client].results[job] = value.number
      }
    }
  }
}
