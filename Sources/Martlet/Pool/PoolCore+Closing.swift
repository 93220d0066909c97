import Synchronization

/// Somebody who waits until a pool has ended.
struct Closer: Sendable {
  let tell: @Sendable () -> Void
}

extension PoolCore {
  /// Accepts nothing more; threads end when everything has.
  ///
  /// - Parameters:
  ///   - isCancelling: Whether what waits in the queue is cancelled, and what runs asked to stop.
  ///   - closer: Told when the last thread ends; nil: nobody.
  func close(isCancelling: Bool, closer: Closer?) {
    lock.lock()
    state.pointee.isClosed = true
    if let closer { state.pointee.closers.append(closer) }
    var withdrawn: [AnyFuture] = []
    var started: [AnyFuture] = []
    var refused = RoomQueue()
    if isCancelling {
      isStopping.store(true, ordering: .relaxed)
      (withdrawn, started) = takeUnfinished()
      swap(&refused, &state.pointee.room)
    }
    let changes = changes()
    let closers = takeClosers()
    lock.unlock()
    carryOut(changes)
    for closer in closers { closer.tell() }
    for task in started { task.requestStop(AnyFuture.Bits.cancelRequested) }
    for task in withdrawn { task.failWithoutRunning(CancellationError(), kind: AnyFuture.Bits.cancelled) }
    while let waiter = refused.popFirst() {
      waiter.task.failWithoutRunning(CancellationError(), kind: AnyFuture.Bits.cancelled)
      waiter.admitted()
    }
  }

  /// All that wait in the queue, taken from it, and all asynchronous tasks that have started.
  private func takeUnfinished() -> ([AnyFuture], [AnyFuture]) {
    var pieces: [AnyFuture] = []
    var withdrawn: [AnyFuture] = []
    while let task = pop() {
      if task is AsyncPiece {
        pieces.append(task)
      } else {
        settleLocked(task)
        withdrawn.append(task)
      }
    }
    for piece in pieces { pushContinuing(piece) }
    var started: [AnyFuture] = []
    var place = state.pointee.started.head
    while let task = place {
      started.append(task)
      place = task.next?.takeUnretainedValue()
    }
    return (withdrawn, started)
  }

  /// Who is to be told that the pool has ended, if it has. Under the lock.
  func takeClosers() -> [Closer] {
    guard state.pointee.isOver, state.pointee.threads == 0, !state.pointee.closers.isEmpty else { return [] }
    defer { state.pointee.closers = [] }
    return state.pointee.closers
  }

  /// Why nothing is accepted from the caller, if so: a pool that is being closed still serves its own tasks, so that they
  /// can finish. Under the lock.
  func refusal() -> PoolError? {
    if let failure = state.pointee.failure { return failure }
    guard state.pointee.isClosed else { return nil }
    return isInside && !isStopping.load(ordering: .relaxed) ? nil : .closed
  }

  /// Counts a call of `map` or the like, which ends before the pool does.
  func beginCall() throws {
    try lock.withLock {
      if let refusal = refusal() { throw refusal }
      state.pointee.calls &+= 1
    }
  }

  func endCall() {
    lock.lock()
    state.pointee.calls &-= 1
    let changes = changes()
    let closers = takeClosers()
    lock.unlock()
    carryOut(changes)
    for closer in closers { closer.tell() }
  }
}
