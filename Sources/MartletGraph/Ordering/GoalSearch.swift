/// Chooses what to run, when nothing is safe, by goals: tasks of which an input is alive already, the one first that takes
/// the least work to complete, less what it frees. Near goals keep the run in one corner of the graph, as Dask's order
/// does by looking for leaves that touch computed data.
struct GoalSearch {
  /// How goals that are equally cheap are told apart, and what is gone for first.
  enum Preference {
    /// The one whose first input has waited longest.
    case oldest
    /// The one whose last input is newest.
    case newest
    /// The age before the cost.
    case age
    /// A number of the seed's.
    case random(UInt64)
  }

  /// In which order sinks are gone for when there is no goal.
  enum Beginning { case asNumbered, leastEffort, mostEffort, random(UInt64) }

  let scratch: OrderScratch
  let preference: Preference
  /// Whether a goal is completed before another one is chosen.
  let isSteady: Bool
  private var heap: [Entry] = []
  private var sweepAt = 4096
  private var clock: UInt32 = 0

  private struct Entry {
    var key: UInt64
    var task: UInt32
    var stamp: UInt32
  }

  init(_ scratch: OrderScratch, _ preference: Preference, isSteady: Bool) {
    self.scratch = scratch
    self.preference = preference
    self.isSteady = isSteady
    heap.reserveCapacity(64)
  }

  /// Fills the scratch's order. Nil when it took more than `budget` steps, or `ceiling` results are alive.
  mutating func search(_ beginning: Beginning, below ceiling: Int, budget: inout Int) -> EagerRun? {
    let scratch = scratch
    let shape = scratch.shape
    arrangeGoals(beginning)
    var run = EagerRun(scratch)
    for task in 0..<shape.count {
      scratch.cursor[task] = shape.starts[task]
      scratch.stamp[task] = 0
      scratch.touched[task] = 0
      var sum: UInt64 = 0
      for place in shape.inputs(task) { sum &+= UInt64(scratch.effort[Int(shape.dependencies[place])]) }
      scratch.missingEffort[task] = sum
    }
    var nextGoal = 0
    while run.written < shape.count {
      var goal = -1
      while let entry = popEntry() {
        budget &-= 2
        if scratch.isDone[Int(entry.task)] || scratch.stamp[Int(entry.task)] != entry.stamp { continue }
        goal = Int(entry.task)
        break
      }
      if goal < 0 {
        while scratch.isDone[Int(scratch.goals[nextGoal])] { nextGoal &+= 1 }
        goal = Int(scratch.goals[nextGoal])
      }
      pursue(goal, &run, &budget)
      if budget < 0 || run.peak >= ceiling { return nil }
    }
    return run
  }

  /// Runs the goal, or only the first task on the way to it.
  private mutating func pursue(_ goal: Int, _ run: inout EagerRun, _ budget: inout Int) {
    let scratch = scratch
    var depth = 0
    scratch.stack[0] = UInt32(truncatingIfNeeded: goal)
    while depth >= 0 {
      let task = Int(scratch.stack[depth])
      budget &-= 1
      if scratch.isDone[task] {
        depth &-= 1
        continue
      }
      if scratch.missing[task] > 0 {
        var place = scratch.cursor[task]
        while scratch.isDone[Int(scratch.sorted[Int(place)])] { place &+= 1 }
        scratch.cursor[task] = place
        depth &+= 1
        scratch.stack[depth] = scratch.sorted[Int(place)]
        continue
      }
      let before = run.written
      clock &+= 1
      var touchedNow: [UInt32] = []
      run.run(task) { touchedNow.append(UInt32(truncatingIfNeeded: $0)) }
      budget &-= 4 &* (run.written &- before) &+ 2 &* touchedNow.count
      settleEfforts(from: before, run)
      for dependent in touchedNow { touch(Int(dependent)) }
      if !isSteady {
        if !scratch.isDone[goal] { touch(goal) }
        return
      }
    }
  }

  /// Takes what has run off the effort that its dependents still take.
  private func settleEfforts(from before: Int, _ run: borrowing EagerRun) {
    for rank in before..<run.written {
      let task = Int(scratch.order[rank])
      let effort = UInt64(scratch.effort[task])
      for place in scratch.shape.outputs(task) {
        scratch.missingEffort[Int(scratch.shape.dependents[place])] &-= effort
      }
    }
  }

  /// Makes a task a goal, or an old goal's key new.
  private mutating func touch(_ task: Int) {
    if scratch.isDone[task] { return }
    let cost = Int64(scratch.missingEffort[task]) - Int64(scratch.freeable[task])
    let level = UInt64(min(max(cost + 1024, 0), Int64(Int32.max)))
    var age: UInt32
    switch preference {
    case .oldest, .age:
      if scratch.touched[task] == 0 { scratch.touched[task] = clock }
      age = scratch.touched[task]
    case .newest: age = ~clock
    case .random(let seed):
      if scratch.touched[task] == 0 {
        scratch.touched[task] = UInt32(truncatingIfNeeded: mixed(seed ^ UInt64(task))) | 1
      }
      age = scratch.touched[task]
    }
    let key: UInt64
    if case .age = preference { key = UInt64(age) &<< 32 | level } else { key = level &<< 32 | UInt64(age) }
    scratch.stamp[task] &+= 1
    pushEntry(Entry(key: key, task: UInt32(truncatingIfNeeded: task), stamp: scratch.stamp[task]))
  }

  private func arrangeGoals(_ beginning: Beginning) {
    let (sinks, goals, count) = (scratch.sinks, scratch.goals, scratch.sinkCount)
    goals.update(from: sinks, count: count)
    var row = UnsafeMutableBufferPointer(start: goals, count: count)
    let effort = scratch.effort
    switch beginning {
    case .asNumbered: break
    case .leastEffort: row.sort { (effort[Int($0)], $0) < (effort[Int($1)], $1) }
    case .mostEffort: row.sort { (effort[Int($1)], $0) < (effort[Int($0)], $1) }
    case .random(let seed): row.sort { mixed(seed ^ UInt64($0)) < mixed(seed ^ UInt64($1)) }
    }
  }

  // MARK: A binary heap

  /// Takes the entries out that were renewed or are done: else the heap would grow with the dependencies.
  private mutating func sweep() {
    let (isDone, stamp) = (scratch.isDone, scratch.stamp)
    heap.removeAll { isDone[Int($0.task)] || stamp[Int($0.task)] != $0.stamp }
    // Sorted is a heap.
    heap.sort { $0.key < $1.key }
    sweepAt = max(4096, 2 * heap.count)
  }

  private mutating func pushEntry(_ entry: Entry) {
    if heap.count == sweepAt { sweep() }
    heap.append(entry)
    heap.withUnsafeMutableBufferPointer { heap in
      var place = heap.count &- 1
      while place > 0 {
        let parent = (place &- 1) / 2
        if heap[parent].key <= entry.key { break }
        heap[place] = heap[parent]
        place = parent
      }
      heap[place] = entry
    }
  }

  private mutating func popEntry() -> Entry? {
    guard let top = heap.first, let last = heap.popLast() else { return nil }
    let count = heap.count
    if count == 0 { return top }
    heap.withUnsafeMutableBufferPointer { heap in
      var place = 0
      while true {
        var child = 2 &* place &+ 1
        if child >= count { break }
        if child &+ 1 < count, heap[child &+ 1].key < heap[child].key { child &+= 1 }
        if heap[child].key >= last.key { break }
        heap[place] = heap[child]
        place = child
      }
      heap[place] = last
    }
    return top
  }
}

/// Spreads a number over all bits: Stafford's mix 13.
@inline(__always)
func mixed(_ number: UInt64) -> UInt64 {
  var word = number &+ 0x9e37_79b9_7f4a_7c15
  word = (word ^ (word &>> 30)) &* 0xbf58_476d_1ce4_e5b9
  word = (word ^ (word &>> 27)) &* 0x94d0_49bb_1331_11eb
  return word ^ (word &>> 31)
}
