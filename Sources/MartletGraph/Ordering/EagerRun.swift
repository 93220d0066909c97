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
  private var safeCount = 0

  /// Begins anew: nothing has run.
  init(_ scratch: OrderScratch) {
    self.scratch = scratch
    let shape = scratch.shape
    for task in 0..<shape.count {
      scratch.missing[task] = shape.starts[task &+ 1] &- shape.starts[task]
      scratch.uses[task] = shape.dependentStarts[task &+ 1] &- shape.dependentStarts[task]
      scratch.freeable[task] = 0
      scratch.isDone[task] = false
    }
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
    peak = max(peak, alive)
    sum &+= alive
    scratch.isDone[task] = true
    scratch.order[written] = UInt32(truncatingIfNeeded: task)
    written &+= 1
    for place in shape.inputs(task) {
      let input = Int(shape.dependencies[place])
      scratch.uses[input] &-= 1
      switch scratch.uses[input] {
      case 0: alive &-= 1
      case 1: lastUse(of: input, onEdge)
      default: break
      }
    }
    let outputs = shape.outputs(task)
    if outputs.isEmpty { return }
    alive &+= 1
    let isSingle = outputs.count == 1
    for place in outputs {
      let dependent = Int(shape.dependents[place])
      if isSingle { scratch.freeable[dependent] &+= 1 }
      scratch.missing[dependent] &-= 1
      if scratch.missing[dependent] == 0, isSafe(dependent) {
        push(dependent)
      } else {
        onEdge(dependent)
      }
    }
  }

  /// One consumer is left of a computed input.
  @inline(__always)
  private mutating func lastUse(of input: Int, _ onEdge: (Int) -> Void) {
    for place in scratch.shape.outputs(input) {
      let dependent = Int(scratch.shape.dependents[place])
      if scratch.isDone[dependent] { continue }
      scratch.freeable[dependent] &+= 1
      if scratch.missing[dependent] == 0, isSafe(dependent) { push(dependent) } else { onEdge(dependent) }
      return
    }
  }

  @inline(__always)
  private func isSafe(_ task: Int) -> Bool { scratch.freeable[task] > 0 || scratch.shape.isSink(task) }

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
