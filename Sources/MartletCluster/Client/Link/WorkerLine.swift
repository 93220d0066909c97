import MartletBytes
import MartletClient
import MartletNet
import MartletProtocol

/// The connection to a worker that results are fetched from, or data is put onto.
final class WorkerLine: SessionOwner, @unchecked Sendable {
  // Sendable: the loop's thread alone uses it.
  private unowned let shell: ClientShell
  let address: String
  private var session: Session?
  /// What is asked once both sides have agreed.
  private var unsent: [(request: PeerRequest, data: [WrittenBytes])] = []
  /// What the core wants of the data that is being announced.
  private var accepted: (future: FutureID, type: String)?
  /// Where it goes.
  private var incoming: LandedBytes?
  /// Bytes that had come and gone at the last look.
  private var movedBytes = 0

  init(_ shell: ClientShell, _ address: String) {
    self.shell = shell
    self.address = address
  }

  /// Whether bytes have come or gone since the last look. A large value is one message, which takes its time.
  func hasMoved() -> Bool {
    guard let session else { return false }
    let bytes = session.receivedBytes &+ session.sentBytes
    defer { movedBytes = bytes }
    return bytes != movedBytes
  }

  /// The data that is being announced is the value of a future.
  func accept(_ future: FutureID, _ type: String) { accepted = (future, type) }

  /// Nobody wants it.
  func discard() { accepted = nil }

  func connect(_ settings: SessionSettings) {
    guard let place = HostAndPort(address) else {
      return shell.workerEnded(self, "the worker's address \"\(address)\" is none")
    }
    do throws(NetworkError) {
      session = try Session.connect(
        host: place.host, port: place.port, on: shell.loop, settings: settings, owner: self)
    } catch {
      shell.workerEnded(self, "\(error)")
    }
  }

  /// - Parameter data: The bytes of the values of a `put`, in their order.
  func ask(_ request: PeerRequest, _ data: [WrittenBytes]) {
    guard let session, session.isOpen else { return unsent.append((request, data)) }
    say(request, data, session)
  }

  private func say(_ request: PeerRequest, _ data: [WrittenBytes], _ session: Session) {
    do throws(MessageTooLarge) {
      try session.send(request)
      guard case .put(_, let values) = request else { return }
      for (value, bytes) in zip(values, data) {
        try session.send(value, body: bytes)
      }
    } catch {
      finish()
      shell.workerEnded(self, "\(error)")
    }
  }

  func finish() {
    session?.finish()
    session = nil
  }

  func agreed(_ session: Session, _ agreement: Handshake.Agreement) {
    shell.feed(.workerConnected(address))
    let requests = unsent
    unsent = []
    for (request, data) in requests { say(request, data, session) }
  }

  func received(_ session: Session, head: [UInt8]) throws(ByteError) {
    var reader = ByteReader(head)
    while reader.remaining > 0, session.isOpen {
      let reply = try PeerReply(from: &reader)
      if case .data = reply { throw ByteError(offset: 0, "data is announced without a frame of its own") }
      shell.feed(.workerSaid(address, reply))
    }
  }

  func rooms(
    _ session: Session, head: [UInt8], byteCount: Int
  ) throws(ByteError) -> [UnsafeMutableRawBufferPointer]? {
    let head = try DataHead<PeerReply>(head, byteCount: byteCount)
    guard case .data(_, _, _, let announced) = head.message, announced == Int64(byteCount) else {
      throw ByteError(offset: 0, "\(byteCount) bytes of data where other ones are announced")
    }
    accepted = nil
    shell.announced(head.message, by: self)
    guard accepted != nil else { return nil }
    let bytes = LandedBytes(head.segments)
    incoming = bytes
    return bytes.rooms
  }

  func receivedData(_ session: Session, filled: Int, of count: Int) {
    guard filled == count, let value = accepted, let bytes = incoming else { return }
    accepted = nil
    incoming = nil
    shell.received(value.future, ClientValue(type: value.type, bytes: bytes), from: self)
  }

  func ended(_ session: Session, _ end: SessionEnd) {
    self.session = nil
    incoming = nil
    shell.workerEnded(self, end.description)
  }
}
