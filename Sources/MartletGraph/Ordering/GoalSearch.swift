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

  /// In which order sinks are gone for when there is no goal; `arranged`: as the scratch has them already.
  enum Beginning { case asNumbered, leastEffort, mostEffort, arranged, random(UInt64) }

  let scratch: OrderScratch
  let preference: Preference
  /// Whether a goal is completed before another one is chosen.
  let isSteady: Bool
  private let heap: UnsafeMutablePointer<GoalEntry>
  private let heapCapacity: Int
  private var heapCount = 0
  /// Out of date entries are swept out when there are so many: pages that were never written take no memory.
  private var sweepAt: Int
  private let touchedNow: UnsafeMutablePointer<UInt32>
  private let mark: UnsafeMutablePointer<UInt32>
  private var clock: UInt32 = 0

  init(_ scratch: OrderScratch, _ preference: Preference, isSteady: Bool) {
    self.scratch = scratch
    self.preference = preference
    self.isSteady = isSteady
    heap = scratch.heap
    heapCapacity = scratch.heapCapacity
    sweepAt = min(4096, heapCapacity)
    touchedNow = scratch.safe + scratch.shape.count
    mark = scratch.mark
  }

  /// Fills the scratch's order. Nil when it took more than `budget` steps, or `ceiling` results are alive.
  mutating func search(_ beginning: Beginning, below ceiling: Int, budget: inout Int) -> EagerRun? {
    let scratch = scratch
    let shape = scratch.shape
    scratch.arrangeGoals(beginning)
    var run = EagerRun(scratch)
    scratch.cursor.update(from: shape.starts, count: shape.count)
    scratch.stamp.update(repeating: 0, count: shape.count)
    scratch.touched.update(repeating: 0, count: shape.count)
    mark.update(repeating: 0, count: shape.count)
    scratch.resetMissingEfforts()
    budget &-= 12 &* shape.count
    var nextGoal = 0
    while run.written < shape.count {
      var goal = -1
      while let entry = popEntry() {
        budget &-= 7
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
      if scratch.states[task].missing > 0 {
        var place = scratch.cursor[task]
        while scratch.isDone[Int(scratch.sorted[Int(place)])] { place &+= 1 }
        scratch.cursor[task] = place
        depth &+= 1
        scratch.stack[depth] = scratch.sorted[Int(place)]
        continue
      }
      let before = run.written
      clock &+= 1
      let (touchedNow, mark, clock) = (touchedNow, mark, clock)
      var touchedCount = 0
      run.run(task) { dependent in
        if mark[dependent] == clock { return }
        mark[dependent] = clock
        touchedNow[touchedCount] = UInt32(truncatingIfNeeded: dependent)
        touchedCount &+= 1
      }
      budget &-= 7 &* (run.written &- before) &+ 7 &* touchedCount
      settleEfforts(from: before, run)
      for place in 0..<touchedCount { touch(Int(touchedNow[place])) }
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
    let cost = Int64(scratch.missingEffort[task]) - Int64(scratch.states[task].freeable)
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
    pushEntry(GoalEntry(key: key, task: UInt32(truncatingIfNeeded: task), stamp: scratch.stamp[task]))
  }

  // MARK: A binary heap

  /// Takes the entries out that were renewed or are done, so that each task has one at most.
  private mutating func sweep() {
    var kept = 0
    for place in 0..<heapCount {
      let entry = heap[place]
      if scratch.isDone[Int(entry.task)] || scratch.stamp[Int(entry.task)] != entry.stamp { continue }
      heap[kept] = entry
      kept &+= 1
    }
    heapCount = kept
    sweepAt = min(heapCapacity, max(4096, 2 &* kept))
    // Sorted is a heap.
    var entries = UnsafeMutableBufferPointer(start: heap, count: kept)
    entries.sort { $0.key < $1.key }
  }

  private mutating func pushEntry(_ entry: GoalEntry) {
    if heapCount == sweepAt { sweep() }
    var place = heapCount
    heapCount &+= 1
    while place > 0 {
      let parent = (place &- 1) / 2
      if heap[parent].key <= entry.key { break }
      heap[place] = heap[parent]
      place = parent
    }
    heap[place] = entry
  }

  private mutating func popEntry() -> GoalEntry? {
    if heapCount == 0 { return nil }
    let top = heap[0]
    heapCount &-= 1
    let count = heapCount
    if count == 0 { return top }
    let last = heap[count]
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
    return top
  }
}

/// A task that may be completed next.
struct GoalEntry {
  var key: UInt64
  var task: UInt32
  /// The entry is out of date where the task has another one.
  var stamp: UInt32
}
