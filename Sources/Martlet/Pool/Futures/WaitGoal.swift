/// How much of several tasks to wait for.
public enum WaitGoal: Sendable, Hashable {
  /// That one has ended.
  case first
  /// That one has failed or was cancelled, or all have ended.
  case firstFailure
  /// That all have ended.
  case all
}

/// What became of tasks that somebody waited for, in their order.
public struct WaitOutcome<Future: AnyFuture>: Sendable {
  /// Those that have ended.
  public let finished: [Future]
  /// Those that wait or run.
  public let unfinished: [Future]

  init(_ futures: some Collection<Future>) {
    var finished: [Future] = []
    var unfinished: [Future] = []
    for future in futures {
      if future.isFinished { finished.append(future) } else { unfinished.append(future) }
    }
    self.finished = finished
    self.unfinished = unfinished
  }
}
