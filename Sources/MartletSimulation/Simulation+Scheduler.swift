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
    case .fromClientsScheduler, .schedulerToWorker, .request, .reply: break
    }
  }

  /// A connection to the scheduler is gone.
  mutating func closeAtScheduler(_ connection: Int) throws(SimulationFailure) {
    if let client = clientSessions.firstIndex(of: connection) {
      try tell(.clientLost(ClientID(rawValue: UInt32(client))))
    } else if let worker = workerSessions.firstIndex(of: connection) {
      var started: [TaskHandle]?
      if case .worker(let number) = connections[connection].other(.scheduler), !workers[number].isAlive,
        !chance.oneIn(3)
      {
        // Its supervisor has seen what it was at.
        started = workers[number].running.values.map(\.task.task).sorted { $0.slot < $1.slot }
      }
      let death = WorkerDeath(worker: "worker \(worker)", host: "host", cause: "connection lost")
      try tell(.workerLost(WorkerID(rawValue: UInt32(worker)), death, started: started))
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
