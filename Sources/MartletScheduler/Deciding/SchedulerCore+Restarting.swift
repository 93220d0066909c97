import MartletBytes
import MartletProtocol

/// Workers that were started anew and are not back yet, and those who wait for them.
struct Restarts: Sendable {
  struct Asker: Sendable {
    let client: ClientID
    let request: UInt32
    let deadline: Timestamp
  }

  /// A worker as it was known; one without a name of its own was called by its address, which may be another one now.
  struct Awaited: Sendable {
    let name: String
    let address: String
    let host: String

    var line: String { "\(name) on \(host)" }
  }

  var awaited: [Awaited] = []
  var askers: [Asker] = []
}

// A cluster that starts anew: no graph, no result, no process of a worker is what it was. Clients keep their sessions, and what
// they share that is no task's result.

extension SchedulerCore {
  /// Forgets all graphs and results, and lets all workers start anew. Every client is told, before it hears anything of what it
  /// sends from then on.
  mutating func restart(
    _ name: String, timeout: Int64, _ client: ClientID, _ request: UInt32, _ actions: inout [SchedulerAction]
  ) {
    let by = name.isEmpty ? "\(client)" : "\(client), \(name)"
    actions.append(.log("the cluster is restarted by \(by): \(taskCount) tasks are forgotten"))
    refuseOpenGraphs(by, &actions)
    for number in clients.indices {
      finishedForClients[number] = []
      guard clients[number].isAlive else { continue }
      actions.append(.tellClient(ClientID(rawValue: UInt32(number)), .restarted(by: by)))
    }
    forgetAllTasks(&actions)
    restartWorkers("the cluster was restarted by \(by)", &actions)
    let (deadline, isEndless) = now.nanoseconds.addingReportingOverflow(timeout)
    restarts.askers.append(
      Restarts.Asker(
        client: client, request: request, deadline: Timestamp(nanoseconds: isEndless ? .max : deadline)))
    tendRestarts(&actions)
  }

  /// Graphs of which pieces are missing: those that come are ignored.
  private mutating func refuseOpenGraphs(_ by: String, _ actions: inout [SchedulerAction]) {
    for place in openGraphs.indices where !openGraphs[place].isRefused {
      let open = openGraphs[place]
      openGraphs[place].tasks = []
      openGraphs[place].wanted = []
      openGraphs[place].isRefused = true
      unpin(open)
      watches.close(open.client, number: open.number)
      let failure = FailureRecord(
        .restarted, key: Digest128(low: 0, high: 0), label: "",
        message: "the cluster was restarted by \(by) before all of the graph was there", attempts: 0)
      actions.append(.tellClient(open.client, .refused(graph: open.graph, failure)))
    }
  }

  /// Takes away whatever tasks are needed by: wants of clients, names, shared values. Then none is left.
  private mutating func forgetAllTasks(_ actions: inout [SchedulerAction]) {
    for name in published.keys.sorted() {
      for handle in published.removeValue(forKey: name) ?? [] { letGo(handle) }
    }
    dropSharedTasks(&actions)
    for number in clients.indices {
      while case let pair = wants.first(ofRight: UInt32(number)), pair != Relation.none {
        let slot = wants.left(pair)
        wants.remove(UInt32(number), first: &tasks[Int(slot)].firstWant)
        unneeded.append(slot)
      }
    }
    settleUnneeded()
    // All of these name tasks, or runs of tasks, that are no more.
    failedForClients = []
    recomputing = []
    inquests = []
    unplaceable = []
    lackingSince = [:]
    stranded = [:]
    impatient = [:]
    timers = Heap()
    copies = Copies()
    watches = GraphWatches()
  }

  private mutating func restartWorkers(_ reason: String, _ actions: inout [SchedulerAction]) {
    for number in workers.indices where loads[number].isAlive {
      let worker = WorkerID(rawValue: UInt32(number))
      let record = workers[number]
      // Nobody tells the others that it is gone: they go too.
      loads[number].isAlive = false
      livingWorkerCount -= 1
      classify(number)
      outboxes[number] = WorkerOutbox()
      leaveCoordination(.worker(worker), &actions)
      if loads[number].isRetiring {
        // It has nothing left to hand over, and wants to end.
        actions.append(.tellWorker(worker, .retired))
      } else {
        restarts.awaited.append(Restarts.Awaited(name: record.name, address: record.address, host: record.host))
        actions.append(.tellWorker(worker, .restart(reason: reason)))
      }
      actions.append(.closeWorker(worker))
    }
  }

  /// A worker has registered: it may be one that was started anew.
  mutating func noteReturn(of registration: WorkerRegistration) {
    if restarts.awaited.isEmpty { return }
    let place =
      restarts.awaited.firstIndex { $0.name == registration.name }
      ?? restarts.awaited.firstIndex { $0.name == $0.address && $0.host == registration.host }
    if let place { restarts.awaited.remove(at: place) }
  }

  /// Answers those who wait for workers to be back, when these are, or the time is over.
  mutating func tendRestarts(_ actions: inout [SchedulerAction]) {
    if restarts.askers.isEmpty {
      if !restarts.awaited.isEmpty { restarts.awaited = [] }
      return
    }
    let isOver = restarts.awaited.isEmpty
    let missing = restarts.awaited.map(\.line).joined(separator: "\n")
    for asker in restarts.askers where isOver || asker.deadline <= now {
      actions.append(.tellClient(asker.client, .answer(request: asker.request, text: missing)))
    }
    restarts.askers.removeAll { isOver || $0.deadline <= now }
  }
}
