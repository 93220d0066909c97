/// Counts dependents: `starts[t + 1] - starts[t]` afterwards. O(tasks + dependencies).
func countDependents(
  _ count: Int, _ dependencies: UnsafeMutablePointer<UInt32>, _ dependencyCount: Int,
  _ starts: UnsafeMutablePointer<UInt32>
) {
  starts.update(repeating: 0, count: count + 1)
  for place in 0..<dependencyCount { starts[Int(dependencies[place]) &+ 1] &+= 1 }
  var sum: UInt32 = 0
  for task in 0..<count {
    sum &+= starts[task &+ 1]
    starts[task &+ 1] = sum
  }
}

/// Writes all tasks into `order` so that each comes after its dependencies, as late as possible before its first use:
/// the tasks without dependents, in order of their numbers, each after a walk through its dependencies in their order.
///
/// A stack of our own: chains of millions are usual. O(tasks + dependencies), two words a task on the deepest path.
func depthFirstOrder(
  _ count: Int, _ starts: UnsafeMutablePointer<UInt32>, _ dependencies: UnsafeMutablePointer<UInt32>,
  _ dependentStarts: UnsafeMutablePointer<UInt32>, _ order: UnsafeMutablePointer<UInt32>
) {
  guard count > 0 else { return }
  // Where to go on in the dependencies of a task; above its last one when it was written. Also marks what was visited.
  let cursors: UnsafeMutablePointer<UInt32> = allocated(count)
  let stack: UnsafeMutablePointer<UInt32> = allocated(count)
  defer {
    release(cursors)
    release(stack)
  }
  let unvisited = UInt32.max
  cursors.update(repeating: unvisited, count: count)
  var written = 0
  for sink in 0..<count where dependentStarts[sink] == dependentStarts[sink &+ 1] {
    var depth = 1
    stack[0] = UInt32(truncatingIfNeeded: sink)
    var task = sink
    var cursor = starts[sink]
    while true {
      let end = starts[task &+ 1]
      var child = unvisited
      while cursor < end {
        let candidate = dependencies[Int(cursor)]
        cursor &+= 1
        if cursors[Int(candidate)] == unvisited {
          child = candidate
          break
        }
      }
      cursors[task] = cursor
      if child != unvisited {
        task = Int(child)
        cursor = starts[task]
        // A task without dependencies needs no place on the stack.
        if cursor == starts[task &+ 1] {
          cursors[task] = cursor
          order[written] = child
          written &+= 1
          task = Int(stack[depth &- 1])
          cursor = cursors[task]
          continue
        }
        stack[depth] = child
        depth &+= 1
        cursors[task] = cursor
        continue
      }
      order[written] = UInt32(truncatingIfNeeded: task)
      written &+= 1
      depth &-= 1
      if depth == 0 { break }
      task = Int(stack[depth &- 1])
      cursor = cursors[task]
    }
  }
}

/// Fills the rows that `countDependents` measured, each in the order of `order`. O(tasks + dependencies).
func fillDependents(
  _ count: Int, _ dependencyStarts: UnsafeMutablePointer<UInt32>, _ dependencies: UnsafeMutablePointer<UInt32>,
  _ order: UnsafeMutablePointer<UInt32>, _ starts: UnsafeMutablePointer<UInt32>,
  _ dependents: UnsafeMutablePointer<UInt32>
) {
  guard count > 0 else { return }
  let next: UnsafeMutablePointer<UInt32> = allocated(count)
  defer { release(next) }
  next.update(from: starts, count: count)
  for rank in 0..<count {
    let task = order[rank]
    for place in Int(dependencyStarts[Int(task)])..<Int(dependencyStarts[Int(task) &+ 1]) {
      let dependency = Int(dependencies[place])
      dependents[Int(next[dependency])] = task
      next[dependency] &+= 1
    }
  }
}
