import MartletEngine
import MartletSystem
import Synchronization

extension PoolCore {
  /// Which thread a change calls for.
  enum Waking {
    case nobody
    case sleeper(PoolThread)
    case newThread(Int)
  }

  /// The thread that should come for queued work, if any; counts it as active and searching. Under the lock.
  ///
  /// Nobody is woken while somebody looks for work: who finds some passes the wake-up on.
  @inline(__always)
  func waking() -> Waking {
    guard state.pointee.queued > 0, state.pointee.searching == 0, state.pointee.active < width else { return .nobody }
    return nextThread()
  }

  @inline(never)
  private func nextThread() -> Waking {
    if let thread = state.pointee.idle.popLast() {
      state.pointee.active &+= 1
      state.pointee.searching &+= 1
      return .sleeper(thread)
    }
    guard state.pointee.threads < threadLimit else { return .nobody }
    let index = state.pointee.freeIndexes.popLast() ?? state.pointee.threads
    state.pointee.threads &+= 1
    state.pointee.active &+= 1
    state.pointee.searching &+= 1
    return .newThread(index)
  }

  @inline(__always)
  func wake(_ waking: Waking) {
    switch waking {
    case .nobody: break
    case .sleeper(let thread): thread.parker.set()
    case .newThread(let index): startThread(named: "martlet-pool-\(index)") { self.work(index) }
    }
  }

  // MARK: A worker

  private func work(_ index: Int) {
    let thread = PoolThread(core: self, index: index)
    let closers = thread.enter {
      if let initializer {
        do { try initializer(index) } catch { fail(.initializerFailed(error)) }
      }
      return work(thread)
    }
    for closer in closers { closer.tell() }
  }

  /// Runs tasks until the pool is over, or has too many threads.
  ///
  /// - Returns: Who is to be told that this was the last thread, when it has dropped everything.
  private func work(_ thread: PoolThread) -> [Closer] {
    var isSearching = true
    var ended: AnyFuture?
    while true {
      lock.lock()
      // Dropped when the lock is free: this may be the last reference, and the end of its value anybody's code.
      if let ended { settleLocked(ended) }
      // More threads than the pool is wide are awake when one came back that had waited inside a task.
      if isSearching || state.pointee.active <= width, let task = pop() {
        if isSearching {
          state.pointee.searching &-= 1
          isSearching = false
        }
        let changes = changes()
        let failure = state.pointee.failure
        lock.unlock()
        ended = nil
        carryOut(changes)
        if let failure, !(task is AsyncPiece) {
          task.failWithoutRunning(failure, kind: AnyFuture.Bits.failed)
          ended = task
        } else if run(task, on: thread) {
          ended = task
        }
        continue
      }
      let isSurplus = !isSearching && state.pointee.active > width
      if !isSurplus, !isSearching, !state.pointee.isOver {
        state.pointee.searching &+= 1
        isSearching = true
        let changes = changes()
        lock.unlock()
        ended = nil
        carryOut(changes)
        lookOut()
        continue
      }
      if ended != nil {
        // Not counted off as a thread before it is dropped.
        let changes = changes()
        lock.unlock()
        ended = nil
        carryOut(changes)
        continue
      }
      if isSearching { state.pointee.searching &-= 1 }
      state.pointee.active &-= 1
      if state.pointee.isOver || state.pointee.idle.count >= width {
        state.pointee.threads &-= 1
        state.pointee.freeIndexes.append(thread.index)
        let changes = changes()
        let closers = takeClosers()
        lock.unlock()
        carryOut(changes)
        return closers
      }
      state.pointee.idle.append(thread)
      let changes = changes()
      lock.unlock()
      carryOut(changes)
      thread.parker.wait()
      isSearching = true  // counted by who woke it
    }
  }

  /// Waits for a moment for something to be queued: sleeping and waking up takes longer.
  private func lookOut() {
    for _ in 0..<spinLimit {
      if queuedHint.load(ordering: .relaxed) != 0 { return }
      martlet_spin_hint()
    }
  }

  /// Runs a task that was taken from the queue, on the thread's stack.
  ///
  /// - Returns: Whether it has ended and has to be counted off.
  @inline(__always)
  func run(_ task: AnyFuture, on thread: PoolThread) -> Bool {
    let below = thread.task
    thread.task = task
    task.markRunning()
    let hasEnded = task.run()
    thread.task = below
    return hasEnded
  }

  /// Makes all tasks fail that nobody has started, and those to come.
  private func fail(_ error: PoolError) {
    lock.lock()
    state.pointee.failure = state.pointee.failure ?? error
    lock.unlock()
  }

  // MARK: Waiting inside a task

  /// Lets another thread take over while the calling worker waits until `parker` is set.
  ///
  /// - Parameter wait: Returns whether it was set, and keeps it so.
  /// - Returns: The same. The parker is as it was before it was set.
  func waitElsewhere(_ thread: PoolThread, on parker: Parker, _ wait: () -> Bool) -> Bool {
    lock.lock()
    state.pointee.active &-= 1
    // A wait further down on its stack cannot end before this one.
    let below = state.pointee.sleeping.updateValue(parker, forKey: thread.index)
    let waking = waking()
    lock.unlock()
    wake(waking)
    let isSet = wait()
    lock.lock()
    // Perhaps one more than the pool is wide: whoever looks for the next task first goes to sleep instead.
    state.pointee.active &+= 1
    state.pointee.sleeping[thread.index] = below
    // Not before it counts as active: until then that it is set is all that says that the thread goes on.
    if isSet { parker.forget() }
    lock.unlock()
    return isSet
  }

  /// Whether every thread that the pool may have is waiting inside a task while there is something to do. Under the lock.
  private var isStuckLocked: Bool {
    guard state.pointee.active == 0, state.pointee.queued > 0, state.pointee.threads >= threadLimit else {
      return false
    }
    // One that has been told goes on, also when it had no time to say so yet.
    return state.pointee.sleeping.values.allSatisfy { !$0.isSetNow }
  }

  var isStuck: Bool { lock.withLock { isStuckLocked } }

  /// Runs a queued task on top of one that waits: the last resort when all threads wait and no more may be started.
  func runOnTop(_ thread: PoolThread) {
    lock.lock()
    guard isStuckLocked, let task = pop() else { return lock.unlock() }
    state.pointee.active &+= 1
    lock.unlock()
    if run(task, on: thread) { settle(task) }
    lock.lock()
    state.pointee.active &-= 1
    let waking = waking()
    lock.unlock()
    wake(waking)
  }
}
