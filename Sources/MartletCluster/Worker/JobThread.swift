import MartletEngine

/// One thread that does one job after the other: what would take the loop too long.
final class JobThread: @unchecked Sendable {
  // Sendable: everything is used under the monitor.
  private let monitor = Monitor()
  private let name: String
  /// Those before `first` are taken.
  private var jobs: [(@Sendable () -> Void)?] = []
  private var first = 0
  private var isClosed = false
  private var isStarted = false
  private var hasEnded = false
  private var atEnd: (@Sendable () -> Void)?

  /// The thread is started by the first job.
  init(name: String) { self.name = name }

  /// Does a job after those that were submitted before; not once it was closed.
  func submit(_ job: @escaping @Sendable () -> Void) {
    let starts = monitor.withLock {
      if isClosed { return false }
      jobs.append(job)
      monitor.signal()
      defer { isStarted = true }
      return !isStarted
    }
    if starts { startThread(named: name) { [self] in work() } }
  }

  /// Takes no further jobs, drops those that wait, and ends after the one that is being done and `last`. Returns at once.
  func close(_ last: @escaping @Sendable () -> Void = {}) {
    let runsHere = monitor.withLock {
      if isClosed { return false }
      isClosed = true
      jobs = []
      first = 0
      atEnd = last
      monitor.signal()
      if !isStarted { hasEnded = true }
      return !isStarted
    }
    if runsHere { last() }
  }

  /// Whether it has been closed and does nothing any more.
  var isDone: Bool { monitor.withLock { hasEnded } }

  private func work() {
    // In a function, so that what a job holds is freed before the next is waited for.
    while runNext() {}
    let last = monitor.withLock {
      defer { atEnd = nil }
      return atEnd
    }
    last?()
    monitor.withLock { hasEnded = true }
  }

  private func runNext() -> Bool {
    let job: (@Sendable () -> Void)? = monitor.withLock {
      while first == jobs.count {
        if isClosed { return nil }
        monitor.wait()
      }
      defer {
        jobs[first] = nil
        first += 1
        if first == jobs.count {
          jobs.removeAll(keepingCapacity: jobs.count < 1024)
          first = 0
        }
      }
      return jobs[first]
    }
    guard let job else { return false }
    job()
    return true
  }
}
