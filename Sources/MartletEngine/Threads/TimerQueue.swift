import MartletSystem

/// Calls functions at given times, from one thread of the process that sleeps in between. It is started when something is
/// to be called, and ends when there has been nothing for some seconds.
///
/// Some 0.3 µs for a call set up and taken back.
package final class TimerQueue: @unchecked Sendable {
  // Sendable: everything is used under the monitor.

  /// The queue of this process.
  package static let shared = TimerQueue()

  private let monitor = Monitor()
  /// By number; what was taken back is missing here and still in `times`.
  private var actions: [UInt64: @Sendable () -> Void] = [:]
  /// A binary heap.
  private var times: [(nanoseconds: UInt64, number: UInt64)] = []
  private var lastNumber: UInt64 = 0
  private var hasThread = false
  private static let patience: UInt64 = 5_000_000_000

  /// Calls `action` at a time of the monotonic clock. It must be short: others wait for their time behind it.
  ///
  /// - Returns: For `cancel`.
  package func schedule(at nanoseconds: UInt64, _ action: @escaping @Sendable () -> Void) -> UInt64 {
    let (number, isStart) = monitor.withLock {
      lastNumber += 1
      actions[lastNumber] = action
      insert((nanoseconds, lastNumber))
      let isStart = !hasThread
      hasThread = true
      if !isStart, times[0].number == lastNumber { monitor.signal() }
      return (lastNumber, isStart)
    }
    if isStart { startThread(named: "martlet-timer") { [self] in work() } }
    return number
  }

  /// Takes a call back, and frees its function. It may be running all the same.
  package func cancel(_ number: UInt64) {
    // Freed after the lock is: what a function holds may come here again when it goes.
    let action = monitor.withLock { () -> (@Sendable () -> Void)? in
      let action = actions.removeValue(forKey: number)
      if times.count > 64, times.count > 2 * actions.count { removeCancelled() }
      return action
    }
    withExtendedLifetime(action) {}
  }

  /// How many calls are to come.
  package var count: Int { monitor.withLock { actions.count } }

  private func work() {
    while let action = next() { action() }
  }

  /// Waits for the next call; nil when the thread has to end.
  private func next() -> (@Sendable () -> Void)? {
    monitor.withLock {
      while true {
        let now = martlet_monotonic_nanoseconds()
        guard let first = times.first else {
          if monitor.wait(until: now + TimerQueue.patience), times.isEmpty {
            hasThread = false
            return nil
          }
          continue
        }
        if first.nanoseconds <= now {
          removeFirst()
          if let action = actions.removeValue(forKey: first.number) { return action }
        } else if actions[first.number] == nil {
          removeFirst()
        } else {
          monitor.wait(until: first.nanoseconds)
        }
      }
    }
  }

  private func removeCancelled() {
    let kept = times.filter { actions[$0.number] != nil }
    times = []
    for time in kept { insert(time) }
  }

  private func isBefore(_ left: Int, _ right: Int) -> Bool {
    let (left, right) = (times[left], times[right])
    return left.nanoseconds == right.nanoseconds
      ? left.number < right.number : left.nanoseconds < right.nanoseconds
  }

  private func insert(_ time: (nanoseconds: UInt64, number: UInt64)) {
    times.append(time)
    var place = times.count - 1
    while place > 0, isBefore(place, (place - 1) / 2) {
      times.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  private func removeFirst() {
    let last = times.removeLast()
    if times.isEmpty { return }
    times[0] = last
    var place = 0
    while true {
      var least = place
      for child in [2 * place + 1, 2 * place + 2] where child < times.count && isBefore(child, least) { least = child }
      if least == place { return }
      times.swapAt(place, least)
      place = least
    }
  }
}

extension Duration {
  /// In whole nanoseconds, at least 0, and at most some hundred years.
  package var clampedNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    if seconds < 0 || attoseconds < 0 { return 0 }
    return UInt64(min(seconds, 4_000_000_000)) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}
