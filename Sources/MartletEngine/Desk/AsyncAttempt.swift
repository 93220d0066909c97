import MartletGraph
import MartletSystem

/// A run, as the attempts in Swift tasks see it.
protocol AsyncRun: AnyObject, Sendable {
  /// Cancelled when the run ends early.
  var scope: CancellationSource { get }
  var options: RunOptions { get }
  /// The Swift task of `task` has begun.
  ///
  /// - Returns: Where to write its events, for `asyncEnded`.
  func asyncBegins(_ task: Int) -> EventRing?
  /// The Swift task of `task` has come to its end, and holds nothing of the task any more.
  func asyncEnded(_ task: Int, _ outcome: Result<Slot, any Error>, _ ring: EventRing?)
}

/// One attempt of a task in a Swift task.
final class AsyncAttempt: @unchecked Sendable {
  // Sendable: `handle` and `isCancelled` are used under the lock; `work` belongs to who starts the attempt, then
  // to its Swift task.

  let task: Int
  private let run: any AsyncRun
  private var work: AsyncWork?
  private let limit: Duration?
  private let lock = Lock()
  private var handle: Task<Void, Never>?
  private var isCancelled = false

  init(_ run: any AsyncRun, _ task: Int, _ work: AsyncWork, limit: Duration?) {
    self.run = run
    self.task = task
    self.work = work
    self.limit = limit
  }

  /// Starts the Swift task: where the run is told to, or by itself.
  func start() {
    if let start = run.options.startAsync { return start(self) }
    started(Task.detached { await self.perform() })
  }

  /// Notes the Swift task that performs this.
  func started(_ handle: Task<Void, Never>) {
    let isCancelled = lock.withLock {
      self.handle = handle
      return self.isCancelled
    }
    if isCancelled { handle.cancel() }
  }

  /// Cancels the Swift task. The attempt is over when that has ended.
  func cancel() {
    let handle = lock.withLock {
      isCancelled = true
      return self.handle
    }
    handle?.cancel()
  }

  /// Does the rest of the task, and hands its result to the run.
  func perform() async {
    let ring = run.asyncBegins(task)
    let timed = limit.map { limit in
      TimedAttempt(limit, within: run.scope) { [weak self] in self?.cancel() }
    }
    var outcome = await CurrentSource.$ofSwiftTask.withValue(timed?.source ?? run.scope) {
      await EventLog.$current.withValue(run.options.events) { await performWork() }
    }
    if let timed, timed.finish() {
      if case .success(var slot) = outcome { slot.clear() }
      outcome = .failure(TaskTimeout(limit: timed.limit))
    }
    run.asyncEnded(task, outcome, ring)
    lock.withLock { handle = nil }
  }

  /// A function of its own, so that what the body holds is freed before the run hears of its end.
  private func performWork() async -> Result<Slot, any Error> {
    let work = work
    self.work = nil
    if lock.withLock({ isCancelled }) { return .failure(CancellationError()) }
    do { return .success(try await work!.run()) } catch { return .failure(error) }
  }
}

/// One attempt of a task whose time is limited.
final class TimedAttempt: @unchecked Sendable {
  // Sendable: constant after `init`, but for `timer`, which belongs to who finishes the attempt.

  /// Cancelled when the time is up or the run ends.
  let source = CancellationSource()
  let limit: Duration
  private let scope: CancellationSource
  private let registration: Int
  private let deadline: UInt64
  private let timer: UInt64

  /// - Parameters:
  ///   - scope: The source of the run.
  ///   - onTimeout: What to do besides cancelling `source`.
  init(_ limit: Duration, within scope: CancellationSource, onTimeout: (@Sendable () -> Void)? = nil) {
    self.limit = limit
    self.scope = scope
    let source = source
    deadline = martlet_monotonic_nanoseconds() &+ limit.clampedNanoseconds
    registration = scope.onCancel { source.cancel() }
    timer = TimerQueue.shared.schedule(at: deadline) {
      source.cancel()
      onTimeout?()
    }
  }

  /// The attempt is over.
  ///
  /// - Returns: Whether it took too long.
  func finish() -> Bool {
    TimerQueue.shared.cancel(timer)
    scope.remove(registration)
    return martlet_monotonic_nanoseconds() >= deadline
  }
}
