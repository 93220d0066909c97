package import MartletBytes
package import MartletNet
package import MartletProtocol

/// One side of a connection that speaks Martlet's protocol: greeting and proof, then frames of messages and of data. What
/// is said in one turn of the loop leaves as one frame, or as a few where it is much.
///
/// Everything belongs to the thread of the connection's loop. The connection keeps the session alive, and the session its
/// owner, until it ends.
package final class Session: @unchecked Sendable {
  // Sendable: the loop's thread alone uses what is mutable.
  private enum Phase {
    case connecting
    case greeting
    case open
    case ended
  }

  /// Messages are cut into frames of about this size: large enough to cost nothing, small enough to be read in one go.
  private static let frameBytes = 128 << 10
  /// How long the other side may take to read why it is refused.
  private static let farewell = Duration.seconds(1)

  package let loop: EventLoop
  private let settings: SessionSettings
  private var owner: (any SessionOwner)?
  private var phase = Phase.connecting
  private var connection: Connection?
  private var handshake: Handshake
  private var handshakeTimer: LoopTimer?
  private var parser: FrameParser
  private var writer = ByteWriter()
  private var turnEnd: TurnEnd?
  /// Why it ended, until the owner is told.
  private var end: SessionEnd?
  /// What both sides agreed on, since they have.
  package private(set) var agreement: Handshake.Agreement?
  /// Messages that were sent and frames that came: for metrics.
  package private(set) var sentMessages = 0
  package private(set) var receivedFrames = 0

  /// A session that waits for a connection: make it the delegate of one with `settings.connectionSettings`, or `begin`.
  package init(loop: EventLoop, settings: SessionSettings, owner: any SessionOwner) {
    self.loop = loop
    self.settings = settings
    self.owner = owner
    var hello = settings.hello
    var random = SystemRandomNumberGenerator()
    hello.nonce = (0..<Handshake.nonceBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
    handshake = Handshake(own: hello, accepting: settings.accepted, secret: settings.secret)
    parser = FrameParser(headLimit: settings.headLimit, bodyLimit: settings.bodyLimit)
    turnEnd = TurnEnd(loop: loop) { [weak self] in self?.flush() }
  }

  /// Connects and begins; from any thread. The owner hears `agreed` or `ended`.
  /// - Throws: `.stopped` when the loop was shut down; the owner then hears nothing.
  package static func connect(
    host: String, port: Int, on loop: EventLoop, settings: SessionSettings, timeout: Duration = .seconds(10),
    owner: any SessionOwner
  ) throws(NetworkError) -> Session {
    let session = Session(loop: loop, settings: settings, owner: owner)
    try Connection.connect(
      host: host, port: port, on: loop, settings: settings.connectionSettings, timeout: timeout, delegate: session)
    return session
  }

  /// Begins on an accepted connection, whose delegate the session has to become.
  package func begin(_ connection: Connection) {
    self.connection = connection
    phase = .greeting
    let timer = LoopTimer(loop: loop) { [weak self] in self?.handshakeTimedOut() }
    handshakeTimer = timer
    timer.arm(after: settings.handshakeLimit)
    connection.send(handshake.start())
  }

  /// Whether messages can be sent.
  package var isOpen: Bool { phase == .open }

  /// Where the other side is, as text.
  package var peer: String { connection?.peer ?? "nobody" }

  /// This side's address, while there is a connection.
  package var localAddress: SocketAddress? { connection?.localAddress }

  /// Bytes received and sent so far.
  package var receivedBytes: Int { connection?.receivedBytes ?? 0 }
  package var sentBytes: Int { connection?.sentBytes ?? 0 }
  /// Bytes that wait for the other side to read.
  package var queuedBytes: Int { connection?.queuedBytes ?? 0 }

  // MARK: Sending

  /// Says something; it leaves at the end of the turn. Nothing happens unless the session is open.
  /// - Throws: When no frame can hold the message alone; nothing was said then.
  package func send<Message: PortableValue>(_ message: Message) throws(MessageTooLarge) {
    guard phase == .open else { return }
    let before = writer.bytes.count
    message.write(to: &writer)
    let after = writer.bytes.count
    if after > settings.headLimit {
      let alone = [UInt8](writer.bytes[before...])
      let others = [UInt8](writer.bytes[..<before])
      writer = ByteWriter()
      sendFrame(others)
      if alone.count > settings.headLimit {
        throw MessageTooLarge(byteCount: alone.count, limit: settings.headLimit)
      }
      alone.withUnsafeBytes { writer.write(raw: $0) }
    }
    sentMessages += 1
    if writer.bytes.count >= Session.frameBytes { flush() } else { turnEnd?.request() }
  }

  /// Sends data behind the message that announces it. The data stays where it lies, and must not change, until `owner` is
  /// dropped; `released` as `Connection` has it.
  /// - Returns: False when nothing was queued: the session is not open any more, or too much waits.
  /// - Throws: When no frame can hold the message.
  @discardableResult
  package func send<Message: PortableValue>(
    _ message: Message, body: UnsafeRawBufferPointer, keeping owner: AnyObject?, released: ((Bool) -> Void)? = nil
  ) throws(MessageTooLarge) -> Bool {
    var head = ByteWriter()
    message.write(to: &head)
    if head.bytes.count > settings.headLimit {
      throw MessageTooLarge(byteCount: head.bytes.count, limit: settings.headLimit)
    }
    flush()
    guard phase == .open, let connection else { return false }
    let prefix = Frame.prefix(.data, headBytes: head.bytes.count, bodyBytes: body.count)
    sentMessages += 1
    if connection.send(prefix), connection.send(head.bytes),
      connection.send(referencing: body, keeping: owner, released: released)
    {
      return true
    }
    outputTooLong()
    return false
  }

  /// Hands what was said so far to the connection, which happens at the end of the turn anyway.
  package func flush() {
    if phase != .open || writer.bytes.isEmpty { return }
    let bytes = writer.bytes
    writer = ByteWriter()
    sendFrame(bytes)
  }

  private func sendFrame(_ head: [UInt8]) {
    guard !head.isEmpty, let connection else { return }
    let prefix = Frame.prefix(.messages, headBytes: head.count, bodyBytes: 0)
    if connection.send(prefix), connection.send(head) { return }
    outputTooLong()
  }

  private func outputTooLong() {
    guard phase == .open, let connection else { return }
    phase = .ended
    end = SessionEnd(
      .outputTooLong,
      connection.isOpen
        ? "it does not read: \(connection.queuedBytes >> 20) MiB wait for it" : "the connection is closed")
    // The owner hears of it when the connection is closed, not from inside its own call.
    connection.close()
  }

  // MARK: Flow

  /// Reads no more until it is told to: the other side has to wait.
  package func pauseReading() { if phase == .open { connection?.pauseReading() } }

  /// Reads again.
  package func resumeReading() { if phase == .open { connection?.resumeReading() } }

  // MARK: Ending

  /// Ends the session after what was said; the owner hears nothing more.
  package func finish(within limit: Duration = .seconds(1)) {
    if phase == .ended { return }
    flush()
    guard phase != .ended else {
      owner = nil
      return
    }
    phase = .ended
    handshakeTimer?.disarm()
    owner = nil
    connection?.finish(within: limit)
  }

  /// Ends the session at once, with `reason` for the other side where it has not agreed yet; the owner hears nothing more.
  package func refuse(_ reason: String) {
    if phase == .greeting { connection?.send(Handshake.refusal(reason)) }
    finish()
  }

  /// Ends the session because of something that came, or did not come.
  private func fail(_ end: SessionEnd) {
    guard phase != .ended else { return }
    flush()
    phase = .ended
    handshakeTimer?.disarm()
    connection?.finish(within: Session.farewell)
    report(end)
  }

  private func report(_ end: SessionEnd) {
    let owner = self.owner
    self.owner = nil
    owner?.ended(self, end)
  }

  private func handshakeTimedOut() {
    guard phase == .greeting else { return }
    let reason = "the handshake was not done within \(settings.handshakeLimit)"
    connection?.send(Handshake.refusal(reason))
    fail(SessionEnd(.handshakeTooSlow, reason))
  }
}

extension Session: ConnectionDelegate {
  package func connected(_ connection: Connection) {
    if phase == .connecting { begin(connection) } else { connection.close() }
  }

  package func received(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int {
    var offset = 0
    while offset < bytes.count {
      switch phase {
      case .connecting, .ended: return bytes.count
      case .greeting: offset = greet(connection, bytes)
      case .open:
        do throws(ByteError) {
          guard let consumed = try take(connection, UnsafeRawBufferPointer(rebasing: bytes[offset...])) else {
            return offset
          }
          offset += consumed.count
          if consumed.isData { return offset }
        } catch {
          let reason = receivedFrames == 0 ? Handshake.reason(atStartOf: [UInt8](bytes[offset...])) : nil
          fail(
            reason.map { SessionEnd(.refused, "the other side refuses: \($0)") }
              ?? SessionEnd(.malformed, "it sent what is no message: \(error)"))
          return bytes.count
        }
      }
    }
    return offset
  }

  /// Takes bytes of the handshake, and returns how many.
  private func greet(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int {
    var answer: [UInt8] = []
    var unused = 0
    do throws(HandshakeError) {
      let progress = try handshake.receive([UInt8](bytes), answer: &answer, unused: &unused)
      if !answer.isEmpty { connection.send(answer) }
      guard case .agreed(let agreement) = progress else { return bytes.count }
      phase = .open
      handshakeTimer?.disarm()
      handshakeTimer = nil
      self.agreement = agreement
      owner?.agreed(self, agreement)
      return bytes.count - unused
    } catch {
      if !answer.isEmpty { connection.send(answer) }
      fail(SessionEnd(.refused, error.isFromPeer ? "the other side refuses: \(error)" : error.description))
      return bytes.count
    }
  }

  /// Takes what is at the beginning of `bytes`; nil when it is not whole. `isData` when data follows into its own memory.
  private func take(
    _ connection: Connection, _ bytes: UnsafeRawBufferPointer
  ) throws(ByteError) -> (count: Int, isData: Bool)? {
    let (found, consumed) = try parser.next(bytes)
    switch found {
    case .nothing: return nil
    case .messages(let head):
      receivedFrames += 1
      try owner?.received(self, head: head)
    case .data(let head, let bodyBytes):
      receivedFrames += 1
      guard let memory = try owner?.room(self, head: head, byteCount: bodyBytes) else { break }
      if memory.count != bodyBytes { fatalError("room of \(memory.count) bytes for \(bodyBytes)") }
      // The owner may have ended the session instead.
      guard phase == .open else { break }
      // The body goes past the parser, which may begin anew.
      parser = FrameParser(headLimit: settings.headLimit, bodyLimit: settings.bodyLimit)
      guard bodyBytes > 0 else {
        owner?.receivedData(self, filled: 0, of: 0)
        break
      }
      connection.receive(into: memory, keeping: owner)
      return (consumed, true)
    case .body: break
    }
    return (consumed, false)
  }

  package func receivedDirectly(_ connection: Connection, filled: Int, of count: Int) {
    if phase == .open { owner?.receivedData(self, filled: filled, of: count) }
  }

  package func inputEnded(_ connection: Connection, unconsumedBytes: Int) {
    guard phase != .ended else { return connection.close() }
    let isGreeting = phase == .greeting
    phase = .ended
    handshakeTimer?.disarm()
    connection.close()
    report(
      SessionEnd(
        .lost,
        isGreeting
          ? "it hung up before it said who it is"
          : unconsumedBytes > 0 ? "it hung up in the middle of a message" : "it closed the connection"))
  }

  package func outputPressureChanged(_ connection: Connection, isHigh: Bool) {
    if phase == .open { owner?.outputPressureChanged(self, isHigh: isHigh) }
  }

  package func closed(_ connection: Connection, error: NetworkError?) {
    let before = phase
    phase = .ended
    handshakeTimer?.disarm()
    handshakeTimer = nil
    turnEnd = nil
    let kind: SessionEnd.Kind =
      error?.code == .stopped ? .stopped : before == .connecting ? .unreachable : .lost
    report(end ?? SessionEnd(kind, error?.description ?? "the connection was closed"))
  }
}
