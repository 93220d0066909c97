/// Looks for a better order near one that is there: a task that runs after the peak is moved to before it, with all that it
/// needs, and what follows keeps its order as far as it can. An order that is no worse takes the place of the one before, so that
/// the search walks on where all are equally good.
///
/// A result ends with its last consumer: what may make the peak lower is that a consumer of a result which is alive at the peak
/// runs earlier. So only such tasks are moved. Several moves to one place follow each other: all that has run before it is
/// remembered, and most moves are given up soon after it, where they reach the peak themselves.
struct MoveSearch {
  private let scratch: OrderScratch
  private let tables: MoveTables
  /// The order from which is moved: its peak, and how often that is reached.
  private var peak: Int
  private var ties: Int
  private var seed: UInt64 = 0
  /// A moment of the peak: so many tasks have run.
  private var top = 0
  /// How many results are alive then.
  private var liveCount = 0
  /// The run up to the place to which is moved.
  private var start: EagerRun
  /// How many moves to that place are left.
  private var movesLeft = 0
  private static let movesToOnePlace = 6

  /// - Parameter order: An order of all tasks. O(tasks + dependencies).
  init(_ scratch: OrderScratch, from order: UnsafePointer<UInt32>) {
    self.scratch = scratch
    tables = scratch.moves
    start = EagerRun(scratch)
    for rank in 0..<scratch.shape.count where !scratch.isDone[Int(order[rank])] { start.run(Int(order[rank])) { _ in } }
    tables.current.update(from: scratch.order, count: scratch.shape.count)
    (peak, ties) = (start.peak, start.ties)
    findPeak()
  }

  /// Tries one move.
  ///
  /// - Returns: The run of the new order, which the scratch's order holds, when it is no worse.
  mutating func next(budget: inout Int) -> EagerRun? {
    let count = scratch.shape.count
    if liveCount == 0 {
      budget = 0
      return nil
    }
    if movesLeft == 0 {
      choosePlace()
      budget &-= 8 &* start.written &+ count
    }
    movesLeft &-= 1
    scratch.states.update(from: tables.states, count: count)
    scratch.isDone.update(from: tables.isDone, count: count)
    var run = start
    pull(chooseTask(), &run)
    var rank = start.written
    while rank < count, !isWorse(run) {
      let task = Int(tables.current[rank])
      if !scratch.isDone[task] { run.run(task) { _ in } }
      rank &+= 1
    }
    budget &-= 7 &* (run.written &- start.written) &+ count &+ 8
    if isWorse(run) { return nil }
    // To walk on takes a new look at the peak.
    if run.peak == peak, run.ties == ties, draw(below: 4) > 0 { return run }
    (peak, ties) = (run.peak, run.ties)
    tables.current.update(from: scratch.order, count: count)
    findPeak()
    budget &-= 9 &* count
    return run
  }

  @inline(__always)
  private func isWorse(_ run: borrowing EagerRun) -> Bool { run.peak > peak || run.peak == peak && run.ties > ties }

  /// Looks for a moment of the peak, one of them at random, and for what is alive then.
  private mutating func findPeak() {
    let (shape, current, ranks, live) = (scratch.shape, tables.current, tables.ranks, tables.live)
    let uses = scratch.cursor
    var (alive, most, number) = (0, 0, 0)
    for task in 0..<shape.count { uses[task] = shape.dependentStarts[task &+ 1] &- shape.dependentStarts[task] }
    for rank in 0..<shape.count {
      let task = Int(current[rank])
      ranks[task] = UInt32(truncatingIfNeeded: rank)
      if alive >= most {
        number = alive > most ? 1 : number &+ 1
        most = alive
        if number == 1 || drawn(seed ^ UInt64(number), below: number) == 0 { top = rank }
      }
      for place in shape.inputs(task) {
        let input = Int(shape.dependencies[place])
        uses[input] &-= 1
        if uses[input] == 0 { alive &-= 1 }
      }
      if !shape.isSink(task) { alive &+= 1 }
    }
    liveCount = 0
    for rank in 0..<top {
      let task = Int(current[rank])
      for place in shape.outputs(task) where ranks[Int(shape.dependents[place])] >= top {
        live[liveCount] = UInt32(truncatingIfNeeded: task)
        liveCount &+= 1
        break
      }
    }
    movesLeft = 0
  }

  private mutating func draw(below count: Int) -> Int {
    seed &+= 1
    return drawn(seed, below: count)
  }

  /// Chooses to where is moved, between where a result that is alive at the peak was made and the peak; and runs up to there.
  private mutating func choosePlace() {
    let count = scratch.shape.count
    let first = Int(tables.ranks[Int(tables.live[draw(below: liveCount)])]) &+ 1
    let place = first &+ draw(below: top &- first &+ 1)
    start = EagerRun(scratch)
    for rank in 0..<place where !scratch.isDone[Int(tables.current[rank])] {
      start.run(Int(tables.current[rank])) { _ in }
    }
    tables.states.update(from: scratch.states, count: count)
    tables.isDone.update(from: scratch.isDone, count: count)
    movesLeft = MoveSearch.movesToOnePlace
  }

  /// A task that runs after the peak and needs a result that is alive then; instead of a link that to which it leads.
  private mutating func chooseTask() -> Int {
    let (shape, ranks) = (scratch.shape, tables.ranks)
    let row = shape.outputs(Int(tables.live[draw(below: liveCount)]))
    var place = row.lowerBound &+ draw(below: row.count)
    while ranks[Int(shape.dependents[place])] < top {
      place = place &+ 1 == row.upperBound ? row.lowerBound : place &+ 1
    }
    var task = Int(shape.dependents[place])
    while shape.inputs(task).count == 1, shape.outputs(task).count == 1 {
      task = Int(shape.dependents[shape.outputs(task).lowerBound])
    }
    return task
  }

  /// Runs a task and all that it needs.
  private func pull(_ goal: Int, _ run: inout EagerRun) {
    let (shape, stack, cursor) = (scratch.shape, scratch.stack, scratch.cursor)
    var depth = 0
    stack[0] = UInt32(truncatingIfNeeded: goal)
    cursor[goal] = shape.starts[goal]
    while depth >= 0, !isWorse(run) {
      let task = Int(stack[depth])
      if scratch.isDone[task] {
        depth &-= 1
        continue
      }
      if scratch.states[task].missing == 0 {
        run.run(task) { _ in }
        continue
      }
      while scratch.isDone[Int(scratch.sorted[Int(cursor[task])])] { cursor[task] &+= 1 }
      let input = scratch.sorted[Int(cursor[task])]
      cursor[Int(input)] = shape.starts[Int(input)]
      depth &+= 1
      stack[depth] = input
    }
  }
}

/// Memory that only `MoveSearch` needs.
final class MoveTables {
  /// The order from which is moved, and where each task stands in it.
  let current: UnsafeMutablePointer<UInt32>
  let ranks: UnsafeMutablePointer<UInt32>
  /// The results that are alive at its peak.
  let live: UnsafeMutablePointer<UInt32>
  /// All tasks where the moves begin.
  let states: UnsafeMutablePointer<TaskProgress>
  let isDone: UnsafeMutablePointer<Bool>

  init(_ count: Int) {
    current = allocated(3 * count)
    ranks = current + count
    live = ranks + count
    states = allocated(count)
    isDone = allocated(count)
  }

  deinit {
    release(current)
    release(states)
    release(isDone)
  }
}
