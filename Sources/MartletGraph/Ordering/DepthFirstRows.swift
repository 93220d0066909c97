extension OrderScratch {
  /// Fills the base order depth-first from each of the sinks, through the inputs in the order of `rows`; with a seed, each row
  /// rotated at random, or every fourth one.
  func depthFirst(
    _ roots: UnsafeMutablePointer<UInt32>, by rows: UnsafePointer<UInt32>, seed: UInt64?,
    rotatesAll: Bool = true
  ) {
    for task in 0..<shape.count {
      isDone[task] = false
      cursor[task] = 0
    }
    var written = 0
    for place in 0..<sinkCount {
      if isDone[Int(roots[place])] { continue }
      var depth = 0
      stack[0] = roots[place]
      isDone[Int(roots[place])] = true
      while depth >= 0 {
        let task = Int(stack[depth])
        let start = shape.starts[task]
        let width = shape.starts[task &+ 1] &- start
        var next = cursor[task]
        var turn: UInt32 = 0
        if let seed, width > 1 {
          let own = seed &* 31 ^ UInt64(task)
          if rotatesAll || mixed(own) % 4 == 0 { turn = UInt32(truncatingIfNeeded: drawn(own, below: Int(width))) }
        }
        var child = UInt32.max
        while next < width {
          var column = next &+ turn
          if column >= width { column &-= width }
          let candidate = rows[Int(start &+ column)]
          next &+= 1
          if !isDone[Int(candidate)] {
            child = candidate
            break
          }
        }
        cursor[task] = next
        if child == UInt32.max {
          base[written] = UInt32(truncatingIfNeeded: task)
          written &+= 1
          depth &-= 1
        } else {
          isDone[Int(child)] = true
          depth &+= 1
          stack[depth] = child
        }
      }
    }
  }
}
