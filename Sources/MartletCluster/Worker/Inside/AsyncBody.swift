import MartletEngine
import MartletGraph
import MartletProtocol
import MartletSystem
import Synchronization

/// The asynchronous part of a body: a Swift task whose jobs run on the worker's threads, one after the other, when the worker's
/// core has room for it.
///
/// It is `running` while one thread is in `turn`, `parked` when there is no job, because all that it does waits for something,
/// and `awake` from the first job that comes then until a thread is in `turn` again.
final class AsyncBody: TaskExecutor, @unchecked Sendable {
  // Sendable: the lock guards what is mutable, but for `outcome`, which is written by the last job and read behind it.

  private enum State { case running, parked, awake, over }

  private let run: BodyRun
  private let threads: BodyThreads
  private let lock = Lock()
  private var state = State.running
  private var jobs: [UnownedJob] = []
  private var first = 0
  private var task: Task<Void, Never>?
  private var isCancelled = false
  private var outcome: Result<Slot, any Error>?

  init(_ run: BodyRun, _ threads: BodyThreads) {
    self.run = run
    self.threads = threads
  }

  deinit {
    if case .success(var slot)? = outcome { slot.clear() }
  }

  /// Makes the Swift task. It runs in `turn`.
  func start(_ work: AsyncWork, _ inside: InsideCluster?) {
    let ownKey = run.task?.digest
    let task = Task.detached(executorPreference: self) { [self] in
      do {
        let slot = try await InsideCluster.$ofSwiftTask.withValue(inside) {
          try await InsideCluster.$ownKey.withValue(ownKey) { try await work.run() }
        }
        outcome = .success(slot)
      } catch {
        outcome = .failure(error)
      }
      lock.withLock { state = .over }
    }
    let wasCancelled = lock.withLock {
      self.task = task
      return isCancelled
    }
    if wasCancelled { task.cancel() }
  }

  /// Cancels the Swift task. The body is over when that has ended.
  func cancel() {
    let task = lock.withLock {
      isCancelled = true
      return self.task
    }
    task?.cancel()
  }

  // MARK: Jobs

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let isLate = lock.withLock { () -> Bool in
      if state == .over { return true }
      jobs.append(job)
      guard state == .parked else { return false }
      state = .awake
      threads.isAwake(run)
      return false
    }
    // Nothing of the body may be left then; what is, must not be lost.
    if isLate { job.runSynchronously(on: asUnownedTaskExecutor()) }
  }

  /// Runs what there is to run, on this thread.
  ///
  /// - Parameters:
  ///   - isFirst: Whether it was just started.
  ///   - goOn: Is called before the body goes on, if it does.
  ///   - pause: Is called when it waits, before anybody else may go on with it.
  /// - Returns: What it gave, when it is over.
  func turn(isFirst: Bool, goOn: () -> Void, pause: () -> Void) -> Result<Slot, any Error>? {
    let isMine = lock.withLock {
      if isFirst { return true }
      // Another thread may have been faster when everything ends.
      guard state == .awake else { return false }
      state = .running
      goOn()
      return true
    }
    guard isMine else { return nil }
    while let job = next(pause) { job.runSynchronously(on: asUnownedTaskExecutor()) }
    return lock.withLock {
      guard state == .over else { return nil }
      defer { outcome = nil }
      return outcome
    }
  }

  private func next(_ pause: () -> Void) -> UnownedJob? {
    lock.withLock {
      if first < jobs.count {
        defer { first += 1 }
        return jobs[first]
      }
      jobs.removeAll(keepingCapacity: true)
      first = 0
      if state == .running {
        pause()
        state = .parked
        threads.isParked(run)
      }
      return nil
    }
  }

  /// Whether it could go on, and waits to be let.
  var isAwake: Bool { lock.withLock { state == .awake } }
}
