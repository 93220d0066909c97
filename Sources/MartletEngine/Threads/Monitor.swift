import Glibc

/// A mutex, and a place to wait until what it guards has changed.
package final class Monitor: @unchecked Sendable {
  // Sendable: both are made to be used by all threads, and their addresses never change.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  package init() {
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // The clock of `martlet_monotonic_nanoseconds`.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Runs `body` while no other thread is inside.
  package func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Inside `withLock`: waits for a signal, other threads may be inside meanwhile. May also return for no reason.
  ///
  /// - Parameter nanoseconds: When to return at the latest, by the monotonic clock; nil: never.
  /// - Returns: Whether it was so late.
  @discardableResult
  package func wait(until nanoseconds: UInt64? = nil) -> Bool {
    guard let nanoseconds else { return pthread_cond_wait(condition, mutex) != 0 }
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    return pthread_cond_timedwait(condition, mutex, &time) != 0
  }

  /// Lets one thread that waits look again.
  package func signal() { pthread_cond_signal(condition) }
}
