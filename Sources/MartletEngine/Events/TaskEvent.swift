public import MartletGraph

/// Something that happened to a task.
public struct TaskEvent: Sendable, BitwiseCopyable {
  /// What happened.
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// The task began to run.
    case taskStarted
    /// The task has given its result.
    case taskEnded
    /// The task threw, and with it the run fails.
    case taskFailed
    /// An attempt of the task failed; another one follows.
    case taskRetried
    /// The task waits without a thread from here on: it is started once more, under a number that is no thread's.
    case taskSuspended
  }

  /// When, in nanoseconds of the monotonic clock.
  public let nanoseconds: UInt64
  /// Bytes that the task says it has read; 0 at its start.
  public let bytesIn: Int
  /// Bytes that the task says it has written; 0 at its start.
  public let bytesOut: Int
  /// What the result takes in memory; 0 but at the end.
  public let resultBytes: Int
  /// The task.
  public let task: TaskID
  /// The number of the task's label in its graph.
  public let label: UInt32
  /// Which graph the task belongs to: the same for all events of one graph.
  public let graph: UInt32
  /// Which thread it ran on: numbered from 0 within the log. Events of one number never overlap, but for those of a task
  /// that runs a graph. While asynchronous tasks wait, each has a number of its own.
  public let thread: UInt16
  /// What happened.
  public let kind: Kind
}
