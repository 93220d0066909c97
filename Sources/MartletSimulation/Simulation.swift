import MartletBytes
import MartletClient
import MartletProtocol
import MartletScheduler
import MartletWorker

/// A whole cluster in one process, with a clock of its own and a network that fails, from a seed: the real cores of the scheduler,
/// of the workers and of the clients, and everything around them left to chance.
///
/// After every event all tables are recomputed. At the end every client has what a sequential program would have given, or the
/// failure that it would have met; nothing is left in any table; no more was computed than there are tasks, repetitions and
/// recorded losses.
package struct Simulation: ~Copyable, Sendable {
  let seed: UInt64
  let options: SimulationOptions
  var chance: SimulatedChance
  var time = VirtualTime<Happening>()
  let schedulerSettings: SchedulerSettings
  var scheduler: SchedulerCore
  /// Which of the schedulers it is that came one after the other.
  var epoch: UInt64 = 1
  /// The workers' and clients' sessions by the scheduler's numbers.
  var workerSessions: [Int] = []
  var clientSessions: [Int] = []
  var connections: [Connection] = []
  var workers: [SimulatedWorker] = []
  var workloads: [Workload] = []
  var clients: [SimulatedClient] = []
  var plainClients: [PlainClient] = []
  /// Calls on workers so far.
  var calls: UInt64 = 0
  /// Places that cannot be reached, until when.
  var partition: Set<Place> = []
  var partitionEnds: Int64 = 0
  /// How often each job threw.
  var thrown: [Digest128: Int] = [:]
  /// Workloads some of whose data lay on one worker only.
  var placed: Set<Int> = []
  var report = SimulationReport()
  var history: [String] = []

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
    case workerUnreachable(client: Int, String)
    case begins(client: Int)
    case acts(client: Int)
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
    // A body takes a millisecond: three of four clusters give tasks out ahead of their inputs, up to six deep.
    settings.aheadNanoseconds = Int64(seed % 4) * 2_000_000
    settings.givesAheadAcross = seed / 4 % 2 == 0
    settings.reportNanoseconds = 100_000_000
    settings.clientGraceNanoseconds = chance.oneIn(2) ? 0 : 1_000_000_000
    schedulerSettings = settings
    scheduler = SchedulerCore(settings: settings)
    for number in 0..<(1 + chance.below(options.clients)) { addClient(isFirst: number == 0) }
    for _ in 0..<(options.leastWorkers + chance.below(options.workers - options.leastWorkers + 1)) {
      addWorker(within: 20_000_000)
    }
    time.plan(.ticks, at: 0)
    if !options.faults.isEmpty { time.plan(.fault, at: Int64(chance.below(Int(options.faultNanoseconds)))) }
  }

  private mutating func addClient(isFirst: Bool) {
    let start = Int64(chance.below(50_000_000))
    if !isFirst, options.shape == .random, chance.oneIn(4) {
      let workload = Workload(number: workloads.count, options: options, isSymbolic: true, &chance)
      workloads.append(workload)
      report.tasks += workload.jobs.count
      plainClients.append(PlainClient(workload: workload.number))
      return time.plan(.starts(.plainClient(plainClients.count - 1)), at: start)
    }
    var number = workloads.count
    if let other = clients.last?.workload, chance.oneIn(2) {
      number = other
    } else {
      workloads.append(Workload(number: number, options: options, isSymbolic: false, &chance))
    }
    var settings = ClientSettings()
    settings.connectNanoseconds = .max
    settings.reconnectNanoseconds = .max
    settings.firstBackoffNanoseconds = 5_000_000
    settings.longestBackoffNanoseconds = 100_000_000
    settings.heartbeatNanoseconds = 200_000_000
    settings.silenceNanoseconds = 3_000_000_000
    settings.fetchTimeoutNanoseconds = 3_000_000_000
    settings.idleNanoseconds = chance.oneIn(2) ? 30_000_000 : 10_000_000_000
    settings.bytesInFlight = chance.oneIn(2) ? 100_000 : 1 << 30
    settings.batchCount = 1 + chance.below(20)
    settings.gatherWindow = 1 + chance.below(8)
    settings.keysInMessage = chance.oneIn(2) ? 1 + chance.below(5) : 1000
    let acts = options.shape == .random ? 1 + chance.below(14) : 1
    clients.append(SimulatedClient(workload: number, acts: acts, settings: settings))
    time.plan(.begins(client: clients.count - 1), at: start)
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
    endScheduler()
    try checkEnd()
    report.openWorkers = workers.count { $0.isAlive && !$0.core.isRetiring }
    report.nanoseconds = time.now
    return report
  }

  /// All clients are through, and what they released has been let go everywhere.
  private var isOver: Bool {
    areClientsOver && scheduler.leftover() == nil
      && workers.allSatisfy {
        !$0.isAlive
          || ($0.values.isEmpty && $0.running.isEmpty && $0.files.isEmpty
            && ($0.session == nil || $0.core.leftover() == nil))
      }
  }

  private var areClientsOver: Bool {
    clients.allSatisfy(\.isOver) && plainClients.allSatisfy { $0.isDone || !$0.isAlive }
  }

  private var waiting: String {
    for (number, client) in clients.enumerated() where client.isAlive && !client.isOver {
      let missing = client.handles.keys.sorted().filter { job in
        let future = client.handles[job]!.future
        return !client.values.contains(future) && client.failures[future] == nil
      }
      let story = missing.first.map { scheduler.story(of: workloads[client.workload].digest($0)).suffix(8) } ?? []
      let records = missing.map { client.core.describe(client.handles[$0]!.future) }
      return "client \(number), done \(client.isDone), waits for \(missing), gathers \(client.gathers), "
        + "a call \(client.call as Any); \(client.core.leftover() ?? "nothing is left")\n  "
        + (records + story).joined(separator: "\n  ")
    }
    for (number, client) in plainClients.enumerated() where client.isAlive && !client.isDone {
      let workload = workloads[client.workload]
      let missing = workload.wanted.filter { client.results[$0] == nil && client.failures[$0] == nil }
      let story = missing.first.map { scheduler.story(of: workload.digest($0)).suffix(8) } ?? []
      return "plain client \(number) waits for \(missing)\n  " + story.joined(separator: "\n  ")
    }
    let holding = workers.indices.filter { workers[$0].isAlive && !workers[$0].values.isEmpty }
    let some = holding.first.map { worker -> String in
      let held = workers[worker].values.keys.sorted { $0.rawValue < $1.rawValue }
      return "\(held): \(held.map { workers[worker].core.describe($0) }), session \(workers[worker].session as Any)"
    }
    let left = workers.indices.compactMap { worker in
      workers[worker].isAlive ? workers[worker].core.leftover().map { "\(worker): \($0)" } : nil
    }
    return "scheduler: \(scheduler.leftover() ?? "empty"); workers \(holding) hold values: \(some ?? ""), \(left)"
  }

  func failure(_ problem: String) -> SimulationFailure {
    SimulationFailure(seed: seed, nanoseconds: time.now, problem: problem, history: history)
  }

  mutating func note(_ line: @autoclosure () -> String) {
    guard options.checksEveryEvent else { return }
    if history.count >= options.historyLines { history.removeFirst((options.historyLines + 1) / 2) }
    history.append("\(time.now) \(line())")
  }

  // MARK: Events

  private mutating func happen(_ happening: Happening) throws(SimulationFailure) {
    if let worker = happening.worker {
      guard workers[worker].isAlive else { return }
      // A frozen worker finds everything when it goes on.
      if workers[worker].frozenUntil > time.now { return time.postpone(happening, to: workers[worker].frozenUntil) }
    }
    if let client = happening.client, clients[client].frozenUntil > time.now {
      return time.postpone(happening, to: clients[client].frozenUntil)
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
    case .workerUnreachable(let client, let address): try workerUnreachable(client, address)
    case .begins(let client):
      try tell(client: client, .connect)
      time.plan(.acts(client: client), at: time.now + chance.delay(1_000_000))
    case .acts(let client): try act(client)
    case .ticks: try tick()
    case .fault: try fault()
    }
  }

  private mutating func tick() throws(SimulationFailure) {
    time.plan(.ticks, at: time.now + 20_000_000)
    try tell(.tick)
    for worker in workers.indices where workers[worker].isAlive && workers[worker].frozenUntil <= time.now {
      let foreign = workers[worker].foreignUntil > time.now ? workers[worker].foreignBytes : 0
      let values = workers[worker].values.values.reduce(0) { $0 + $1.bytes }
      try tell(worker, .memory(residentBytes: values + foreign))
      try tell(worker, .tick)
    }
    for client in clients.indices where clients[client].isAlive && clients[client].frozenUntil <= time.now {
      try tell(client: client, .tick)
      try finish(client)
    }
    for client in plainClients.indices where plainClients[client].isAlive {
      say(.toScheduler(.heartbeat), from: .plainClient(client))
      askAgain(client)
    }
    // Somebody has to be there who computes.
    let isOpen = workers.contains { $0.isAlive && $0.session != nil && !$0.core.isRetiring }
    if time.now > options.calmNanoseconds, !isOpen, !areClientsOver { addWorker(within: 20_000_000) }
  }

  private func checkEnd() throws(SimulationFailure) {
    for (number, client) in plainClients.enumerated() where client.isAlive {
      let workload = workloads[client.workload]
      for job in workload.wanted {
        if let expected = workload.expected[job] {
          guard client.results[job] == expected else {
            throw failure(
              "plain client \(number), job \(job): \(String(describing: client.results[job])), not \(expected)")
          }
        } else if client.failures[job] == nil {
          throw failure("plain client \(number), job \(job) should have failed")
        }
      }
    }
    let most = report.tasks + report.thrown + report.lostRuns + report.repeatedTasks
    if report.runs > most { throw failure("\(report.runs) bodies were begun, \(most) can be explained") }
    let ceiling = 100 + 60 * report.tasks + 20 * report.lostRuns
    if report.transitions > ceiling {
      throw failure("\(report.transitions) transitions, at most \(ceiling) can be explained")
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
    case .arrives, .closes, .starts, .workerUnreachable, .begins, .acts, .ticks, .fault: nil
    }
  }

  /// The client that it happens to.
  var client: Int? {
    switch self {
    case .arrives(_, _, .client(let client)), .closes(_, .client(let client)), .starts(.client(let client)),
      .workerUnreachable(let client, _), .begins(let client), .acts(let client):
      client
    case .arrives, .closes, .starts, .bodyEnds, .spilled, .loaded, .sent, .unreachable, .ticks, .fault: nil
    }
  }
}
