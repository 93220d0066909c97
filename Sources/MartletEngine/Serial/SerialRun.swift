import MartletGraph
import MartletSystem

/// A run on the thread that called: where it waits for a Swift task or for the time of the next attempt, and what wakes it.
final class SerialRun: AsyncRun, @unchecked Sendable {
  // Sendable: the variables are used under the monitor, the rest is constant.

  /// Cancelled when the run ends early; what its tasks start is to end with it.
  let scope = CancellationSource()
  let options: RunOptions
  /// The source of the task that this run is part of.
  private let outer: CancellationSource?
  private let monitor = Monitor()
  private var isOver = false
  private var outcome: Result<Slot, any Error>?

  init(_ options: RunOptions) {
    self.options = options
    outer = CurrentSource.value
  }

  /// Carries out `body`, which is to end when one of the sources is cancelled that the run has to obey.
  func obeying<Result>(_ body: () throws -> Result) rethrows -> Result {
    let end: @Sendable () -> Void = { self.end() }
    let registrations = (options.cancellation?.onCancel(end) ?? 0, outer?.onCancel(end) ?? 0)
    let before = CurrentSource.enter(scope)
    defer {
      CurrentSource.leave(before)
      options.cancellation?.remove(registrations.0)
      outer?.remove(registrations.1)
    }
    return try body()
  }

  /// Whether nobody wants the results any more.
  var isCancelled: Bool { options.cancellation?.isCancelled ?? false || outer?.isCancelled ?? false }

  /// Waits for the rest of a task in a Swift task.
  func result(of task: Int, _ work: AsyncWork, limit: Duration?) throws -> Slot {
    let attempt = AsyncAttempt(self, task, work, limit: limit)
    let registration = scope.onCancel { attempt.cancel() }
    defer { scope.remove(registration) }
    attempt.start()
    return try monitor.withLock {
      while true {
        if let outcome {
          self.outcome = nil
          return outcome
        }
        monitor.wait()
      }
    }.get()
  }

  /// Waits for some time, or until the run is over.
  func sleep(_ nanoseconds: UInt64) {
    let end = martlet_monotonic_nanoseconds() &+ nanoseconds
    monitor.withLock {
      while !isOver, martlet_monotonic_nanoseconds() < end { monitor.wait(until: end) }
    }
  }

  func asyncBegins(_ task: Int) -> EventRing? { nil }

  func asyncEnded(_ task: Int, _ outcome: Result<Slot, any Error>, _ ring: EventRing?) {
    monitor.withLock {
      self.outcome = outcome
      monitor.signal()
    }
  }

  private func end() {
    scope.cancel()
    monitor.withLock {
      isOver = true
      monitor.signal()
    }
  }
}
