import MartletBytes
import MartletNet
import MartletProtocol
import MartletScheduler
import MartletSystem

/// What runs on the scheduler's loop: peers' messages go into the core, its actions go out to them. No decision about tasks
/// is made here.
final class SchedulerShell: @unchecked Sendable {
  // Sendable: the loop's thread alone uses it, but for what is constant.
  let loop: EventLoop
  let settings: SchedulerServerSettings
  let sessionSettings: SessionSettings
  let log: Log
  private(set) var core: SchedulerCore
  @exclusivity(unchecked) private var actions: [SchedulerAction] = []
  /// Events that carrying out actions has led to.
  @exclusivity(unchecked) private var consequences: [SchedulerEvent] = []
  private var peers: [ObjectIdentifier: SchedulerPeer] = [:]
  // Only looked up, never walked.
  private var clients: [UInt32: SchedulerPeer] = [:]
  private var workers: [UInt32: SchedulerPeer] = [:]
  private var nextWorker: UInt32 = 0
  @exclusivity(unchecked) private var turnEnd: TurnEnd?
  private var tickTimer: LoopTimer?
  private var listener: TCPListener?
  private var http: HTTPServer?
  @exclusivity(unchecked) private var isStopping = false
  private let startedAt: UInt64
  @exclusivity(unchecked) private var lastActive: UInt64
  private var lastTransitions = 0

  // Counted for metrics.
  @exclusivity(unchecked) var receivedMessages = 0
  @exclusivity(unchecked) var sentMessages = 0
  @exclusivity(unchecked) private(set) var events = 0
  private(set) var refusedPeers = 0
  @exclusivity(unchecked) private(set) var workNanoseconds: UInt64 = 0
  @exclusivity(unchecked) private(set) var longestWorkNanoseconds: UInt64 = 0
  @exclusivity(unchecked) private var workBegan: UInt64 = 0
  private var complaints = 0
  private var complaintsSecond: UInt64 = 0
  private var unheardComplaints = 0

  private static let tickInterval = Duration.milliseconds(50)

  init(loop: EventLoop, settings: SchedulerServerSettings, log: Log) {
    self.loop = loop
    self.settings = settings
    self.log = log
    sessionSettings = settings.session
    core = SchedulerCore(settings: settings.core)
    startedAt = martlet_monotonic_nanoseconds()
    lastActive = startedAt
    turnEnd = TurnEnd(loop: loop) { [weak self] in self?.endOfTurn() }
  }

  /// Begins to tick; on the loop's thread.
  func start(listener: TCPListener, http: HTTPServer?) {
    self.listener = listener
    self.http = http
    let timer = LoopTimer(loop: loop) { [weak self] in self?.tick() }
    tickTimer = timer
    timer.arm(after: SchedulerShell.tickInterval)
  }

  /// Clients and workers, and those that have not said what they are.
  var peerCount: Int { peers.count }
  var uptimeNanoseconds: UInt64 { loop.now > startedAt ? loop.now - startedAt : 0 }
  var queuedBytes: Int { peers.values.reduce(0) { $0 + ($1.session?.queuedBytes ?? 0) } }

  // MARK: Peers come

  func accept(_ connection: Connection) -> (any ConnectionDelegate)? {
    if isStopping { return nil }
    if peers.count >= settings.maximumPeers {
      refusedPeers += 1
      complain("refused: there are \(peers.count) connections already", connection.peer)
      connection.send(Handshake.refusal("the scheduler has \(peers.count) connections, which is its limit"))
      connection.finish(within: .milliseconds(200))
      return Refused()
    }
    let peer = SchedulerPeer(self, connection)
    peers[ObjectIdentifier(peer)] = peer
    return peer.delegate
  }

  /// Waits with a refused connection until it is closed.
  private final class Refused: ConnectionDelegate {
    func received(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int { bytes.count }
    func closed(_ connection: Connection, error: NetworkError?) {}
  }

  func addClient(_ peer: SchedulerPeer) -> ClientID {
    let client = core.takeClientNumber()
    clients[client.rawValue] = peer
    return client
  }

  func addWorker(_ peer: SchedulerPeer) -> WorkerID {
    defer { nextWorker += 1 }
    workers[nextWorker] = peer
    return WorkerID(rawValue: nextWorker)
  }

  // MARK: Peers go

  /// A session has ended by itself.
  func lost(_ peer: SchedulerPeer, _ session: Session, _ end: SessionEnd) {
    let identity = peer.identity
    forget(peer)
    // Whoever hangs up after its goodbye, or when this process ends, is no news.
    if end.kind == .stopped { return }
    switch identity {
    case .unknown, .newWorker:
      refusedPeers += 1
      complain("a connection was closed: \(end)", session.peer)
    case .client(let client):
      log.info("\(client) is gone: \(end)", ("peer", session.peer))
      feed(.clientLost(client))
    case .worker(let worker, let name, let host):
      // The core has a line for it.
      feed(.workerLost(worker, WorkerDeath(worker: name, host: host, cause: "connection lost: \(end)"), started: nil))
    case .gone: break
    }
  }

  private func forget(_ peer: SchedulerPeer) {
    peers[ObjectIdentifier(peer)] = nil
    switch peer.identity {
    case .client(let client): clients[client.rawValue] = nil
    case .worker(let worker, _, _): workers[worker.rawValue] = nil
    case .unknown, .newWorker, .gone: break
    }
    peer.identity = .gone
  }

  /// One line about a peer that was turned away, and not too many of them.
  private func complain(_ text: String, _ peer: String) {
    let second = loop.now / 1_000_000_000
    if second != complaintsSecond {
      complaintsSecond = second
      complaints = 0
    }
    complaints += 1
    if complaints > settings.complaintsPerSecond {
      unheardComplaints += 1
      return
    }
    log.warning(text, ("peer", peer))
  }

  // MARK: Events and actions

  /// What is done until `endWork` is the core's work.
  func beginWork() { workBegan = martlet_monotonic_nanoseconds() }

  func endWork() {
    let time = martlet_monotonic_nanoseconds() - workBegan
    workNanoseconds &+= time
    longestWorkNanoseconds = max(longestWorkNanoseconds, time)
  }

  func hear(_ client: ClientID, _ message: ClientToScheduler, _ peer: SchedulerPeer) {
    // Questions about the whole are answered from the same tables as an operator's.
    switch message {
    case .ask(let request, .workers): answer(peer, request, StatusPage.workers(core, now: timestamp))
    case .ask(let request, .tasks): answer(peer, request, StatusPage.tasks(core))
    default: feed(.clientSaid(client, message))
    }
  }

  private func answer(_ peer: SchedulerPeer, _ request: UInt32, _ text: String) {
    do throws(MessageTooLarge) {
      try peer.tell(SchedulerToClient.answer(request: request, text: text))
    } catch {
      try? peer.tell(SchedulerToClient.denied(request: request, reason: "\(error)"))
    }
  }

  func feed(_ event: SchedulerEvent) {
    events += 1
    core.handle(event, at: timestamp, &actions)
    // Not all of a long frame's answers at once.
    if actions.count >= 1024 { carryOut() }
    turnEnd?.request()
  }

  private var timestamp: Timestamp { Timestamp(nanoseconds: Int64(truncatingIfNeeded: loop.now)) }

  private func endOfTurn() {
    beginWork()
    core.flush(&actions)
    carryOut()
    endWork()
  }

  private func carryOut() {
    while !actions.isEmpty || !consequences.isEmpty {
      let due = actions
      actions.removeAll(keepingCapacity: true)
      for action in due { carryOut(action) }
      let following = consequences
      consequences = []
      for event in following { core.handle(event, at: timestamp, &actions) }
      if !following.isEmpty { core.flush(&actions) }
    }
  }

  private func carryOut(_ action: SchedulerAction) {
    switch action {
    case .tellClient(let client, let message):
      guard let peer = clients[client.rawValue] else { return }
      tell(peer, message)
    case .tellWorker(let worker, let message):
      guard let peer = workers[worker.rawValue] else { return }
      tell(peer, message, worker)
    case .closeClient(let client):
      guard let peer = clients[client.rawValue] else { return }
      log.info("\(client) has left", ("peer", peer.session?.peer ?? ""))
      forget(peer)
      peer.finish()
    case .closeWorker(let worker):
      guard let peer = workers[worker.rawValue] else { return }
      forget(peer)
      peer.finish()
    case .log(let line): log.info(line)
    }
  }

  private func tell(_ peer: SchedulerPeer, _ message: SchedulerToClient) {
    // What was submitted is on its way to the workers; that it was taken may be said together with its results.
    var isUrgent = true
    if case .accepted = message { isUrgent = false }
    do throws(MessageTooLarge) {
      try peer.tell(message, isUrgent: isUrgent)
    } catch {
      if let halves = message.halves {
        tell(peer, halves.0)
        tell(peer, halves.1)
      } else {
        drop(peer, error)
      }
    }
  }

  private func tell(_ peer: SchedulerPeer, _ message: SchedulerToWorker, _ worker: WorkerID) {
    let isUrgent =
      switch message {
      // Mostly what releases a result also makes a task ready, and the worker is told both at once.
      case .release: false
      // It has them already, if nothing went wrong.
      case .inputs(let inputs): inputs.contains { $0.delivery != .pushed }
      default: true
      }
    do throws(MessageTooLarge) {
      try peer.tell(message, isUrgent: isUrgent)
    } catch {
      if let halves = message.halves {
        tell(peer, halves.0, worker)
        tell(peer, halves.1, worker)
      } else if let lighter = message.withoutHeldInlines {
        tell(peer, lighter, worker)
      } else if case .compute(let tasks) = message, let task = tasks.first {
        let failure = FailureRecord(
          .unsendable, key: task.digest, label: task.label,
          message: "its arguments and small inputs cannot be sent to a worker: \(error)")
        consequences.append(.workerSaid(worker, .failed(task.task, task.run, failure)))
      } else {
        drop(peer, error)
      }
    }
  }

  /// A peer that cannot be told what it has to know is of no use, and would wait for ever.
  private func drop(_ peer: SchedulerPeer, _ error: MessageTooLarge) {
    let name = peer.session?.peer ?? ""
    log.error("a connection was closed: \(error)", ("peer", name))
    let identity = peer.identity
    forget(peer)
    peer.finish()
    switch identity {
    case .client(let client): consequences.append(.clientLost(client))
    case .worker(let worker, let name, let host):
      consequences.append(
        .workerLost(worker, WorkerDeath(worker: name, host: host, cause: "\(error)"), started: []))
    case .unknown, .newWorker, .gone: break
    }
  }

  // MARK: Time

  private func tick() {
    guard !isStopping else { return }
    tickTimer?.arm(after: SchedulerShell.tickInterval)
    feed(.tick)
    let limit = UInt64(max(0, settings.handshakeLimit / .nanoseconds(1)))
    for peer in peers.values.filter({ $0.isLate(loop.now, limitNanoseconds: limit) }) {
      refusedPeers += 1
      complain(
        "a connection was closed: a worker that did not register within \(settings.handshakeLimit)",
        peer.session?.peer ?? "")
      try? peer.tell(SchedulerToWorker.goodbye(reason: "you did not register within \(settings.handshakeLimit)"))
      forget(peer)
      peer.finish()
    }
    if loop.now / 1_000_000_000 != complaintsSecond, unheardComplaints > 0 {
      log.warning("\(unheardComplaints) further connections were closed")
      unheardComplaints = 0
    }
    lookWhetherIdle()
  }

  private func lookWhetherIdle() {
    guard let limit = settings.idleLimit else { return }
    if core.livingClientCount > 0 || core.hasWork || core.transitionCount != lastTransitions {
      lastTransitions = core.transitionCount
      lastActive = loop.now
    } else if loop.now - lastActive > UInt64(max(0, limit / .nanoseconds(1))) {
      log.info("nobody has needed this scheduler for \(limit): it ends")
      stop("the scheduler ends: nobody needed it for \(limit)")
    }
  }

  // MARK: The end

  /// Says goodbye to all, and shuts the loop down when they have heard it or the time for it is over.
  func stop(_ reason: String) {
    if isStopping { return }
    isStopping = true
    tickTimer?.disarm()
    listener?.close()
    http?.close()
    // The order in which peers are told does not matter.
    for peer in peers.values {
      switch peer.identity {
      case .client: try? peer.tell(SchedulerToClient.goodbye(reason: reason))
      case .worker, .newWorker: try? peer.tell(SchedulerToWorker.goodbye(reason: reason))
      case .unknown: break
      case .gone: continue
      }
      peer.identity = .gone
      if peer.session?.isOpen == true { peer.finish(within: settings.farewell) } else { peer.refuse(reason) }
    }
    peers = [:]
    clients = [:]
    workers = [:]
    waitForPeers(until: loop.now &+ UInt64(max(0, settings.farewell / .nanoseconds(1))))
  }

  private func waitForPeers(until deadline: UInt64) {
    let now = martlet_monotonic_nanoseconds()
    if now >= deadline || (listener?.connectionCount ?? 0) == 0 {
      turnEnd = nil
      tickTimer = nil
      // They refer to this object.
      listener = nil
      http = nil
      return loop.shutdown()
    }
    loop.schedule(after: .milliseconds(5)) { self.waitForPeers(until: deadline) }
  }
}
