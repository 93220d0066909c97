import MartletGraph
import MartletSystem
import Synchronization

// What belongs to an attempt of a task besides its work: its time limit, its events, what its end means. None of it concerns
// runs without traits, events and budget.

extension RunState {
  /// An attempt of a task begins on this thread.
  ///
  /// - Returns: Its time limit, for `ended` or `caught`.
  @inline(never)
  func begin(
    _ task: Int, _ ring: EventRing?, _ context: UnsafeMutablePointer<TaskContextState>
  ) -> TimedAttempt? {
    context.pointee.bytesIn = 0
    context.pointee.bytesOut = 0
    ring?.append(event(task, .taskStarted, ring, nil, 0))
    guard let entry = control?.entry(task) else { return nil }
    entry.pointee.attempts += 1
    guard let limit = entry.pointee.timeout else { return nil }
    let timed = TimedAttempt(limit, within: scope)
    context.pointee.expired = UnsafePointer(timed.source.flag)
    _ = CurrentSource.enter(timed.source)
    return timed
  }

  /// The body of a task has filled its slot.
  ///
  /// - Throws: `TaskTimeout` when it was too late.
  @inline(never)
  func ended(
    _ task: Int, _ timed: inout TimedAttempt?, _ ring: EventRing?, _ context: UnsafeMutablePointer<TaskContextState>
  ) throws {
    if let late = finish(&timed, context) { throw late }
    let bytes = ring != nil || ledger != nil ? slots[task].residentBytes : 0
    ring?.append(event(task, .taskEnded, ring, context, bytes))
    settle(task, bytes: bytes, keeping: 1)
  }

  /// The result of a task is there, and what the task occupied is free.
  func settle(_ task: Int, bytes: Int, keeping kept: Int) {
    // First the result, then the estimate: counted twice for a moment, never not at all.
    ledger?.add(task, bytes: bytes)
    gate?.finished(UInt32(truncatingIfNeeded: task))
    if control?.entry(task) != nil { serve(desk.release(task), keeping: kept) }
  }

  /// The body of a task threw on this thread: it waits for something, or has to be tried again, or the run fails.
  ///
  /// - Parameter isAway: Whether the thread is none of the lanes.
  /// - Returns: Whether the run goes on.
  @inline(never)
  func caught(
    _ task: Int, _ error: any Error, _ timed: inout TimedAttempt?, _ ring: EventRing?,
    _ context: UnsafeMutablePointer<TaskContextState>, isAway: Bool
  ) -> Bool {
    let late = finish(&timed, context)
    if error is TaskSuspended, let work = context.pointee.work {
      context.pointee.work = nil
      ring?.append(event(task, .taskSuspended, ring, context, 0))
      desk.suspend(UInt32(task), work, self, isAway: isAway)?.start()
      return true
    }
    return threw(task, late ?? error, ring, context, isAway: isAway)
  }

  /// An attempt has failed.
  ///
  /// - Returns: Whether the run goes on.
  func threw(
    _ task: Int, _ error: any Error, _ ring: EventRing?, _ context: UnsafeMutablePointer<TaskContextState>?,
    isAway: Bool
  ) -> Bool {
    // One that came too late may have filled it.
    slots[task].clear()
    let entry = control?.entry(task)
    if let entry, let retry = entry.pointee.retry, entry.pointee.attempts <= retry.limit {
      if stop.pointee.load(ordering: .relaxed) || cancelled.pointee.load(ordering: .relaxed) {
        // Nobody wants it tried again, but it is not why the run fails.
        ring?.append(event(task, .taskFailed, ring, context, 0))
        end()
        return false
      }
      let delay = retry.delay(before: entry.pointee.attempts).clampedNanoseconds
      ring?.append(event(task, .taskRetried, ring, context, 0))
      let kept = isAway ? 0 : 1
      serve(desk.release(task), keeping: kept)
      // From here on the task may be with another thread.
      serve(
        desk.retry(UInt32(task), after: delay, now: martlet_monotonic_nanoseconds(), self, isAway: isAway),
        keeping: kept)
      return true
    }
    ring?.append(event(task, .taskFailed, ring, context, 0))
    fail(task, error, attempts: entry?.pointee.attempts ?? 1)
    return false
  }

  /// The time limit no longer concerns the thread.
  private func finish(
    _ timed: inout TimedAttempt?, _ context: UnsafeMutablePointer<TaskContextState>
  ) -> TaskTimeout? {
    guard let ending = timed else { return nil }
    timed = nil
    context.pointee.expired = UnsafePointer(stop)
    _ = CurrentSource.enter(scope)
    return ending.finish() ? TaskTimeout(limit: ending.limit) : nil
  }

  func event(
    _ task: Int, _ kind: TaskEvent.Kind, _ ring: EventRing?, _ context: UnsafeMutablePointer<TaskContextState>?,
    _ resultBytes: Int
  ) -> TaskEvent {
    TaskEvent(
      nanoseconds: martlet_monotonic_nanoseconds(), bytesIn: context?.pointee.bytesIn ?? 0,
      bytesOut: context?.pointee.bytesOut ?? 0, resultBytes: resultBytes,
      task: TaskID(rawValue: UInt32(truncatingIfNeeded: task)), label: graph.labelNumbers[task], graph: graph.stamp,
      thread: ring?.thread ?? 0, kind: kind)
  }

  /// A result was dropped.
  @inline(never)
  func dropped(_ task: Int, _ crew: Crew) {
    guard let ledger else { return }
    ledger.drop(task)
    guard let gate, gate.looksOpen else { return }
    wakeForPushed(crew)
  }

  /// Wakes somebody who sleeps, after something was made visible.
  func wakeForPushed(_ crew: Crew) {
    // Before the look at who sleeps: `README.md`, section "Parking".
    crew.orderPushes()
    if callerSleeps.pointee.load(ordering: .relaxed) == 1 || crew.sleepers.pointee.load(ordering: .relaxed) > 0 {
      wakeSomebody(crew)
    }
  }
}
