public import MartletGraph

extension Pool {
  /// Runs `body` on a thread of the pool.
  ///
  /// Blocks while the pool has no room; see `Pool`. On a closed pool the future fails with `PoolError` (`.closed`).
  ///
  /// - Parameters:
  ///   - priority: How soon it is started.
  ///   - timeout: How long it may run before it is asked to stop; when it then throws `CancellationError`, the future fails
  ///     with `PoolError` (`.timedOut`). A body that never looks at `Pool.isCurrentTaskCancelled` is not stopped.
  ///   - body: What to do. What it throws is the future's error.
  /// - Complexity: Some 0.2 µs, with the running and finishing of an empty body less than 1 µs.
  @inlinable
  public func submit<Value: Sendable>(
    priority: Priority = .normal, timeout: Duration? = nil, _ body: @escaping @Sendable () throws -> Value
  ) -> Future<Value> {
    let future = Future<Value>(pool: self, priority: priority, timeout: timeout, .synchronous { $0.fill(try body()) })
    accept(future)
    return future
  }

  /// Runs the asynchronous `body` on the threads of the pool; it holds none while it waits.
  ///
  /// Blocks while the pool has no room; see `Pool`. On a closed pool the future fails with `PoolError` (`.closed`).
  ///
  /// - Parameters:
  ///   - priority: How soon it is started; once it has, its pieces run before what is queued.
  ///   - timeout: How long it may run before it is cancelled; when it then throws `CancellationError`, the future fails
  ///     with `PoolError` (`.timedOut`).
  ///   - body: What to do. What it throws is the future's error.
  /// - Complexity: Some microseconds: Swift makes a task of its own for the body.
  @inlinable
  public func submit<Value: Sendable>(
    priority: Priority = .normal, timeout: Duration? = nil, _ body: @escaping @Sendable () async throws -> Value
  ) -> Future<Value> {
    let future = Future<Value>(
      pool: self, priority: priority, timeout: timeout,
      .asynchronous {
        let value = try await body()
        var slot = Slot()
        slot.fill(value)
        return slot
      })
    accept(future)
    return future
  }

  /// Runs `body` on a thread of the pool; suspends while the pool has no room.
  ///
  /// When the Swift task that waits for room is cancelled, the body never runs, and the future is cancelled. The rest as
  /// without `await`.
  @inlinable
  public func submit<Value: Sendable>(
    priority: Priority = .normal, timeout: Duration? = nil, _ body: @escaping @Sendable () throws -> Value
  ) async -> Future<Value> {
    let future = Future<Value>(pool: self, priority: priority, timeout: timeout, .synchronous { $0.fill(try body()) })
    await accept(future)
    return future
  }

  /// Runs the asynchronous `body` on the threads of the pool; suspends while the pool has no room.
  ///
  /// When the Swift task that waits for room is cancelled, the body never runs, and the future is cancelled. The rest as
  /// without `await`.
  @inlinable
  public func submit<Value: Sendable>(
    priority: Priority = .normal, timeout: Duration? = nil, _ body: @escaping @Sendable () async throws -> Value
  ) async -> Future<Value> {
    let future = Future<Value>(
      pool: self, priority: priority, timeout: timeout,
      .asynchronous {
        let value = try await body()
        var slot = Slot()
        slot.fill(value)
        return slot
      })
    await accept(future)
    return future
  }

  @usableFromInline func accept(_ task: AnyFuture) { core.submit(task) }

  @usableFromInline func accept(_ task: AnyFuture) async { await core.submit(task) }

  /// Whether somebody has asked the running task to stop: `cancel()` on its future, the end of its time, `close(cancelling:
  /// true)`, the end of the `map` that it is a part of. Outside of tasks: whether the Swift task is cancelled.
  ///
  /// Some 10 ns: long tasks ask every millisecond or so.
  public static var isCurrentTaskCancelled: Bool {
    if let task = PoolThread.current?.task { return task.wantsStop }
    if let task = AsyncTask.current, task.wantsStop { return true }
    return Task.isCancelled
  }

  /// Throws `CancellationError` when somebody has asked the running task to stop.
  public static func checkCancellation() throws {
    if isCurrentTaskCancelled { throw CancellationError() }
  }

  /// The number of the pool's thread that runs this, from 0, and unlike that of any other running task of the pool; nil
  /// elsewhere. For scratch memory that is used again.
  public static var threadIndex: Int? {
    guard let thread = PoolThread.current, thread.core != nil else { return nil }
    return thread.index
  }
}
