import Glibc

/// What one thread sleeps on: `set()` by any other thread ends the wait, also when it comes first. A condition variable,
/// because the thread sanitizer understands it, and because it can wait for a limited time.
final class Parker: @unchecked Sendable {
  // Sendable: the mutex guards the flag, and none of the addresses changes.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private let isSet: UnsafeMutablePointer<Bool>

  init() {
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    isSet = .allocate(capacity: 1)
    isSet.initialize(to: false)
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
    isSet.deallocate()
  }

  /// Ends the wait of this time or, where nobody waits, of the next.
  func set() {
    pthread_mutex_lock(mutex)
    isSet.pointee = true
    // Under the mutex: who waits may drop the parker as soon as it is free.
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }

  /// Whether it was set and nobody has waited since.
  var isSetNow: Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return isSet.pointee
  }

  /// Makes it as it was before `set()`.
  func forget() {
    pthread_mutex_lock(mutex)
    isSet.pointee = false
    pthread_mutex_unlock(mutex)
  }

  /// Sleeps until `set()`, and forgets it.
  ///
  /// - Parameters:
  ///   - deadline: Nanoseconds of the monotonic clock; nil: no end.
  ///   - keeps: Whether it stays set, until `forget()`.
  /// - Returns: Whether it was set; false when the deadline came first.
  @discardableResult
  func wait(until deadline: UInt64? = nil, keeps: Bool = false) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if let deadline {
      var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
      while !isSet.pointee {
        if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { break }
      }
    } else {
      while !isSet.pointee { pthread_cond_wait(condition, mutex) }
    }
    defer { if !keeps { isSet.pointee = false } }
    return isSet.pointee
  }
}
