import MartletEngine
import MartletSystem

/// How the session stands, for all threads.
final class SessionStatus: @unchecked Sendable {
  // Sendable: the monitor guards all variables.
  private let monitor = Monitor()
  private var current = Client.ConnectionState.connecting
  private var error: ClusterError?
  private var trouble: String?
  private var isWaitOver = false

  var state: Client.ConnectionState { monitor.withLock { current } }
  /// Why the session is over.
  var endError: ClusterError? { monitor.withLock { error } }
  /// What the last attempt to connect ended with.
  var lastTrouble: String? { monitor.withLock { trouble } }

  func connected() {
    monitor.withLock {
      if current != .closed { current = .connected }
      monitor.signal()
    }
  }

  func disconnected(_ reason: String) {
    monitor.withLock {
      trouble = reason
      if current != .closed { current = .disconnected }
    }
  }

  func ended(_ error: ClusterError) {
    monitor.withLock {
      if self.error == nil { self.error = error }
      current = .closed
      monitor.signal()
    }
  }

  /// Nobody shall wait for the first connection any more.
  func endWait() {
    monitor.withLock {
      isWaitOver = true
      monitor.signal()
    }
  }

  /// Waits for the first connection, by the one thread that makes the client.
  ///
  /// - Returns: False when the deadline came first, or the session has ended.
  func waitUntilConnected(until deadline: UInt64?) -> Bool {
    monitor.withLock {
      while current != .connected, current != .closed {
        if isWaitOver { return false }
        if let deadline, martlet_monotonic_nanoseconds() >= deadline { return false }
        monitor.wait(until: deadline)
      }
      return current == .connected
    }
  }
}
