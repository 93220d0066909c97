public import Martlet
import MartletProtocol

extension Client {
  /// The values of all these futures, in their order; blocks until they are here.
  ///
  /// - Throws: As `ClusterFuture.result`, for the first that has no value.
  @available(*, noasync, message: "use await gather")
  public func gather<Value>(_ futures: [ClusterFuture<Value>]) throws -> [Value] {
    let cells = try link.cells(of: futures, "gathering a future")
    for cell in cells { cell.beginReading() }
    defer { endReading(futures) }
    if !cells.allSatisfy(\.isReadable) {
      try SelfWait.check(cells)
      _ = try link.ask(.gather(cells), what: "gathering")
    }
    return try futures.map { try $0.valueHere() }
  }

  /// The values of all these futures, in their order. Cancelling the Swift task that waits ends the wait, not the tasks.
  ///
  /// - Throws: As `ClusterFuture.value`, for the first that has no value.
  public func gather<Value>(_ futures: [ClusterFuture<Value>]) async throws -> [Value] {
    let cells = try link.cells(of: futures, "gathering a future")
    for cell in cells { cell.beginReading() }
    defer { endReading(futures) }
    if !cells.allSatisfy(\.isReadable) {
      try SelfWait.check(cells)
      _ = try await link.ask(.gather(cells), what: "gathering")
    }
    return try futures.map { try $0.valueHere() }
  }

  private func endReading<Value>(_ futures: [ClusterFuture<Value>]) {
    for future in futures where future.token.cell.endReading(keptBytes: link.keptBytes) {
      link.post(.wasRead(future.token.cell))
    }
  }

  /// Nobody shall compute these any more. Tasks stay where another client wants them, unless `force`.
  public func cancel<Value>(_ futures: [ClusterFuture<Value>], force: Bool = false) {
    for (link, cells) in futures.map(\.token).cellsByLink { link.post(.cancel(cells, force: force)) }
  }

  /// Computes these once more after they have failed or were cancelled.
  public func retry<Value>(_ futures: [ClusterFuture<Value>]) {
    for (link, cells) in futures.map(\.token).cellsByLink { link.retry(cells) }
  }
}

extension ClusterFuture {
  /// The value that a gather has brought.
  fileprivate func valueHere() throws -> Value {
    if let value = token.cell.valueHere { return try value.value(as: Value.self, token.link.registry) }
    throw token.cell.failureError ?? ClusterError.notFetched("it went while it was gathered")
  }
}

/// What became of futures that somebody waited for, in their order.
public struct ClusterWaitOutcome<Value: PortableValue>: Sendable {
  /// Those that have ended.
  public let finished: [ClusterFuture<Value>]
  /// Those that have not.
  public let unfinished: [ClusterFuture<Value>]

  init(_ futures: [ClusterFuture<Value>]) {
    finished = futures.filter(\.isFinished)
    unfinished = futures.filter { !$0.isFinished }
  }
}

extension Client {
  /// Blocks the calling thread until the first of these futures has ended, the first has failed, or all have ended. Their
  /// values stay where they are.
  ///
  /// - Parameters:
  ///   - goal: What to wait for.
  ///   - timeout: How long to wait at most; nil: as long as it takes.
  /// - Returns: Which of them have ended, and which not.
  @available(*, noasync, message: "use await wait")
  @discardableResult
  public func wait<Value>(
    for futures: [ClusterFuture<Value>], until goal: WaitGoal = .all, timeout: Duration? = nil
  ) -> ClusterWaitOutcome<Value> {
    link.requireOffLoop()
    let waiter = ThreadWaiter()
    let joint = JointEnd(goal, futures.count) { waiter.set() }
    let listeners = joint.listen(to: futures.map(\.token.cell))
    if !joint.isOver { waiter.wait(until: ThreadWaiter.deadline(after: timeout)) }
    for (cell, listener) in listeners { cell.remove(listener) }
    return ClusterWaitOutcome(futures)
  }

  /// Suspends until the first of these futures has ended, the first has failed, or all have ended. Their values stay where
  /// they are.
  ///
  /// - Returns: Which of them have ended, and which not. Cancelling the Swift task that waits ends the wait, not the tasks.
  @discardableResult
  public func wait<Value>(
    for futures: [ClusterFuture<Value>], until goal: WaitGoal = .all, timeout: Duration? = nil
  ) async -> ClusterWaitOutcome<Value> {
    let gate = TaskGate()
    let joint = JointEnd(goal, futures.count) { gate.open() }
    let listeners = joint.listen(to: futures.map(\.token.cell))
    if !joint.isOver {
      let timer = timeout.map { time in
        Task.detached {
          // Cancelled when the tasks were faster.
          do { try await Task.sleep(for: time) } catch { return }
          gate.open()
        }
      }
      await withTaskCancellationHandler {
        await withUnsafeContinuation { gate.suspend($0) }
      } onCancel: {
        gate.open()
      }
      timer?.cancel()
    }
    for (cell, listener) in listeners { cell.remove(listener) }
    return ClusterWaitOutcome(futures)
  }
}
