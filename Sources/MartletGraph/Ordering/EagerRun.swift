/// Runs a graph in thought, one task after the other, and takes at once whatever costs nothing.
///
/// A ready task is *safe* when its end frees at least as much as its result takes: its inputs die with it, or nobody in the
/// graph keeps its result. Running a safe task at once never makes the rest of the order worse, because what is alive
/// afterwards takes the place of what was alive before and is needed later. So an order is decided by what is run when
/// nothing is safe, and any base order is improved by moving its safe tasks forward.
struct EagerRun {
  let scratch: OrderScratch
  private(set) var written = 0
  private(set) var alive = 0
  private(set) var peak = 0
  private(set) var sum = 0
  /// How many tasks begin while as many results are alive as at the peak.
  private(set) var ties = 0
  private var safeCount = 0

  /// Begins anew: nothing has run.
  init(_ scratch: OrderScratch) {
    self.scratch = scratch
    scratch.resetStates()
  }

  /// Runs a ready task, then all that became safe.
  ///
  /// - Parameter onEdge: Told of each dependent that comes closer and is not safe.
  @inline(__always)
  mutating func run(_ task: Int, onEdge: (Int) -> Void) {
    execute(task, onEdge)
    while safeCount > 0 {
      safeCount &-= 1
      let next = Int(scratch.safe[safeCount])
      if !scratch.isDone[next] { execute(next, onEdge) }
    }
  }

  @inline(__always)
  private mutating func execute(_ task: Int, _ onEdge: (Int) -> Void) {
    let scratch = scratch
    let shape = scratch.shape
    let states = scratch.states
    if alive >= peak {
      ties = alive > peak ? 1 : ties &+ 1
      peak = alive
    }
    sum &+= alive
    if shape.links != nil { runLinks(to: task) }
    scratch.isDone[task] = true
    scratch.order[written] = UInt32(truncatingIfNeeded: task)
    written &+= 1
    for place in shape.inputs(task) {
      let input = Int(shape.dependencies[place])
      let uses = states[input].uses &- 1
      states[input].uses = uses
      if uses == 0 {
        alive &-= 1
        continue
      }
      let rest = states[input].rest ^ UInt32(truncatingIfNeeded: task)
      states[input].rest = rest
      if uses == 1 { lastUse(by: Int(rest), onEdge) }
    }
    let outputs = shape.outputs(task)
    if outputs.isEmpty { return }
    alive &+= 1
    let isSingle = outputs.count == 1
    for place in outputs {
      let dependent = Int(shape.dependents[place])
      if isSingle { states[dependent].freeable &+= 1 }
      let missing = states[dependent].missing &- 1
      states[dependent].missing = missing
      if missing == 0, isSafe(dependent) {
        push(dependent)
      } else {
        onEdge(dependent)
      }
    }
  }

  /// Counts what is alive while the links that lead to a task run.
  @inline(never)
  private mutating func runLinks(to task: Int) {
    let links = scratch.shape.linkCount(task)
    if links == 0 { return }
    let most = alive &+ links &- scratch.freedByLinks(to: task)
    peak = max(peak, most)
    sum &+= links &* (alive &+ most) / 2
  }

  /// One consumer is left of a computed input.
  @inline(__always)
  private mutating func lastUse(by dependent: Int, _ onEdge: (Int) -> Void) {
    // The task that runs just now, where it names the input twice.
    if scratch.isDone[dependent] { return }
    scratch.states[dependent].freeable &+= 1
    if scratch.states[dependent].missing == 0 { push(dependent) } else { onEdge(dependent) }
  }

  @inline(__always)
  private func isSafe(_ task: Int) -> Bool { scratch.states[task].freeable > 0 || scratch.shape.isSink(task) }

  @inline(__always)
  private mutating func push(_ task: Int) {
    // A task is pushed when it becomes ready, and once more for each further input that it frees: the list is bounded by
    // running what is pushed before anything else becomes ready through other tasks.
    if safeCount < scratch.shape.count {
      scratch.safe[safeCount] = UInt32(truncatingIfNeeded: task)
      safeCount &+= 1
    }
  }
}
