/// What a run tells the Swift task that waits for it.
final class ComputeMailbox: @unchecked Sendable {
  // Sendable: everything is used under the lock.

  enum Message: Sendable {
    /// Start a Swift task, which inherits from the one that waits.
    case start(AsyncAttempt)
    /// The run is over.
    case end(Result<RunResults, any Error>)
  }

  private let lock = Lock()
  private var messages: [Message] = []
  private var reader: UnsafeContinuation<[Message], Never>?

  /// Leaves a message.
  func put(_ message: Message) {
    let reader = lock.withLock { () -> UnsafeContinuation<[Message], Never>? in
      defer { self.reader = nil }
      if self.reader == nil { messages.append(message) }
      return self.reader
    }
    reader?.resume(returning: [message])
  }

  /// All messages, at least one. For one reader.
  func take() async -> [Message] {
    await withUnsafeContinuation { continuation in
      let messages = lock.withLock { () -> [Message] in
        if self.messages.isEmpty { reader = continuation }
        defer { self.messages = [] }
        return self.messages
      }
      if !messages.isEmpty { continuation.resume(returning: messages) }
    }
  }
}
