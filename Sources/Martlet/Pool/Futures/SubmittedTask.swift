public import MartletGraph

/// The part of a `Future` that does not depend on the type of its value: runs the body.
public class SubmittedTask: AnyFuture, @unchecked Sendable {
  // Sendable: as `AnyFuture`.

  /// What there is to do; dropped when it is done, with all that it holds.
  @exclusivity(unchecked) private final var work: Work?
  /// The Swift task of an asynchronous body, under the lock `Listeners.lock(of: self)`.
  @exclusivity(unchecked) private final var swiftTask: Task<Void, Never>?
  private final let timeout: Duration?

  /// A body, which leaves its value in a slot.
  @usableFromInline
  enum Work: Sendable {
    case synchronous(@Sendable (inout Slot) throws -> Void)
    case asynchronous(@Sendable () async throws -> Slot)
  }

  init(pool: Pool, priority: Pool.Priority, timeout: Duration?, _ work: Work) {
    self.work = work
    self.timeout = timeout
    super.init(core: pool.core, priority: priority)
  }

  override final func run() -> Bool {
    guard let work else { return true }
    self.work = nil
    switch work {
    case .synchronous(let body):
      let timer = timeout.map { startTimer($0) }
      do {
        try body(&slot)
        timer?.cancel()
        announce(0)
      } catch {
        timer?.cancel()
        fail(error)
      }
      return true
    case .asynchronous(let body):
      start(body)
      return false
    }
  }

  override final func failWithoutRunning(_ error: any Error, kind: UInt32) {
    work = nil
    super.failWithoutRunning(error, kind: kind)
  }

  override final func requestStop(_ bits: UInt32) {
    super.requestStop(bits)
    Listeners.lock(of: self).withLock { swiftTask }?.cancel()
  }

  private func fail(_ error: any Error) {
    guard error is CancellationError else {
      self.error = error
      return announce(Bits.failed)
    }
    if isTimedOut, let timeout {
      self.error = PoolError.timedOut("A task", after: timeout)
      announce(Bits.failed)
    } else {
      self.error = error
      announce(wantsStop ? Bits.cancelled : Bits.failed)
    }
  }

  /// Starts an asynchronous body on the threads of the pool.
  private func start(_ body: @escaping @Sendable () async throws -> Slot) {
    core.start(self)
    let task = Task.detached(executorPreference: core) { [self] in
      let timer = timeout.map { startTimer($0) }
      var failure: (any Error)?
      do {
        slot = try await AsyncTask.$current.withValue(self) { try await body() }
      } catch {
        failure = error
      }
      timer?.cancel()
      Listeners.lock(of: self).withLock { swiftTask = nil }
      if let failure { fail(failure) } else { announce(0) }
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
