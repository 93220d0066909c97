import MartletGraph
import MartletSystem
import Synchronization

/// What one thread knows of its part in a run.
struct LaneState {
  /// Tasks that ended here and were not told yet.
  var finished = 0
  /// Roots claimed and not started: places in `roots`.
  var nextRoot = 0
  var rootEnd = 0
  /// Ready tasks that found no place in the deque.
  var backlog: [UInt32] = []
  /// Whether the gate counts this thread as idle.
  var isIdle = true
}

extension RunState {
  /// Works on the run until it ends, or, on a worker, until there has been nothing to do for some time.
  ///
  /// - Parameter lane: 0 for the caller; every lane has one thread at a time.
  func work(lane: Int, crew: Crew) {
    let (graph, slots, pending, uses, stop, cancelled) = (graph, slots, pending, uses, stop, cancelled)
    let (dependencyStarts, dependencies) = (graph.dependencyStarts, graph.dependencies)
    let (dependentStarts, dependents, bodies) = (graph.dependentStarts, graph.dependents, graph.bodies)
    let deque = deques[lane]
    let sleepers = crew.sleepers
    let callerSleeps = callerSleeps
    let ring = options.events?.claim()
    let isObserved = ring != nil || ledger != nil
    defer { if let ring { options.events?.release(ring) } }
    var contextState = TaskContextState(
      stop: UnsafePointer(stop), cancelled: UnsafePointer(cancelled), threadIndex: lane)
    var state = LaneState()
    var hand = -1
    withUnsafeMutablePointer(to: &contextState) { contextState in
      while true {
        if hand < 0 {
          hand = deque.pop()
          if hand < 0 {
            if state.nextRoot < state.rootEnd {
              hand = Int(roots[state.nextRoot])
              state.nextRoot &+= 1
            } else {
              hand = findWork(lane, &state, crew)
              if hand < 0 { return }
            }
          }
        }
        // Relaxed: hints to stop; nothing is read because of them.
        if stop.pointee.load(ordering: .relaxed) || cancelled.pointee.load(ordering: .relaxed) {
          end()
          return
        }

        let task = hand
        let firstInput = Int(dependencyStarts[task])
        let endInput = Int(dependencyStarts[task &+ 1])
        if isObserved { begin(task, ring, contextState) }
        do {
          try bodies[task](
            TaskInputs(slots: slots, ids: dependencies + firstInput, count: endInput &- firstInput, uses: uses),
            TaskContext(contextState), slots + task)
        } catch {
          if isObserved { ended(task, .taskFailed, ring, contextState) }
          fail(task, error)
          return
        }
        if isObserved { ended(task, .taskEnded, ring, contextState) }
        state.finished &+= 1

        var place = firstInput
        while place < endInput {
          let input = Int(dependencies[place])
          place &+= 1
          // One use left is ours: nobody else touches the count any more. Acquiring: the other users have read the
          // result before they counted down; pairs with their subtraction.
          if uses[input].load(ordering: .acquiring) == 1
            || uses[input].subtract(1, ordering: .acquiringAndReleasing).newValue == 0
          {
            slots[input].clear()
            if isObserved { dropped(input, crew) }
          }
        }

        // Backwards, so that the first of the row stays in hand and the next ones lie on top of the deque.
        hand = -1
        var isPushed = false
        let firstDependent = Int(dependentStarts[task])
        place = Int(dependentStarts[task &+ 1])
        while place > firstDependent {
          place &-= 1
          let dependent = Int(dependents[place])
          // As above: a count of one is ours alone. Acquires the other dependencies' results; the subtraction releases
          // this one's.
          guard
            pending[dependent].load(ordering: .acquiring) == 1
              || pending[dependent].subtract(1, ordering: .acquiringAndReleasing).newValue == 0
          else { continue }
          if isObserved, let gate, gate.holds(UInt32(truncatingIfNeeded: dependent)) {
            gate.offer(UInt32(truncatingIfNeeded: dependent))
            isPushed = true
            continue
          }
          if hand >= 0 {
            if !deque.push(UInt32(truncatingIfNeeded: hand)) {
              state.backlog.append(UInt32(truncatingIfNeeded: hand))
            }
            isPushed = true
          }
          hand = dependent
        }
        if isPushed {
          // Orders the pushes before the look at who sleeps: `README.md`, section "Parking".
          atomicMemoryFence(ordering: .sequentiallyConsistent)
          if callerSleeps.pointee.load(ordering: .relaxed) == 1 || sleepers.pointee.load(ordering: .relaxed) > 0 {
            wakeSomebody(crew)
          }
        }
      }
    }
  }

  /// Finds a task when the hand, the deque and the claimed roots are used up: the backlog, other deques, unclaimed roots,
  /// sources. Waits a little for one; then the caller sleeps and a worker leaves.
  ///
  /// - Returns: A task, or -1 when this thread has to leave the run.
  @inline(never)
  private func findWork(_ lane: Int, _ state: inout LaneState, _ crew: Crew) -> Int {
    var spins = 0
    while true {
      if let gate, state.isIdle {
        gate.enter()
        state.isIdle = false
      }
      let task = tryFindWork(lane, &state)
      if task >= 0 {
        // Who was woken, or found something after waiting, passes the wake-up on while there is more.
        if crew.sleepers.pointee.load(ordering: .relaxed) > 0, hasVisibleWork() { wakeSomebody(crew) }
        return task
      }
      if let gate {
        let source = gate.takeOrIdle()
        if source >= 0 { return source }
        state.isIdle = true
      }
      // Wait. The count of finished tasks is told only now and then: its line moves between the processors.
      while true {
        if spins & 15 == 15 || spins > crew.spinLimit {
          if state.finished > 0 {
            tell(state.finished)
            state.finished = 0
          }
          if isComplete || stop.pointee.load(ordering: .relaxed) { return -1 }
          if cancelled.pointee.load(ordering: .relaxed) {
            end()
            return -1
          }
        }
        if spins > crew.spinLimit {
          if lane != 0 { return -1 }
          sleepAsCaller { isComplete || stop.pointee.load(ordering: .relaxed) || hasVisibleWork() }
          spins = 0
        }
        spins &+= 1
        if hasVisibleWork() { break }
        martlet_spin_hint()
      }
    }
  }

  private func tryFindWork(_ lane: Int, _ state: inout LaneState) -> Int {
    if let task = state.backlog.popLast() {
      // Put half a deque of it where others can see it.
      var room = 512
      while room > 0, let next = state.backlog.last, deques[lane].push(next) {
        state.backlog.removeLast()
        room -= 1
      }
      return Int(task)
    }
    if lanes > 1 {
      var victim = lane
      for _ in 1..<lanes {
        victim = victim &+ 1 == lanes ? 0 : victim &+ 1
        let task = deques[victim].steal()
        if task >= 0 { return task }
      }
    }
    let claimed = rootCursor.pointee.load(ordering: .relaxed)
    guard claimed < rootCount else { return -1 }
    // Few at a time near the end, so that no thread sits on what another could do; one of many tiny tasks costs no
    // exchange of its own. The numbers are a guess, and 16 measured as good as 64.
    let wanted = max(1, min(16, (rootCount &- claimed) / (8 &* lanes)))
    // Relaxed: roots depend on nothing.
    let first = rootCursor.pointee.add(wanted, ordering: .relaxed).oldValue
    guard first < rootCount else { return -1 }
    state.nextRoot = first &+ 1
    state.rootEnd = min(rootCount, first &+ wanted)
    return Int(roots[first])
  }

  @inline(never)
  private func wakeSomebody(_ crew: Crew) {
    if callerSleeps.pointee.load(ordering: .relaxed) == 1 {
      wakeCaller()
    } else {
      crew.wakeOne()
    }
  }

  // MARK: Budget and events

  @inline(never)
  private func begin(_ task: Int, _ ring: EventRing?, _ context: UnsafeMutablePointer<TaskContextState>) {
    context.pointee.bytesIn = 0
    context.pointee.bytesOut = 0
    ring?.append(event(task, .taskStarted, ring, nil, 0))
  }

  @inline(never)
  private func ended(
    _ task: Int, _ kind: TaskEvent.Kind, _ ring: EventRing?, _ context: UnsafeMutablePointer<TaskContextState>
  ) {
    let bytes = kind == .taskEnded ? slots[task].residentBytes : 0
    ring?.append(event(task, kind, ring, context, bytes))
    // First the result, then the estimate: counted twice for a moment, never not at all.
    if kind == .taskEnded { ledger?.add(task, bytes: bytes) }
    gate?.finished(UInt32(truncatingIfNeeded: task))
  }

  private func event(
    _ task: Int, _ kind: TaskEvent.Kind, _ ring: EventRing?, _ context: UnsafeMutablePointer<TaskContextState>?,
    _ resultBytes: Int
  ) -> TaskEvent {
    TaskEvent(
      nanoseconds: martlet_monotonic_nanoseconds(), bytesIn: context?.pointee.bytesIn ?? 0,
      bytesOut: context?.pointee.bytesOut ?? 0, resultBytes: resultBytes,
      task: TaskID(rawValue: UInt32(truncatingIfNeeded: task)), label: graph.labelNumbers[task], graph: graph.stamp,
      thread: ring?.thread ?? 0, kind: kind)
  }

  @inline(never)
  private func dropped(_ task: Int, _ crew: Crew) {
    guard let ledger else { return }
    ledger.drop(task)
    guard let gate, gate.looksOpen else { return }
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    if callerSleeps.pointee.load(ordering: .relaxed) == 1 || crew.sleepers.pointee.load(ordering: .relaxed) > 0 {
      wakeSomebody(crew)
    }
  }
}
