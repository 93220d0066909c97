import MartletProtocol

// A large graph's tables are many times larger than the caches, and tasks end in any order: nearly each look at a neighbour
// is a miss, some 100 ns, one after the other. But what a message speaks of is known from its beginning. So while one task is dealt
// with, the memory for those behind it is asked for, in steps, because where the neighbours are stands in what was asked
// for before. Nothing is decided here, and a wrong guess costs nothing.

extension SchedulerCore {
  /// So many tasks ahead a step is taken.
  private static let recordDistance = 9
  private static let edgeDistance = 6
  private static let neighbourDistance = 3
  /// A table of so many tasks is in the caches anyway.
  static let smallTable = 1 << 16
  /// Neighbours that are looked at ahead.
  private static let neighbours = 4

  /// The end at `place` is dealt with next: asks for what those behind it will need.
  @inline(__always)
  mutating func foresee(_ ends: [TaskEnd], at place: Int) {
    guard tasks.count > SchedulerCore.smallTable else { return }
    if place == 0 {
      for other in ends.indices.prefix(SchedulerCore.recordDistance) {
        tasks.foresee(Int(ends[other].task.slot))
      }
    }
    if place + SchedulerCore.recordDistance < ends.count {
      tasks.foresee(Int(ends[place + SchedulerCore.recordDistance].task.slot))
    }
    if place + SchedulerCore.edgeDistance < ends.count {
      foreseeEdges(ends[place + SchedulerCore.edgeDistance].task.slot)
    }
    if place + SchedulerCore.neighbourDistance < ends.count {
      foreseeNeighbours(ends[place + SchedulerCore.neighbourDistance].task.slot)
    }
  }

  private func foreseeEdges(_ slot: UInt32) {
    // What a worker names may be anything.
    guard Int(slot) < tasks.count else { return }
    let record = tasks[Int(slot)]
    dependencies.foresee(record.firstInput)
    dependencies.foresee(record.firstDependent)
    if record.state == .processing { assignments.foresee(record.assignment) }
  }

  private func foreseeNeighbours(_ slot: UInt32) {
    guard Int(slot) < tasks.count else { return }
    let record = tasks[Int(slot)]
    var edge = record.firstDependent
    var seen = 0
    while edge != Dependencies.none, seen < SchedulerCore.neighbours {
      let current = dependencies[edge]
      tasks.foresee(Int(current.dependent))
      edge = current.nextDependent
      seen += 1
    }
    edge = record.firstInput
    seen = 0
    while edge != Dependencies.none, seen < SchedulerCore.neighbours {
      let current = dependencies[edge]
      tasks.foresee(Int(current.input))
      edge = current.nextInput
      seen += 1
    }
  }

  /// The next task of a client's queue is given out: asks for what those after it will need.
  @inline(__always)
  mutating func foreseeReady(of client: Int) {
    guard tasks.count > SchedulerCore.smallTable else { return }
    foresights &+= 1
    let (next, soon, later, last) = queues[client].upcoming(foresights)
    if let last { tasks.foresee(Int(last)) }
    if let later { dependencies.foresee(tasks[Int(later)].firstInput) }
    if let soon { foreseeInputs(soon, isPair: false) }
    if let next { foreseeInputs(next, isPair: true) }
  }

  /// Asks for the inputs of a task, or for their first holders.
  private func foreseeInputs(_ slot: UInt32, isPair: Bool) {
    var edge = tasks[Int(slot)].firstInput
    var seen = 0
    while edge != Dependencies.none, seen < SchedulerCore.neighbours {
      let current = dependencies[edge]
      if isPair {
        holders.foresee(tasks[Int(current.input)].firstHolder)
      } else {
        tasks.foresee(Int(current.input))
      }
      edge = current.nextInput
      seen += 1
    }
  }
}
