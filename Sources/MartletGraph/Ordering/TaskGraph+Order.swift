extension TaskGraph {
  /// The same tasks with another static order. Nodes of this graph are no nodes of the new one; numbers of tasks are the
  /// same.
  package func reordered(_ order: GraphOrder) -> TaskGraph {
    var builder = GraphBuilder()
    builder.columns.reserve(tasks: count, dependencies: dependencyCount)
    builder.labels = labels
    for task in 0..<count {
      for place in Int(dependencyStarts[task])..<Int(dependencyStarts[task &+ 1]) {
        builder.columns.depend(on: dependencies[place])
      }
      _ = builder.columns.append(
        digest: columns.digests[task], label: columns.labels[task], kind: columns.kinds[task],
        cell: TaskCell(body: cells[task].body))
    }
    builder.contents = contents
    builder.traits = traitList
    return builder.build(order: order)
  }

  /// All tasks in the static order: the order of `SerialExecutor`.
  public var tasksInOrder: [TaskID] { (0..<count).map { TaskID(rawValue: order[$0]) } }

  /// The number of dependencies.
  public var dependencyTotal: Int { dependencyCount }
}
