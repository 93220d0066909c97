import MartletGraph
public import MartletSystem

/// Threads that run what is submitted to them, and give a typed `Future` for each.
///
///     let pool = Pool()
///     let future = pool.submit { fibonacci(90) }
///     print(try future.result())
///
/// Bodies may be synchronous or asynchronous; an asynchronous one runs on the pool's threads and holds none while it waits.
/// Tasks start in the order in which they were submitted, those of higher priority first.
///
/// **Waiting inside a task** for another task of the same pool never stops the pool, also when it has one thread: a future
/// that nobody has started is run at once by who waits for it, and while a task waits for one that runs elsewhere, another
/// thread takes its place (up to 256 more than `width`).
///
/// **Room.** At most `maximumInFlight` tasks are submitted and not finished. Beyond that `submit` blocks the calling thread,
/// `await submit` suspends, and inside a task of the same pool the body is run at once, before `submit` returns: it is then
/// a part of the task that submitted it.
///
/// **The end.** Threads are started when there is something to do, and stay until the pool is closed. `close()` refuses
/// what comes later (but not what the pool's own tasks submit), lets everything finish, and waits for the threads;
/// `close(cancelling: true)` cancels instead. A pool that nobody refers to any more does as `close()`, but does not wait.
public final class Pool: Sendable {
  /// Tasks that run at the same time.
  public var width: Int { core.width }
  /// Tasks that are submitted and not finished, at most.
  public var maximumInFlight: Int { core.maximumInFlight }
  /// Tasks that were submitted and not counted off yet; a task is, a moment after its future has finished.
  public var inFlight: Int { core.lock.withLock { core.state.pointee.inFlight } }

  let core: PoolCore

  /// A pool for all processors that this process may use. It must not be closed.
  public static let shared = Pool()

  /// How soon a task is started.
  public enum Priority: Sendable, Hashable {
    /// When nothing else waits.
    case low
    /// In its turn.
    case normal
    /// Before all others.
    case high

    var rank: Int {
      switch self {
      case .normal: 0
      case .high: 1
      case .low: -1
      }
    }
  }

  /// A pool. No thread is started before there is something to do.
  ///
  /// - Parameters:
  ///   - width: How many tasks run at the same time, at least 1; by default the processors that this process may use.
  ///   - maximumInFlight: How many tasks may be submitted and not finished, at least 1.
  ///   - initializer: Runs on each thread before its first task and is given the thread's number, from 0. When it throws,
  ///     every task that has not started fails with `PoolError` (`.initializerFailed`). Threads that take the place
  ///     of waiting ones have numbers from `width` on; the number of a thread that has ended is given again.
  public convenience init(
    width: Int = Int(martlet_available_processors()), maximumInFlight: Int = 1 << 16,
    initializer: (@Sendable (Int) throws -> Void)? = nil
  ) {
    self.init(
      width: width, maximumInFlight: maximumInFlight, spareThreads: 256, spinLimit: 1000, initializer: initializer)
  }

  /// - Parameters:
  ///   - spareThreads: Threads at most beyond `width`, for those that wait inside tasks.
  ///   - spinLimit: How often a thread looks for work before it sleeps.
  init(
    width: Int, maximumInFlight: Int = 1 << 16, spareThreads: Int, spinLimit: Int = 1000,
    initializer: (@Sendable (Int) throws -> Void)? = nil
  ) {
    let width = max(1, min(width, 1024))
    core = PoolCore(
      width: width, maximumInFlight: max(1, maximumInFlight), threadLimit: width + max(0, spareThreads),
      spinLimit: spinLimit, initializer: initializer)
  }

  deinit { core.close(isCancelling: false, closer: nil) }

  // MARK: Closing

  /// Refuses what is submitted from now on, and waits until everything submitted before is finished and the threads have
  /// ended. Called again, it waits again.
  ///
  /// Must not be called inside a task of the pool, which would wait for itself: that stops the program.
  ///
  /// - Parameter cancelling: Whether to cancel everything that has not finished. Tasks that nobody started never run; those
  ///   that run are asked to stop, and waited for.
  @available(*, noasync, message: "use the asynchronous close()")
  public func close(cancelling: Bool = false) {
    checkOutside()
    let parker = Parker()
    core.close(isCancelling: cancelling, closer: Closer { parker.set() })
    Waiting.sleep(on: parker, until: nil)
  }

  /// Refuses what is submitted from now on, and waits until everything submitted before is finished and the threads have
  /// ended; no thread is held meanwhile.
  ///
  /// Must not be called inside a task of the pool, which would wait for itself: that stops the program.
  ///
  /// - Parameter cancelling: Whether to cancel everything that has not finished.
  public func close(cancelling: Bool = false) async {
    checkOutside()
    await withUnsafeContinuation { continuation in
      core.close(isCancelling: cancelling, closer: Closer { continuation.resume() })
    }
  }

  private func checkOutside() {
    if core.isInside { invariantFailure("a pool is closed by one of its own tasks, which would wait for itself") }
  }
}
