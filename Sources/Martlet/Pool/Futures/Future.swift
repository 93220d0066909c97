import Synchronization

/// The result, now or later, of a task that was submitted to a `Pool`.
///
/// Tasks go on when nobody holds their future; what they throw is then lost.
public final class Future<Value: Sendable>: AnyFuture, @unchecked Sendable {
  // Sendable: as `AnyFuture`.
  @exclusivity(unchecked) private var stored: Result<Value, any Error>?
  @exclusivity(unchecked) private var body: Body
  /// The Swift task of an asynchronous body, under the lock `Listeners.lock(of: self)`.
  @exclusivity(unchecked) private var swiftTask: Task<Void, Never>?
  private let timeout: Duration?

  /// What there is to do.
  private enum Body {
    case none
    case synchronous(@Sendable () throws -> Value)
    case asynchronous(@Sendable () async throws -> Value)
  }

  init(core: PoolCore, priority: Pool.Priority, timeout: Duration?, _ body: @escaping @Sendable () throws -> Value) {
    self.body = .synchronous(body)
    self.timeout = timeout
    super.init(core: core, priority: priority)
  }

  init(
    core: PoolCore, priority: Pool.Priority, timeout: Duration?,
    asynchronous body: @escaping @Sendable () async throws -> Value
  ) {
    self.body = .asynchronous(body)
    self.timeout = timeout
    super.init(core: core, priority: priority)
  }

  /// What the task gave, once it has ended.
  public var resultIfFinished: Result<Value, any Error>? { isFinished ? stored : nil }

  /// What the finished task gave.
  var finishedResult: Result<Value, any Error> {
    guard let stored else { preconditionFailure("the result of a task that has not ended") }
    return stored
  }

  // MARK: For the pool

  override func run() -> Bool {
    let work = body
    body = .none
    switch work {
    case .none: return true
    case .synchronous(let body):
      let timer = timeout.map { startTimer($0) }
      let result: Result<Value, any Error>
      do { result = .success(try body()) } catch { result = .failure(error) }
      timer?.cancel()
      finish(result)
      return true
    case .asynchronous(let body):
      start(body)
      return false
    }
  }

  override func failWithoutRunning(_ error: any Error, kind: UInt32) {
    body = .none
    stored = .failure(error)
    announce(kind)
  }

  override func requestStop(_ bits: UInt32) {
    super.requestStop(bits)
    Listeners.lock(of: self).withLock { swiftTask }?.cancel()
  }

  private func finish(_ result: Result<Value, any Error>) {
    switch result {
    case .success:
      stored = result
      announce(0)
    case .failure(let error):
      if error is CancellationError, isTimedOut, let timeout {
        stored = .failure(PoolError.timedOut("A task", after: timeout))
        announce(Bits.failed)
      } else {
        stored = result
        announce(error is CancellationError && wantsStop ? Bits.cancelled : Bits.failed)
      }
    }
  }

  /// Starts an asynchronous body on the threads of the pool.
  private func start(_ body: @escaping @Sendable () async throws -> Value) {
    core.start(self)
    let task = Task.detached(executorPreference: core) { [self] in
      let timer = timeout.map { startTimer($0) }
      let result: Result<Value, any Error>
      do {
        result = .success(try await AsyncTask.$current.withValue(self) { try await body() })
      } catch {
        result = .failure(error)
      }
      timer?.cancel()
      Listeners.lock(of: self).withLock { swiftTask = nil }
      finish(result)
      core.settle(self)
    }
    let isLate = Listeners.lock(of: self).withLock {
      if !isFinished { swiftTask = task }
      return wantsStop
    }
    // Who asked it to stop before the handle was there could not pass it on.
    if isLate { task.cancel() }
  }

  private func startTimer(_ time: Duration) -> Task<Void, Never> {
    Task.detached { [weak self] in
      do { try await Task.sleep(for: time) } catch { return }
      self?.requestStop(Bits.timedOut)
    }
  }
}

/// The asynchronous task of a pool that the running code belongs to.
enum AsyncTask {
  @TaskLocal static var current: AnyFuture?
}
