/// Which tasks of a graph are needed for some outputs.
package struct NeededTasks: Sendable {
  /// By task.
  package private(set) var isNeeded: [Bool]
  /// How many.
  package private(set) var count: Int

  /// Marks the outputs and all that they are computed from. O(tasks + dependencies), without recursion: dependencies have
  /// lower numbers, so one loop from the last task to the first sees every task after all who need it.
  package init(_ graph: TaskGraph, for outputs: [AnyNode]) {
    isNeeded = [Bool](repeating: false, count: graph.count)
    count = 0
    for output in outputs {
      graph.check(output)
      isNeeded[output.id.index] = true
    }
    isNeeded.withUnsafeMutableBufferPointer { marks in
      for task in stride(from: graph.count - 1, through: 0, by: -1) where marks[task] {
        count += 1
        for place in Int(graph.dependencyStarts[task])..<Int(graph.dependencyStarts[task + 1]) {
          marks[Int(graph.dependencies[place])] = true
        }
      }
    }
  }
}
