extension PoolCore {
  /// Whether the caller is a task of this pool.
  var isInside: Bool {
    if let thread = PoolThread.current, thread.core === self { return true }
    return AsyncTask.current?.core === self
  }

  /// Queues a task, or waits until there is room for it, or runs it here and now.
  func submit(_ task: AnyFuture) {
    switch offer(task) {
    case .accepted: break
    case .refused(let error): task.failWithoutRunning(error, kind: AnyFuture.Bits.failed)
    case .full:
      if let thread = PoolThread.current, thread.core === self {
        // Waiting for room could be waiting for oneself.
        if !run(task, on: thread) { _ = task.waitBlocking(until: nil) }
      } else {
        waitForRoom(task)
      }
    }
  }

  /// The same, suspending where the other blocks.
  func submit(_ task: AnyFuture) async {
    switch offer(task) {
    case .accepted: break
    case .refused(let error): task.failWithoutRunning(error, kind: AnyFuture.Bits.failed)
    case .full:
      if isInside { await runInside(task) } else { await waitForRoom(task) }
    }
  }

  private func waitForRoom(_ task: AnyFuture) {
    let parker = Parker()
    if join(RoomWaiter(task) { parker.set() }) { Waiting.sleep(on: parker, until: nil) }
  }

  private func runInside(_ task: AnyFuture) async {
    if let thread = PoolThread.current, thread.core === self {
      _ = run(task, on: thread)
    } else {
      task.markRunning()
      _ = task.run()
    }
    await task.waitSuspending()
  }

  private func waitForRoom(_ task: AnyFuture) async {
    let gate = ContinuationGate()
    let waiter = RoomWaiter(task) { gate.open() }
    let giveUp: @Sendable () -> Void = {
      guard self.leave(waiter) else { return }
      task.failWithoutRunning(CancellationError(), kind: AnyFuture.Bits.cancelled)
      gate.open()
    }
    await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        gate.suspend(continuation)
        if !join(waiter) { gate.open() }
        // When it was cancelled before it joined, the handler found nothing to take off the list.
        if Task.isCancelled { giveUp() }
      }
    } onCancel: {
      giveUp()
    }
  }

  /// Puts a task on the list of those that wait for room, unless it is settled at once.
  ///
  /// - Returns: Whether the waiter will be told.
  private func join(_ waiter: RoomWaiter) -> Bool {
    lock.lock()
    if let refusal = refusal() {
      lock.unlock()
      waiter.task.failWithoutRunning(refusal, kind: AnyFuture.Bits.failed)
      return false
    }
    state.pointee.room.append(waiter)
    let changes = changes()
    lock.unlock()
    carryOut(changes)
    return true
  }

  /// Takes a waiter off the list.
  private func leave(_ waiter: RoomWaiter) -> Bool {
    lock.withLock {
      guard waiter.isListed else { return false }
      state.pointee.room.remove(waiter)
      return true
    }
  }
}
