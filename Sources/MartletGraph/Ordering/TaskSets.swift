/// What every task is made of, as sets: how many tasks that are, and which sinks have most in common with what has run.
///
/// For small graphs only: memory and time are tasks × tasks / 64.
final class TaskSets {
  private let scratch: OrderScratch
  private let words: Int
  /// For each task the set of those that it is made of, itself included.
  private let reach: UnsafeMutablePointer<UInt64>
  private let done: UnsafeMutablePointer<UInt64>

  /// What it takes comes off the budget.
  init(_ scratch: OrderScratch, budget: inout Int) {
    let shape = scratch.shape
    words = (shape.count + 63) / 64
    self.scratch = scratch
    reach = allocated(words * (shape.count + 1))
    done = reach + words * shape.count
    for task in 0..<shape.count {
      let row = reach + task &* words
      row.update(repeating: 0, count: words)
      row[task / 64] = 1 &<< UInt64(task % 64)
      for place in shape.inputs(task) {
        let input = reach + Int(shape.dependencies[place]) &* words
        for word in 0..<words { row[word] |= input[word] }
      }
    }
    budget -= shape.count &* (4 &+ 2 &* words)
  }

  /// Whether `nearest` takes no more than a candidate may: sinks × sinks × tasks / 128 steps.
  var canSortSinks: Bool {
    scratch.sinkCount > 2 && scratch.sinkCount * scratch.sinkCount * words <= 16 * scratch.shape.count
  }

  /// Writes how many tasks each one is made of.
  func count(into sizes: UnsafeMutablePointer<UInt32>) {
    for task in 0..<scratch.shape.count {
      var size = 0
      for word in 0..<words { size &+= reach[task &* words &+ word].nonzeroBitCount }
      sizes[task] = UInt32(truncatingIfNeeded: size)
    }
  }

  deinit { release(reach) }

  /// Sorts the scratch's goals, the sinks: after the first one always that which needs the fewest tasks that those before it
  /// do not need; ties keep their order.
  func nearest(budget: inout Int) {
    let (goals, count, words) = (scratch.goals, scratch.sinkCount, words)
    done.update(repeating: 0, count: words)
    for place in 0..<count {
      if place > 0 {
        var (least, best) = (Int.max, place)
        for candidate in place..<count {
          let row = reach + Int(goals[candidate]) &* words
          var missing = 0
          for word in 0..<words { missing &+= (row[word] & ~done[word]).nonzeroBitCount }
          if missing < least { (least, best) = (missing, candidate) }
        }
        let chosen = goals[best]
        // The others keep their order.
        var hole = best
        while hole > place {
          goals[hole] = goals[hole &- 1]
          hole &-= 1
        }
        goals[place] = chosen
      }
      let row = reach + Int(goals[place]) &* words
      for word in 0..<words { done[word] |= row[word] }
    }
    budget -= count &* count &* (words &+ 2) / 4
  }
}
