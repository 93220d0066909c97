public import MartletGraph

/// Is told of the runs that write to an `EventLog`: each time on the thread that called `run`, which waits for it.
///
/// Events of a run may still be unread in the log when its end is told, but none is written after that.
public protocol RunObserver: AnyObject, Sendable {
  /// A run is about to begin.
  func runBegan(_ run: ObservedRun)
  /// How far the tasks of a run are that run in other processes, which write no events here: all that is known, by label.
  /// Told some times a second, on some thread that must not be kept waiting.
  func runAdvanced(_ run: ObservedRun, _ labels: [RunAdvance])
  /// A run has returned or thrown.
  func runEnded(_ run: ObservedRun, at nanoseconds: UInt64, error: (any Error)?)
}

extension RunObserver {
  /// Does nothing.
  public func runAdvanced(_ run: ObservedRun, _ labels: [RunAdvance]) {}
}

/// How many tasks of one label of a run are how far.
public struct RunAdvance: Sendable, Hashable {
  /// The label; empty for those of all labels beyond some hundred.
  public var label: String
  /// Given to somebody who runs them, now.
  public var running: Int
  /// With a result.
  public var finished: Int
  /// Without one, for good.
  public var failed: Int

  /// Counts of tasks.
  public init(label: String, running: Int = 0, finished: Int = 0, failed: Int = 0) {
    self.label = label
    self.running = running
    self.finished = finished
    self.failed = failed
  }
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
