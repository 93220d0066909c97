package import MartletGraph

/// Writes delayed computations down as tasks of a graph: each node once, after what it needs.
///
/// A walk with a stack of its own, as a chain may be a million long. Some 60 ns a node.
package struct Lowering: ~Copyable {
  private var builder = GraphBuilder()
  private let turn: LoweringTurn?
  /// Used when this lowering has no turn.
  private var numbers = NodeNumbers()
  private var path: [Step] = []
  /// Tasks of the dependencies met so far, for all nodes of the path; the last node's stand last.
  private var operands: [UInt32] = []

  private struct Step {
    let node: Unmanaged<DelayedNode>
    var next: UInt32
    let inputs: UInt32
    let predecessors: UInt32
  }

  /// The graph of all `outputs` and what they need, and the tasks of the outputs.
  ///
  /// - Parameter order: Nil for a draft that is only rewritten.
  package static func graph(of outputs: [DelayedNode], order: GraphOrder?) -> (graph: TaskGraph, outputs: [AnyNode]) {
    Lowering(LoweringTurn.taken()).lowered(outputs, order)
  }

  /// The same without a turn, as it is for all but one of those who lower at the same time.
  static func graphByTable(of outputs: [DelayedNode], order: GraphOrder?) -> (graph: TaskGraph, outputs: [AnyNode]) {
    Lowering(nil).lowered(outputs, order)
  }

  private init(_ turn: consuming LoweringTurn?) { self.turn = turn }

  private consuming func lowered(
    _ outputs: [DelayedNode], _ order: GraphOrder?
  ) -> (graph: TaskGraph, outputs: [AnyNode]) {
    let tasks = outputs.map { lower($0) }
    let nodes = tasks.map { builder.declaredNode($0) }
    return (finish(order), nodes)
  }

  /// What only the walk needed is gone, and the turn over, before the order takes its time and memory.
  private consuming func finish(_ order: GraphOrder?) -> TaskGraph {
    let builder = builder
    guard let order else { return builder.draft() }
    return builder.build(order: order)
  }

  private mutating func lower(_ root: DelayedNode) -> UInt32 {
    visit(.passUnretained(root))
    while let step = path.last {
      if step.next == step.inputs &+ step.predecessors {
        path.removeLast()
        let task = step.node._withUnsafeGuaranteedRef { write($0, step) }
        operands.removeLast(Int(step.next))
        put(task, for: step.node)
        operands.append(task)
        continue
      }
      path[path.count &- 1].next = step.next &+ 1
      visit(step.node._withUnsafeGuaranteedRef { $0.child(Int(step.next), inputs: Int(step.inputs)) })
    }
    return operands.removeLast()
  }

  /// Puts the task of a node on the stack of operands, or the node on the path where it has none yet.
  @inline(__always)
  private mutating func visit(_ node: Unmanaged<DelayedNode>) {
    if let task = task(of: node) {
      operands.append(task)
      return
    }
    node._withUnsafeGuaranteedRef { object in
      object.withUnsafeMutablePointerToHeader { head in
        if let extras = head.pointee.extras {
          if let body = extras.shortcut?() {
            let task = builder.addDeclared(
              head.pointee.label, at: head.pointee.place, kind: .literal, traits: nil, body: body)
            put(task, for: node)
            operands.append(task)
            return
          }
          path.append(
            Step(node: node, next: 0, inputs: head.pointee.count, predecessors: UInt32(extras.predecessors.count)))
          return
        }
        path.append(Step(node: node, next: 0, inputs: head.pointee.count, predecessors: 0))
      }
    }
  }

  @inline(__always)
  private func task(of node: Unmanaged<DelayedNode>) -> UInt32? {
    switch turn {
    case .some(let turn): turn.task(of: node)
    case nil: numbers.task(of: UInt(bitPattern: node.toOpaque()))
    }
  }

  @inline(__always)
  private mutating func put(_ task: UInt32, for node: Unmanaged<DelayedNode>) {
    switch turn {
    case .some(let turn): turn.put(task, for: node)
    case nil: numbers.insert(UInt(bitPattern: node.toOpaque()), task: task)
    }
  }

  /// Adds the task of a node whose dependencies have theirs.
  @inline(__always)
  private mutating func write(_ node: DelayedNode, _ step: Step) -> UInt32 {
    node.withUnsafeMutablePointerToHeader { head in
      let first = operands.count &- Int(step.next)
      if let extras = head.pointee.extras { return writeSpecial(head.pointee, extras, step, first) }
      for place in first..<operands.count { builder.dependNext(on: operands[place]) }
      return builder.addDeclared(
        head.pointee.label, at: head.pointee.place, kind: head.pointee.kind, traits: nil, body: head.pointee.body)
    }
  }

  private mutating func writeSpecial(_ head: DelayedHead, _ extras: DelayedExtras, _ step: Step, _ first: Int) -> UInt32
  {
    let inputs = operands[first..<(first + Int(step.inputs))]
    let predecessors = operands[(first + Int(step.inputs))...]
    if !predecessors.isEmpty { builder.waitNext(for: predecessors.map { builder.declaredNode($0) }) }
    if let lower = extras.lower {
      return lower(&builder, inputs.map { builder.declaredNode($0) }, head.label, extras.traits).id.rawValue
    }
    for input in inputs { builder.dependNext(on: input) }
    if let key = extras.key {
      return builder.addKeyed(
        head.label, at: head.place, kind: head.kind, traits: extras.traits, digest: key, body: head.body)
    }
    return builder.addDeclared(
      head.label, at: head.place, kind: head.kind, traits: extras.traits, body: head.body)
  }
}

extension DelayedNode {
  /// A dependency: the inputs first, then what must only have ended.
  @inline(__always)
  fileprivate func child(_ index: Int, inputs: Int) -> Unmanaged<DelayedNode> {
    withUnsafeMutablePointers { head, places in
      if index < inputs { return places[index] }
      guard let extras = head.pointee.extras else { fatalError("a node without predecessors") }
      return .passUnretained(extras.predecessors[index - inputs])
    }
  }
}
