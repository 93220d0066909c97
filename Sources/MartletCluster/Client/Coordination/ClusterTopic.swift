public import MartletBytes
import MartletProtocol

/// A topic: what is published goes to all who listen at that moment.
public struct ClusterTopic<Value: PortableValue>: Sendable {
  /// What all call it.
  public let name: String
  private let link: ClientLink

  init(_ name: String, _ link: ClientLink) {
    self.name = name
    self.link = link
  }

  /// Sends a value to all who listen.
  ///
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await publish")
  public func publish(_ value: Value) throws {
    _ = try link.ask(try body(value), what: "publishing to the topic \(name)")
  }

  /// Sends a value to all who listen.
  ///
  /// - Throws: `ClusterError`.
  public func publish(_ value: Value) async throws {
    _ = try await link.ask(try body(value), what: "publishing to the topic \(name)")
  }

  private func body(_ value: Value) throws -> RequestBody {
    .coordinate(.publish(topic: name, bytes: try value.sharedBytes()), nil)
  }

  /// Listens from now on; returns when the scheduler knows of it.
  ///
  /// - Parameter buffer: Messages that may wait for their reader; then the oldest are dropped.
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await messages")
  public func messages(buffer: Int = 1024) throws -> ClusterMessages<Value> {
    let messages = try begin(buffer)
    link.requireOffLoop()
    while !messages.buffer.isUnderWay {
      try BodyRest.checkCancellation()
      let waiter = ThreadWaiter()
      guard let number = messages.buffer.wait(isBeginning: true, { waiter.set() }) else { continue }
      waiter.wait()
      messages.buffer.stopWaiting(number)
    }
    return messages
  }

  /// Listens from now on; returns when the scheduler knows of it.
  ///
  /// - Parameter buffer: Messages that may wait for their reader; then the oldest are dropped.
  /// - Throws: `ClusterError`; `CancellationError` when the Swift task is cancelled meanwhile.
  public func messages(buffer: Int = 1024) async throws -> ClusterMessages<Value> {
    let messages = try begin(buffer)
    while !messages.buffer.isUnderWay {
      try Task.checkCancellation()
      await messages.suspend(isBeginning: true)
    }
    return messages
  }

  private func begin(_ limit: Int) throws -> ClusterMessages<Value> {
    let buffer = MessageBuffer(limit: limit)
    guard link.post(.listen(topic: name, buffer)) else { throw link.closedError }
    return ClusterMessages(name, buffer, link)
  }
}

/// Messages of a topic, in the order in which they were published. Listening ends when this object goes.
public final class ClusterMessages<Value: PortableValue>: AsyncSequence, Sendable {
  let buffer: MessageBuffer
  private let topic: String
  private let link: ClientLink

  init(_ topic: String, _ buffer: MessageBuffer, _ link: ClientLink) {
    self.topic = topic
    self.buffer = buffer
    self.link = link
  }

  deinit { link.post(.endListening(topic: topic, buffer)) }

  /// Messages that were dropped because nobody took them in time.
  public var droppedCount: Int { buffer.droppedCount }

  /// The next message; blocks until there is one. Nil when the client is closed, or after `timeout`.
  ///
  /// - Throws: `ClusterError` when the session is over, or the message is no `Value`.
  @available(*, noasync, message: "use for try await")
  public func next(timeout: Duration? = nil) throws -> Value? {
    link.requireOffLoop()
    let deadline = ThreadWaiter.deadline(after: timeout)
    while true {
      switch buffer.take() {
      case .message(let bytes): return try Value(sharedBytes: bytes)
      case .end(let error):
        if let error { throw error }
        return nil
      case .nothing:
        let waiter = ThreadWaiter()
        if let number = buffer.wait({ waiter.set() }) {
          defer { buffer.stopWaiting(number) }
          if !waiter.wait(until: deadline) { return nil }
        }
        try BodyRest.checkCancellation()
      }
    }
  }

  fileprivate func nextMessage() async throws -> Value? {
    while true {
      switch buffer.take() {
      case .message(let bytes): return try Value(sharedBytes: bytes)
      case .end(let error):
        if let error { throw error }
        return nil
      case .nothing:
        if Task.isCancelled { return nil }
        await suspend(isBeginning: false)
      }
    }
  }

  fileprivate func suspend(isBeginning: Bool) async {
    let gate = TaskGate()
    guard let number = buffer.wait(isBeginning: isBeginning, { gate.open() }) else { return }
    await withTaskCancellationHandler {
      await withUnsafeContinuation { gate.suspend($0) }
    } onCancel: {
      gate.open()
    }
    buffer.stopWaiting(number)
  }

  /// Takes messages as they come.
  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let messages: ClusterMessages

    /// The next message; nil when the client is closed, or the Swift task that waits is cancelled.
    public func next() async throws -> Value? { try await messages.nextMessage() }
  }

  /// An iterator over the messages that nobody has taken.
  public func makeAsyncIterator() -> Iterator { Iterator(messages: self) }
}

extension PortableValue {
  /// The bytes of a value that is shared.
  func sharedBytes() throws(ClusterError) -> [UInt8] {
    do throws(ByteError) {
      return try checkedPortableBytes()
    } catch {
      throw ClusterError(.wrongType, "a \(Self.self) cannot be written: \(error)", "Correct the value")
    }
  }

  init(sharedBytes bytes: [UInt8]) throws(ClusterError) {
    do throws(ByteError) {
      self = try Self(portableBytes: bytes)
    } catch {
      throw .unreadable("\(Self.self)", error.description)
    }
  }
}
