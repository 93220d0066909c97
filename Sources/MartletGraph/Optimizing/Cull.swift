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

/// A graph of only what some outputs need, and where its tasks were.
package struct CulledGraph: Sendable {
  /// The smaller graph. Keys are those of the original.
  package let graph: TaskGraph
  private let numbers: [UInt32]

  /// The task in the smaller graph; nil when it was culled.
  package func node<Value>(_ node: Node<Value>) -> Node<Value>? {
    let number = numbers[node.id.index]
    return number == UInt32.max ? nil : Node(id: TaskID(rawValue: number), stamp: graph.stamp)
  }

  /// The task in the smaller graph; nil when it was culled.
  package func node(_ node: AnyNode) -> AnyNode? {
    let number = numbers[node.id.index]
    return number == UInt32.max ? nil : AnyNode(id: TaskID(rawValue: number), stamp: graph.stamp)
  }

  fileprivate init(_ original: TaskGraph, _ needed: NeededTasks) {
    var numbers = [UInt32](repeating: .max, count: original.count)
    var builder = GraphBuilder()
    builder.columns.reserve(tasks: needed.count, dependencies: original.dependencyCount)
    builder.labels = original.labels
    let old = original.columns.count
    for task in 0..<old where needed.isNeeded[task] {
      for place in Int(original.dependencyStarts[task])..<Int(original.dependencyStarts[task + 1]) {
        builder.columns.depend(on: numbers[Int(original.dependencies[place])])
      }
      let id = builder.columns.append(
        digest: original.columns.digests[task], label: original.columns.labels[task],
        kind: original.columns.kinds[task], cell: TaskCell(body: original.cells[task].body))
      numbers[task] = id.rawValue
    }
    builder.contents = original.contents.compactMap { entry in
      needed.isNeeded[Int(entry.task)] ? (numbers[Int(entry.task)], entry.content) : nil
    }
    builder.traits = original.traitList.compactMap { entry in
      needed.isNeeded[Int(entry.task)] ? (numbers[Int(entry.task)], entry.traits) : nil
    }
    self.numbers = numbers
    graph = builder.build()
  }
}

extension TaskGraph {
  /// The part of the graph that `outputs` need. Executors do this by themselves, without a copy; it is for graphs that are
  /// kept or sent.
  package func culled(to outputs: [AnyNode]) -> CulledGraph {
    CulledGraph(self, NeededTasks(self, for: outputs))
  }
}
