import MartletSystem
import Synchronization

/// Threads for jobs that may take long or sleep: started when a job finds no idle one, kept for some seconds. As many as there
/// are jobs at one time: who submits them sees to a limit.
package final class ThreadCache: @unchecked Sendable {
  // Sendable: everything is used under the monitor, but for `waiting`, which is atomic.

  private let name: String
  /// More idle threads than this are not kept.
  private let idleLimit: Int
  /// How often an idle thread looks for a job before it sleeps.
  private let spinLimit: Int
  private let monitor = Monitor()
  /// Those before `firstJob` are taken.
  private var jobs: [(@Sendable () -> Void)?] = []
  private var firstJob = 0
  private var count = 0
  /// Threads without a job.
  private var idle = 0
  /// Those of them that sleep.
  private var sleeping = 0
  private var freeNumbers: [Int] = []
  private var isClosed = false
  /// The number of jobs that nobody has taken, for who spins.
  private let waiting = Atomic<Int>(0)
  private let patience: UInt64

  package init(name: String, idleLimit: Int, spinLimit: Int = 0, patience: Duration = .seconds(5)) {
    self.name = name
    self.idleLimit = idleLimit
    self.spinLimit = spinLimit
    self.patience = patience.clampedNanoseconds
  }

  /// Runs a job on a thread of its own.
  package func submit(_ job: @escaping @Sendable () -> Void) {
    let started = monitor.withLock { () -> Int? in
      let ahead = jobs.count - firstJob
      jobs.append(job)
      waiting.store(ahead + 1, ordering: .relaxed)
      if ahead < idle {
        // A thread that spins sees `waiting`; when all of those have something to do already, one that sleeps is needed.
        if ahead >= idle - sleeping { monitor.signal() }
        return nil
      }
      count += 1
      // It counts as idle until it has taken a job, so that the next job does not count on it.
      idle += 1
      return freeNumbers.popLast() ?? count - 1
    }
    if let started { startThread(named: "\(name)-\(started)") { [self] in work(started) } }
  }

  /// Lets idle threads end at once, and busy ones after their jobs and those that wait.
  package func close() {
    monitor.withLock {
      isClosed = true
      for _ in 0..<sleeping { monitor.signal() }
    }
  }

  /// The number of threads.
  package var threadCount: Int { monitor.withLock { count } }

  private func work(_ number: Int) {
    while true {
      // In a function, so that what the job holds is freed before the thread counts as idle.
      guard runNext(number) else { return }
      monitor.withLock { idle += 1 }
    }
  }

  private func runNext(_ number: Int) -> Bool {
    guard let job = next(number) else { return false }
    job()
    return true
  }

  /// The next job; nil when the thread has to end. The thread is counted as idle when it comes here.
  private func next(_ number: Int) -> (@Sendable () -> Void)? {
    for _ in 0..<spinLimit where waiting.load(ordering: .relaxed) == 0 { martlet_spin_hint() }
    return monitor.withLock { () -> (@Sendable () -> Void)? in
      while firstJob == jobs.count {
        var isLate = isClosed || idle > idleLimit
        if !isLate {
          sleeping += 1
          isLate = monitor.wait(until: martlet_monotonic_nanoseconds() + patience)
          sleeping -= 1
        }
        if isLate || isClosed, firstJob == jobs.count {
          idle -= 1
          count -= 1
          freeNumbers.append(number)
          return nil
        }
      }
      idle -= 1
      let job = jobs[firstJob]
      jobs[firstJob] = nil
      firstJob += 1
      if firstJob == jobs.count {
        jobs.removeAll(keepingCapacity: jobs.count < 1024)
        firstJob = 0
      } else if firstJob > 1024, firstJob > jobs.count / 2 {
        jobs.removeFirst(firstJob)
        firstJob = 0
      }
      waiting.store(jobs.count - firstJob, ordering: .relaxed)
      return job
    }
  }
}
