import MartletBytes
import MartletProtocol

extension SchedulerCore {
  /// What is wrong with the tables; nil when all of them agree. Recomputes what the fast paths keep up to date. O(all).
  package func brokenInvariant() -> String? {
    for number in tasks.indices where tasks[number].isUsed {
      let slot = UInt32(number)
      let task = tasks[number]
      let name = "\(labelText(of: slot)) \(handle(of: slot)) in \(task.state)"
      if self.slot(of: task.digest) != slot { return "\(name) is not found by its key" }
      let inputs = self.inputs(of: slot)
      if inputs.contains(where: { !tasks[Int($0)].isUsed }) { return "\(name) depends on a forgotten task" }
      let waiters = dependents(of: slot).count { tasks[Int($0)].state.isActive }
      if waiters != Int(task.waiters) { return "\(name) has \(waiters) waiters, \(task.waiters) were counted" }
      let hasCopy = task.hasInline || task.firstHolder != Relation.none || kinds[task.kind].work == .signal
      switch task.state {
      case .released:
        if isNeeded(slot), task.pins == 0 { return "\(name) is needed and nobody computes it" }
        if !isNeeded(slot), task.pins == 0, task.firstDependent == Dependencies.none {
          return "\(name) should be forgotten"
        }
      case .waiting:
        let unmet = inputs.count { tasks[Int($0)].state != .memory }
        if unmet != Int(task.unmet) { return "\(name) misses \(unmet) inputs, \(task.unmet) were counted" }
        if unmet == 0, !task.isDelayed { return "\(name) waits for nothing" }
      case .ready, .noWorker:
        if inputs.contains(where: { tasks[Int($0)].state != .memory }) { return "\(name) lacks an input" }
      case .processing:
        if !loads[Int(task.worker)].isAlive { return "\(name) is on a dead worker" }
        if assignments[task.assignment].task != slot { return "\(name) is not among its worker's tasks" }
        if task.isAhead, inputs.contains(where: { !isComing($0) }) {
          return "\(name) is ahead of what nobody computes"
        }
      case .memory: if !hasCopy { return "\(name) has no copy" }
      case .failed: if failures[slot] == nil { return "\(name) has no reason" }
      }
      if task.state.isActive || task.state == .memory, !isNeeded(slot) { return "\(name) is not needed" }
      if task.state != .memory, task.firstHolder != Relation.none || task.hasInline { return "\(name) has a copy" }
    }
    for state in TaskState.allCases {
      let count = tasks.indices.reduce(0) { $0 + (tasks[$1].isUsed && tasks[$1].state == state ? 1 : 0) }
      let counted = stateCounts[Int(state.rawValue)]
      if count != counted { return "\(count) tasks are in \(state), \(counted) were counted" }
    }
    let replicated = tasks.indices.reduce(0) { $0 + (tasks[$1].isUsed && tasks[$1].isReplicated ? 1 : 0) }
    if replicated != copies.wanted.count {
      return "\(replicated) tasks are replicated, \(copies.wanted.count) are noted"
    }
    if copies.moves.count > settings.moveLimit { return "\(copies.moves.count) copies are under way" }
    if assignments.count != stateCounts[Int(TaskState.processing.rawValue)] {
      return "\(assignments.count) assignments"
    }
    var keeps = 0
    for handle in published.keys.sorted().flatMap({ published[$0] ?? [] }) where slot(of: handle) != nil { keeps += 1 }
    keeps += coordination.heldTasks.count { slot(of: $0) != nil }
    let counted = self.keeps.values.reduce(0) { $0 + Int($1) }
    if keeps != counted { return "\(keeps) names and values keep tasks, \(counted) were counted" }
    return coordination.brokenInvariant() ?? brokenWorker()
  }

  private func load(of slot: UInt32) -> Assignments.Load { assignments[tasks[Int(slot)].assignment].load }

  /// Whether a result is there, or is computed.
  private func isComing(_ slot: UInt32) -> Bool {
    let state = tasks[Int(slot)].state
    return state == .memory || state == .processing
  }

  private func brokenWorker() -> String? {
    var suspended = 0
    for number in workers.indices {
      let worker = loads[number]
      let record = workers[number]
      let held = holders.lefts(of: UInt32(number))
      let given = assignments.tasks(of: UInt32(number))
      if !worker.isAlive, !held.isEmpty || !given.isEmpty { return "the dead worker \(number) has tasks" }
      let computing = given.count { load(of: $0) == .computing }
      let blocking = given.count { load(of: $0) == .blocking }
      if computing != worker.processing || blocking != worker.blocking
        || given.count != computing + blocking + worker.suspended
      {
        return "worker \(number) has \(computing) and \(blocking) tasks, \(worker.processing) and "
          + "\(worker.blocking) were counted"
      }
      suspended += given.count - computing - blocking
      if given.contains(where: { (load(of: $0) == .computing) && traits(of: $0).isBlocking }) {
        return "a blocking task computes on worker \(number)"
      }
      let bytes = held.reduce(0) { $0 + tasks[Int($1)].resultBytes }
      if bytes != worker.heldBytes { return "worker \(number) holds \(bytes) bytes, \(worker.heldBytes) were counted" }
      let booked = given.reduce(0) {
        $0 + (load(of: $1) == .computing ? assignments[tasks[Int($1)].assignment].nanoseconds : 0)
      }
      if booked != worker.occupancyNanoseconds { return "worker \(number) is booked wrongly" }
      if given.contains(where: { tasks[Int($0)].worker != number }) { return "worker \(number) has a stranger's task" }
      if hungry.contains(UInt32(number)) != (worker.isOpen && worker.isHungry)
        || idle.contains(UInt32(number)) != (worker.isOpen && computing == 0)
        || patient.contains(UInt32(number)) != (worker.isOpen && blocking < settings.blockingTasks)
      {
        return "worker \(number) is in the wrong set"
      }
      for (place, resource) in record.resources.enumerated() {
        var used: Int64 = 0
        for slot in given {
          for need in traits(of: slot).resources where need.name == resource.name {
            used += need.amount
          }
        }
        if used != record.occupied[place] || used > resource.amount {
          return "worker \(number): \(resource.name) is off"
        }
      }
    }
    if suspended != assignments.suspendedCount {
      return "\(suspended) tasks are suspended, \(assignments.suspendedCount) were counted"
    }
    return nil
  }

  /// What is left when no client wants anything: nothing, or this.
  package func leftover() -> String? {
    if taskCount > 0 {
      let some = tasks.indices.filter { tasks[$0].isUsed }.prefix(3).map {
        "\(labelText(of: UInt32($0))): \(tasks[$0].state)"
      }
      return "\(taskCount) tasks are left, such as \(some.joined(separator: ", "))"
    }
    if holders.count + wants.count + dependencies.count + assignments.count > 0 { return "a relation is not empty" }
    if inlines.count != 0 || inlines.bytes != 0 || !keeps.isEmpty || !failures.isEmpty || !deathsByTask.isEmpty {
      return "a table is not empty"
    }
    if !copies.isEmpty { return "copies are wanted" }
    if !watches.isEmpty { return "\(watches.count) graphs are watched" }
    if !coordination.isEmpty || !published.isEmpty { return "something is shared" }
    if labels.count > 0 || table.count > 0 || types.count > 0 || kinds.count > 0 || prefixes.count > 0 {
      return "names or keys are left"
    }
    return nil
  }
}
