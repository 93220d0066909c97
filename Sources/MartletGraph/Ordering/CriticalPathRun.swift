/// Writes an order along critical paths, in the manner of Dask's order of 2024 and later as its documentation tells it.
///
/// From a sink one walks back through the heaviest inputs to a task that can be run: the critical path, which is run forward. Where an
/// input is missing, one walks back into it first. Once that has happened, side paths that have become ready are run too, but only
/// as far as they make no more results live: up to a join, and into it when the paths to all of its missing inputs wait there. So
/// of several reductions of the same parts each makes a join as soon as that can be had, and not one of its inputs before.
struct CriticalPathRun {
  private let scratch: OrderScratch
  private let seed: UInt64
  private let order: UnsafeMutablePointer<UInt32>
  private var written = 0
  /// Inputs that have not run.
  private let missing: UnsafeMutablePointer<UInt32>
  /// How often a task stands on the path.
  private let onPath: UnsafeMutablePointer<UInt32>
  private let path: UnsafeMutablePointer<UInt32>
  private var pathCount = 0
  /// Tasks that have become ready beside the path.
  private let ready: UnsafeMutablePointer<UInt32>
  private var readyCount = 0
  private let open: UnsafeMutablePointer<UInt32>
  /// The side paths that wait at a join: how many, the last one's first task plus one, and of each the one before.
  private let waitingCount: UnsafeMutablePointer<UInt32>
  private let waitingLast: UnsafeMutablePointer<UInt32>
  private let waitingBefore: UnsafeMutablePointer<UInt32>
  /// Whether a task is on a side path that waits, and whether as the last one.
  private let waits: UnsafeMutablePointer<UInt8>
  private static let (inside, last): (UInt8, UInt8) = (1, 2)

  /// Rows of more inputs are sorted by the library.
  private static let wide = 24

  /// Whether there is memory for it: few dependencies a task.
  static func fits(_ shape: OrderShape) -> Bool { Int(shape.starts[shape.count]) <= 6 * shape.count }

  /// Fills `order`, from one of `sinks` after the other. What is equally heavy is told apart by `seed`.
  static func apply(
    _ scratch: OrderScratch, _ sinks: UnsafeMutablePointer<UInt32>, seed: UInt64,
    to order: UnsafeMutablePointer<UInt32>
  ) {
    var run = CriticalPathRun(scratch, seed, order)
    for place in 0..<scratch.sinkCount where !scratch.isDone[Int(sinks[place])] { run.reach(Int(sinks[place])) }
  }

  private init(_ scratch: OrderScratch, _ seed: UInt64, _ order: UnsafeMutablePointer<UInt32>) {
    self.scratch = scratch
    self.seed = seed
    self.order = order
    let shape = scratch.shape
    let count = shape.count
    missing = scratch.cursor
    open = scratch.stack
    ready = scratch.safe
    waitingBefore = scratch.safe + count
    onPath = scratch.stamp
    waitingLast = scratch.touched
    waitingCount = UnsafeMutableRawPointer(scratch.missingEffort).assumingMemoryBound(to: UInt32.self)
    waits = UnsafeMutableRawPointer(waitingCount + count).assumingMemoryBound(to: UInt8.self)
    path = UnsafeMutableRawPointer(scratch.heap).assumingMemoryBound(to: UInt32.self)
    for task in 0..<count {
      scratch.isDone[task] = false
      missing[task] = shape.starts[task &+ 1] &- shape.starts[task]
      onPath[task] = 0
      waitingLast[task] = 0
      waitingCount[task] = 0
      waits[task] = 0
    }
  }

  @inline(__always)
  private func weight(_ task: Int) -> UInt64 {
    UInt64(scratch.effort[task]) &<< 32 | (seed == 0 ? UInt64(task) : mixed(seed ^ UInt64(task)) &>> 32)
  }

  /// Which of its dependents hears first that a task has run.
  @inline(__always)
  private func turn(of task: Int, _ count: Int) -> Int {
    seed == 0 || count < 2 ? 0 : drawn(seed &* 31 ^ UInt64(task), below: count)
  }

  private mutating func push(_ task: Int) {
    path[pathCount] = UInt32(truncatingIfNeeded: task)
    pathCount &+= 1
    onPath[task] &+= 1
  }

  /// Runs all that a sink is made of, and the sink.
  private mutating func reach(_ sink: Int) {
    let shape = scratch.shape
    var next = sink
    while next >= 0 {
      push(next)
      var best: UInt64 = 0
      let row = shape.inputs(next)
      next = -1
      for place in row {
        let input = Int(shape.dependencies[place])
        if scratch.isDone[input] { continue }
        let weight = weight(input) &+ 1
        if weight > best { (best, next) = (weight, input) }
      }
    }
    var hasWalkedBack = false
    while pathCount > 0 {
      pathCount &-= 1
      let task = Int(path[pathCount])
      onPath[task] &-= 1
      if scratch.isDone[task] { continue }
      if missing[task] > 0 {
        push(task)
        pushInputs(of: task)
        hasWalkedBack = true
        continue
      }
      if hasWalkedBack { runSidePaths() }
      finish(task)
    }
    runSidePaths()
  }

  /// Puts the missing inputs on the path, the heaviest one last.
  private mutating func pushInputs(of task: Int) {
    let shape = scratch.shape
    let start = pathCount
    let row = shape.inputs(task)
    let isWide = row.count > CriticalPathRun.wide
    for place in row {
      let input = Int(shape.dependencies[place])
      if scratch.isDone[input] { continue }
      push(input)
      if isWide { continue }
      let weight = weight(input)
      var hole = pathCount &- 1
      while hole > start, self.weight(Int(path[hole &- 1])) > weight {
        path[hole] = path[hole &- 1]
        hole &-= 1
      }
      path[hole] = UInt32(truncatingIfNeeded: input)
    }
    if !isWide { return }
    var inputs = UnsafeMutableBufferPointer(start: path + start, count: pathCount &- start)
    inputs.sort { weight(Int($0)) < weight(Int($1)) }
  }

  /// Runs a task, and what only waited for it.
  private mutating func finish(_ first: Int) {
    if scratch.isDone[first] { return }
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
      let row = shape.outputs(task)
      let isSingle = row.count == 1
      if isSingle, waits[task] == CriticalPathRun.last { waitingCount[Int(shape.dependents[row.lowerBound])] &-= 1 }
      var place = row.lowerBound &+ turn(of: task, row.count)
      for _ in row {
        if place == row.upperBound { place = row.lowerBound }
        let dependent = Int(shape.dependents[place])
        place &+= 1
        missing[dependent] &-= 1
        if missing[dependent] > 0 { continue }
        if isSingle {
          open[depth] = UInt32(truncatingIfNeeded: dependent)
          depth &+= 1
        } else {
          ready[readyCount] = UInt32(truncatingIfNeeded: dependent)
          readyCount &+= 1
        }
      }
    }
  }

  /// Follows what has become ready, the last one first. What is on the path is run there.
  private mutating func runSidePaths() {
    let count = readyCount
    var place = count
    while place > 0 {
      place &-= 1
      let task = Int(ready[place])
      if !scratch.isDone[task], waits[task] == 0, onPath[task] == 0 { follow(task) }
    }
    // What became ready meanwhile is looked at the next time.
    for place in count..<readyCount { ready[place &- count] = ready[place] }
    readyCount &-= count
  }

  /// Runs a path that ends in a sink; one that leads to a join waits until all inputs of it can be had.
  private mutating func follow(_ first: Int) {
    let shape = scratch.shape
    var last = first
    while true {
      let row = shape.outputs(last)
      if row.isEmpty { return runPath(from: first) }
      // What several need would be one more result that lives.
      guard row.count == 1 else { return }
      let next = Int(shape.dependents[row.lowerBound])
      if shape.inputs(next).count == 1 {
        last = next
        continue
      }
      wait(from: first, to: last, at: next)
      if waitingCount[next] >= missing[next] { runWaiting(at: next) }
      return
    }
  }

  /// Lets a path wait at a join.
  private mutating func wait(from first: Int, to last: Int, at join: Int) {
    let shape = scratch.shape
    var task = first
    while task != last {
      waits[task] = CriticalPathRun.inside
      task = Int(shape.dependents[shape.outputs(task).lowerBound])
    }
    waits[last] = CriticalPathRun.last
    waitingBefore[first] = waitingLast[join]
    waitingLast[join] = UInt32(truncatingIfNeeded: first &+ 1)
    waitingCount[join] &+= 1
  }

  /// Runs all paths that wait at a join, and so the join.
  private mutating func runWaiting(at join: Int) {
    var word = waitingLast[join]
    waitingLast[join] = 0
    while word != 0 {
      let first = Int(word &- 1)
      word = waitingBefore[first]
      runPath(from: first)
    }
  }

  /// Runs a task; as its result is all that its dependent waits for, and so on, the whole path.
  private mutating func runPath(from first: Int) {
    if !scratch.isDone[first], missing[first] == 0 { finish(first) }
  }
}
