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
  /// How many roots to claim next, and when they were last claimed.
  var claim = 1
  var claimedAt: UInt64 = 0
  /// A task with very many dependencies, and how many of them have ended here and were not counted down yet.
  var crowded = -1
  var crowdedEnded: Int32 = 0
  /// The time limit of the task that runs.
  var timed: TimedAttempt?
  /// Ready tasks for the desk.
  var held: [UInt32] = []
}

extension RunState {
  /// Works on the run until it ends, as lane 0.
  func workAsCaller(_ crew: Crew) {
    if isInOrder, workInOrder() { return }
    work(lane: 0, crew: crew)
  }

  /// Works on the run until it ends, or, on a worker, until there has been nothing to do for some time.
  ///
  /// - Parameter lane: 0 for the caller; every lane has one thread at a time.
  func work(lane: Int, crew: Crew) {
    let isObserved = options.events != nil || ledger != nil || control != nil || desk.isOrdered
    if isObserved { workObserved(lane, crew) } else { workPlain(lane, crew) }
  }

  @inline(never)
  private func workPlain(_ lane: Int, _ crew: Crew) { work(lane, crew, isObserved: false) }

  @inline(never)
  private func workObserved(_ lane: Int, _ crew: Crew) { work(lane, crew, isObserved: true) }

  /// - Parameter isObserved: Whether tasks have to do with more than their dependencies. A constant where this is inlined, so
  ///   that runs without such tasks pay nothing for the others.
  @inline(__always)
  private func work(_ lane: Int, _ crew: Crew, isObserved: Bool) {
    let (graph, slots, pending, uses, stop, cancelled) = (graph, slots, pending, uses, stop, cancelled)
    let (dependencyStarts, dependencies) = (graph.dependencyStarts, graph.dependencies)
    let (dependentStarts, dependents, cells) = (graph.dependentStarts, graph.dependents, graph.cells)
    let deque = deques[lane]
    let sleepers = crew.sleepers
    let callerSleeps = callerSleeps
    let ring = isObserved ? options.events?.claim() : nil
    let deskTasks = deskTasks
    defer { if let ring { options.events?.release(ring) } }
    let before = CurrentSource.enter(scope)
    defer { CurrentSource.leave(before) }
    var contextState = TaskContextState(
      stop: UnsafePointer(stop), cancelled: UnsafePointer(cancelled), threadIndex: lane)
    var state = LaneState()
    var hand = -1
    withUnsafeMutablePointer(to: &contextState) { contextState in
      while true {
        if hand < 0 {
          // What the desk has comes first: others may wait for it, and for what it occupies.
          if deskTasks.pointee.load(ordering: .relaxed) > 0 { hand = desk.take() }
          if hand < 0 { hand = deque.pop() }
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
        let firstDependent = Int(dependentStarts[task])
        let endDependent = Int(dependentStarts[task &+ 1])
        if state.crowdedEnded > 0,
          endDependent == firstDependent || Int(dependents[firstDependent]) != state.crowded
        {
          // The task to start now is none that the crowded one waits for: it must not have to wait for us.
          if settle(&state) { announce(state.crowded, lane, &state, crew) }
        }
        var place = endDependent
        while place > firstDependent, place > endDependent &- 4 {
          place &-= 1
          martlet_prefetch_exclusive(pending + Int(dependents[place]))
        }
        let firstInput = Int(dependencyStarts[task])
        let endInput = Int(dependencyStarts[task &+ 1])
        if isObserved { state.timed = begin(task, ring, contextState) }
        do {
          try cells[task].run(
            TaskInputs(slots: slots, ids: dependencies + firstInput, count: endInput &- firstInput, uses: uses),
            TaskContext(contextState), slots + task)
          if isObserved { try ended(task, &state.timed, ring, contextState) }
        } catch {
          if !caught(task, error, &state.timed, ring, contextState, isAway: false) { return }
          hand = -1
          continue
        }
        state.finished &+= 1

        place = firstInput
        while place < endInput {
          let input = Int(dependencies[place])
          place &+= 1
          // A number needs not be dropped, so its uses need not be counted: half of the atomics of such a graph.
          if !slots[input].isCounted && !isObserved { continue }
          // One use left is ours: nobody else touches the count any more. Acquiring: the other users have read the
          // result before they counted down; pairs with their subtraction.
          if uses[input].load(ordering: .acquiring) == 1
            || uses[input].wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0
          {
            slots[input].clear()
            if isObserved { dropped(input, crew) }
          }
        }

        // Backwards, so that the first of the row stays in hand and the next ones lie on top of the deque.
        hand = -1
        var isPushed = false
        place = endDependent
        while place > firstDependent {
          place &-= 1
          let dependent = Int(dependents[place])
          if dependent == state.crowded, state.crowdedEnded > 0 {
            state.crowdedEnded &+= 1
            continue
          }
          // As above: a count of one is ours alone. Acquires the other dependencies' results; the subtraction releases
          // this one's.
          let left = pending[dependent].load(ordering: .acquiring)
          if left != 1 {
            if left > 64, endDependent &- firstDependent == 1 {
              state.crowded = dependent
              state.crowdedEnded = 1
              continue
            }
            if pending[dependent].wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue != 0 { continue }
          }
          // It will run soon, and these lines take part of that time to come.
          martlet_prefetch_exclusive(slots + dependent)
          martlet_prefetch(cells + dependent)
          martlet_prefetch(dependents + Int(dependentStarts[dependent]))
          martlet_prefetch(dependencies + Int(dependencyStarts[dependent]))
          if isObserved, isHeld(dependent) {
            state.held.append(UInt32(truncatingIfNeeded: dependent))
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
        if isObserved, !state.held.isEmpty { offerHeld(&state, keeping: hand < 0 ? 1 : 0) }
        if isPushed {
          // Before the look at who sleeps: `README.md`, section "Parking".
          crew.orderPushes()
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
      if state.crowdedEnded > 0, settle(&state) {
        if !isHeld(state.crowded) { return state.crowded }
        state.held.append(UInt32(state.crowded))
        offerHeld(&state, keeping: 1)
      }
      let task = tryFindWork(lane, &state)
      if task >= 0 {
        // Who was woken, or found something after waiting, passes the wake-up on while there is more.
        if crew.sleepers.pointee.load(ordering: .relaxed) > 0, hasVisibleWork() { wakeSomebody(crew) }
        return task
      }
      if let gate {
        let source = gate.takeOrIdle()
        if source >= 0 {
          if !desk.isFor(source) { return source }
          serve(desk.offer(CollectionOfOne(UInt32(source))), keeping: 1)
          continue
        }
        state.isIdle = true
      }
      // Wait. The count of finished tasks is told only now and then: its line moves between the processors.
      while true {
        // At once where nobody else can have work: then this was the last.
        if spins & 15 == 15 || spins > crew.spinLimit || spins == 0 && inside.pointee.load(ordering: .relaxed) == 0 {
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
          sleepAsCaller(crew) { isComplete || stop.pointee.load(ordering: .relaxed) || hasVisibleWork() }
          spins = 0
        }
        spins &+= 1
        if hasVisibleWork() { break }
        martlet_spin_hint()
      }
    }
  }

  private func tryFindWork(_ lane: Int, _ state: inout LaneState) -> Int {
    if deskTasks.pointee.load(ordering: .relaxed) > 0 {
      let task = desk.take()
      if task >= 0 { return task }
    }
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
    // Claimed roots cannot be stolen, so as few as will be done in some 20 µs, with what follows from them; and few near
    // the end. Tiny ones are claimed many at a time, which saves the exchange and keeps neighbours on one thread.
    let now = martlet_monotonic_nanoseconds()
    if now &- state.claimedAt < 20_000 {
      state.claim = min(2 &* state.claim, 256)
    } else if now &- state.claimedAt > 40_000 {
      state.claim = max(1, state.claim / 2)
    }
    if state.claimedAt == 0 || now &- state.claimedAt > 1_000_000 { state.claim = 1 }
    state.claimedAt = now
    let wanted = max(1, min(state.claim, (rootCount &- claimed) / (4 &* lanes)))
    // Relaxed: roots depend on nothing.
    let first = rootCursor.pointee.wrappingAdd(wanted, ordering: .relaxed).oldValue
    guard first < rootCount else { return -1 }
    state.nextRoot = first &+ 1
    state.rootEnd = min(rootCount, first &+ wanted)
    return Int(roots[first])
  }

  /// Counts down what ended here of the crowded task's dependencies. True when that made it ready.
  ///
  /// The counts of a task with thousands of dependencies would be taken from processor to processor for each of them. A
  /// thread may keep its share back while what it does next is a dependency of the same task, which cannot begin before.
  @inline(__always)
  private func settle(_ state: inout LaneState) -> Bool {
    let ended = state.crowdedEnded
    state.crowdedEnded = 0
    return pending[state.crowded].wrappingSubtract(ended, ordering: .acquiringAndReleasing).newValue == 0
  }

  /// Makes a ready task known while the hand is full.
  @inline(never)
  private func announce(_ task: Int, _ lane: Int, _ state: inout LaneState, _ crew: Crew) {
    if isHeld(task) {
      state.held.append(UInt32(task))
      offerHeld(&state, keeping: 0)
    } else if !deques[lane].push(UInt32(task)) {
      state.backlog.append(UInt32(task))
    }
    crew.orderPushes()
    if callerSleeps.pointee.load(ordering: .relaxed) == 1 || crew.sleepers.pointee.load(ordering: .relaxed) > 0 {
      wakeSomebody(crew)
    }
  }

  @inline(never)
  func wakeSomebody(_ crew: Crew) {
    if callerSleeps.pointee.load(ordering: .relaxed) == 1 {
      wakeCaller()
    } else {
      crew.wakeOne()
    }
  }

  /// Offers the ready tasks that the lane does not pass on by itself.
  @inline(never)
  private func offerHeld(_ state: inout LaneState, keeping kept: Int) {
    offer(&state.held, keeping: kept)
  }
}
