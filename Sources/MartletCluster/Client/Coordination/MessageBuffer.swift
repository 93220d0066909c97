import MartletEngine

/// Messages of a topic that wait for their reader: so many at most, then the oldest are dropped and counted.
final class MessageBuffer: @unchecked Sendable {
  // Sendable: the lock guards all variables.
  private let lock = Lock()
  private var messages: [[UInt8]] = []
  private var head = 0
  private var dropped = 0
  private var hasEnded = false
  private var hasBegun = false
  private var error: ClusterError?
  private var waiters = WaiterList()
  private let limit: Int

  enum Next {
    case message([UInt8])
    case end(ClusterError?)
    case nothing
  }

  init(limit: Int) { self.limit = max(1, limit) }

  var droppedCount: Int { lock.withLock { dropped } }
  /// Places that are taken up, and bytes.
  var size: (places: Int, bytes: Int) {
    lock.withLock { (messages.count, messages.reduce(0) { $0 + $1.count }) }
  }
  /// Whether the scheduler knows of the listener, or there will be none.
  var isUnderWay: Bool { lock.withLock { hasBegun || hasEnded } }

  // MARK: For the loop

  func begin() { change { hasBegun = true } }

  func add(_ message: [UInt8]) {
    change {
      if messages.count - head == limit {
        letGoFirst()
        dropped += 1
      }
      messages.append(message)
    }
  }

  func end(_ error: ClusterError?) {
    change {
      hasEnded = true
      self.error = error
    }
  }

  private func change(_ body: () -> Void) {
    let told = lock.withLock {
      body()
      return waiters.takeAll()
    }
    for tell in told { tell() }
  }

  // MARK: For the reader

  func take() -> Next {
    lock.withLock {
      guard head < messages.count else { return hasEnded ? .end(error) : .nothing }
      let message = messages[head]
      letGoFirst()
      return .message(message)
    }
  }

  /// Under the lock. At most as many places as there are messages, and some, are kept empty.
  private func letGoFirst() {
    messages[head] = []
    head += 1
    if head == messages.count || head > 64 && head * 2 > messages.count {
      messages.removeFirst(head)
      head = 0
    }
  }

  /// Calls `tell` once when something has changed.
  ///
  /// - Returns: The number for `stopWaiting`; nil when there is something already.
  func wait(isBeginning: Bool = false, _ tell: @escaping @Sendable () -> Void) -> UInt64? {
    lock.withLock {
      if hasEnded || head < messages.count || isBeginning && hasBegun { return nil }
      return waiters.add(tell)
    }
  }

  /// Whoever waited is not told any more.
  func stopWaiting(_ number: UInt64) { lock.withLock { waiters.remove(number) } }

  /// How many wait.
  var waiterCount: Int { lock.withLock { waiters.count } }
}
