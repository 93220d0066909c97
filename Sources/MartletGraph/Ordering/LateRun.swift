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
    free = scratch.shape.count
    scratch.resetStates()
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
    let states = scratch.states
    scratch.isDone[task] = true
    free &-= 1
    scratch.order[free] = UInt32(truncatingIfNeeded: task)
    for place in shape.inputs(task) {
      let input = Int(shape.dependencies[place])
      states[input].uses &-= 1
      // Here the number says whether the result is alive.
      if states[input].freeable == 0 {
        states[input].freeable = 1
        for other in shape.outputs(input) {
          let dependent = Int(shape.dependents[other])
          let missing = states[dependent].missing &- 1
          states[dependent].missing = missing
          if missing <= 1, !scratch.isDone[dependent] { pushIfReady(dependent) }
        }
      }
      if states[input].uses == 0, states[input].missing <= 1 { pushIfReady(input) }
    }
  }

  private mutating func pushIfReady(_ task: Int) {
    guard scratch.states[task].uses == 0, !scratch.shape.isSink(task), safeCount < scratch.shape.count else { return }
    scratch.safe[safeCount] = UInt32(truncatingIfNeeded: task)
    safeCount &+= 1
  }
}
