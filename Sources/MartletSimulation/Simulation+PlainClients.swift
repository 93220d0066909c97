import MartletBytes
import MartletProtocol
import MartletWorker

// Clients that speak the protocol themselves.

extension Simulation {
  mutating func startPlain(_ client: Int) {
    guard let session = connect(.plainClient(client), .scheduler) else { return }
    plainClients[client].session = session
    submitPlain(client)
  }

  private mutating func submitPlain(_ client: Int) {
    let plain = plainClients[client]
    let pieces = workloads[plain.workload].pieces(graph: plain.graph, &chance)
    for piece in pieces { say(.toScheduler(.submit(piece)), from: .plainClient(client)) }
  }

  /// The cluster was started anew: what is not there is asked for once more.
  private mutating func restartPlain(_ client: Int) {
    guard !plainClients[client].isDone else { return }
    plainClients[client].graph += 1
    plainClients[client].handles = [:]
    plainClients[client].named = 0
    plainClients[client].sought = []
    if plainClients[client].everywhere != nil { plainClients[client].everywhere = [] }
    report.tasks += workloads[plainClients[client].workload].jobs.count
    submitPlain(client)
  }

  mutating func hearPlain(_ client: Int, _ message: SchedulerToClient) throws(SimulationFailure) {
    let workload = workloads[plainClients[client].workload]
    switch message {
    case .accepted(let graph, let handles):
      // What it has got meanwhile from before a restart it does not need again.
      if plainClients[client].isDone { return say(.toScheduler(.release(handles)), from: .plainClient(client)) }
      // Of before another restart, and taken behind it. The same tasks come with the graph that it has sent since: to release these
      // would be to release those.
      guard graph == plainClients[client].graph else { return }
      // In several messages, perhaps.
      for (handle, job) in zip(handles, workload.wanted.dropFirst(plainClients[client].named)) {
        plainClients[client].handles[handle] = job
      }
      plainClients[client].named += handles.count
      if plainClients[client].named == workload.wanted.count { wish(client, workload) }
    case .refused(_, let failure):
      if failure.kind != .restarted { throw self.failure("plain client \(client) was refused: \(failure)") }
    case .restarted: restartPlain(client)
    case .finished(let results):
      for result in results {
        take(result, client, workload)
        guard plainClients[client].everywhere?.remove(result.task) != nil, let bytes = result.inline else { continue }
        if (try? UInt64(simulated: bytes)) != workload.expected[plainClients[client].everywhereJob] {
          throw self.failure("plain client \(client): a call on a worker gave a wrong value")
        }
      }
    case .onWorkers(_, let tasks):
      plainClients[client].everywhereAll = tasks.map(\.task)
      plainClients[client].everywhere = Set(plainClients[client].everywhereAll)
    case .failed(let handle, let failure):
      _ = plainClients[client].everywhere?.remove(handle)
      if let job = plainClients[client].handles[handle] { plainClients[client].failures[job] = failure }
    case .holders(let held):
      for one in held {
        let result = FinishedResult(task: one.task, type: "", byteCount: 0, inline: nil, holders: one.holders)
        take(result, client, workload)
      }
    case .denied(let request, let reason):
      if request == 4 { throw self.failure("plain client \(client): \(reason)") }
    case .recomputing, .answer, .named, .coordinated, .progress, .stranded, .heartbeat, .goodbye: break
    }
    guard plainClients[client].hasAll(workload), !plainClients[client].isDone else { return }
    plainClients[client].isDone = true
    let handles = plainClients[client].handles.keys.sorted { $0.slot < $1.slot } + plainClients[client].everywhereAll
    say(.toScheduler(.release(handles)), from: .plainClient(client))
  }

  /// Copies of what it wants, another distribution, and a call that all workers run: some clients ask for that.
  private mutating func wish(_ client: Int, _ workload: Workload) {
    let place = Place.plainClient(client)
    guard plainClients[client].graph == 1 else { return }
    let handles = plainClients[client].handles.keys.sorted { $0.slot < $1.slot }
    if chance.oneIn(3) {
      say(.toScheduler(.replicate(request: 2, handles, copies: UInt32(2 + chance.below(2)))), from: place)
    }
    if chance.oneIn(3) { say(.toScheduler(.rebalance(request: 3, [])), from: place) }
    guard chance.oneIn(3), let job = workload.simpleJob else { return }
    plainClients[client].everywhere = nil
    plainClients[client].everywhereJob = job
    say(.toScheduler(.runOnWorkers(request: 4, callOnWorkers(workload, job))), from: place)
  }

  /// A call on all workers, of a key that was never used.
  mutating func callOnWorkers(_ workload: Workload, _ job: Int) -> WorkersCall {
    calls += 1
    return WorkersCall(
      digest: Digest128(low: calls, high: 0x65), label: "everywhere", function: Workload.function,
      arguments: workload.number.portableBytes() + job.portableBytes())
  }

  /// Asks where results are that were where nobody has them any more.
  mutating func askAgain(_ client: Int) {
    let missing = plainClients[client].sought.filter {
      plainClients[client].handles[$0].map { job in
        plainClients[client].results[job] == nil && plainClients[client].failures[job] == nil
      } ?? false
    }
    guard !missing.isEmpty else { return }
    let handles = missing.sorted { $0.slot < $1.slot }
    say(.toScheduler(.ask(request: 1, .whoHas(handles))), from: .plainClient(client))
  }

  private mutating func take(_ result: FinishedResult, _ client: Int, _ workload: Workload) {
    guard let job = plainClients[client].handles[result.task] else { return }
    plainClients[client].sought.insert(result.task)
    if let bytes = result.inline {
      plainClients[client].results[job] = try? UInt64(simulated: bytes)
      return
    }
    // Seen from above: what the holders have. When none of them has it any more, the scheduler is asked again.
    let digest = workload.digest(job)
    for address in result.holders {
      guard let worker = workers.first(where: { $0.isAlive && $0.name == address }) else { continue }
      if let value = worker.core.value(of: digest).flatMap({ worker.values[$0] ?? worker.files[$0] }) {
        plainClients[client].results[job] = value.number
      }
    }
  }
}

extension Workload {
  /// A job that needs nothing and does not throw.
  var simpleJob: Int? {
    jobs.firstIndex { $0.inputs.isEmpty && $0.after.isEmpty && $0.throwsTimes == 0 && !$0.isData }
  }
}
