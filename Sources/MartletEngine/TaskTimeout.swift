/// An attempt of a task took longer than its trait `timeout` allows.
public struct TaskTimeout: Error, Sendable, Equatable, CustomStringConvertible {
  /// What an attempt may take.
  public let limit: Duration

  /// What an attempt may take.
  public var description: String { "took longer than its limit of \(limit)" }
}
