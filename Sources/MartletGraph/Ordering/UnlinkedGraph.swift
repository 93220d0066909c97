/// A graph without its links: tasks with one input and one dependent, which are but a step between the two.
///
/// A link of a result that others need as well frees nothing and makes one more result live. So it should run only when all
/// that it leads to can be completed. Where each link is a mere dependency, no order can do otherwise, and a search has half as many
/// tasks to think of, or fewer. What the links take while they wait for each other is counted: `OrderShape.links`.
struct UnlinkedGraph: ~Copyable {
  /// The smaller graph.
  let shape: OrderShape
  /// An order of it: depth-first, until a better one is written here.
  let order: UnsafeMutablePointer<UInt32>
  private let whole: OrderShape
  /// The tasks that are no links, by their numbers here.
  private let tasks: UnsafeMutablePointer<UInt32>

  /// O(tasks + dependencies).
  ///
  /// - Parameter words: Memory for a word a task.
  /// - Returns: Nil when few tasks are links of results that others need as well: then there is little to gain. And when the
  ///   rest has so many dependencies, as a shuffle has, that a step of a search would take too long.
  init?(_ whole: OrderShape, _ words: UnsafeMutablePointer<UInt32>) {
    var linkCount = 0
    var sharedCount = 0
    for task in 0..<whole.count where whole.isLink(task) {
      linkCount &+= 1
      if whole.outputs(whole.source(of: task)).count > 1 { sharedCount &+= 1 }
    }
    let count = whole.count &- linkCount
    let edges = Int(whole.starts[whole.count]) &- linkCount
    if 5 * sharedCount < whole.count || edges > 8 * count { return nil }
    self.whole = whole
    tasks = allocated(5 * count + 2 * edges + 2)
    order = tasks + count
    let links = order + count
    let starts = links + count
    let dependentStarts = starts + count + 1
    let dependencies = dependentStarts + count + 1
    let dependents = dependencies + edges
    // The new number of each task, of a link that of what it is made of.
    let numbers = words
    var (written, edge) = (0, 0)
    for task in 0..<whole.count {
      if whole.isLink(task) {
        numbers[task] = numbers[whole.source(of: task)]
        continue
      }
      numbers[task] = UInt32(truncatingIfNeeded: written)
      tasks[written] = UInt32(truncatingIfNeeded: task)
      starts[written] = UInt32(truncatingIfNeeded: edge)
      // Links first.
      for isLink in [true, false] {
        for place in whole.inputs(task) where whole.isLink(Int(whole.dependencies[place])) == isLink {
          dependencies[edge] = numbers[Int(whole.dependencies[place])]
          edge &+= 1
        }
        if isLink { links[written] = UInt32(truncatingIfNeeded: edge) &- starts[written] }
      }
      written &+= 1
    }
    starts[count] = UInt32(truncatingIfNeeded: edge)
    countDependents(count, dependencies, edges, dependentStarts)
    depthFirstOrder(count, starts, dependencies, dependentStarts, order)
    fillDependents(count, starts, dependencies, order, dependentStarts, dependents)
    shape = OrderShape(
      count: count, starts: starts, dependencies: dependencies, dependentStarts: dependentStarts,
      dependents: dependents, links: links)
  }

  deinit { release(tasks) }

  /// Writes the order of the whole graph: each link right before the task that it leads to.
  ///
  /// - Parameter stack: Memory for a word a task.
  func expand(into base: UnsafeMutablePointer<UInt32>, _ stack: UnsafeMutablePointer<UInt32>) {
    var written = 0
    for rank in 0..<shape.count {
      let task = Int(tasks[Int(order[rank])])
      for place in whole.inputs(task) {
        var depth = 0
        var input = Int(whole.dependencies[place])
        while whole.isLink(input) {
          stack[depth] = UInt32(truncatingIfNeeded: input)
          depth &+= 1
          input = whole.source(of: input)
        }
        while depth > 0 {
          depth &-= 1
          base[written] = stack[depth]
          written &+= 1
        }
      }
      base[written] = UInt32(truncatingIfNeeded: task)
      written &+= 1
    }
  }
}

extension OrderShape {
  @inline(__always)
  fileprivate func isLink(_ task: Int) -> Bool { inputs(task).count == 1 && outputs(task).count == 1 }

  /// The only input.
  @inline(__always)
  fileprivate func source(of link: Int) -> Int { Int(dependencies[Int(starts[link])]) }
}
