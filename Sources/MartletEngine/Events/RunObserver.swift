public import MartletGraph

/// Is told of the runs that write to an `EventLog`: each time on the thread that called `run`, which waits for it.
///
/// Events of a run may still be unread in the log when its end is told, but none is written after that.
public protocol RunObserver: AnyObject, Sendable {
  /// A run is about to begin.
  func runBegan(_ run: ObservedRun)
  /// A run has returned or thrown.
  func runEnded(_ run: ObservedRun, at nanoseconds: UInt64, error: (any Error)?)
}

/// A run that writes to an `EventLog`.
public struct ObservedRun: Sendable {
  /// Counts the runs of the log, from 1.
  public let number: Int
  /// What is run. The events of the run have its stamp.
  public let graph: TaskGraph
  /// What was asked for.
  public let outputs: [TaskID]
  /// How many tasks the outputs need.
  public let taskCount: Int
  /// How many threads may work on it.
  public let threads: Int
  /// When, in nanoseconds of the monotonic clock.
  public let begin: UInt64
}
