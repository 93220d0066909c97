import Glibc
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
  private var unsent: [(request: PeerRequest, data: [ScatteredBytes])] = []
  /// What the core wants of the data that is being announced.
  private var accepted: (future: FutureID, type: String)?
  /// Where it goes.
  private var memory: UnsafeMutableRawBufferPointer?

  init(_ shell: ClientShell, _ address: String) {
    self.shell = shell
    self.address = address
  }

  deinit { free(memory?.baseAddress) }

  /// The data that is being announced is the value of a future.
  func accept(_ future: FutureID, _ type: String) { accepted = (future, type) }

  /// Nobody wants it.
  func discard() { accepted = nil }

  func connect(_ settings: SessionSettings) {
    guard let place = ClusterAddress(address) else {
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
  func ask(_ request: PeerRequest, _ data: [ScatteredBytes]) {
    guard let session, session.isOpen else { return unsent.append((request, data)) }
    say(request, data, session)
  }

  private func say(_ request: PeerRequest, _ data: [ScatteredBytes], _ session: Session) {
    do throws(MessageTooLarge) {
      try session.send(request)
      guard case .put(_, let values) = request else { return }
      for (value, bytes) in zip(values, data) {
        var failure: MessageTooLarge?
        bytes.bytes.withUnsafeBytes { body in
          do throws(MessageTooLarge) {
            try session.send(value, body: body, keeping: bytes)
          } catch {
            failure = error
          }
        }
        if let failure { throw failure }
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

  func room(
    _ session: Session, head: [UInt8], byteCount: Int
  ) throws(ByteError) -> UnsafeMutableRawBufferPointer? {
    let reply = try PeerReply(portableBytes: head)
    guard case .data(_, _, _, let announced) = reply, announced == Int64(byteCount) else {
      throw ByteError(offset: 0, "\(byteCount) bytes of data where other ones are announced")
    }
    accepted = nil
    shell.announced(reply, by: self)
    guard accepted != nil else { return nil }
    guard let start = malloc(max(1, byteCount)) else { fatalError("no memory for a result of \(byteCount) bytes") }
    let room = UnsafeMutableRawBufferPointer(start: start, count: byteCount)
    memory = room
    return room
  }

  func receivedData(_ session: Session, filled: Int, of count: Int) {
    guard filled == count, let value = accepted else { return }
    accepted = nil
    let bytes = memory.map { [UInt8]($0) } ?? []
    free(memory?.baseAddress)
    memory = nil
    shell.received(value.future, ClientValue(type: value.type, bytes: bytes), from: self)
  }

  func ended(_ session: Session, _ end: SessionEnd) {
    self.session = nil
    shell.workerEnded(self, end.description)
  }
}

/// The bytes of a value on its way to a worker.
final class ScatteredBytes: Sendable {
  let bytes: [UInt8]
  init(_ bytes: [UInt8]) { self.bytes = bytes }
}
