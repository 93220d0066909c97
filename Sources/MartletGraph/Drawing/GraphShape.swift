package import MartletBytes

/// What a picture needs to know of a graph: labels, kinds and edges, without the work. Some 41 bytes a task and 4 a
/// dependency, copied in one piece each; unlike the graph it keeps no user's data alive.
package struct GraphShape: Sendable {
  /// The labels by number.
  package let labels: [String]
  /// Numbers of labels by task.
  package let labelNumbers: [UInt32]
  package let kinds: [TaskKind]
  /// The dependencies of task `t` stand at `starts[t] ..< starts[t + 1]`.
  package let starts: [UInt32]
  package let dependencies: [UInt32]
  package let digests: [Digest128]
  /// All tasks in their static order.
  package let order: [UInt32]

  package init(_ graph: TaskGraph) {
    labels = (0..<graph.labelCount).map { graph.labelName(UInt32($0)) }
    labelNumbers = Array(UnsafeBufferPointer(start: graph.labelNumbers, count: graph.count))
    kinds = Array(UnsafeBufferPointer(start: graph.columns.kinds, count: graph.count))
    starts = Array(UnsafeBufferPointer(start: graph.dependencyStarts, count: graph.count + 1))
    dependencies = Array(UnsafeBufferPointer(start: graph.dependencies, count: graph.dependencyCount))
    digests = Array(UnsafeBufferPointer(start: graph.columns.digests, count: graph.count))
    order = Array(UnsafeBufferPointer(start: graph.order, count: graph.count))
  }

  package var count: Int { labelNumbers.count }

  package func label(of task: Int) -> String { labels[Int(labelNumbers[task])] }

  package func key(of task: Int) -> Key { Key(digest: digests[task], label: label(of: task)) }

  /// What a task depends on, with repetitions.
  package func dependencies(of task: Int) -> ArraySlice<UInt32> {
    dependencies[Int(starts[task])..<Int(starts[task + 1])]
  }
}
