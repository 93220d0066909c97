import Glibc
import MartletBytes
import MartletEngine
import MartletGraph
import MartletNet
import MartletProtocol
import MartletSystem
import MartletWorker

/// One connection to the scheduler.
final class SchedulerLink: SessionOwner, @unchecked Sendable {
  // Sendable: the loop's thread alone uses it.
  private unowned let shell: WorkerShell
  private var session: Session?
  /// The scheduler has taken this worker in.
  private(set) var isRegistered = false

  init(_ shell: WorkerShell) { self.shell = shell }

  func connect() {
    do throws(NetworkError) {
      session = try Session.connect(
        host: shell.scheduler.host, port: shell.scheduler.port, on: shell.loop, settings: shell.schedulerSettings,
        owner: self)
    } catch {
      // The loop has stopped: so has everything.
    }
  }

  func agreed(_ session: Session, _ agreement: Handshake.Agreement) {
    guard shell.link === self else { return session.finish() }
    shell.schedulerAgreed(self, session, agreement)
  }

  func received(_ session: Session, head: [UInt8]) throws(ByteError) {
    var reader = ByteReader(head)
    while reader.remaining > 0, session.isOpen, shell.link === self {
      let message = try SchedulerToWorker(from: &reader)
      if case .welcome = message { isRegistered = true }
      shell.hear(message)
    }
  }

  func ended(_ session: Session, _ end: SessionEnd) {
    self.session = nil
    if shell.link === self { shell.schedulerLost(end) }
  }

  /// Says something; what no frame can hold is said in pieces.
  func tell(_ message: WorkerToScheduler, isUrgent: Bool = true) {
    do throws(MessageTooLarge) {
      try session?.send(message, isUrgent: isUrgent)
    } catch {
      guard let (first, second) = message.halves else {
        shell.log.error("the scheduler cannot be told: \(error)")
        return
      }
      tell(first)
      tell(second)
    }
  }

  /// Closes after goodbye, or as if the network had.
  func leave(within limit: Duration, saysGoodbye: Bool = true) {
    if isRegistered, saysGoodbye { tell(.goodbye) }
    session?.finish(within: limit)
    session = nil
  }
}

extension WorkerToScheduler {
  /// The same in two messages; nil when it cannot be divided. A registration that is too long leaves out some of what is held,
  /// which is then computed anew where it is needed.
  var halves: (WorkerToScheduler, WorkerToScheduler)? {
    switch self {
    case .finished(let list): list.halves.map { (.finished($0), .finished($1)) }
    case .fetched(let list): list.halves.map { (.fetched($0), .fetched($1)) }
    case .dropped(let list): list.halves.map { (.dropped($0), .dropped($1)) }
    case .suspended(let list): list.halves.map { (.suspended($0), .suspended($1)) }
    case .resumed(let list): list.halves.map { (.resumed($0), .resumed($1)) }
    case .register, .heartbeat, .failed, .missing, .stealAnswer, .paused, .retire, .coordinate, .abandon, .goodbye: nil
    }
  }
}

extension WorkerShell {
  private var hello: Hello {
    Hello(role: .worker, registry: registry.digest, nonce: [], product: MartletVersion.current)
  }

  /// What is received in one piece: what the memory of the machine, or the limit, can hold.
  private var mostBytes: Int {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let physical = pages > 0 ? pages * sysconf(Int32(_SC_PAGESIZE)) : Int.max
    let limit = settings.memoryLimit > 0 ? Int(settings.memoryLimit) : physical
    return min(Int(WireLimits.resultBytes), 2 * limit + (1 << 20), physical)
  }

  var schedulerSettings: SessionSettings {
    var session = SessionSettings(hello: hello, accepting: [.scheduler], secret: settings.secret)
    session.handshakeLimit = settings.handshakeLimit
    return session
  }

  /// For sessions that this worker begins with peers.
  var peerSettings: SessionSettings {
    var session = SessionSettings(hello: hello, accepting: [.worker], secret: settings.secret)
    session.handshakeLimit = settings.handshakeLimit
    session.bodyLimit = mostBytes
    session.headLimit = 1 << 20
    return session
  }

  /// For sessions that peers and clients begin.
  var requesterSettings: SessionSettings {
    var session = SessionSettings(hello: hello, accepting: [.worker, .client], secret: settings.secret)
    session.handshakeLimit = settings.handshakeLimit
    session.bodyLimit = mostBytes
    session.headLimit = 1 << 20
    session.outputLimitBytes = 64 << 20
    return session
  }

  // MARK: The session with the scheduler

  func connectToScheduler() {
    guard !isEnding, link == nil else { return }
    let link = SchedulerLink(self)
    self.link = link
    link.connect()
  }

  func schedulerAgreed(_ link: SchedulerLink, _ session: Session, _ agreement: Handshake.Agreement) {
    log.info(
      "the scheduler is found", ("scheduler", session.peer), ("version", agreement.peer.product),
      ("address", places.withLock { $0.address }))
    reconnectDelay = .milliseconds(50)
    feed(.schedulerConnected)
    register(session)
  }

  /// What the supervisor has seen of the process before this one.
  private var lastDeath: PastDeath? {
    guard let report = settings.page?.lastDeath(), let worker = report.worker else { return nil }
    let address = places.withLock { $0.address }
    return PastDeath(
      worker: worker, epoch: report.epoch,
      death: report.death(of: name.isEmpty ? address : name, on: WorkerShell.hostName()),
      running: report.tasks?.map { TaskRun(task: $0.task, run: $0.run) })
  }

  private func register(_ session: Session) {
    if settings.advertise.isEmpty, let seen = session.localAddress {
      places.withLock { places in
        guard let place = HostAndPort(places.address), ["0.0.0.0", "::"].contains(place.host) else { return }
        places.address = "\(HostAndPort(host: seen.host, port: place.port))"
      }
    }
    let address = places.withLock { $0.address }
    var all = settings.resources
    if all[ResourceNeed.memory] == nil {
      all[ResourceNeed.memory] = Double(settings.memoryLimit > 0 ? settings.memoryLimit : MachineMemory.bytes())
    }
    // Resources are whole on the wire: a part of one counts as none.
    let resources = all.sorted { $0.key < $1.key }.compactMap { name, amount in
      Int64(exactly: amount.rounded(.down)).flatMap { $0 >= 1 ? ResourceAmount(name: name, amount: $0) : nil }
    }
    let base = WorkerRegistration(
      name: name.isEmpty ? address : name, address: address, host: WorkerShell.hostName(),
      threads: UInt32(core.settings.threads), memoryLimit: core.settings.memoryLimit, resources: resources,
      functions: registry.functionNames.map { FunctionName(name: $0.name, version: $0.version) },
      isSupervised: settings.page != nil, lastDeath: lastDeath)
    var registration = core.registration(base: base)
    while true {
      do throws(MessageTooLarge) {
        return try session.send(WorkerToScheduler.register(registration))
      } catch {
        if registration.holdings.isEmpty {
          log.error("the worker cannot register: \(error)")
          return end(.refused("its functions have too long names: \(error)"))
        }
        log.warning("not all that is held can be told to the scheduler: \(error)")
        registration.holdings.removeLast((registration.holdings.count + 1) / 2)
      }
    }
  }

  func tellScheduler(_ message: WorkerToScheduler) {
    if case .finished = message { link?.tell(message, isUrgent: core.pace.isUrgent) } else { link?.tell(message) }
  }

  func hear(_ message: SchedulerToWorker) {
    counters.schedulerMessages += 1
    if case .welcome(let worker, let epoch, _, let keep) = message {
      log.info(
        "the scheduler has taken this worker in", ("worker", "\(worker.rawValue)"),
        ("epoch", String(epoch, radix: 16)), ("kept", "\(keep.count)"))
      settings.page?.registered(as: worker, epoch: epoch)
    }
    feed(.schedulerSaid(message))
  }

  func schedulerLost(_ end: SessionEnd) {
    if isEnding { return }
    link.map { if $0.isRegistered { lostAt = martlet_monotonic_nanoseconds() } }
    link = nil
    feed(.schedulerLost)
    if end.description != lastProblem {
      lastProblem = end.description
      log.warning("no scheduler: \(end)", ("scheduler", "\(scheduler)"))
    }
    if end.kind == .stopped { return }
    if end.kind == .refused { return self.end(.refused("\(end)")) }
    if core.isRetiring {
      log.info("there is no scheduler to hand over to: the worker ends")
      return self.end(.stopped)
    }
    let away = Double(martlet_monotonic_nanoseconds() - lostAt) / 1e9
    if away >= settings.reconnectSeconds {
      let reason = "no scheduler at \(scheduler) for \(Int(away)) seconds: \(end)"
      log.error(reason)
      return self.end(.gaveUp(reason))
    }
    let timer = reconnectTimer ?? LoopTimer(loop: loop) { [weak self] in self?.connectToScheduler() }
    reconnectTimer = timer
    // Many workers that lost one scheduler come back spread over time.
    timer.arm(after: reconnectDelay * Double.random(in: 0.5...1))
    reconnectDelay = min(reconnectDelay * 2, .seconds(2))
  }

  /// The name of this machine.
  private static func hostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "?" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
