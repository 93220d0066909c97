import MartletGraph
import MartletSystem
import Synchronization

// Tasks that are with none of the lanes: on threads of their own, in Swift tasks, waiting for their next attempt. See
// `../Desk/README.md`.

/// The threads for tasks that block, of all pools.
private enum BlockingThreads {
  static let cache = ThreadCache(name: "martlet-block", idleLimit: 64)
}

extension RunState: AsyncRun {
  /// Whether a ready task goes to the gate or the desk and not from hand to hand.
  @inline(__always)
  func isHeld(_ task: Int) -> Bool {
    if let gate, gate.holds(UInt32(truncatingIfNeeded: task)) { return true }
    return desk.isFor(task)
  }

  /// Offers ready tasks to the gate and the desk, and empties the list.
  func offer(_ tasks: inout [UInt32], keeping kept: Int) {
    if let gate {
      tasks.removeAll { task in
        guard gate.holds(task) else { return false }
        gate.offer(task)
        return true
      }
    }
    serve(desk.offer(tasks), keeping: kept)
    tasks.removeAll(keepingCapacity: true)
  }

  /// Gets the threads that the desk wants, and wakes somebody for what it shows.
  ///
  /// - Parameter kept: How many tasks this thread is going to take from the desk itself.
  func serve(_ threads: Int, keeping kept: Int = 0) {
    for _ in 0..<threads { BlockingThreads.cache.submit { self.workBlocking() } }
    if deskTasks.pointee.load(ordering: .relaxed) > kept || gate?.looksOpen ?? false { wakeForPushed(crew) }
  }

  // MARK: Threads of their own

  private func workBlocking() {
    guard let (first, number) = desk.threadCame() else { return }
    if let events = options.events {
      EventLog.$current.withValue(events) { workBlocking(first, number) }
    } else {
      workBlocking(first, number)
    }
    leave()
  }

  private func workBlocking(_ first: Int, _ number: Int) {
    let ring = options.events?.claim()
    defer { if let ring { options.events?.release(ring) } }
    let before = CurrentSource.enter(scope)
    defer { CurrentSource.leave(before) }
    var context = TaskContextState(
      stop: UnsafePointer(stop), cancelled: UnsafePointer(cancelled), threadIndex: lanes + number)
    withUnsafeMutablePointer(to: &context) { context in
      var task = first
      while task >= 0 {
        runAway(task, ring, context)
        task = desk.nextForThread(number)
      }
    }
  }

  private func runAway(_ task: Int, _ ring: EventRing?, _ context: UnsafeMutablePointer<TaskContextState>) {
    let first = Int(graph.dependencyStarts[task])
    let count = Int(graph.dependencyStarts[task + 1]) - first
    var timed = begin(task, ring, context)
    do {
      try graph.cells[task].run(
        TaskInputs(slots: slots, ids: graph.dependencies + first, count: count, uses: uses), TaskContext(context),
        slots + task)
      try ended(task, &timed, ring, context)
    } catch {
      _ = caught(task, error, &timed, ring, context, isAway: true)
      return
    }
    finishAway(task)
  }

  /// The result of a task that was away is there: what depends on it may be ready.
  private func finishAway(_ task: Int) {
    for place in Int(graph.dependencyStarts[task])..<Int(graph.dependencyStarts[task + 1]) {
      let input = Int(graph.dependencies[place])
      if !slots[input].isCounted && ledger == nil { continue }
      // As on the lanes: a count of one is ours alone.
      if uses[input].load(ordering: .acquiring) == 1
        || uses[input].wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0
      {
        slots[input].clear()
        dropped(input, crew)
      }
    }
    var ready: [UInt32] = []
    for place in Int(graph.dependentStarts[task])..<Int(graph.dependentStarts[task + 1]) {
      let dependent = Int(graph.dependents[place])
      if pending[dependent].load(ordering: .acquiring) != 1,
        pending[dependent].wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue != 0
      {
        continue
      }
      if let gate, gate.holds(UInt32(dependent)) {
        gate.offer(UInt32(dependent))
      } else {
        ready.append(UInt32(dependent))
      }
    }
    serve(desk.returned(ready))
    tell(1)
  }

  // MARK: Swift tasks

  func asyncBegins(_ task: Int) -> EventRing? {
    let ring = options.events?.claim(isSmall: true)
    ring?.append(event(task, .taskStarted, ring, nil, 0))
    return ring
  }

  func asyncEnded(_ task: Int, _ outcome: Result<Slot, any Error>, _ ring: EventRing?) {
    // First, as the task may come to another Swift task from here on.
    let next = desk.asyncOver(UInt32(task), self)
    switch outcome {
    case .success(let slot):
      slots[task] = slot
      let bytes = ring != nil || ledger != nil ? slot.residentBytes : 0
      ring?.append(event(task, .taskEnded, ring, nil, bytes))
      settle(task, bytes: bytes, keeping: 0)
      if !stop.pointee.load(ordering: .relaxed) { finishAway(task) }
    case .failure(let error):
      _ = threw(task, error, ring, nil, isAway: true)
    }
    if let ring { options.events?.release(ring) }
    next?.start()
    leave()
  }

  // MARK: The next attempt

  /// The time for the next attempt of a task has come.
  func retryIsDue(_ task: UInt32) { serve(desk.retryIsDue(task)) }
}
