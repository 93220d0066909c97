import MartletSystem

/// Waiting on the calling thread, whether it is a pool's or not.
enum Waiting {
  /// Sleeps until `parker` is set; another thread takes the place of a pool's meanwhile.
  ///
  /// - Returns: False when the deadline came first.
  @discardableResult
  static func sleep(on parker: Parker, until deadline: UInt64?) -> Bool {
    if let thread = PoolThread.current, let own = thread.core {
      return own.park(thread, on: parker, until: deadline)
    }
    return parker.wait(until: deadline)
  }

  /// The time after `timeout`, as the monotonic clock will show it; nil for no limit.
  static func deadline(after timeout: Duration?) -> UInt64? {
    guard let timeout else { return nil }
    let (seconds, attoseconds) = timeout.components
    // A few hundred years are no limit either.
    if seconds >= 1 << 33 { return nil }
    if seconds < 0 || attoseconds < 0 { return martlet_monotonic_nanoseconds() }
    return martlet_monotonic_nanoseconds() + UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }

  /// How much of a thread's stack may be in use when a task is run on top of one that waits for it: an eighth, and
  /// three quarters when no more threads can be had.
  static let stackBytes = 1 << 20
  static let lastStackBytes = 6 << 20
}

extension PoolCore {
  /// Sleeps on the calling worker until `parker` is set. Another thread takes its place meanwhile; if there can be no other,
  /// the worker itself runs queued tasks.
  ///
  /// - Returns: False when the deadline came first.
  func park(_ thread: PoolThread, on parker: Parker, until deadline: UInt64?) -> Bool {
    waitElsewhere(thread, on: parker) {
      if lock.withLock({ state.pointee.threads < threadLimit }) { return parker.wait(until: deadline, keeps: true) }
      while true {
        let soon = martlet_monotonic_nanoseconds() + 1_000_000
        if parker.wait(until: min(soon, deadline ?? .max), keeps: true) { return true }
        if martlet_monotonic_nanoseconds() >= deadline ?? .max { return false }
        if isStuck, thread.stackBytes < Waiting.lastStackBytes { runOnTop(thread) }
      }
    }
  }

  /// Whether a task may be run on top of the one that the thread is inside of.
  func hasStack(_ thread: PoolThread) -> Bool {
    let used = thread.stackBytes
    if used < Waiting.stackBytes { return true }
    return used < Waiting.lastStackBytes && lock.withLock { state.pointee.threads >= threadLimit }
  }

  /// Runs a queued task on the calling thread, if that is one of the pool's and nobody has started it: what waits for a
  /// task may as well do it, and nothing lies on the stack then that does not wait for what is on top of it.
  ///
  /// - Returns: Whether it was started.
  func runHere(_ task: AnyFuture) -> Bool {
    guard let thread = PoolThread.current, thread.core === self, hasStack(thread), claim(task) else { return false }
    if run(task, on: thread) { settle(task) }
    return true
  }
}
