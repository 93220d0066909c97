/// Rewrites an order so that shared results are made some at a time, and after each such batch all that can be made of them:
/// several reductions of the same parts go over one batch of parts after the other, and each is done with a batch before the
/// next one takes it.
///
/// Results that several tasks need, and those that are made of nothing, keep their order. All others run when a batch has
/// all that they need: depth-first, from the last task that can be made of them.
struct BatchRun {
  private let scratch: OrderScratch
  private var written = 0
  /// Tasks that can be made of what is there, in the order in which they were found.
  private let open: UnsafeMutablePointer<UInt32>
  private var openCount = 0
  /// Inputs that cannot be had yet.
  private let missing: UnsafeMutablePointer<UInt32>
  private let cursor: UnsafeMutablePointer<UInt32>

  /// Rewrites `order` in place, in batches of `size` results.
  static func apply(_ scratch: OrderScratch, to order: UnsafeMutablePointer<UInt32>, size: Int) {
    let count = scratch.shape.count
    var run = BatchRun(scratch)
    var filled = 0
    for rank in 0..<count {
      let task = Int(order[rank])
      if scratch.isDone[task] || !run.isShared(task) { continue }
      run.write(task)
      run.find(from: task)
      filled &+= 1
      if filled == size {
        run.runOpen()
        filled = 0
      }
    }
    run.runOpen()
    order.update(from: scratch.order, count: count)
  }

  private init(_ scratch: OrderScratch) {
    self.scratch = scratch
    (open, missing, cursor) = (scratch.safe, scratch.stamp, scratch.cursor)
    let shape = scratch.shape
    for task in 0..<shape.count {
      scratch.isDone[task] = false
      missing[task] = shape.starts[task &+ 1] &- shape.starts[task]
      cursor[task] = shape.starts[task]
    }
  }

  @inline(__always)
  private func isShared(_ task: Int) -> Bool {
    scratch.shape.outputs(task).count > 1 || scratch.shape.inputs(task).isEmpty
  }

  /// Opens the tasks that can be had with one more shared result, and without another one.
  private mutating func find(from shared: Int) {
    var next = openCount
    openDependents(of: shared)
    while next < openCount {
      openDependents(of: Int(open[next]))
      next &+= 1
    }
  }

  @inline(__always)
  private mutating func openDependents(of task: Int) {
    let shape = scratch.shape
    for place in shape.outputs(task) {
      let dependent = Int(shape.dependents[place])
      missing[dependent] &-= 1
      if missing[dependent] > 0 || isShared(dependent) { continue }
      open[openCount] = UInt32(truncatingIfNeeded: dependent)
      openCount &+= 1
    }
  }

  /// Runs all tasks that are open, from the last ones that are made of them.
  private mutating func runOpen() {
    let shape = scratch.shape
    for place in 0..<openCount {
      let task = Int(open[place])
      let row = shape.outputs(task)
      // A link waits for the join that it leads to: its input is alive anyhow.
      if row.count == 1, shape.inputs(task).count == 1 { continue }
      if !row.isEmpty {
        let dependent = Int(shape.dependents[row.lowerBound])
        if missing[dependent] == 0, !isShared(dependent) { continue }
      }
      write(task)
    }
    openCount = 0
  }

  /// Writes a task after all that it is made of.
  private mutating func write(_ task: Int) {
    if scratch.isDone[task] { return }
    let (shape, stack, rows) = (scratch.shape, scratch.stack, scratch.sorted)
    scratch.isDone[task] = true
    stack[0] = UInt32(truncatingIfNeeded: task)
    var depth = 0
    while depth >= 0 {
      let task = Int(stack[depth])
      let end = shape.starts[task &+ 1]
      var next = cursor[task]
      while next < end, scratch.isDone[Int(rows[Int(next)])] { next &+= 1 }
      cursor[task] = next
      if next < end {
        let input = rows[Int(next)]
        scratch.isDone[Int(input)] = true
        depth &+= 1
        stack[depth] = input
      } else {
        scratch.order[written] = UInt32(truncatingIfNeeded: task)
        written &+= 1
        depth &-= 1
      }
    }
  }
}
