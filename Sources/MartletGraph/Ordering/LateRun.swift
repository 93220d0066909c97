/// Puts the tasks of an order as late as costs nothing: `EagerRun` seen from the end.
///
/// From the end, a result begins to live before its last consumer and ends where it is computed. A task whose consumers
/// are all placed may be placed next, and costs nothing when at most one of its inputs begins to live by it: its own
/// result ends there. So a source stands right before its first use, and a task that needs two new inputs is put off to where
/// they are needed anyhow.
struct LateRun {
  private let scratch: OrderScratch
  /// Ranks from here on are filled.
  private var free: Int
  private var safeCount = 0

  /// Rewrites `order` in place.
  static func apply(_ scratch: OrderScratch, to order: UnsafeMutablePointer<UInt32>) {
    let shape = scratch.shape
    var run = LateRun(scratch)
    for rank in (0..<shape.count).reversed() {
      let task = Int(order[rank])
      if !scratch.isDone[task] { run.place(task) }
    }
    order.update(from: scratch.order, count: shape.count)
  }

  private init(_ scratch: OrderScratch) {
    self.scratch = scratch
    let shape = scratch.shape
    free = shape.count
    for task in 0..<shape.count {
      scratch.missing[task] = shape.starts[task &+ 1] &- shape.starts[task]
      scratch.uses[task] = shape.dependentStarts[task &+ 1] &- shape.dependentStarts[task]
      scratch.isDone[task] = false
      scratch.cursor[task] = 0
    }
  }

  /// Places a task, then all that cost nothing.
  private mutating func place(_ task: Int) {
    settle(task)
    while safeCount > 0 {
      safeCount &-= 1
      let next = Int(scratch.safe[safeCount])
      if !scratch.isDone[next] { settle(next) }
    }
  }

  private mutating func settle(_ task: Int) {
    let shape = scratch.shape
    scratch.isDone[task] = true
    free &-= 1
    scratch.order[free] = UInt32(truncatingIfNeeded: task)
    for place in shape.inputs(task) {
      let input = Int(shape.dependencies[place])
      scratch.uses[input] &-= 1
      if scratch.cursor[input] == 0 {
        scratch.cursor[input] = 1
        for other in shape.outputs(input) {
          let dependent = Int(shape.dependents[other])
          scratch.missing[dependent] &-= 1
          if scratch.missing[dependent] <= 1, !scratch.isDone[dependent] { pushIfReady(dependent) }
        }
      }
      if scratch.uses[input] == 0, scratch.missing[input] <= 1 { pushIfReady(input) }
    }
  }

  private mutating func pushIfReady(_ task: Int) {
    guard scratch.uses[task] == 0, !scratch.shape.isSink(task), safeCount < scratch.shape.count else { return }
    scratch.safe[safeCount] = UInt32(truncatingIfNeeded: task)
    safeCount &+= 1
  }
}
