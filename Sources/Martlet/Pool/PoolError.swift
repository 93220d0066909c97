/// Why a pool did not give a result.
public struct PoolError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs.
  public enum Code: Sendable, Hashable {
    /// The pool was closed before the task was submitted.
    case closed
    /// The time given for the task, or for waiting for it, was over.
    case timedOut
    /// The pool's initialiser threw, so it has a thread that no task may run on.
    case initializerFailed
  }

  /// The kind of this failure.
  public let code: Code
  /// What happened.
  public let message: String
  /// What to do about it.
  public let remedy: String
  /// The error below this one, if any.
  public let cause: (any Error)?

  /// The message, the error below, the remedy.
  public var description: String {
    "\(message)\(cause.map { ": \($0)" } ?? ""). \(remedy)"
  }

  static var closed: PoolError {
    PoolError(
      code: .closed, message: "The pool is closed", remedy: "Submit before close(), or make another pool.", cause: nil)
  }

  static func timedOut(_ what: String, after time: Duration) -> PoolError {
    PoolError(
      code: .timedOut, message: "\(what) took longer than \(time)", remedy: "Give it more time, or cancel it.",
      cause: nil)
  }

  static func initializerFailed(_ error: any Error) -> PoolError {
    PoolError(
      code: .initializerFailed, message: "A thread of the pool could not be initialised",
      remedy: "Mend the initialiser, and make another pool.", cause: error)
  }
}
