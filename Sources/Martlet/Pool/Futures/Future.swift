public import MartletGraph

/// The result, now or later, of a task that was submitted to a `Pool`.
///
/// Tasks go on when nobody holds their future; what they throw is then lost.
public final class Future<Value: Sendable>: SubmittedTask, @unchecked Sendable {
  // Sendable: as `AnyFuture`.

  @usableFromInline
  override init(pool: Pool, priority: Pool.Priority, timeout: Duration?, _ work: Work) {
    super.init(pool: pool, priority: priority, timeout: timeout, work)
  }

  /// What the task gave, once it has ended.
  public var resultIfFinished: Result<Value, any Error>? { isFinished ? finishedResult : nil }

  /// What the finished task gave.
  @inlinable var finishedResult: Result<Value, any Error> {
    if let error { return .failure(error) }
    return .success(finishedValue)
  }

  /// The value of the task that ended without an error.
  @inlinable var finishedValue: Value {
    if let value = slot.value(as: Value.self) { return value }
    invariantFailure("a future has a value of another type than it says")
  }
}
