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
  /// Room for messages that is kept from one frame to the next.
  private static let keptBytes = 32 << 10
  /// How long a message without hurry waits for others, in nanoseconds.
  private static let hesitationNanoseconds: UInt64 = 1_000_000
  /// How many bytes of an offered body are read between two signs of life.
  private static let signBytes = 64 << 20
  /// How long the other side may take to read why it is refused.
  private static let farewell = Duration.seconds(1)

  package let loop: EventLoop
  private let settings: SessionSettings
  @exclusivity(unchecked) private var owner: (any SessionOwner)?
  @exclusivity(unchecked) private var phase = Phase.connecting
  @exclusivity(unchecked) private(set) var connection: Connection?
  private var handshake: Handshake
  private var handshakeTimer: LoopTimer?
  @exclusivity(unchecked) private var parser: FrameParser
  @exclusivity(unchecked) private var writer = ByteWriter()
  @exclusivity(unchecked) private var turnEnd: TurnEnd?
  /// Runs while only messages without hurry wait.
  private var laterTimer: LoopTimer?
  /// Why it ended, until the owner is told.
  @exclusivity(unchecked) private var end: SessionEnd?
  /// What both sides agreed on, since they have.
  package private(set) var agreement: Handshake.Agreement?
  /// Whether long bodies may be offered to the other side, which then reads them from this process's memory: both sides can do
  /// that, on one machine, and no offer was refused.
  private(set) var offers = false
  /// Whether this side can read what the other one offers, until the system refuses.
  @exclusivity(unchecked) var reads = true
  /// A body that is being read from the other side's memory, or whose rest is to come: how many bytes of it the other side was
  /// told of.
  @exclusivity(unchecked) private var taking: (count: Int, told: Int)?
  @exclusivity(unchecked) private var countedMemoryBytes = 0
  /// Messages that were sent and frames that came: for metrics.
  @exclusivity(unchecked) package private(set) var sentMessages = 0
  @exclusivity(unchecked) package private(set) var receivedFrames = 0

  /// A session that waits for a connection: make it the delegate of one with `settings.connectionSettings`, or `begin`.
  package init(loop: EventLoop, settings: SessionSettings, owner: any SessionOwner) {
    self.loop = loop
    self.settings = settings
    self.owner = owner
    var hello = settings.hello
    if settings.readsMemory { hello.capabilities |= Hello.readsMemory }
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
  /// Bytes that were read from the other side's memory since this was asked last; `receivedBytes` has them, too.
  package func takeMemoryBytes() -> Int {
    let bytes = connection?.memoryBytes ?? 0
    defer { countedMemoryBytes = bytes }
    return bytes - countedMemoryBytes
  }
  /// Bytes that wait for the other side to read.
  package var queuedBytes: Int { connection?.queuedBytes ?? 0 }

  // MARK: Sending

  /// Says something; it leaves at the end of the turn. Nothing happens unless the session is open.
  ///
  /// - Parameter isUrgent: False where nobody waits for it: it leaves with what is said next, or after a millisecond, so
  ///   that it is no message of its own where something follows at once. The order is kept.
  /// - Throws: When no frame can hold the message alone; nothing was said then.
  package func send<Message: PortableValue>(_ message: Message, isUrgent: Bool = true) throws(MessageTooLarge) {
    guard phase == .open else { return }
    let before = writer.byteCount
    message.write(to: &writer)
    if writer.byteCount > settings.headLimit {
      let alone = writer.withBytes { [UInt8]($0[before...]) }
      writer.cut(to: before)
      sendFrame()
      empty()
      if alone.count > settings.headLimit {
        throw MessageTooLarge(byteCount: alone.count, limit: settings.headLimit)
      }
      alone.withUnsafeBytes { writer.write(raw: $0) }
    }
    sentMessages += 1
    if writer.byteCount >= Session.frameBytes {
      flush()
    } else if isUrgent {
      turnEnd?.request()
    } else if laterTimer?.isArmed != true {
      let timer = laterTimer ?? LoopTimer(loop: loop) { [weak self] in self?.flush() }
      laterTimer = timer
      timer.arm(at: loop.now + Session.hesitationNanoseconds)
    }
  }

  /// Sends data behind the message that announces it. The data stays where it lies, and must not change, until `owner` is
  /// dropped; `released` as `Connection` has it.
  /// - Returns: False when nothing was queued: the session is not open any more, or too much waits.
  /// - Throws: When no frame can hold the message.
  @discardableResult
  package func send<Message: PortableValue>(
    _ message: Message, body: UnsafeRawBufferPointer, keeping owner: AnyObject?, released: ((Bool) -> Void)? = nil
  ) throws(MessageTooLarge) -> Bool {
    try send(head: message.portableBytes(), [body], bodyBytes: body.count, keeping: owner, released)
  }

  /// Sends a value behind the message that announces it, from where its bytes lie.
  @discardableResult
  package func send<Message: PortableValue>(
    _ message: Message, body: WrittenBytes, released: ((Bool) -> Void)? = nil
  ) throws(MessageTooLarge) -> Bool {
    try send(
      head: DataHead(message, body.segments).bytes, body.pieces, bodyBytes: body.byteCount, keeping: body, released)
  }

  /// Sends a value that is a range of a file, which stays open until `owner` is dropped.
  @discardableResult
  package func send<Message: PortableValue>(
    _ message: Message, segments: ByteSegments, file: Int32, offset: Int, keeping owner: AnyObject?,
    released: ((Bool) -> Void)? = nil
  ) throws(MessageTooLarge) -> Bool {
    try send(head: DataHead(message, segments).bytes, bodyBytes: segments.byteCount) { connection in
      connection.send(file: file, offset: offset, count: segments.byteCount, keeping: owner, released: released)
    }
  }

  /// Sends a body from where it lies, or offers it.
  private func send(
    head: [UInt8], _ pieces: [UnsafeRawBufferPointer], bodyBytes: Int, keeping owner: AnyObject?,
    _ released: ((Bool) -> Void)?
  ) throws(MessageTooLarge) -> Bool {
    if offers, bodyBytes >= settings.leastOfferBytes, pieces.count <= MemoryOffer.mostPieces, let connection {
      let (address, token) = connection.memoryToken
      let offer = MemoryOffer(
        tokenAddress: address, token: token,
        pieces: pieces.map { .init(address: UInt64(UInt(bitPattern: $0.baseAddress)), count: $0.count) })
      let offered = offer.bytes(before: head)
      if offered.count <= settings.headLimit {
        return try send(.offer, head: offered, bodyBytes: bodyBytes) { connection in
          connection.send(offering: pieces, keeping: owner, released: released)
        }
      }
    }
    return try send(head: head, bodyBytes: bodyBytes) { connection in
      connection.send(referencing: pieces, keeping: owner, released: released)
    }
  }

  private func send(
    _ kind: Frame.Kind = .data, head: [UInt8], bodyBytes: Int, _ sendBody: (Connection) -> Bool
  ) throws(MessageTooLarge) -> Bool {
    if head.count > settings.headLimit { throw MessageTooLarge(byteCount: head.count, limit: settings.headLimit) }
    flush()
    guard phase == .open, let connection else { return false }
    let prefix = Frame.prefix(kind, headBytes: head.count, bodyBytes: bodyBytes)
    sentMessages += 1
    if connection.send(prefix), connection.send(head), sendBody(connection) { return true }
    outputTooLong()
    return false
  }

  /// Hands what was said so far to the connection, which happens at the end of the turn anyway.
  package func flush() {
    if phase != .open || writer.byteCount == 0 { return }
    laterTimer?.disarm()
    sendFrame()
  }

  private func sendFrame() {
    let count = writer.byteCount
    guard count > 0, let connection else { return }
    let prefix = Frame.prefix(.messages, headBytes: count, bodyBytes: 0)
    // The connection only notes it: nothing is said meanwhile.
    let isQueued = connection.send(prefix) && writer.withBytes { connection.send($0) }
    empty()
    if !isQueued { outputTooLong() }
  }

  /// Forgets what was said. Its room is used again, unless much was said: there may be a thousand sessions.
  private func empty() {
    if writer.roomBytes > Session.keptBytes { writer = ByteWriter() } else { writer.cut(to: 0) }
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
      offers = connection.sharesMachine && agreement.capabilities & Hello.readsMemory != 0
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
      try requireNothingTaken()
      try owner?.received(self, head: head)
    case .data(let head, let bodyBytes):
      receivedFrames += 1
      try requireNothingTaken()
      guard let rooms = try rooms(head, bodyBytes) else { break }
      // The body goes past the parser, which may begin anew.
      parser = FrameParser(headLimit: settings.headLimit, bodyLimit: settings.bodyLimit)
      guard bodyBytes > 0 else {
        owner?.receivedData(self, filled: 0, of: 0)
        break
      }
      connection.receive(into: rooms, keeping: owner)
      return (consumed, true)
    case .offer(let head, let bodyBytes):
      receivedFrames += 1
      try requireNothingTaken()
      try take(connection, offer: head, bodyBytes)
    case .answer(let head):
      receivedFrames += 1
      try heard(connection, MemoryAnswer(head))
    case .rest(let count):
      receivedFrames += 1
      guard !reads, let taking, taking.count - taking.told == count else {
        throw ByteError(offset: 8, "the rest of a body, \(count) bytes, that was not asked for")
      }
      self.taking = nil
      parser = FrameParser(headLimit: settings.headLimit, bodyLimit: settings.bodyLimit)
      connection.receiveRest()
      return (consumed, true)
    case .body: break
    }
    return (consumed, false)
  }

  /// Where a body goes; nil when it is dropped, or the session has ended.
  private func rooms(_ head: [UInt8], _ bodyBytes: Int) throws(ByteError) -> [UnsafeMutableRawBufferPointer]? {
    guard let rooms = try owner?.rooms(self, head: head, byteCount: bodyBytes) else { return nil }
    let roomBytes = rooms.reduce(0) { $0 + $1.count }
    if roomBytes != bodyBytes { fatalError("room of \(roomBytes) bytes for \(bodyBytes)") }
    // The owner may have ended the session instead.
    return phase == .open ? rooms : nil
  }

  // MARK: Bodies in the other side's memory

  /// Nothing but answers comes before a body that was offered has been taken, or its rest.
  private func requireNothingTaken() throws(ByteError) {
    if let taking { throw ByteError(offset: 4, "a frame before the answer to an offer of \(taking.count) bytes") }
  }

  /// Begins to read a body that the other side offers.
  private func take(_ connection: Connection, offer bytes: [UInt8], _ bodyBytes: Int) throws(ByteError) {
    let (offer, head) = try MemoryOffer.read(bytes, bodyBytes: bodyBytes)
    guard let rooms = try rooms(head, bodyBytes) else { return answer(.done) }
    taking = (bodyBytes, 0)
    let memory = PeerMemory(
      tokenAddress: offer.tokenAddress, token: offer.token,
      pieces: offer.pieces.map { .init(address: $0.address, count: $0.count) })
    reads = reads && connection.sharesMachine && settings.readsMemory
    connection.receive(from: memory, into: rooms, keeping: owner, reads: reads)
    if !reads { refuseOffer(at: 0) }
  }

  private func answer(_ answer: MemoryAnswer) {
    guard phase == .open, let connection else { return }
    let head = answer.bytes
    let frame = Frame.prefix(.answer, headBytes: head.count, bodyBytes: 0) + head
    if !connection.sendBeforeOffers(frame) { outputTooLong() }
  }

  /// Has the body that is being taken sent, from a byte on, and all further ones.
  private func refuseOffer(at place: Int) {
    reads = false
    taking?.told = place
    answer(.refused(at: place))
  }

  /// The other side says what became of an offer.
  private func heard(_ connection: Connection, _ answer: MemoryAnswer) throws(ByteError) {
    let fits: Bool
    switch answer {
    case .taken(let count): fits = connection.offerTaken(upTo: count)
    case .done: fits = connection.offerDone()
    case .refused(let place):
      offers = false
      fits = connection.offerRefused(at: place) { Frame.prefix(.rest, headBytes: 0, bodyBytes: $0) }
    }
    if !fits { throw ByteError(offset: 0, "an answer to what was not offered") }
  }

  package func memoryUnreadable(_ connection: Connection, filled: Int, error: Int32) {
    if phase == .open, taking != nil { refuseOffer(at: filled) }
  }

  package func receivedDirectly(_ connection: Connection, filled: Int, of count: Int) {
    guard phase == .open else { return }
    if reads, let told = taking?.told {
      if filled == count {
        taking = nil
        answer(.done)
      } else if filled - told >= Session.signBytes {
        taking?.told = filled
        answer(.taken(filled))
      }
    }
    owner?.receivedData(self, filled: filled, of: count)
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
    laterTimer?.disarm()
    turnEnd = nil
    let kind: SessionEnd.Kind =
      error?.code == .stopped ? .stopped : before == .connecting ? .unreachable : .lost
    report(end ?? SessionEnd(kind, error?.description ?? "the connection was closed"))
  }
}
