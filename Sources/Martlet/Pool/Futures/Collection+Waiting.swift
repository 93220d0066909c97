import Synchronization

extension Collection where Element: AnyFuture {
  /// Blocks the calling thread until the first of these tasks has ended, the first has failed, or all have ended.
  ///
  /// Inside a task of a pool another thread takes its place meanwhile, as with a single future.
  ///
  /// - Parameters:
  ///   - goal: What to wait for.
  ///   - timeout: How long to wait at most; nil: as long as it takes.
  /// - Returns: Which of them have ended, and which not. With no tasks at all both are empty.
  @available(*, noasync, message: "use await wait(for:)")
  @discardableResult
  public func wait(for goal: WaitGoal = .all, timeout: Duration? = nil) -> WaitOutcome<Element> {
    let deadline = Waiting.deadline(after: timeout)
    if goal == .all, deadline == nil {
      // One after the other: inside a task those that nobody has started are run here.
      for future in self { _ = future.waitBlocking(until: nil) }
      return WaitOutcome(self)
    }
    let parker = Parker()
    let counting = JointWait(goal, count: count) { parker.set() }
    let listeners = counting.listen(to: self)
    if !counting.isOver { Waiting.sleep(on: parker, until: deadline) }
    for (future, listener) in listeners { future.remove(listener) }
    return WaitOutcome(self)
  }

  /// Suspends until the first of these tasks has ended, the first has failed, or all have ended.
  ///
  /// - Parameters:
  ///   - goal: What to wait for.
  ///   - timeout: How long to wait at most; nil: as long as it takes.
  /// - Returns: Which of them have ended, and which not. Cancelling the Swift task that waits ends the wait, not the tasks.
  @discardableResult
  public func wait(for goal: WaitGoal = .all, timeout: Duration? = nil) async -> WaitOutcome<Element> {
    let gate = ContinuationGate()
    let counting = JointWait(goal, count: count) { gate.open() }
    let listeners = counting.listen(to: self)
    if !counting.isOver {
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
    for (future, listener) in listeners { future.remove(listener) }
    return WaitOutcome(self)
  }
}

/// Counts the ends of several tasks until somebody need not wait any more.
private final class JointWait: @unchecked Sendable {
  // Sendable: atomic or constant.
  private let goal: WaitGoal
  private let remaining: Atomic<Int>
  private let hasEnded = Atomic<Bool>(false)
  private let tell: @Sendable () -> Void

  init(_ goal: WaitGoal, count: Int, tell: @escaping @Sendable () -> Void) {
    self.goal = goal
    self.tell = tell
    remaining = Atomic(count)
    if count == 0 { hasEnded.store(true, ordering: .relaxed) }
  }

  var isOver: Bool { hasEnded.load(ordering: .acquiring) }

  /// Listens to all of them, or until there is nothing to wait for.
  func listen(to futures: some Collection<some AnyFuture>) -> [(AnyFuture, FutureListener)] {
    var listeners: [(AnyFuture, FutureListener)] = []
    for future in futures {
      if isOver { break }
      let listener = JointListener(self)
      if future.add(listener) { listeners.append((future, listener)) } else { finished(future) }
    }
    return listeners
  }

  func finished(_ future: AnyFuture) {
    let isLast = remaining.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0
    let isEnough =
      switch goal {
      case .first: true
      case .firstFailure: isLast || future.state != .succeeded
      case .all: isLast
      }
    if isEnough, !hasEnded.exchange(true, ordering: .acquiringAndReleasing) { tell() }
  }
}

private final class JointListener: FutureListener, @unchecked Sendable {
  // Sendable: constant.
  private let joint: JointWait

  init(_ joint: JointWait) { self.joint = joint }

  override func futureFinished(_ future: AnyFuture) { joint.finished(future) }
}
