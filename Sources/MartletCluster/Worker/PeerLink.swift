import MartletBytes
import MartletGraph
import MartletNet
import MartletProtocol
import MartletSystem
import MartletWorker

/// A connection to a worker that has what this one needs.
///
/// Its answers are told to the core in the order in which they came, although data that is decoded on another thread is
/// ready later.
final class PeerLink: SessionOwner, @unchecked Sendable {
  // Sendable: the loop's thread alone uses it.

  /// An answer that has come.
  private enum Answer {
    case reply(PeerReply)
    case data(Arrival)
  }

  /// Data on its way in.
  private final class Arrival {
    let request: UInt32
    let task: TaskHandle
    let type: String
    var bytes: LandedBytes?
    /// What became of it, once it is decoded.
    var outcome: Result<HeldValue, ByteError>?

    init(_ request: UInt32, _ task: TaskHandle, _ type: String, _ bytes: LandedBytes) {
      self.request = request
      self.task = task
      self.type = type
      self.bytes = bytes
    }

    deinit {
      guard case .success(var value)? = outcome else { return }
      value.slot.clear()
    }
  }

  let worker: WorkerID
  private unowned let shell: WorkerShell
  private var session: Session?
  private var isConnected = false
  private var incoming: Arrival?
  /// Answers in their order, which wait for the first to be decoded.
  private var answers: [Answer] = []
  private var isTelling = false
  /// The request that it has not answered.
  private var openRequest: UInt32 = 0
  /// Bytes received so far, and when they were fewer.
  private var seenBytes = 0
  private var seenAt: UInt64 = 0

  init(_ shell: WorkerShell, _ worker: WorkerID) {
    self.shell = shell
    self.worker = worker
  }

  func connect(_ place: HostAndPort) {
    do throws(NetworkError) {
      session = try Session.connect(
        host: place.host, port: place.port, on: shell.loop, settings: shell.peerSettings, owner: self)
    } catch {
      // The loop has stopped: so has everything.
    }
  }

  func ask(_ request: PeerRequest) {
    if case .get(let number, _) = request {
      openRequest = number
      seenAt = shell.loop.now
      seenBytes = session?.receivedBytes ?? 0
    }
    do throws(MessageTooLarge) {
      try session?.send(request)
    } catch {
      // A request names a bounded number of results.
      shell.log.error("a peer cannot be asked: \(error)")
    }
  }

  /// Closes without a word.
  func close() {
    session?.finish(within: .milliseconds(100))
    session = nil
    answers = []
    incoming = nil
  }

  /// Whether it owes data and has sent nothing for so long.
  func isSilent(_ now: UInt64, limitNanoseconds: UInt64) -> Bool {
    guard openRequest != 0, let session else { return false }
    // What waits for its decoding is this side's affair.
    if session.receivedBytes != seenBytes || !answers.isEmpty {
      seenBytes = session.receivedBytes
      seenAt = now
    }
    return now > seenAt && now - seenAt > limitNanoseconds
  }

  // MARK: The session

  func agreed(_ session: Session, _ agreement: Handshake.Agreement) {
    guard shell.peers[worker] === self else { return session.finish() }
    isConnected = true
    shell.feed(.peerConnected(worker))
  }

  func received(_ session: Session, head: [UInt8]) throws(ByteError) {
    var reader = ByteReader(head)
    while reader.remaining > 0 {
      let reply = try PeerReply(from: &reader)
      if case .data = reply { throw ByteError(offset: 0, "data without its bytes") }
      answers.append(.reply(reply))
    }
    tellAnswers()
  }

  func rooms(
    _ session: Session, head: [UInt8], byteCount: Int
  ) throws(ByteError) -> [UnsafeMutableRawBufferPointer]? {
    let head = try DataHead<PeerReply>(head, byteCount: byteCount)
    guard case .data(let request, let task, let type, let announced) = head.message else {
      throw ByteError(offset: 0, "data behind a message that announces none")
    }
    guard announced == Int64(byteCount) else {
      throw ByteError(offset: 0, "\(byteCount) bytes of data where \(announced) were announced")
    }
    guard shell.core.mayReceive(worker, request: request, task, byteCount: Int64(byteCount)), !isDecoding(task) else {
      return nil
    }
    let bytes = LandedBytes(head.segments, keeping: shell.kept)
    incoming = Arrival(request, task, type, bytes)
    return bytes.rooms
  }

  /// Whether a task's data has come and waits for its decoding: more of it is not taken.
  private func isDecoding(_ task: TaskHandle) -> Bool {
    answers.contains {
      if case .data(let arrival) = $0 { arrival.task == task } else { false }
    }
  }

  func receivedData(_ session: Session, filled: Int, of count: Int) {
    guard filled == count, let arrival = incoming, let bytes = arrival.bytes else { return }
    incoming = nil
    arrival.bytes = nil
    shell.counters.receivedBytes += Int64(count)
    shell.counters.readBytes += Int64(session.takeMemoryBytes())
    answers.append(.data(arrival))
    shell.decode(bytes, arrival.type) { [self] outcome in
      arrival.outcome = outcome
      tellAnswers()
    }
  }

  /// Tells the core what has come, up to what is not decoded yet.
  private func tellAnswers() {
    guard !isTelling else { return }
    isTelling = true
    defer { isTelling = false }
    var told = 0
    while told < answers.count, shell.peers[worker] === self {
      switch answers[told] {
      case .reply(let reply):
        switch reply {
        case .done(openRequest), .busy(openRequest, _), .rejected(openRequest, _): openRequest = 0
        default: break
        }
        shell.feed(.peerSaid(worker, reply))
      case .data(let arrival):
        guard let outcome = arrival.outcome else {
          answers.removeFirst(told)
          return
        }
        arrival.outcome = nil
        switch outcome {
        case .success(let value):
          shell.feed(
            .peerSaid(
              worker,
              .data(request: arrival.request, task: arrival.task, type: arrival.type, byteCount: value.byteCount)),
            arrived: value)
        case .failure(let error):
          shell.feed(
            .peerSentNonsense(worker, request: arrival.request, arrival.task, reason: error.description))
        }
      }
      told += 1
    }
    answers.removeFirst(min(told, answers.count))
  }

  func ended(_ session: Session, _ end: SessionEnd) {
    self.session = nil
    answers = []
    incoming = nil
    if shell.peers[worker] === self { shell.peerLost(self, end) }
  }
}

extension WorkerShell {
  func connect(_ peer: PeerRef) {
    let link = PeerLink(self, peer.worker)
    peers[peer.worker]?.close()
    peers[peer.worker] = link
    guard let place = HostAndPort(peer.address) else {
      log.warning("the address of a peer is none", ("peer", "\(peer.worker)"), ("address", peer.address))
      // The core hears of it after it has asked.
      loop.execute { self.feedPeerLost(link) }
      return
    }
    link.connect(place)
  }

  func disconnect(_ peer: WorkerID) { peers.removeValue(forKey: peer)?.close() }

  func peerLost(_ link: PeerLink, _ end: SessionEnd) {
    if isEnding { return }
    log.debug("the connection to a peer is gone: \(end)", ("peer", "\(link.worker)"))
    feedPeerLost(link)
  }

  private func feedPeerLost(_ link: PeerLink) {
    guard peers[link.worker] === link else { return }
    peers[link.worker] = nil
    feed(.peerLost(link.worker))
  }

  /// Gives up those who owe something and do nothing.
  func lookForSilence() {
    let limit = UInt64(max(0, settings.transferSilence / .nanoseconds(1)))
    for peer in peers.values.filter({ $0.isSilent(loop.now, limitNanoseconds: limit) }) {
      log.warning("a peer owes data and is silent", ("peer", "\(peer.worker)"))
      peer.close()
      feedPeerLost(peer)
    }
    for requester in requesters.values.filter({ $0.isSilent(loop.now, limitNanoseconds: limit) }) {
      log.warning("a peer does not read what it asked for", ("peer", requester.peer))
      lost(requester)
      requester.close(within: .zero)
    }
  }

  /// Decodes what has come, and calls `done` on the loop's thread: at once when it is little.
  func decode(_ bytes: LandedBytes, _ type: String, _ done: @escaping (Result<HeldValue, ByteError>) -> Void) {
    guard let found = registry.valueType(named: type) else {
      return done(.failure(ByteError(offset: 0, "the type \(type) is not registered on this worker")))
    }
    // An array of numbers lies where it belongs already.
    let readBytes = found.isWrittenAtOnce ? bytes.segments.restBytes : bytes.byteCount
    if readBytes <= WorkerShell.loopCodecBytes {
      return done(
        Result { () throws(ByteError) in
          HeldValue(try found.slot(of: bytes), found, encodedBytes: bytes.byteCount)
        })
    }
    let callback = LoopCallback(done)
    codec.submit { [loop] in
      let outcome = Result { () throws(ByteError) in
        let slot = try found.slot(of: bytes)
        return (OwnedSlot(slot), HeldValue.byteCount(of: slot, found, encodedBytes: bytes.byteCount))
      }
      loop.execute {
        callback.call(
          outcome.map { owned, byteCount in
            var value = HeldValue()
            value.slot = owned.take()
            value.type = found
            value.byteCount = byteCount
            return value
          })
      }
    }
  }
}

/// A function of the loop's thread that another thread carries, and never calls.
final class LoopCallback<Argument>: @unchecked Sendable {
  // Sendable: called on the loop's thread alone.
  private let body: (Argument) -> Void

  init(_ body: @escaping (Argument) -> Void) { self.body = body }

  func call(_ argument: Argument) { body(argument) }
}
