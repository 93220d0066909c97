extension OrderScratch {
  /// Puts the sinks, as goals, into an order.
  func arrangeGoals(_ beginning: GoalSearch.Beginning) {
    let (goals, count, effort) = (goals, sinkCount, effort)
    goals.update(from: sinks, count: count)
    var row = UnsafeMutableBufferPointer(start: goals, count: count)
    switch beginning {
    case .asNumbered: break
    case .leastEffort: row.sort { (effort[Int($0)], $0) < (effort[Int($1)], $1) }
    case .mostEffort: row.sort { (effort[Int($1)], $0) < (effort[Int($0)], $1) }
    case .random(let seed): goals.shuffle(count, seed)
    }
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
