import MartletBytes
import MartletProtocol
import MartletScheduler
import MartletWorker

/// A whole cluster in one process, with a clock of its own and a network that fails, from a seed: the real cores of the scheduler
/// and of the workers, and everything around them left to chance.
///
/// After every event all tables are recomputed. At the end every client has what a sequential program would have given, or the
/// failure that it would have met; nothing is left in any table; no more was computed than there are tasks, repetitions and
/// recorded losses.
package struct Simulation: ~Copyable, Sendable {
  let seed: UInt64
  let options: SimulationOptions
  var chance: SimulatedChance
  var time = VirtualTime<Happening>()
  var scheduler: SchedulerCore
  /// The workers' and clients' sessions by the scheduler's numbers.
  var workerSessions: [Int] = []
  var clientSessions: [Int] = []
  var connections: [Connection] = []
  var workers: [SimulatedWorker] = []
  var clients: [SimulatedClient] = []
  /// Places that cannot be reached, until when.
  var partition: Set<Int> = []
  var partitionEnds: Int64 = 0
  /// How often each job threw.
  var thrown: [Digest128: Int] = [:]
  var report = SimulationReport()
  var history: [String] = []
  /// No fault happens after this time, so that everything comes to an end.
  var calmAfter: Int64 = 0

  /// What can happen.
  enum Happening: Sendable {
    case arrives(Said, connection: Int, to: Place)
    case closes(connection: Int, at: Place)
    case starts(Place)
    case bodyEnds(worker: Int, ExecutionID)
    case spilled(worker: Int, ValueID)
    case loaded(worker: Int, ValueID)
    case sent(worker: Int, RequesterID, request: UInt32)
    case unreachable(worker: Int, WorkerID)
    case ticks
    case fault
  }

  /// Runs a simulation to its end.
  ///
  /// - Throws: `SimulationFailure` when the cluster did what it must not.
  package static func run(
    seed: UInt64, options: SimulationOptions = SimulationOptions()
  ) throws(SimulationFailure) -> SimulationReport {
    var simulation = Simulation(seed: seed, options: options)
    return try simulation.run()
  }

  init(seed: UInt64, options: SimulationOptions) {
    self.seed = seed
    self.options = options
    chance = SimulatedChance(seed: seed)
    var settings = SchedulerSettings()
    settings.allowedFailures = 1000
    settings.silenceNanoseconds = 3_000_000_000
    settings.heartbeatNanoseconds = 200_000_000
    settings.unknownNanoseconds = 1_000_000
    settings.watchdogNanoseconds = 10_000_000_000
    scheduler = SchedulerCore(settings: settings)
    let clientCount = 1 + chance.below(options.clients)
    for client in 0..<clientCount {
      let canThrow = options.faults.contains(.failure)
      let workload = Workload(
        client: client, tasks: 1 + chance.below(options.tasks), canThrow: canThrow, &chance)
      report.tasks += workload.jobs.count
      clients.append(SimulatedClient(workload))
      time.plan(.starts(.client(client)), at: Int64(chance.below(50_000_000)))
    }
    for _ in 0..<(1 + chance.below(options.workers)) { addWorker(within: 20_000_000) }
    calmAfter = 400_000_000
    time.plan(.ticks, at: 0)
    if !options.faults.isEmpty { time.plan(.fault, at: Int64(chance.below(20_000_000))) }
  }

  private mutating func run() throws(SimulationFailure) -> SimulationReport {
    let ceiling = 4_000_000 + 2_000 * report.tasks
    while !isOver {
      guard let happening = time.next() else { throw failure("nothing happens any more, and clients wait") }
      report.events += 1
      if report.events > ceiling { throw failure("no end after \(report.events) events") }
      if time.now > 600_000_000_000 { throw failure("no end after ten minutes: \(waiting)") }
      try happen(happening)
    }
    try checkEnd()
    report.lostRuns = scheduler.lostRuns
    report.transitions = scheduler.transitionCount
    report.nanoseconds = time.now
    return report
  }

  /// All clients are through, and what they released has been let go everywhere.
  private var isOver: Bool {
    clients.allSatisfy { $0.isDone || !$0.isAlive } && scheduler.leftover() == nil
      && workers.allSatisfy { !$0.isAlive || ($0.values.isEmpty && $0.running.isEmpty && $0.files.isEmpty) }
  }

  private var waiting: String {
    for (number, client) in clients.enumerated() where client.isAlive && !client.isDone {
      let missing = client.workload.wanted.filter { client.results[$0] == nil && client.failures[$0] == nil }
      let story = missing.first.map { scheduler.story(of: client.workload.digest($0)).suffix(8) } ?? []
      return "client \(number) waits for \(missing)\n  " + story.joined(separator: "\n  ")
    }
    let holding = workers.indices.filter { workers[$0].isAlive && !workers[$0].values.isEmpty }
    let some = holding.first.map { worker -> String in
      let held = workers[worker].values.keys.sorted { $0.rawValue < $1.rawValue }
      return "\(held): \(held.map { workers[worker].core.describe($0) }), session \(workers[worker].session as Any)"
    }
    return "scheduler: \(scheduler.leftover() ?? "empty"); workers \(holding) hold values: \(some ?? "")"
  }

  func failure(_ problem: String) -> SimulationFailure {
    SimulationFailure(seed: seed, nanoseconds: time.now, problem: problem, history: history)
  }

  mutating func note(_ line: @autoclosure () -> String) {
    guard options.checksEveryEvent else { return }
    if history.count >= 60 { history.removeFirst(30) }
    history.append("\(time.now) \(line())")
  }

  // MARK: Events

  private mutating func happen(_ happening: Happening) throws(SimulationFailure) {
    if let worker = happening.worker {
      guard workers[worker].isAlive else { return }
      // A frozen worker finds everything when it goes on.
      if workers[worker].frozenUntil > time.now { return time.plan(happening, at: workers[worker].frozenUntil) }
    }
    switch happening {
    case .arrives(let said, let connection, let place): try arrive(said, connection, at: place)
    case .closes(let connection, let place): try close(connection, at: place)
    case .starts(let place): try start(place)
    case .bodyEnds(let worker, let execution): try endBody(worker, execution)
    case .spilled(let worker, let value): try endSpill(worker, value)
    case .loaded(let worker, let value): try endLoad(worker, value)
    case .sent(let worker, let requester, let request):
      try tell(worker, .dataSent(requester, request: request))
    case .unreachable(let worker, let peer): try tell(worker, .peerLost(peer))
    case .ticks: try tick()
    case .fault: try fault()
    }
  }

  private mutating func tick() throws(SimulationFailure) {
    time.plan(.ticks, at: time.now + 20_000_000)
    try tell(.tick)
    for worker in workers.indices where workers[worker].isAlive && workers[worker].frozenUntil <= time.now {
      try tell(worker, .memory(residentBytes: workers[worker].values.values.reduce(0) { $0 + $1.bytes }))
      try tell(worker, .tick)
    }
    for client in clients.indices where clients[client].isAlive {
      say(.toScheduler(.heartbeat), from: .client(client))
      askAgain(client)
    }
    // Somebody has to be there who computes.
    let isOpen = workers.contains { $0.isAlive && $0.session != nil && !$0.core.isRetiring }
    if time.now > calmAfter, !isOpen, !clients.allSatisfy({ $0.isDone || !$0.isAlive }) {
      addWorker(within: 20_000_000)
    }
  }

  private func checkEnd() throws(SimulationFailure) {
    for (number, client) in clients.enumerated() where client.isAlive {
      for job in client.workload.wanted {
        if let expected = client.workload.expected[job] {
          guard client.results[job] == expected else {
            throw failure("client \(number), job \(job): \(String(describing: client.results[job])), not \(expected)")
          }
        } else if client.failures[job] == nil {
          throw failure("client \(number), job \(job) should have failed")
        }
      }
    }
    let most = report.tasks + report.thrown + scheduler.lostRuns + scheduler.repeatedTasks
    if report.runs > most { throw failure("\(report.runs) bodies were begun, \(most) can be explained") }
    let ceiling = 60 * report.tasks + 20 * scheduler.lostRuns
    if scheduler.transitionCount > ceiling {
      throw failure("\(scheduler.transitionCount) transitions, at most \(ceiling) can be explained")
    }
  }
}

extension Simulation.Happening {
  /// The worker that it happens to.
  var worker: Int? {
    switch self {
    case .arrives(_, _, .worker(let worker)), .closes(_, .worker(let worker)), .bodyEnds(let worker, _),
      .spilled(let worker, _), .loaded(let worker, _), .sent(let worker, _, _), .unreachable(let worker, _):
      worker
    case .starts(.worker(let worker)): worker
    case .arrives, .closes, .starts, .ticks, .fault: nil
    }
  }
}
