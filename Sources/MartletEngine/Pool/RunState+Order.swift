import MartletGraph
import Synchronization

extension RunState {
  /// Runs all tasks on this thread in the static order, as `SerialExecutor` does, as long as none has to wait.
  ///
  /// Nothing but the uses of results is counted: which tasks are ready is known from the order.
  ///
  /// - Returns: False when a task waits for something: those that are ready are at the desk then, which keeps to the order
  ///   as far as it can.
  func workInOrder() -> Bool {
    let (graph, slots, uses, stop, cancelled) = (graph, slots, uses, stop, cancelled)
    let (dependencyStarts, dependencies) = (graph.dependencyStarts, graph.dependencies)
    let (order, cells, needed) = (graph.order, graph.cells, needed)
    let ring = options.events?.claim()
    let isObserved = ring != nil || ledger != nil || control != nil
    defer { if let ring { options.events?.release(ring) } }
    let before = CurrentSource.enter(scope)
    defer { CurrentSource.leave(before) }
    var context = TaskContextState(stop: UnsafePointer(stop), cancelled: UnsafePointer(cancelled), threadIndex: 0)
    var timed: TimedAttempt?
    var finished = 0
    return withUnsafeMutablePointer(to: &context) { context in
      for rank in 0..<graph.count {
        let task = Int(order[rank])
        if let needed, !needed.isNeeded[task] { continue }
        // Relaxed: hints to stop; nothing is read because of them.
        if stop.pointee.load(ordering: .relaxed) || cancelled.pointee.load(ordering: .relaxed) {
          end()
          return true
        }
        let firstInput = Int(dependencyStarts[task])
        let endInput = Int(dependencyStarts[task &+ 1])
        if isObserved { timed = begin(task, ring, context) }
        do {
          try cells[task].run(
            TaskInputs(slots: slots, ids: dependencies + firstInput, count: endInput &- firstInput, uses: uses),
            TaskContext(context), slots + task)
          if isObserved { try ended(task, &timed, ring, context) }
        } catch {
          // First, as the task may go on elsewhere from then on.
          leaveOrder(at: rank, finished)
          return !caught(task, error, &timed, ring, context, isAway: false)
        }
        finished &+= 1
        for place in firstInput..<endInput {
          let input = Int(dependencies[place])
          if !slots[input].isCounted && !isObserved { continue }
          // Relaxed, and no exchange: nobody else is here.
          let left = uses[input].load(ordering: .relaxed) &- 1
          uses[input].store(left, ordering: .relaxed)
          if left == 0 {
            slots[input].clear()
            if isObserved { dropped(input, crew) }
          }
        }
      }
      tell(finished)
      return true
    }
  }

  /// Counts the dependencies of the tasks that follow, and offers those that are ready, but for the one at `rank`.
  private func leaveOrder(at rank: Int, _ finished: Int) {
    tell(finished)
    let isNeeded = { (task: Int) in self.needed?.isNeeded[task] ?? true }
    for ended in 0..<rank {
      let task = Int(graph.order[ended])
      guard isNeeded(task) else { continue }
      for place in Int(graph.dependentStarts[task])..<Int(graph.dependentStarts[task + 1]) {
        let dependent = Int(graph.dependents[place])
        // Relaxed: still alone.
        pending[dependent].store(pending[dependent].load(ordering: .relaxed) &- 1, ordering: .relaxed)
      }
    }
    var ready: [UInt32] = []
    for rank in (rank + 1)..<max(rank + 1, graph.count) {
      let task = Int(graph.order[rank])
      if isNeeded(task), pending[task].load(ordering: .relaxed) == 0 { ready.append(UInt32(task)) }
    }
    offer(&ready, keeping: 1)
  }
}
