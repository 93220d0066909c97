import MartletBytes
import MartletProtocol
import MartletScheduler

// The scheduler's shell: sessions of workers and clients by number.

extension Simulation {
  /// Hands the scheduler's core an event, and does what it wants.
  mutating func tell(_ event: SchedulerEvent) throws(SimulationFailure) {
    var actions: [SchedulerAction] = []
    scheduler.handle(event, at: Timestamp(nanoseconds: time.now), &actions)
    // Events of one turn of the loop share a flush.
    if !chance.oneIn(3) || isTick(event) { scheduler.flush(&actions) }
    if options.checksEveryEvent, let problem = scheduler.brokenInvariant() {
      throw failure("the scheduler after \(event): \(problem)")
    }
    for action in actions {
      switch action {
      case .tellClient(let client, let message):
        if case .onWorkers(_, let tasks) = message { report.tasks += tasks.count }
        if message != .heartbeat { note("scheduler → \(client): \(message.brief)") }
        say(.fromClientsScheduler(message), on: clientSessions[Int(client.rawValue)], from: .scheduler)
      case .tellWorker(let worker, let message):
        if message != .heartbeat { note("scheduler → \(worker): \(message.brief)") }
        say(.schedulerToWorker(message), on: workerSessions[Int(worker.rawValue)], from: .scheduler)
      case .closeClient(let client): hangUp(clientSessions[Int(client.rawValue)], from: .scheduler)
      case .closeWorker(let worker): hangUp(workerSessions[Int(worker.rawValue)], from: .scheduler)
      case .log(let line): note("scheduler: \(line)")
      }
    }
  }

  private func isTick(_ event: SchedulerEvent) -> Bool { if case .tick = event { true } else { false } }

  /// The scheduler is told something on a connection.
  mutating func arriveAtScheduler(_ said: Said, _ connection: Int) throws(SimulationFailure) {
    switch said {
    case .toScheduler(let message):
      let speaker = connections[connection].other(.scheduler)
      if message != .heartbeat { note("\(speaker) → scheduler: \(message.brief)") }
      if let client = clientSessions.firstIndex(of: connection) {
        try tell(.clientSaid(ClientID(rawValue: UInt32(client)), message))
      } else {
        clientSessions.append(connection)
        let client = ClientID(rawValue: UInt32(clientSessions.count - 1))
        try tell(.clientConnected(client))
        try tell(.clientSaid(client, message))
      }
    case .workerToScheduler(.register(let registration)):
      workerSessions.append(connection)
      try tell(.workerRegistered(WorkerID(rawValue: UInt32(workerSessions.count - 1)), registration))
    case .workerToScheduler(let message):
      guard let worker = workerSessions.firstIndex(of: connection) else { return }
      if case .heartbeat = message {
      } else {
        note("\(WorkerID(rawValue: UInt32(worker))) → scheduler: \(message.brief)")
      }
      try tell(.workerSaid(WorkerID(rawValue: UInt32(worker)), message))
    case .fromClientsScheduler, .schedulerToWorker, .request, .reply, .body, .put: break
    }
  }

  /// A connection to the scheduler is gone.
  mutating func closeAtScheduler(_ connection: Int) throws(SimulationFailure) {
    if let client = clientSessions.firstIndex(of: connection) {
      try tell(.clientLost(ClientID(rawValue: UInt32(client))))
    } else if let worker = workerSessions.firstIndex(of: connection) {
      var started: [TaskHandle]?
      if case .worker(let number) = connections[connection].other(.scheduler), !workers[number].isAlive,
        !workers[number].isSupervised, !chance.oneIn(3)
      {
        // Its supervisor has seen what it was at.
        started = workers[number].running.values.map(\.task.task).sorted { $0.slot < $1.slot }
      }
      let death = WorkerDeath(worker: "worker \(worker)", host: "host", cause: "connection lost")
      try tell(.workerLost(WorkerID(rawValue: UInt32(worker)), death, started: started))
    }
  }
}

extension Simulation {
  /// Another scheduler takes the place of this one, which is gone with all that it knew.
  mutating func restartScheduler() {
    endScheduler()
    epoch += 1
    for number in connections.indices where connections[number].accepter == .scheduler {
      hangUp(number, from: .scheduler)
    }
    workerSessions = []
    clientSessions = []
    var settings = schedulerSettings
    settings.epoch = epoch
    scheduler = SchedulerCore(settings: settings)
  }

  /// Takes down what the scheduler has counted.
  mutating func endScheduler() {
    report.lostRuns += scheduler.lostRuns
    report.repeatedTasks += scheduler.repeatedTasks
    report.transitions += scheduler.transitionCount
  }
}

extension ClientToScheduler {
  /// For the history of a failure.
  var brief: String {
    switch self {
    case .submit(let piece):
      "submit \(piece.graph), \(piece.tasks.count) tasks, \(piece.wanted.count) wanted\(piece.isLast ? "" : ", not the last")"
    case .want(let request, let digests): "want \(digests.count) keys, request \(request)"
    default: "\(self)"
    }
  }
}

extension SchedulerToClient {
  /// For the history of a failure.
  var brief: String {
    switch self {
    case .finished(let results): "finished \(results.map(\.task))"
    case .named(let request, let tasks): "named \(tasks.map(\.task)), request \(request)"
    case .failed(let task, let failure): "failed \(task): \(failure.kind) \(failure.message)"
    default: "\(self)"
    }
  }
}

extension SchedulerToWorker {
  /// For the history of a failure.
  var brief: String {
    switch self {
    case .compute(let tasks): "compute \(tasks.map { "\($0.task)/\($0.run.rawValue)" })"
    case .fetch(let inputs): "fetch \(inputs.map(\.task))"
    default: "\(self)"
    }
  }
}

extension WorkerToScheduler {
  /// For the history of a failure.
  var brief: String {
    switch self {
    case .finished(let ends): "finished \(ends.map { "\($0.task)/\($0.run.rawValue)" })"
    case .register(let registration): "register \(registration.name), holds \(registration.holdings.map(\.task))"
    default: "\(self)"
    }
  }
}
