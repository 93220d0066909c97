import MartletSystem

extension AnyFuture {
  /// Blocks the calling thread until the task has ended.
  ///
  /// Inside a task of the same pool, a task that nobody has started is run here and now when there is no timeout.
  ///
  /// - Parameter timeout: How long to wait at most; nil: as long as it takes.
  /// - Returns: Whether it has ended.
  @available(*, noasync, message: "use await value")
  @discardableResult
  public final func wait(timeout: Duration? = nil) -> Bool {
    waitBlocking(until: Waiting.deadline(after: timeout))
  }

  final func waitBlocking(until deadline: UInt64?) -> Bool {
    if isFinished { return true }
    if deadline == nil, core.runHere(self), isFinished { return true }
    for _ in 0..<core.spinLimit {
      if isFinished { return true }
      martlet_spin_hint()
    }
    let listener = ParkerListener()
    guard add(listener) else { return true }
    let isSet = Waiting.sleep(on: listener.parker, until: deadline)
    if !isSet { remove(listener) }
    return isSet || isFinished
  }

  /// Blocks until the task has a value; throws its error, or when it takes too long.
  @usableFromInline
  final func waitForResult(_ timeout: Duration?) throws {
    guard waitBlocking(until: Waiting.deadline(after: timeout)) else {
      throw PoolError.timedOut("Waiting for a task", after: timeout ?? .zero)
    }
    if let error { throw error }
  }

  /// Suspends the calling Swift task until this one has ended.
  final func waitSuspending() async {
    if isFinished { return }
    await withUnsafeContinuation { continuation in
      if !add(ContinuationListener(continuation)) { continuation.resume() }
    }
    // For the thread sanitizer, which does not see that what resumes a Swift task happens before what the task does then.
    _ = isFinished
  }
}

extension Future {
  /// The value, when the task has ended; throws what its body threw, or `CancellationError` when it was cancelled.
  ///
  /// Cancelling the Swift task that waits here changes nothing: call `cancel()` on the future.
  public var value: Value {
    get async throws {
      await waitSuspending()
      return try finishedResult.get()
    }
  }

  /// The value or the error, when the task has ended.
  public var outcome: Result<Value, any Error> {
    get async {
      await waitSuspending()
      return finishedResult
    }
  }

  /// Blocks the calling thread until the task has ended, and gives its value; see `wait(timeout:)`.
  ///
  /// - Parameter timeout: How long to wait at most; nil: as long as it takes.
  /// - Throws: What the body threw, `CancellationError` when the task was cancelled, `PoolError` (`.timedOut`) when the
  ///   time was over before it ended; it goes on then.
  @available(*, noasync, message: "use await value")
  @inlinable
  public func result(timeout: Duration? = nil) throws -> Value {
    try waitForResult(timeout)
    return finishedValue
  }

  /// Calls `body` with the result, once: on the thread that ended the task, or here and now when it has ended.
  ///
  /// The pool counts the task as in flight until `body` returns: keep it short.
  public func onCompletion(_ body: @escaping @Sendable (Result<Value, any Error>) -> Void) {
    if !add(CallbackListener(body)) { body(finishedResult) }
  }
}

/// Wakes a thread.
private final class ParkerListener: FutureListener, @unchecked Sendable {
  // Sendable: constant.
  let parker = Parker()

  override func futureFinished(_ future: AnyFuture) { parker.set() }
}

/// Resumes a Swift task.
private final class ContinuationListener: FutureListener, @unchecked Sendable {
  // Sendable: constant.
  private let continuation: UnsafeContinuation<Void, Never>

  init(_ continuation: UnsafeContinuation<Void, Never>) { self.continuation = continuation }

  override func futureFinished(_ future: AnyFuture) { continuation.resume() }
}

/// Calls what the user gave.
private final class CallbackListener<Value: Sendable>: FutureListener, @unchecked Sendable {
  // Sendable: constant.
  private let body: @Sendable (Result<Value, any Error>) -> Void

  init(_ body: @escaping @Sendable (Result<Value, any Error>) -> Void) { self.body = body }

  override func futureFinished(_ future: AnyFuture) {
    guard let future = future as? Future<Value> else { return }
    body(future.finishedResult)
  }
}
