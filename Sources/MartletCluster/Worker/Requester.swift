import MartletBytes
import MartletGraph
import MartletNet
import MartletProtocol
import MartletSystem
import MartletWorker

/// A peer or a client that asks for results, or brings data.
///
/// Results leave one after the other, in the order in which they were asked for, and the next one becomes bytes only when most
/// of what was queued has left: so a slow reader costs memory for a few megabytes, and one large value at most.
final class Requester: SessionOwner, @unchecked Sendable {
  // Sendable: the loop's thread alone uses it.

  /// One request's results on their way out.
  final class Transfer {
    let request: UInt32
    let values: [ServedValue]
    /// The next one to be sent.
    var next = 0
    /// Those that the connection has not got rid of.
    var outstanding = 0
    var isPreparing = false
    var isStopped = false
    var hasSaidDone = false

    init(_ request: UInt32, _ values: [ServedValue]) {
      self.request = request
      self.values = values
    }
  }

  /// Data that a client has begun to send.
  private struct Arrival {
    var request: UInt32
    var digest: Digest128
    var type: String
    var bytes: LandedBytes
  }

  let id: RequesterID
  private unowned let shell: WorkerShell
  private(set) var session: Session?
  private var transfers: [Transfer] = []
  private var isPumping = false
  /// Requests of a client that may bring data, the oldest first.
  private var accepted: [UInt32] = []
  private var incoming: Arrival?
  /// Values that came and are being decoded: no other data for them is taken.
  private var decoding: [Digest128] = []
  private var seenBytes = 0
  private var seenAt: UInt64 = 0

  /// Results are queued until so many bytes wait.
  private static let queuedBytes = 8 << 20

  init(_ shell: WorkerShell, _ id: RequesterID, _ connection: Connection) {
    self.shell = shell
    self.id = id
    let session = Session(loop: shell.loop, settings: shell.requesterSettings, owner: self)
    self.session = session
    session.begin(connection)
  }

  var delegate: (any ConnectionDelegate)? { session }
  var peer: String { session?.peer ?? "" }

  func close(within limit: Duration) {
    session?.finish(within: limit)
    session = nil
    transfers = []
    incoming = nil
  }

  /// Whether it has asked for results and does not read them.
  func isSilent(_ now: UInt64, limitNanoseconds: UInt64) -> Bool {
    guard let session, session.queuedBytes > 0 else {
      seenAt = now
      return false
    }
    if session.sentBytes != seenBytes || seenAt == 0 {
      seenBytes = session.sentBytes
      seenAt = now
    }
    return now > seenAt && now - seenAt > limitNanoseconds
  }

  // MARK: The session

  func agreed(_ session: Session, _ agreement: Handshake.Agreement) {}

  func received(_ session: Session, head: [UInt8]) throws(ByteError) {
    var reader = ByteReader(head)
    while reader.remaining > 0, session.isOpen, self.session != nil {
      shell.feed(.dataRequested(id, try PeerRequest(from: &reader)))
    }
  }

  func outputPressureChanged(_ session: Session, isHigh: Bool) {
    // Who asks and does not read is asked nothing further.
    if isHigh {
      session.pauseReading()
    } else {
      session.resumeReading()
      pump()
    }
  }

  func ended(_ session: Session, _ end: SessionEnd) {
    self.session = nil
    transfers = []
    incoming = nil
    shell.lost(self, session, end)
  }

  private func say(_ reply: PeerReply) {
    do throws(MessageTooLarge) {
      try session?.send(reply)
    } catch {
      shell.log.error("a peer cannot be answered: \(error)")
    }
  }

  // MARK: Sending results

  func send(_ request: UInt32, _ values: [ServedValue], _ missing: [TaskHandle]) {
    for task in missing { say(.missing(request: request, task: task)) }
    transfers.append(Transfer(request, values))
    pump()
  }

  func refuse(_ request: UInt32, _ refusal: DataRefusal) {
    switch refusal {
    case .busy(let again): say(.busy(request: request, retryAfterNanoseconds: again))
    case .rejected(let reason): say(.rejected(request: request, reason: reason))
    }
  }

  func stopSending(_ request: UInt32) {
    for transfer in transfers where transfer.request == request { transfer.isStopped = true }
    pump()
  }

  /// Sends what there is room for.
  private func pump() {
    if isPumping { return }
    isPumping = true
    defer { isPumping = false }
    while let session, let transfer = transfers.first(where: { !$0.hasSaidDone }) {
      if transfer.isStopped || transfer.next == transfer.values.count {
        transfer.hasSaidDone = true
        say(.done(request: transfer.request))
        finishIfSent(transfer)
        continue
      }
      guard !transfer.isPreparing, session.queuedBytes < Requester.queuedBytes else { return }
      let value = transfer.values[transfer.next]
      transfer.isPreparing = true
      shell.prepare(value) { [self] served in
        transfer.isPreparing = false
        prepared(transfer, value, served)
        // Nothing when it was ready at once: then the loop below goes on.
        pump()
      }
      // What is not ready at once goes on when it is.
      if transfer.isPreparing { return }
    }
  }

  private func prepared(_ transfer: Transfer, _ value: ServedValue, _ served: SpillFiles.Served?) {
    guard let session else { return }
    if transfer.isStopped { return }
    transfer.next += 1
    guard let served else { return say(.missing(request: transfer.request, task: value.task)) }
    let byteCount = served.byteCount
    let head = PeerReply.data(
      request: transfer.request, task: value.task, type: value.type, byteCount: Int64(byteCount))
    transfer.outstanding += 1
    let released = { [self] (_: Bool) in
      transfer.outstanding -= 1
      left(transfer)
    }
    do throws(MessageTooLarge) {
      let isQueued =
        switch served {
        case .bytes(let bytes): try session.send(head, body: bytes, released: released)
        case .file(let file):
          try session.send(
            head, segments: file.segments, file: file.descriptor, offset: file.offset, keeping: file,
            released: released)
        }
      if isQueued {
        shell.counters.servedValues += 1
        shell.counters.servedBytes += Int64(byteCount)
      } else {
        transfer.outstanding -= 1
      }
    } catch {
      transfer.outstanding -= 1
      say(.missing(request: transfer.request, task: value.task))
    }
  }

  /// Something of a transfer has left.
  private func left(_ transfer: Transfer) {
    guard session != nil else { return }
    if transfer.hasSaidDone { finishIfSent(transfer) } else { pump() }
  }

  private func finishIfSent(_ transfer: Transfer) {
    guard transfer.outstanding == 0, let place = transfers.firstIndex(where: { $0 === transfer }) else { return }
    transfers.remove(at: place)
    shell.feed(.dataSent(id, request: transfer.request))
  }

  // MARK: Data that a client brings

  func accept(_ request: UInt32) {
    accepted.append(request)
    // Old ones were given up by who sent them.
    if accepted.count > 256 { accepted.removeFirst() }
  }

  func confirm(_ request: UInt32) {
    accepted.removeAll { $0 == request }
    say(.done(request: request))
  }

  func rooms(
    _ session: Session, head: [UInt8], byteCount: Int
  ) throws(ByteError) -> [UnsafeMutableRawBufferPointer]? {
    // The message of the head is what the request said of the value.
    let head = try DataHead<PutValue>(head, byteCount: byteCount)
    let value = head.message
    // The request lies in the same read as its data: what the core wants with it is done only now.
    shell.settle()
    let request = accepted.first {
      shell.core.mayReceive(id, request: $0, value.digest, byteCount: Int64(byteCount))
    }
    guard self.session != nil, let request, !decoding.contains(value.digest) else { return nil }
    let bytes = LandedBytes(head.segments, keeping: shell.kept)
    incoming = Arrival(request: request, digest: value.digest, type: value.type, bytes: bytes)
    return bytes.rooms
  }

  func receivedData(_ session: Session, filled: Int, of count: Int) {
    guard filled == count, let arrival = incoming else { return }
    incoming = nil
    shell.counters.receivedBytes += Int64(count)
    shell.counters.readBytes += Int64(session.takeMemoryBytes())
    decoding.append(arrival.digest)
    shell.decode(arrival.bytes, arrival.type) { [self] outcome in
      decoding.removeAll { $0 == arrival.digest }
      guard self.session != nil else {
        if case .success(var value) = outcome { value.slot.clear() }
        return
      }
      switch outcome {
      case .success(let value):
        shell.feed(
          .dataPut(id, request: arrival.request, arrival.digest, type: arrival.type, byteCount: value.byteCount),
          arrived: value)
      case .failure(let error):
        // The rest of the request is of no use to who sent this.
        accepted.removeAll { $0 == arrival.request }
        shell.feed(.dataRequested(id, .abandon(request: arrival.request)))
        say(.rejected(request: arrival.request, reason: "a value cannot be decoded as \(arrival.type): \(error)"))
      }
    }
  }
}

extension WorkerShell {
  /// A large value that becomes bytes, for who waits for it, and for others while they are being sent.
  final class Encoding {
    weak var bytes: WrittenBytes?
    var waiters: [(WrittenBytes?) -> Void] = []
  }

  func accept(_ connection: Connection) -> (any ConnectionDelegate)? {
    if isEnding { return nil }
    if requesters.count >= settings.maximumRequesters {
      connection.send(Handshake.refusal("the worker has \(requesters.count) connections, which is its limit"))
      connection.finish(within: .milliseconds(200))
      return RefusedConnection()
    }
    lastRequester += 1
    let id = RequesterID(rawValue: lastRequester)
    let requester = Requester(self, id, connection)
    requesters[id] = requester
    return requester.delegate
  }

  /// Waits with a refused connection until it is closed.
  private final class RefusedConnection: ConnectionDelegate {
    func received(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int { bytes.count }
    func closed(_ connection: Connection, error: NetworkError?) {}
  }

  func lost(_ requester: Requester, _ session: Session, _ end: SessionEnd) {
    switch end.kind {
    case .lost, .stopped: log.debug("a connection is gone: \(end)", ("peer", session.peer))
    case .unreachable, .refused, .handshakeTooSlow, .malformed, .outputTooLong:
      counters.refusedConnections += 1
      complain("a connection was closed: \(end)", session.peer)
    }
    lost(requester)
  }

  func lost(_ requester: Requester) {
    guard requesters[requester.id] === requester else { return }
    requesters[requester.id] = nil
    feed(.requesterLost(requester.id))
  }

  /// Gives the bytes of a value, at once or later; nil when there are none.
  func prepare(_ served: ServedValue, _ done: @escaping (SpillFiles.Served?) -> Void) {
    let held = held(served.value)
    if served.isFromFile {
      guard let files, held.file != 0 else { return done(nil) }
      let callback = LoopCallback(done)
      files.serve(held.file) { [loop, log] result in
        loop.execute {
          switch result {
          case .success(let served): callback.call(served)
          case .failure(let failure):
            log.warning("a spilled result cannot be sent: \(failure)")
            callback.call(nil)
          }
        }
      }
      return
    }
    guard let type = held.type, held.problem == nil else { return done(nil) }
    if held.byteCount <= WorkerShell.loopCodecBytes || type.isWrittenAtOnce {
      return done(encode(held.slot, type).map { .bytes($0) })
    }
    let encoding = encodings[served.value] ?? Encoding()
    if let bytes = encoding.bytes { return done(.bytes(bytes)) }
    encoding.waiters.append { done($0.map { .bytes($0) }) }
    encodings[served.value] = encoding
    if encoding.waiters.count > 1 { return }
    var copy = Slot()
    copy.fill(from: held.slot)
    let owned = OwnedSlot(copy)
    let callback = LoopCallback<Result<WrittenBytes, ByteError>> { [self] result in
      let waiters = encoding.waiters
      encoding.waiters = []
      let bytes = try? result.get()  // the reason is told below
      encoding.bytes = bytes
      for waiter in waiters { waiter(bytes) }
      if case .failure(let error) = result {
        log.error("a result of type \(type.name) cannot be written: \(error)")
      }
    }
    codec.submit { [loop] in
      let result = Result { () throws(ByteError) in try type.writtenBytes(of: owned.slot) }
      loop.execute { callback.call(result) }
    }
  }

  private func encode(_ slot: Slot, _ type: PortableValueType) -> WrittenBytes? {
    do throws(ByteError) {
      return try type.writtenBytes(of: slot)
    } catch {
      log.error("a result of type \(type.name) cannot be written: \(error)")
      return nil
    }
  }
}

extension SpillFiles.Served {
  /// Bytes that leave.
  var byteCount: Int {
    switch self {
    case .bytes(let bytes): bytes.byteCount
    case .file(let file): file.byteCount
    }
  }
}
