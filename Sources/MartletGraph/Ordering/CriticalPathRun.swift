/// Writes an order along critical paths: what Dask's order does (2024 and later), in our own words.
///
/// From a sink one walks back through the heaviest inputs to a task that can be run: the critical path, which is run forward, with
/// the other inputs of the tasks on it. Where an input is missing, one walks back into it first. Once that has happened, side paths
/// that have become ready are run too, but only as far as they make no more results live: up to a join, and into it when the
/// paths to all of its missing inputs wait there. So of several reductions of the same parts each makes a join as soon as that can
/// be had, and not one of its inputs before.
///
/// A side path is known by its last task: each task of it but the first has one input, the one before.
struct CriticalPathRun {
  private let scratch: OrderScratch
  private let targets: CriticalPathTargets
  private let order: UnsafeMutablePointer<UInt32>
  private var written = 0
  /// Inputs that have not run.
  private let missing: UnsafeMutablePointer<UInt32>
  /// Tasks to run, the next one last. Each is written by the task on the path before it, and by one that walks back into it.
  private let path: UnsafeMutablePointer<UInt32>
  private var pathCount = 0
  private var hasWalkedBack = false
  /// Tasks that have become ready beside the path, and those of them that are looked at.
  private var ready: UnsafeMutablePointer<UInt32>
  private var candidates: UnsafeMutablePointer<UInt32>
  private var readyCount = 0
  private let open: UnsafeMutablePointer<UInt32>
  /// Branches of the side path that is followed: how often it has split, and its last task.
  private let branches: UnsafeMutablePointer<UInt32>
  private let splits: UnsafeMutablePointer<UInt32>
  private var branchCount = 0
  /// The side paths that wait at a join: how many, the last task of one, plus one, and of each that of the one before.
  private let waitingCount: UnsafeMutablePointer<UInt32>
  private let waitingLast: UnsafeMutablePointer<UInt32>
  private let waitingBefore: UnsafeMutablePointer<UInt32>
  /// Whether a task is on a side path that was followed.
  private let isFollowed: UnsafeMutablePointer<Bool>

  /// Whether it is worth its time: few dependencies a task.
  static func fits(_ shape: OrderShape) -> Bool { Int(shape.starts[shape.count]) <= 6 * shape.count }

  /// Fills `order`.
  static func apply(_ scratch: OrderScratch, to order: UnsafeMutablePointer<UInt32>) {
    let (count, edges) = (scratch.shape.count, Int(scratch.shape.starts[scratch.shape.count]))
    // The flags are the last: a word for four of them.
    let block: UnsafeMutablePointer<UInt32> = allocated(6 * count + 2 * edges + 4 * count + count / 4 + 1)
    defer { release(block) }
    var run = CriticalPathRun(scratch, order, block)
    while let sink = run.nextSink() { run.reach(sink) }
  }

  private init(
    _ scratch: OrderScratch, _ order: UnsafeMutablePointer<UInt32>, _ block: UnsafeMutablePointer<UInt32>
  ) {
    self.scratch = scratch
    self.order = order
    targets = CriticalPathTargets(scratch)
    let shape = scratch.shape
    let count = shape.count
    missing = scratch.cursor
    open = scratch.stack
    branches = scratch.safe
    splits = scratch.safe + count
    ready = block
    candidates = block + count
    waitingCount = block + 2 * count
    waitingLast = block + 3 * count
    waitingBefore = block + 4 * count
    path = block + 5 * count
    isFollowed = UnsafeMutableRawPointer(path + 5 * count + 2 * Int(shape.starts[count]))
      .assumingMemoryBound(to: Bool.self)
    scratch.isDone.update(repeating: false, count: count)
    isFollowed.update(repeating: false, count: count)
    waitingCount.update(repeating: 0, count: 2 * count)
    for task in 0..<count { missing[task] = shape.starts[task &+ 1] &- shape.starts[task] }
  }

  private func nextSink() -> Int? {
    targets.nextSink { sink in Int(missing[sink]) < scratch.shape.inputs(sink).count }
  }

  @inline(__always)
  private mutating func push(_ task: Int) {
    path[pathCount] = UInt32(truncatingIfNeeded: task)
    pathCount &+= 1
  }

  /// Runs all that a sink is made of, and the sink.
  private mutating func reach(_ sink: Int) {
    let shape = scratch.shape
    push(sink)
    var next = heaviestInput(of: sink)
    while next >= 0 {
      push(next)
      for place in shape.inputs(next) where !scratch.isDone[Int(shape.dependencies[place])] {
        push(Int(shape.dependencies[place]))
      }
      next = heaviestInput(of: next)
    }
    hasWalkedBack = false
    while pathCount > 0 {
      pathCount &-= 1
      let task = Int(path[pathCount])
      if scratch.isDone[task] { continue }
      if missing[task] > 0 {
        walkBack(from: task)
      } else {
        if hasWalkedBack, readyCount < pathCount { runSidePaths() }
        finish(task)
      }
    }
    runSidePaths()
  }

  private func heaviestInput(of task: Int) -> Int {
    let shape = scratch.shape
    var heaviest = -1
    for place in shape.inputs(task) {
      let input = Int(shape.dependencies[place])
      if !scratch.isDone[input], heaviest < 0 || targets.isHeavier(input, than: heaviest) { heaviest = input }
    }
    return heaviest
  }

  /// Puts the missing inputs on the path: the heaviest one last, but after it those to which side paths lead.
  private mutating func walkBack(from task: Int) {
    let shape = scratch.shape
    push(task)
    let start = pathCount
    for place in shape.inputs(task) {
      let input = Int(shape.dependencies[place])
      if !scratch.isDone[input] { push(input) }
    }
    if pathCount &- start < 2, pathCount == start || waitingLast[Int(path[start])] == 0 { return }
    var inputs = UnsafeMutableBufferPointer(start: path + start, count: pathCount &- start)
    sortLightestFirst(&inputs)
    var unknown = 0
    for place in start..<pathCount where waitingLast[Int(path[place])] == 0 {
      unknown &+= 1
    }
    if unknown > 1 { hasWalkedBack = true }
    if unknown == inputs.count { return }
    // Those with side paths go last, each followed by these.
    var (kept, known) = (start, 0)
    for place in start..<pathCount {
      let input = path[place]
      if waitingLast[Int(input)] == 0 {
        path[kept] = input
        kept &+= 1
      } else {
        open[known] = input
        known &+= 1
      }
    }
    pathCount = kept
    for place in 0..<known {
      let join = Int(open[place])
      push(join)
      var word = takeWaiting(at: join)
      while word != 0 {
        push(Int(word &- 1))
        word = waitingBefore[Int(word &- 1)]
      }
    }
  }

  private func sortLightestFirst(_ tasks: inout UnsafeMutableBufferPointer<UInt32>) {
    if tasks.count > 24 {
      tasks.sort { targets.isHeavier(Int($1), than: Int($0)) }
      return
    }
    for place in tasks.indices {
      let task = tasks[place]
      var hole = place
      while hole > 0, targets.isHeavier(Int(tasks[hole &- 1]), than: Int(task)) {
        tasks[hole] = tasks[hole &- 1]
        hole &-= 1
      }
      tasks[hole] = task
    }
  }

  /// Runs a task, and what only waited for it.
  private mutating func finish(_ first: Int) {
    let shape = scratch.shape
    var depth = 1
    open[0] = UInt32(truncatingIfNeeded: first)
    while depth > 0 {
      depth &-= 1
      let task = Int(open[depth])
      if scratch.isDone[task] { continue }
      scratch.isDone[task] = true
      order[written] = UInt32(truncatingIfNeeded: task)
      written &+= 1
      if shape.inputs(task).isEmpty { targets.markDone(task) }
      let row = shape.outputs(task)
      for place in row {
        let dependent = Int(shape.dependents[place])
        missing[dependent] &-= 1
        if missing[dependent] > 0 { continue }
        if row.count == 1 {
          open[depth] = UInt32(truncatingIfNeeded: dependent)
          depth &+= 1
        } else {
          ready[readyCount] = UInt32(truncatingIfNeeded: dependent)
          readyCount &+= 1
        }
      }
    }
  }

  /// Follows what has become ready, the last one first, until nothing more does.
  private mutating func runSidePaths() {
    while readyCount > 0 {
      var place = readyCount
      (ready, candidates) = (candidates, ready)
      readyCount = 0
      while place > 0 {
        place &-= 1
        let task = Int(candidates[place])
        if scratch.isDone[task] || isFollowed[task] { continue }
        if scratch.shape.isSink(task) { finish(task) } else { follow(task) }
      }
    }
  }

  /// Follows a side path and its branches.
  private mutating func follow(_ first: Int) {
    branches[0] = UInt32(truncatingIfNeeded: first)
    splits[0] = 0
    branchCount = 1
    var branch = 0
    while branch < branchCount {
      followBranch(from: Int(branches[branch]), first, splits[branch])
      branch &+= 1
    }
  }

  /// Goes on to a sink, which is run; to a task that several need, from where each way on without another input is a branch; or to a
  /// join, where the path waits until all inputs can be had.
  private mutating func followBranch(from start: Int, _ first: Int, _ splitCount: UInt32) {
    let shape = scratch.shape
    var (task, last) = (start, start)
    while true {
      let row = shape.outputs(task)
      if task != first, shape.inputs(task).count > 1 {
        if row.isEmpty {
          if missing[task] <= 1 {
            runPath(to: last)
            if !scratch.isDone[task], missing[task] == 0 { finish(task) }
          }
        } else {
          wait(last, at: task, splitCount)
        }
        return
      }
      isFollowed[task] = true
      if row.isEmpty { return runPath(to: task) }
      if row.count > 1 { return split(at: task, splitCount &+ 1) }
      last = task
      task = Int(shape.dependents[row.lowerBound])
    }
  }

  private mutating func split(at task: Int, _ splitCount: UInt32) {
    let shape = scratch.shape
    let start = branchCount
    for place in shape.outputs(task) {
      let dependent = Int(shape.dependents[place])
      if shape.inputs(dependent).count > 1 || isFollowed[dependent] || scratch.isDone[dependent] { continue }
      branches[branchCount] = UInt32(truncatingIfNeeded: dependent)
      splits[branchCount] = splitCount
      branchCount &+= 1
    }
    var row = UnsafeMutableBufferPointer(start: branches + start, count: branchCount &- start)
    sortLightestFirst(&row)
  }

  /// Lets a path wait at a join, or runs all that wait there, and so the join. Where the path has split twice, they wait on
  /// as one, until one walks back into the join.
  private mutating func wait(_ last: Int, at join: Int, _ splitCount: UInt32) {
    if waitingLast[join] == 0, missing[join] <= 1 {
      runPath(to: last)
      if !scratch.isDone[join], missing[join] == 0 { finish(join) }
      return
    }
    waitingBefore[last] = waitingLast[join]
    waitingLast[join] = UInt32(truncatingIfNeeded: last &+ 1)
    waitingCount[join] &+= 1
    if waitingCount[join] < missing[join] { return }
    // Some of them have been run meanwhile.
    let isOne = waitingCount[join] == 1
    var (word, kept, keptCount) = (takeWaiting(at: join), UInt32(0), UInt32(0))
    while word != 0 {
      let (path, before) = (Int(word &- 1), waitingBefore[Int(word &- 1)])
      if !scratch.isDone[path] {
        waitingBefore[path] = kept
        kept = word
        keptCount &+= 1
      }
      word = before
    }
    if !isOne, keptCount < missing[join] || splitCount > 1 {
      waitingLast[join] = kept
      waitingCount[join] = keptCount < missing[join] ? keptCount : 1
      return
    }
    while kept != 0 {
      let path = Int(kept &- 1)
      kept = waitingBefore[path]
      runPath(to: path)
    }
    if !scratch.isDone[join], missing[join] == 0 { finish(join) }
  }

  private func takeWaiting(at join: Int) -> UInt32 {
    defer { (waitingLast[join], waitingCount[join]) = (0, 0) }
    return waitingLast[join]
  }

  /// Runs a side path from its first task that has not run.
  private mutating func runPath(to last: Int) {
    let shape = scratch.shape
    var task = last
    var depth = 0
    // What is open is written over by what is run: the path is kept on the stack of the critical one.
    while !scratch.isDone[task] {
      push(task)
      depth &+= 1
      let row = shape.inputs(task)
      if missing[task] == 0 || row.count != 1 { break }
      task = Int(shape.dependencies[row.lowerBound])
    }
    while depth > 0 {
      depth &-= 1
      pathCount &-= 1
      let task = Int(path[pathCount])
      if !scratch.isDone[task], missing[task] == 0 { finish(task) }
    }
  }
}
