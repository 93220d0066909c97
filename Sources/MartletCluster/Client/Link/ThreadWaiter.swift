import MartletEngine
import MartletSystem

/// What one thread sleeps on until another one sets it.
final class ThreadWaiter: @unchecked Sendable {
  // Sendable: the monitor guards the flag.
  private let monitor = Monitor()
  private var isSet = false

  func set() {
    monitor.withLock {
      isSet = true
      monitor.signal()
    }
  }

  /// - Returns: False when the deadline came first.
  @discardableResult
  func wait(until deadline: UInt64? = nil) -> Bool {
    monitor.withLock {
      while !isSet {
        if let deadline, martlet_monotonic_nanoseconds() >= deadline { return false }
        monitor.wait(until: deadline)
      }
      return true
    }
  }

  /// Looks for a moment before anybody sleeps: a wake-up takes longer than a short answer.
  static func spin(_ isDone: () -> Bool) -> Bool {
    for _ in 0..<spinLimit {
      if isDone() { return true }
      martlet_spin_hint()
    }
    return isDone()
  }

  private static let spinLimit = 200

  /// The time after `timeout`, as the monotonic clock will show it; nil for no limit.
  static func deadline(after timeout: Duration?) -> UInt64? {
    guard let timeout else { return nil }
    let (end, overflow) = martlet_monotonic_nanoseconds().addingReportingOverflow(nanoseconds(timeout))
    return overflow ? nil : end
  }

  /// Whole nanoseconds: none where it is negative, and a few hundred years at most.
  static func nanoseconds(_ time: Duration) -> UInt64 {
    let (seconds, attoseconds) = time.components
    if seconds < 0 || attoseconds < 0 { return 0 }
    return UInt64(min(seconds, 1 << 33)) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}

/// Resumes one suspended Swift task, once, whichever comes first: the suspension or the reason to go on.
final class TaskGate: @unchecked Sendable {
  // Sendable: the state is used under the lock.
  private let lock = Lock()
  private var continuation: UnsafeContinuation<Void, Never>?
  private var isOpen = false

  func suspend(_ continuation: UnsafeContinuation<Void, Never>) {
    let resumes = lock.withLock {
      if isOpen { return true }
      self.continuation = continuation
      return false
    }
    if resumes { continuation.resume() }
  }

  func open() {
    let waiting = lock.withLock {
      isOpen = true
      defer { continuation = nil }
      return continuation
    }
    waiting?.resume()
  }
}
