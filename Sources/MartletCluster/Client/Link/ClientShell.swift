import MartletBytes
import MartletClient
import MartletEngine
import MartletGraph
import MartletNet
import MartletProtocol

/// What runs on the client's loop: commands of the program and messages go into the session's core, its actions go out. No
/// decision about futures is made here.
final class ClientShell: @unchecked Sendable {
  // Sendable: the loop's thread alone uses what is mutable, but for `queue` and `status`, which are made for all.
  let loop: EventLoop
  let address: HostAndPort
  let options: ClientOptions
  let registry: TaskFunctionRegistry
  let queue: CommandQueue
  let status = SessionStatus()

  private let schedulerSettings: SessionSettings
  private let workerSettings: SessionSettings
  var core: ClientCore
  private var actions: [ClientAction] = []
  private var due: [ClientAction] = []
  private var isCarrying = false
  private var turnEnd: TurnEnd?
  private var tickTimer: LoopTimer?
  private var commands: [ClientCommand] = []
  /// The scheduler does not read: commands that would give it more wait, and with them who has more.
  private(set) var isHeld = false
  private var isStopping = false

  private(set) var scheduler: SchedulerLine?
  // Only looked up, never walked.
  private var workers: [String: WorkerLine] = [:]

  var entries: [FutureEntry] = []
  var submitters: [UInt32: Submitter] = [:]
  var replies: [UInt32: ReplyRecord] = [:]
  private var lastSubmission: UInt32 = 0
  private var lastRequest: UInt32 = 0
  var touchedRuns: [GraphRun] = []
  /// Those who listen to a topic here. Only looked up.
  var listeners: [String: TopicListeners] = [:]
  /// Leases that are held here, by their numbers. Only looked up.
  var leases: [UInt64: LeaseState] = [:]
  /// What makes handles; weak, because it ends this session when it goes.
  weak var link: ClientLink?
  /// What is being scattered right now.
  var scattering: ScatterOrder?

  /// Whose graph it is.
  enum Submitter {
    case graph(SubmittedGraph)
    case run(GraphRun)
    case values(ScatterOrder)
  }

  /// What a request of the session answers.
  enum ReplyRecord {
    case reply(PendingReply, RequestBody)
    case topic(String)
    /// Nobody waits for it.
    case none
    case run(GraphRun)
  }

  private static let tickInterval = Duration.milliseconds(100)

  init(
    address: HostAndPort, options: ClientOptions, secret: [UInt8], registry: TaskFunctionRegistry,
    isInside: Bool = false
  ) throws {
    loop = try EventLoop(name: "client")
    self.address = address
    self.options = options
    self.registry = registry
    queue = CommandQueue(limitBytes: options.queueBytes)
    let hello = Hello(role: .client, registry: registry.digest, nonce: [], product: MartletVersion.current)
    schedulerSettings = SessionSettings(hello: hello, accepting: [.scheduler], secret: secret)
    var worker = SessionSettings(hello: hello, accepting: [.worker], secret: secret)
    worker.bodyLimit = options.largestResultBytes
    workerSettings = worker
    var settings = ClientSettings()
    settings.isInside = isInside
    settings.weight = UInt32(min(max(1, options.weight), 1000))
    settings.reconnectNanoseconds = Int64(clamping: ThreadWaiter.nanoseconds(options.reconnectTimeout))
    // Whoever makes a client of his own waits for the first connection, as long as `connectTimeout` says, and ends it then.
    settings.connectNanoseconds = isInside ? settings.reconnectNanoseconds : .max
    settings.bytesInFlight = Int64(max(1, options.bytesInFlight))
    settings.batchBytes = min(settings.batchBytes, settings.bytesInFlight)
    core = ClientCore(settings: settings)
    turnEnd = TurnEnd(loop: loop) { [weak self] in self?.endOfTurn() }
  }

  /// Begins to look for the scheduler. From any thread, once.
  func start() {
    loop.execute { [self] in
      let timer = LoopTimer(loop: loop) { [weak self] in self?.tick() }
      tickTimer = timer
      timer.arm(after: ClientShell.tickInterval)
      feed(.connect)
    }
  }

  private var timestamp: Timestamp { Timestamp(nanoseconds: Int64(truncatingIfNeeded: loop.now)) }

  private func tick() {
    guard !isStopping else { return }
    tickTimer?.arm(after: ClientShell.tickInterval)
    if queue.hasUnannounced { drain() }
    // In any order: only times are noted.
    for line in workers.values where line.hasMoved() { feed(.workerActive(line.address)) }
    feed(.tick)
  }

  // MARK: Events and actions

  /// Gives the core an event. What it wants done is done at the end of the turn, or before.
  func feed(_ event: ClientEvent) {
    core.handle(event, at: timestamp, &actions)
    // Known before those are told whose futures are lost with it.
    if case .sessionLost(let reason)? = actions.last { status.ended(.lost(address.description, reason)) }
    if actions.count >= 1024 { carryOut() }
    turnEnd?.request()
  }

  func carryOut() {
    // What is carried out may make the core want more: that is done in the next round, not inside.
    if isCarrying { return }
    isCarrying = true
    defer { isCarrying = false }
    while !actions.isEmpty {
      swap(&actions, &due)
      for action in due { carryOut(action) }
      due.removeAll(keepingCapacity: true)
    }
  }

  private func endOfTurn() {
    carryOut()
    core.flush(&actions)
    carryOut()
    if touchedRuns.isEmpty { return }
    for run in touchedRuns { run.publish() }
    touchedRuns.removeAll(keepingCapacity: true)
  }

  private func carryOut(_ action: ClientAction) {
    switch action {
    case .tellScheduler(let message): tell(message)
    case .connectScheduler(let wait): connect(after: wait)
    case .closeScheduler:
      scheduler?.finish()
      scheduler = nil
      pressureChanged(isHigh: false)
    case .connectWorker(let address): line(address).connect(workerSettings)
    case .closeWorker(let address): workers.removeValue(forKey: address)?.finish()
    case .askWorker(let address, let request): line(address).ask(request, scattering?.data ?? [])
    case .submitted(let submission, let futures): submitted(submission, futures)
    case .refused(let submission, let failure): refused(submission, failure)
    case .resolved(let future, _, _): resolved(future)
    case .recomputing(let future): recomputing(future)
    case .value(let future, let type, .bytes(let bytes)):
      deliver(future, ClientValue(type: type, bytes: LandedBytes(bytes)))
      dropIfUnread(future)
    case .value(let future, let type, .frame(let address, _)): workers[address]?.accept(future, type)
    case .discard(let address): workers[address]?.discard()
    case .failed(let future, let failure): failed(future, failure)
    case .valueFailed(let future, let failure): valueFailed(future, failure)
    case .forgotten(let future): forgotten(future)
    case .progress(_, let progress):
      options.onProgress?(
        ClientProgressReport(total: progress.total, finished: progress.finished, failed: progress.failed))
    case .advanced(let submission, let labels):
      if case .run(let run)? = submitters[submission.rawValue] { run.onProgress?(labels) }
    case .answered(let request, let answer): answered(request, answer)
    case .leaseLost(let semaphore, let lease):
      leaseLost(lease)
      options.onEvent?(.leaseLost(semaphore: semaphore))
    case .sessionLost(let reason): options.onEvent?(.ended(reason: status.endError?.message ?? reason))
    case .restarted(let name): options.onEvent?(.restarted(by: name))
    case .stranded(let list):
      for tasks in list {
        options.onEvent?(
          .waitsForWorker(
            label: tasks.label, tasks: Int(tasks.count), since: .nanoseconds(tasks.nanoseconds), reason: tasks.reason))
      }
    case .log(let line): options.onEvent?(.note(line))
    }
  }

  // MARK: The scheduler

  private func tell(_ message: ClientToScheduler) {
    do throws(MessageTooLarge) {
      try scheduler?.tell(message)
    } catch {
      if let request = message.request { return feed(.schedulerSaid(.denied(request: request, reason: "\(error)"))) }
      // Nothing else that the core says is so large; without it the scheduler and the core would not agree any more.
      end(ClusterError(.denied, "something cannot be said to the scheduler: \(error)", "Send less at once"))
    }
  }

  private func connect(after nanoseconds: Int64) {
    if nanoseconds > 0 {
      loop.schedule(after: .nanoseconds(nanoseconds)) { [weak self] in self?.connect(after: 0) }
      return
    }
    guard scheduler == nil, !isStopping else { return }
    let line = SchedulerLine(self)
    scheduler = line
    do throws(NetworkError) {
      try line.connect(address, schedulerSettings)
    } catch {
      schedulerEnded(line, SessionEnd(.unreachable, "\(error)"))
    }
  }

  func schedulerConnected(_ line: SchedulerLine, epoch: UInt64) {
    guard line === scheduler else { return }
    status.connected()
    options.onEvent?(.connected)
    feed(.schedulerConnected(epoch: epoch))
  }

  func schedulerEnded(_ line: SchedulerLine, _ reason: SessionEnd) {
    guard line === scheduler else { return }
    scheduler = nil
    pressureChanged(isHigh: false)
    let wasConnected = status.state == .connected
    status.disconnected(reason.description)
    if reason.kind == .refused { return end(.refused(address.description, reason.description)) }
    if wasConnected { options.onEvent?(.disconnected(reason: reason.description)) }
    feed(.schedulerLost(reason: reason.description))
  }

  func pressureChanged(isHigh: Bool) {
    let wasHeld = isHeld
    isHeld = isHigh
    if wasHeld, !isHigh { loop.execute { [weak self] in self?.drain() } }
  }

  // MARK: Workers

  private func line(_ address: String) -> WorkerLine {
    if let known = workers[address] { return known }
    let line = WorkerLine(self, address)
    workers[address] = line
    return line
  }

  func workerEnded(_ line: WorkerLine, _ reason: String) {
    guard workers[line.address] === line else { return }
    workers[line.address] = nil
    options.onEvent?(.note("the worker at \(line.address): \(reason)"))
    feed(.workerLost(line.address))
  }

  /// A worker announces data: whether it is taken is known at once.
  func announced(_ reply: PeerReply, by line: WorkerLine) {
    feed(.workerSaid(line.address, reply))
    carryOut()
  }

  /// A value has come whole.
  func received(_ future: FutureID, _ value: ClientValue, from line: WorkerLine) {
    deliver(future, value)
    feed(.valueReceived(future, from: line.address))
    dropIfUnread(future)
  }

  // MARK: Commands

  /// Does what threads have asked for since the last time.
  func drain() {
    if isStopping { return }
    if isHeld { queue.take(&commands) { $0.isFree } } else { queue.take(&commands) }
    process()
  }

  private func process() {
    var joiner: SubmissionJoiner?
    func flush() {
      guard let joined = joiner?.joined() else { return }
      joiner = nil
      submit(joined)
    }
    for command in commands {
      if case .submit(let graph) = command, graph.isJoinable {
        if let bytes = joiner?.byteCount, bytes + graph.byteCount > SubmissionJoiner.limitBytes { flush() }
        if joiner == nil { joiner = SubmissionJoiner() }
        joiner?.add(graph)
        continue
      }
      flush()
      carryOut(command)
    }
    flush()
    commands.removeAll(keepingCapacity: true)
    turnEnd?.request()
  }

  private func carryOut(_ command: ClientCommand) {
    switch command {
    case .submit(let graph): submit(graph)
    case .piece(let run, let piece): submit(piece, of: run)
    case .endRun(let run): endRun(run)
    case .want(let cell): want(cell)
    case .wasRead(let cell): wasRead(cell)
    case .release(let cell): release(cell)
    case .cancel(let cells, let force): feed(.cancel(cells.compactMap(\.future), force: force))
    case .retry(let cells): retry(cells)
    case .request(let reply, let body): request(reply, body)
    case .abandon(let reply): if let number = reply.number { abandon(number) }
    case .scatter(let order): scatter(order)
    case .listen(let topic, let buffer): listen(topic, buffer)
    case .endListening(let topic, let buffer): endListening(topic, buffer)
    case .giveBack(let lease): giveBack(lease)
    case .close: close()
    }
  }

  func newSubmission(_ submitter: Submitter) -> SubmissionID {
    repeat { lastSubmission &+= 1 } while submitters[lastSubmission] != nil
    submitters[lastSubmission] = submitter
    return SubmissionID(rawValue: lastSubmission)
  }

  func newRequest(_ record: ReplyRecord) -> RequestID {
    repeat { lastRequest &+= 1 } while replies[lastRequest] != nil
    replies[lastRequest] = record
    return RequestID(rawValue: lastRequest)
  }

  // MARK: The end

  /// Ends the session because nothing more can come of it.
  private func end(_ error: ClusterError) {
    status.ended(error)
    feed(.close)
    carryOut()
  }

  private func close() {
    if isStopping { return }
    endAllListening()
    status.ended(.closed)
    feed(.close)
    carryOut()
    isStopping = true
    tickTimer?.disarm()
    // Who came too late is told so: the core takes nothing any more.
    loop.execute { [self] in
      queue.close(&commands)
      process()
      endOfTurn()
      waitForConnections(until: loop.now &+ 500_000_000)
    }
  }

  private func waitForConnections(until deadline: UInt64) {
    if loop.channelCount == 0 || loop.now >= deadline {
      turnEnd = nil
      tickTimer = nil
      return loop.shutdown()
    }
    loop.schedule(after: .milliseconds(2)) { self.waitForConnections(until: deadline) }
  }
}

extension ClientToScheduler {
  /// The number of a request of the program, which alone fails when it cannot be said.
  fileprivate var request: UInt32? {
    switch self {
    case .publish(let request, _, _, _), .unpublish(let request, _), .subscribe(let request, _), .ask(let request, _),
      .coordinate(let request, _), .replicate(let request, _, _), .rebalance(let request, _),
      .runOnWorkers(let request, _), .retireWorkers(let request, _), .restart(let request, _, _):
      request
    case .submit, .release, .cancel, .retry, .scatter, .want, .missing, .abandon, .heartbeat, .goodbye, .inside,
      .weight:
      nil
    }
  }
}

extension ClientCommand {
  /// Whether it is done also while the scheduler does not read: it says little to it or nothing, and of what it speaks the session
  /// knows already.
  fileprivate var isFree: Bool {
    switch self {
    case .want(let cell), .wasRead(let cell), .release(let cell): cell.future != nil
    case .cancel(let cells, _): cells.allSatisfy { $0.future != nil }
    case .abandon(let reply): reply.number != nil
    case .endRun, .giveBack, .close: true
    case .submit, .piece, .retry, .request, .scatter, .listen, .endListening: false
    }
  }
}
