/// What the colours of a picture of a graph stand for. Arrays have an element for each task, by its number (`TaskID`);
/// where one is too short, tasks are drawn without colour.
public enum GraphColoring: Sendable {
  /// Tasks of one label have one colour.
  case label
  /// How far each task is.
  case state([TaskState])
  /// The static order of the graph.
  case order
  /// How long each task took, in nanoseconds; nil for those that have not run.
  case duration([UInt64?])
  /// What each result takes in memory, in bytes; nil where nobody knows.
  case memory([Int?])
}

/// How far a task is.
public enum TaskState: UInt8, Sendable, CaseIterable {
  /// No result that was asked for needs it.
  case unneeded
  /// It has not begun.
  case waiting
  /// It has begun.
  case running
  /// It has given its result.
  case done
  /// It threw.
  case failed
}
