extension OrderScratch {
  /// Puts the sinks, as goals, into an order.
  func arrangeGoals(_ beginning: GoalSearch.Beginning) {
    let (goals, count, effort) = (goals, sinkCount, effort)
    if case .arranged = beginning { return }
    goals.update(from: sinks, count: count)
    var row = UnsafeMutableBufferPointer(start: goals, count: count)
    switch beginning {
    case .asNumbered, .arranged: break
    case .leastEffort: row.sort { (effort[Int($0)], $0) < (effort[Int($1)], $1) }
    case .mostEffort: row.sort { (effort[Int($1)], $0) < (effort[Int($0)], $1) }
    case .random(let seed): goals.shuffle(count, seed)
    }
  }

  /// Puts the sinks, as goals, into the order in which they are reached from an end of the graph, without regard to the direction of
  /// dependencies: an end is, of what is farthest from anywhere, a task with the fewest neighbours, as for the numbering of a band
  /// matrix (Gibbs, Poole and Stockmeyer 1976). What hangs together like a band, windows and halos, is used up from there on.
  ///
  /// - Returns: Whether the graph is longer than wide; the goals are not arranged otherwise.
  func arrangeGoalsFromEnd() -> Bool {
    let ends = cursor
    var (endCount, reached, length) = (0, 0, 0)
    isDone.update(repeating: false, count: shape.count)
    for place in 0..<sinkCount where !isDone[Int(sinks[place])] {
      let farthest = reach(from: Int(sinks[place]), &reached, &length)
      var end = stack + farthest
      for last in end..<(stack + reached) where neighbours(of: Int(last.pointee)) < neighbours(of: Int(end.pointee)) {
        end = last
      }
      ends[endCount] = end.pointee
      endCount &+= 1
    }
    isDone.update(repeating: false, count: shape.count)
    (reached, length) = (0, 0)
    for place in 0..<endCount { reach(from: Int(ends[place]), &reached, &length) }
    if length &* length < shape.count { return false }
    var count = 0
    for place in 0..<reached where shape.isSink(Int(stack[place])) {
      goals[count] = stack[place]
      count &+= 1
    }
    return true
  }

  private func neighbours(of task: Int) -> Int { shape.inputs(task).count &+ shape.outputs(task).count }

  /// Appends all that hangs together with a task to the stack, the nearest first.
  ///
  /// - Parameter length: Grows by the steps to the farthest and one more.
  /// - Returns: Where the farthest begin.
  @discardableResult
  private func reach(from task: Int, _ reached: inout Int, _ length: inout Int) -> Int {
    var next = reached
    var levelStart = reached
    func add(_ task: Int) {
      if isDone[task] { return }
      isDone[task] = true
      stack[reached] = UInt32(truncatingIfNeeded: task)
      reached &+= 1
    }
    add(task)
    while next < reached {
      levelStart = next
      length &+= 1
      let levelEnd = reached
      while next < levelEnd {
        let task = Int(stack[next])
        next &+= 1
        for place in shape.inputs(task) { add(Int(shape.dependencies[place])) }
        for place in shape.outputs(task) { add(Int(shape.dependents[place])) }
      }
    }
    return levelStart
  }

  /// Puts the sinks, as goals, into an order that brings those together which share a leaf: by the least number, drawn at random,
  /// of the leaves that they are made of (min-wise hashing, Broder 1997).
  func gatherSinks(_ seed: UInt64) {
    let least = stamp
    for task in 0..<shape.count {
      let row = shape.inputs(task)
      var number = row.isEmpty ? UInt32(truncatingIfNeeded: mixed(seed ^ UInt64(task))) : UInt32.max
      for place in row { number = min(number, least[Int(shape.dependencies[place])]) }
      least[task] = number
    }
    goals.update(from: sinks, count: sinkCount)
    var row = UnsafeMutableBufferPointer(start: goals, count: sinkCount)
    row.sort { (least[Int($0)], $0) < (least[Int($1)], $1) }
  }
}

extension UnsafeMutablePointer<UInt32> {
  /// Puts the first `count` into an order drawn from a seed (Fisher and Yates).
  func shuffle(_ count: Int, _ seed: UInt64) {
    var place = count &- 1
    while place > 0 {
      let other = drawn(seed ^ UInt64(place), below: place &+ 1)
      (self[place], self[other]) = (self[other], self[place])
      place &-= 1
    }
  }
}
