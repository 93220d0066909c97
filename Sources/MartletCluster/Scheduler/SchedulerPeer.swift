import MartletBytes
import MartletNet
import MartletProtocol
import MartletScheduler

/// A client or a worker as the scheduler's process sees it: a session, and the number that the core knows it by.
final class SchedulerPeer: SessionOwner, @unchecked Sendable {
  // Sendable: the loop's thread alone uses it.
  enum Identity {
    /// It has not greeted.
    case unknown
    case client(ClientID)
    /// A worker that has to register with its first message.
    case newWorker
    case worker(WorkerID, name: String, host: String)
    /// The core does not know it any more.
    case gone
  }

  private unowned let shell: SchedulerShell
  @exclusivity(unchecked) private(set) var session: Session?
  @exclusivity(unchecked) var identity = Identity.unknown
  /// When it agreed, in the loop's time.
  private(set) var agreedAt: UInt64 = 0

  init(_ shell: SchedulerShell, _ connection: Connection) {
    self.shell = shell
    let session = Session(loop: shell.loop, settings: shell.sessionSettings, owner: self)
    self.session = session
    session.begin(connection)
  }

  /// The connection's delegate.
  var delegate: (any ConnectionDelegate)? { session }

  func agreed(_ session: Session, _ agreement: Handshake.Agreement) {
    agreedAt = shell.loop.now
    switch agreement.peer.role {
    case .client:
      let client = shell.addClient(self)
      identity = .client(client)
      shell.log.info("\(client) has come", ("peer", session.peer), ("version", agreement.peer.product))
      shell.feed(.clientConnected(client))
    case .worker: identity = .newWorker
    case .scheduler: session.finish()  // never accepted
    }
  }

  func received(_ session: Session, head: [UInt8]) throws(ByteError) {
    var reader = ByteReader(head)
    shell.beginWork()
    defer { shell.endWork() }
    // One message after the other: a frame of tiny ones would take many times its size as an array.
    while reader.remaining > 0, session.isOpen {
      shell.receivedMessages += 1
      switch identity {
      case .client(let client): shell.hear(client, try ClientToScheduler(from: &reader), self)
      case .worker(let worker, _, _): shell.feed(.workerSaid(worker, try WorkerToScheduler(from: &reader)))
      case .newWorker:
        guard case .register(let registration) = try WorkerToScheduler(from: &reader) else {
          throw ByteError(offset: 0, "a worker's first message is not its registration")
        }
        let worker = shell.addWorker(self)
        identity = .worker(worker, name: registration.name, host: registration.host)
        shell.feed(.workerRegistered(worker, registration))
      case .unknown, .gone: return
      }
    }
  }

  func outputPressureChanged(_ session: Session, isHigh: Bool) {
    // A client that asks and does not read gets no further answers. Workers are always heard: what they have finished makes
    // room, and their own output may wait for ours.
    guard case .client = identity else { return }
    if isHigh { session.pauseReading() } else { session.resumeReading() }
  }

  func ended(_ session: Session, _ end: SessionEnd) {
    self.session = nil
    shell.lost(self, session, end)
  }

  /// Says something. What no frame can hold is thrown.
  ///
  /// - Parameter isUrgent: As `Session.send` has it.
  func tell<Message: PortableValue>(_ message: Message, isUrgent: Bool = true) throws(MessageTooLarge) {
    shell.sentMessages += 1
    try session?.send(message, isUrgent: isUrgent)
  }

  /// Closes after what was said.
  func finish(within limit: Duration = .seconds(1)) {
    session?.finish(within: limit)
    session = nil
  }

  /// Closes with a reason.
  func refuse(_ reason: String) {
    session?.refuse(reason)
    session = nil
  }

  /// Whether a worker takes too long to register.
  func isLate(_ now: UInt64, limitNanoseconds: UInt64) -> Bool {
    guard case .newWorker = identity else { return false }
    return now > agreedAt && now - agreedAt > limitNanoseconds
  }
}
