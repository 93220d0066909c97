package import MartletBytes

/// What is to be computed: tasks with keys, and who needs whose result. It never changes, and any number of threads and
/// runs may use it.
///
/// Dependencies and dependents are flat arrays: those of task `t` stand at `starts[t] ..< starts[t + 1]`. Dependencies have
/// lower numbers than the task, so a loop in order of numbers is always a valid order.
public final class TaskGraph: @unchecked Sendable {
  // Sendable: everything is written in `init` and constant afterwards.

  // A variable only for a draft, whose columns a rewrite may take; unchecked, as many loops read through it.
  @exclusivity(unchecked) private(set) var columns: TaskColumns
  let labels: LabelTable
  let contents: [(task: UInt32, content: TaskContent)]
  let traitList: [(task: UInt32, traits: TaskTraits)]
  package let stamp: UInt32

  /// How the order was chosen: an optimiser chooses that of the new graph in the same way.
  let ordering: GraphOrder

  /// Whether it is only there to be rewritten: it has no order and no dependents, and cannot run.
  let isDraft: Bool

  /// The number of tasks.
  public let count: Int
  /// The bodies by task.
  package let cells: UnsafeMutablePointer<TaskCell>
  /// Numbers of labels by task, for `labelName(_:)`.
  package let labelNumbers: UnsafeMutablePointer<UInt32>
  package let dependencyStarts: UnsafeMutablePointer<UInt32>
  package let dependencies: UnsafeMutablePointer<UInt32>
  package let dependentStarts: UnsafeMutablePointer<UInt32>
  /// Who needs a task, in depth-first order.
  package let dependents: UnsafeMutablePointer<UInt32>
  /// All tasks in depth-first order: see `Ordering/README.md`.
  package let order: UnsafeMutablePointer<UInt32>
  /// The tasks without dependencies, in depth-first order.
  package let roots: UnsafeMutablePointer<UInt32>
  package let rootCount: Int
  /// The number of tasks without dependents.
  package let sinkCount: Int

  init(
    columns: consuming TaskColumns, labels: LabelTable, contents: [(task: UInt32, content: TaskContent)],
    traits: [(task: UInt32, traits: TaskTraits)], stamp: UInt32, ordering: GraphOrder, isDraft: Bool = false,
    isNumberedDepthFirst: Bool = false
  ) {
    let count = columns.count
    self.count = count
    self.stamp = stamp
    self.labels = labels
    self.contents = contents
    traitList = traits
    self.ordering = ordering
    cells = columns.cells
    labelNumbers = columns.labels
    dependencyStarts = columns.ends
    dependencies = columns.dependencies
    self.isDraft = isDraft
    if isDraft {
      order = allocated(0)
      dependentStarts = allocated(0)
      dependents = allocated(0)
      self.roots = allocated(0)
      (rootCount, sinkCount) = (0, 0)
      self.columns = columns
      return
    }
    order = allocated(count)
    dependentStarts = allocated(count + 1)
    dependents = allocated(columns.dependencyCount)
    countDependents(count, columns.dependencies, columns.dependencyCount, dependentStarts)
    if isNumberedDepthFirst {
      for task in 0..<count { order[task] = UInt32(truncatingIfNeeded: task) }
    } else {
      depthFirstOrder(count, columns.ends, columns.dependencies, dependentStarts, order)
    }
    fillDependents(count, columns.ends, columns.dependencies, order, dependentStarts, dependents)
    if ordering == .leastMemory {
      let shape = OrderShape(
        count: count, starts: columns.ends, dependencies: columns.dependencies, dependentStarts: dependentStarts,
        dependents: dependents)
      if LeastMemoryOrder.search(shape, order) {
        fillDependents(count, columns.ends, columns.dependencies, order, dependentStarts, dependents)
      }
    }
    var (roots, sinks) = (0, 0)
    for task in 0..<count {
      if dependencyStarts[task] == dependencyStarts[task &+ 1] { roots &+= 1 }
      if dependentStarts[task] == dependentStarts[task &+ 1] { sinks &+= 1 }
    }
    rootCount = roots
    sinkCount = sinks
    self.roots = allocated(roots)
    var written = 0
    for rank in 0..<count {
      let task = Int(order[rank])
      guard dependencyStarts[task] == dependencyStarts[task &+ 1] else { continue }
      self.roots[written] = order[rank]
      written &+= 1
    }
    self.columns = columns
  }

  deinit {
    release(order)
    release(dependentStarts)
    release(dependents)
    release(roots)
  }

  /// Gives the tasks of a draft away: nothing may look at it afterwards but for its stamp and labels.
  func takeColumns() -> TaskColumns {
    guard isDraft else { invariantFailure("the tasks of a graph that is no draft were taken") }
    var taken = TaskColumns()
    swap(&taken, &columns)
    return taken
  }

  /// How many results are alive while one thread runs all tasks in their order.
  ///
  /// O(tasks + dependencies).
  public func liveResults() -> LiveResults {
    let scratch: UnsafeMutablePointer<UInt32> = allocated(count)
    defer { release(scratch) }
    return LiveResults(shape, order, scratch)
  }

  var shape: OrderShape {
    OrderShape(
      count: count, starts: dependencyStarts, dependencies: dependencies, dependentStarts: dependentStarts,
      dependents: dependents)
  }

  /// The key of a task of this graph.
  public func key(of task: TaskID) -> Key {
    check(task)
    return Key(digest: columns.digests[task.index], label: labels.names[Int(columns.labels[task.index])])
  }

  /// Where in the program the task was written; nil when that is not known.
  public func location(of task: TaskID) -> TaskLocation? {
    check(task)
    return labels.location(of: columns.labels[task.index])
  }

  /// The inputs of a task, in the order in which they were named.
  public func dependencies(of task: TaskID) -> [TaskID] {
    check(task)
    return (dependencyStarts[task.index]..<dependencyStarts[task.index + 1]).map {
      TaskID(rawValue: dependencies[Int($0)])
    }
  }

  /// The tasks that need the result of a task, in depth-first order.
  public func dependents(of task: TaskID) -> [TaskID] {
    check(task)
    return (dependentStarts[task.index]..<dependentStarts[task.index + 1]).map {
      TaskID(rawValue: dependents[Int($0)])
    }
  }

  /// The traits that the task was given.
  public func traits(of task: TaskID) -> TaskTraits {
    place(of: task, in: traitList).map { traitList[$0].traits } ?? .none
  }

  /// Whether any task was given traits.
  package var hasTraits: Bool { !traitList.isEmpty }

  /// The keys of the tasks, by task.
  package var keys: UnsafePointer<Digest128> { UnsafePointer(columns.digests) }

  /// Where a list, ascending by task, has something for a task. The number of the task stands first in an element.
  private func place<Element>(of task: TaskID, in list: [Element]) -> Int? {
    list.withUnsafeBytes { raw in
      // An element read as what it is would be copied for each comparison, existentials and all.
      let stride = MemoryLayout<Element>.stride
      let place = lowerBound(list.count) { raw.load(fromByteOffset: $0 &* stride, as: UInt32.self) < task.rawValue }
      guard place < list.count else { return nil }
      return raw.load(fromByteOffset: place &* stride, as: UInt32.self) == task.rawValue ? place : nil
    }
  }

  /// How the work of a task is given.
  package func kind(of task: TaskID) -> TaskKind {
    check(task)
    return columns.kinds[task.index]
  }

  /// What the task is made of when it is data; nil for closures, gathers and aliases.
  package func content(of task: TaskID) -> TaskContent? {
    place(of: task, in: contents).map { contents[$0].content }
  }

  /// The label with this number.
  package func labelName(_ number: UInt32) -> String { labels.names[Int(number)] }

  /// The number of different labels.
  package var labelCount: Int { labels.names.count }

  /// The tasks whose traits are not `.none`, ascending.
  package var tasksWithTraits: [(task: UInt32, traits: TaskTraits)] { traitList }

  /// The number of dependencies.
  package var dependencyCount: Int { columns.dependencyCount }

  /// Stops the program when a node is not of this graph.
  package func check(_ node: AnyNode) {
    guard node.stamp == stamp else { invariantFailure("task \(node.id) is of another graph") }
  }

  private func check(_ task: TaskID) {
    guard task.index < count else { invariantFailure("task \(task) in a graph of \(count)") }
  }
}

/// The first index below `count` for which `isBelow` is false; it is true only for a beginning.
package func lowerBound(_ count: Int, _ isBelow: (Int) -> Bool) -> Int {
  var low = 0
  var high = count
  while low < high {
    let middle = (low + high) / 2
    if isBelow(middle) { low = middle + 1 } else { high = middle }
  }
  return low
}
