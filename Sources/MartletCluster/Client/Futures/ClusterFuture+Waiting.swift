import MartletBytes

extension ClusterFuture {
  /// The value, when the task has ended; throws why there is none.
  ///
  /// Cancelling the Swift task that waits ends the wait, not the task: for that call `cancel()` on the future.
  ///
  /// - Throws: `ClusterTaskError` with what the task threw; `CancellationError` when it was cancelled; `ClusterError` when the
  ///   session is over or the value cannot be read.
  public var value: Value {
    get async throws {
      let cell = token.cell
      let begin = cell.beginReading()
      defer { endReading() }
      while true {
        switch cell.look(since: begin) {
        case .value(let value): return try value.value(as: Value.self, token.link.registry)
        case .failure(let error): throw error
        case .unasked: try want()
        case .underWay: break
        }
        try SelfWait.check([cell])
        let gate = TaskGate()
        let listener = CellListener(needsValue: true) { gate.open() }
        guard cell.add(listener, since: begin) else { continue }
        await withTaskCancellationHandler {
          await withUnsafeContinuation { gate.suspend($0) }
        } onCancel: {
          gate.open()
        }
        if Task.isCancelled, !cell.isReadable {
          cell.remove(listener)
          throw CancellationError()
        }
      }
    }
  }

  /// The value or the error, when the task has ended.
  public var outcome: Result<Value, any Error> {
    get async {
      do { return .success(try await value) } catch { return .failure(error) }
    }
  }

  /// Blocks the calling thread until the task has ended, and gives its value.
  ///
  /// - Parameter timeout: How long to wait at most; nil: as long as it takes.
  /// - Throws: As `value`; `ClusterError` (`.timedOut`) when the time was over before the value was here. It goes on then.
  @available(*, noasync, message: "use await value")
  public func result(timeout: Duration? = nil) throws -> Value {
    guard let value = try readBlocking(within: timeout) else {
      throw ClusterError.timedOut("waiting for a task of the cluster", timeout ?? .zero)
    }
    return value
  }

  private func readBlocking(within timeout: Duration?) throws -> Value? {
    do {
      return try readBlocking(until: ThreadWaiter.deadline(after: timeout))
    } catch is TimeIsOver {
      return nil
    }
  }

  func readBlocking(until deadline: UInt64?) throws -> Value {
    let cell = token.cell
    let begin = cell.beginReading()
    defer { endReading() }
    while true {
      switch cell.look(since: begin) {
      case .value(let value): return try value.value(as: Value.self, token.link.registry)
      case .failure(let error): throw error
      case .unasked: try want()
      case .underWay: break
      }
      token.link.requireOffLoop()
      try SelfWait.check([cell])
      try BodyRest.checkCancellation()
      if ThreadWaiter.spin({ cell.isReadable }) { continue }
      let waiter = ThreadWaiter()
      let listener = CellListener(needsValue: true) { waiter.set() }
      guard cell.add(listener, since: begin) else { continue }
      guard waiter.wait(until: deadline) else {
        cell.remove(listener)
        if cell.isReadable { continue }
        throw TimeIsOver()
      }
    }
  }

  private func want() throws {
    guard token.link.post(.want(token.cell)) else { throw token.link.closedError }
  }

  private func endReading() {
    if token.cell.endReading(keptBytes: token.link.keptBytes) { token.link.post(.wasRead(token.cell)) }
  }

  /// Blocks the calling thread until the task has ended; its value stays where it is.
  ///
  /// - Parameter timeout: How long to wait at most; nil: as long as it takes.
  /// - Returns: Whether it has ended.
  @available(*, noasync, message: "use await ended()")
  @discardableResult
  public func wait(timeout: Duration? = nil) -> Bool {
    if isFinished { return true }
    token.link.requireOffLoop()
    let waiter = ThreadWaiter()
    let listener = CellListener(needsValue: false) { waiter.set() }
    guard token.cell.add(listener) else { return true }
    waiter.wait(until: ThreadWaiter.deadline(after: timeout))
    // The time may be over, or the body of a task that waits here cancelled.
    if isFinished { return true }
    token.cell.remove(listener)
    return isFinished
  }

  /// Suspends until the task has ended; its value stays where it is.
  public func ended() async {
    if isFinished { return }
    await withUnsafeContinuation { continuation in
      let listener = CellListener(needsValue: false) { continuation.resume() }
      if !token.cell.add(listener) { continuation.resume() }
    }
  }

  /// Calls `body` once the task has ended: on the client's own thread, which must not be kept waiting, or here and now.
  public func onCompletion(_ body: @escaping @Sendable (ClusterFuture<Value>) -> Void) {
    // The listener keeps the future until it has ended.
    if !token.cell.add(CellListener(needsValue: false) { body(self) }) { body(self) }
  }

  /// Why there is no value; nil where there is one, or may be.
  public var error: (any Error)? { token.cell.failureError }
}

/// The deadline of a wait has passed.
private struct TimeIsOver: Error {}
