import Glibc
import MartletEngine
import MartletNet
import MartletSystem
import Synchronization

/// What one thread sleeps on until another one sets it.
final class ThreadWaiter: @unchecked Sendable {
  // Sendable: the monitor guards the flag.
  private let monitor = Monitor()
  private var isSet = false

  func set() {
    monitor.withLock { isSet = true }
    // Outside of the lock, which who wakes up takes first.
    monitor.signal()
  }

  /// - Returns: False when the deadline came first. True also when the body of a task that waits here was cancelled.
  @discardableResult
  func wait(until deadline: UInt64? = nil) -> Bool {
    // A body of a task lets others compute meanwhile.
    let rest = BodyRest.begin { self.set() }
    defer { rest?.end() }
    let start = martlet_monotonic_nanoseconds()
    let wasSet = monitor.withLock {
      while !isSet {
        if let deadline, martlet_monotonic_nanoseconds() >= deadline { return false }
        monitor.wait(until: deadline)
      }
      return true
    }
    if wasSet { Patience.shared.slept(since: start) }
    return wasSet
  }

  /// Looks for a moment before anybody sleeps: a wake-up takes longer than a short answer.
  static func spin(_ isDone: () -> Bool) -> Bool {
    if isDone() { return true }
    return Patience.shared.spin(isDone)
  }

  /// Somebody slept since `start`, and then there was an answer.
  static func slept(since start: UInt64) { Patience.shared.slept(since: start) }

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

/// Lets one thread of the program at a time look for an answer for a moment before it sleeps, while answers come fast. The
/// others sleep at once: more threads that poll than processors would only be in each other's way.
private final class Patience: @unchecked Sendable {
  // Sendable: who has set `isTaken` owns the policy.
  static let shared = Patience()

  private let isTaken = Atomic<Bool>(false)
  private var policy = PollPolicy(limitNanoseconds: 200_000)

  private func take() -> Bool {
    // Acquires what the owner before has written.
    !isTaken.load(ordering: .relaxed) && !isTaken.exchange(true, ordering: .acquiring)
  }

  private func giveBack() { isTaken.store(false, ordering: .releasing) }

  func spin(_ isDone: () -> Bool) -> Bool {
    guard take() else { return false }
    defer { giveBack() }
    guard policy.polls else { return false }
    var before = martlet_monotonic_nanoseconds()
    let end = before + policy.limit
    while !isDone() {
      sched_yield()
      let time = martlet_monotonic_nanoseconds()
      if time - before > PollPolicy.crowdedNanoseconds {
        policy.crowded(at: time)
        return isDone()
      }
      if time >= end {
        policy.pollingFailed()
        return isDone()
      }
      before = time
    }
    policy.found()
    return true
  }

  func slept(since start: UInt64) {
    guard take() else { return }
    policy.slept(from: start, to: martlet_monotonic_nanoseconds())
    giveBack()
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
