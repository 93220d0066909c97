package import MartletBytes

// For front ends that hold bodies and dependencies themselves, and write them down one after the other.

extension GraphBuilder {
  /// Adds a dependency to the task that is added next.
  package mutating func dependNext(on task: UInt32) { columns.depend(on: task) }

  /// The number of a label, for `addDeclared`.
  package mutating func label(_ label: String, at place: CompactLocation) -> UInt32 { labels.intern(label, at: place) }

  /// Adds a task on the dependencies named before.
  ///
  /// - Parameter number: That of its label.
  package mutating func addDeclared(
    _ number: UInt32, kind: TaskKind, traits: TaskTraits, body: @escaping TaskBody
  ) -> UInt32 {
    let cell = signals.isEmpty ? TaskCell(body: body) : waitingCell(TaskCell(body: body))
    let task = addPlain(number, kind: kind, cell)
    if traits != .none { self.traits.append((task, traits)) }
    return task
  }

  /// The same for one of many: without traits, and waiting for nothing but its `count` inputs.
  package mutating func addPlain(
    _ number: UInt32, kind: TaskKind, on inputs: UnsafePointer<UInt32>, count: Int, _ cell: consuming TaskCell
  ) -> UInt32 {
    columns.depend(on: inputs, count)
    return addPlain(number, kind: kind, cell)
  }

  @inline(__always)
  private mutating func addPlain(_ number: UInt32, kind: TaskKind, _ cell: consuming TaskCell) -> UInt32 {
    let digest = labels.nextMember(of: number)
    return columns.append(digest: digest, label: number, kind: kind, cell: cell).rawValue
  }

  /// The same with a digest that the front end knows; where a task has it already, that one is given.
  package mutating func addKeyed(
    _ label: String, at place: CompactLocation, kind: TaskKind, traits: TaskTraits, digest: Digest128,
    body: @escaping TaskBody
  ) -> UInt32 {
    if let task = keys.task(with: digest, in: columns.digests) {
      columns.withdrawDependencies()
      signals = []
      return task
    }
    let cell = signals.isEmpty ? TaskCell(body: body) : waitingCell(TaskCell(body: body))
    let number = labels.intern(label, at: place)
    let task = columns.append(digest: digest, label: number, kind: kind, cell: cell)
    keys.insert(task.rawValue, in: columns.digests)
    if traits != .none { self.traits.append((task.rawValue, traits)) }
    return task.rawValue
  }

  /// A graph that is only there to be culled and rewritten, at less cost: `TaskGraph.rewritten`.
  package consuming func draft() -> TaskGraph {
    TaskGraph(
      columns: columns, labels: labels, contents: contents, traits: traits, stamp: stamp, ordering: .depthFirst,
      isDraft: true)
  }

  /// The node of a task that was added.
  package func declaredNode<Value>(_ task: UInt32, of type: Value.Type = Value.self) -> Node<Value> {
    node(TaskID(rawValue: task))
  }

  /// The node of a task that was added.
  package func declaredNode(_ task: UInt32) -> AnyNode { AnyNode(id: TaskID(rawValue: task), stamp: stamp) }
}
