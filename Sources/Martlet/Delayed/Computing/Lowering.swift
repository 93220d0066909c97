import MartletBytes
package import MartletGraph

/// Writes delayed computations down as tasks of a graph: each node once, after what it needs.
///
/// A walk with a stack of its own, as a chain may be a million long. Some 60 ns a node.
package struct Lowering: ~Copyable {
  private var builder = GraphBuilder()
  private let turn: LoweringTurn?
  /// Used when this lowering has no turn.
  private var numbers = NodeNumbers()
  private var path = LoweringStack<Step>()
  /// Tasks of the dependencies met so far, for all nodes of the path; the last node's stand last.
  private var operands = LoweringStack<UInt32>()
  /// The numbers of the labels of sites met lately.
  private var labels = RecentLabels()
  /// Whether all results so far stand in their slots.
  private var areInSlots = true
  /// Whether each node so far became a task of its own that needs nothing but its inputs.
  private var arePlain = true

  /// A node on the path, which of its dependencies is next, and how many it has: its inputs, and then what must only have ended.
  private struct Step: BitwiseCopyable {
    let node: Unmanaged<DelayedNode>
    var next: UInt32
    let total: UInt32
  }

  /// What was written down: the tasks, those of the outputs, and the order that was chosen for them.
  package typealias Result = (graph: TaskGraph, outputs: [AnyNode], order: GraphOrder)

  /// The graph of all `outputs` and what they need.
  ///
  /// - Parameters:
  ///   - order: Nil: that of `ComputeOptions`.
  ///   - isDraft: Whether the graph is only rewritten, and the order meant for what is made of it.
  package static func graph(of outputs: [DelayedNode], order: GraphOrder?, isDraft: Bool = false) -> Result {
    Lowering(LoweringTurn.taken()).lowered(outputs, order, isDraft)
  }

  /// The same without a turn, as it is for all but one of those who lower at the same time.
  static func graphByTable(of outputs: [DelayedNode], order: GraphOrder?) -> Result {
    Lowering(nil).lowered(outputs, order, false)
  }

  private init(_ turn: consuming LoweringTurn?) { self.turn = turn }

  private consuming func lowered(_ outputs: [DelayedNode], _ order: GraphOrder?, _ isDraft: Bool) -> Result {
    let tasks = outputs.map { lower($0) }
    let nodes = tasks.map { builder.declaredNode($0) }
    builder.isNumberedDepthFirst = arePlain && outputs.count == 1
    // Slots are there from the beginning to the end of a run: where nothing else holds results, no order saves memory.
    let chosen = order ?? (areInSlots ? .depthFirst : .leastMemory)
    return (finish(chosen, isDraft), nodes, chosen)
  }

  /// What only the walk needed is gone, and the turn over, before the order takes its time and memory.
  private consuming func finish(_ order: GraphOrder, _ isDraft: Bool) -> TaskGraph {
    let builder = builder
    return isDraft ? builder.draft() : builder.build(order: order)
  }

  private mutating func lower(_ root: DelayedNode) -> UInt32 {
    _ = visit(.passUnretained(root))
    while path.count > 0 {
      let place = path.count &- 1
      var step = path.memory[place]
      var isWaiting = false
      while step.next < step.total {
        let child = step.node._withUnsafeGuaranteedRef { $0.dependency(Int(step.next)) }
        step.next &+= 1
        path.memory[place].next = step.next
        if visit(child) {
          isWaiting = true
          break
        }
      }
      if isWaiting { continue }
      path.removeLast(1)
      // On the way back what was seen long ago is far again.
      if place > 4 { DelayedNode.prefetchMark(path.memory[place &- 4].node) }
      let task = step.node._withUnsafeGuaranteedRef { write($0, step) }
      operands.removeLast(Int(step.total))
      put(task, for: step.node)
      operands.append(task)
    }
    operands.removeLast(1)
    return operands.memory[operands.count]
  }

  /// Puts the task of a node on the stack of operands; or the node on the path where it has none yet and depends on others.
  ///
  /// - Returns: Whether it is on the path.
  @inline(__always)
  private mutating func visit(_ node: Unmanaged<DelayedNode>) -> Bool {
    if let task = task(of: node) {
      operands.append(task)
      return false
    }
    return node._withUnsafeGuaranteedRef { object in
      object.withUnsafeMutablePointers { head, places in
        let inputs = head.pointee.made.count
        if !head.pointee.made.isInSlot { areInSlots = false }
        if let extras = object.extras {
          arePlain = false
          if let body = extras.shortcut?() {
            let site = object.site
            let task = builder.addDeclared(
              builder.label(site.label, at: site.place), kind: .literal, traits: .none, body: body)
            put(task, for: node)
            operands.append(task)
            return false
          }
          path.append(Step(node: node, next: 0, total: inputs &+ UInt32(extras.predecessors.count)))
          return true
        }
        if inputs > 0 {
          // Of many nodes the memory is far; the second input's is on its way while the first one's is waited for.
          for place in 0..<min(4, Int(inputs)) { DelayedNode.prefetch(places[place]) }
          operands.reserve(Int(inputs))
          path.append(Step(node: node, next: 0, total: inputs))
          return true
        }
        let task = add(object, operands.memory, 0)
        put(task, for: node)
        operands.append(task)
        return false
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
    let first = operands.count &- Int(step.next)
    if let extras = node.extras { return writeSpecial(node, extras, step, first) }
    return add(node, operands.memory + first, Int(step.next))
  }

  /// Adds a plain task on `count` others.
  @inline(__always)
  private mutating func add(_ node: DelayedNode, _ inputs: UnsafeMutablePointer<UInt32>, _ count: Int) -> UInt32 {
    node.withUnsafeMutablePointerToHeader { head in
      let known = label(of: node, head)
      return builder.addPlain(
        known.label, kind: known.kind, on: inputs, count: count, TaskCell(body: head.pointee.made.body))
    }
  }

  /// The number of a node's label in this graph.
  @inline(__always)
  private mutating func label(
    of node: DelayedNode, _ head: UnsafeMutablePointer<DelayedHead>
  ) -> RecentLabels.Entry {
    let number = head.pointee.made.siteNumber
    if let number, labels[number].site == number { return labels[number] }
    let site = node.site
    let entry = RecentLabels.Entry(
      site: number ?? .max, label: builder.label(site.label, at: site.place), kind: site.kind)
    if let number { labels[number] = entry }
    return entry
  }

  private mutating func writeSpecial(
    _ node: DelayedNode, _ extras: DelayedExtras, _ step: Step, _ first: Int
  ) -> UInt32 {
    let site = node.site
    let all = (first..<operands.count).map { operands.memory[$0] }
    let (inputs, predecessors) = (all[..<node.inputCount], all[node.inputCount...])
    if !predecessors.isEmpty { builder.waitNext(for: predecessors.map { builder.declaredNode($0) }) }
    if let lower = extras.lower {
      return lower(&builder, inputs.map { builder.declaredNode($0) }, site.label, extras.traits).id.rawValue
    }
    for input in inputs { builder.dependNext(on: input) }
    if let key = extras.key {
      return builder.addKeyed(
        site.label, at: site.place, kind: site.kind, traits: extras.traits, digest: key, body: node.body)
    }
    return builder.addDeclared(
      builder.label(site.label, at: site.place), kind: site.kind, traits: extras.traits, body: node.body)
  }
}

extension DelayedNode {
  @inline(__always)
  fileprivate var inputCount: Int { withUnsafeMutablePointerToHeader { Int($0.pointee.made.count) } }

  /// A dependency: the inputs first, then what must only have ended.
  @inline(__always)
  fileprivate func dependency(_ index: Int) -> Unmanaged<DelayedNode> {
    withUnsafeMutablePointers { head, places in
      let inputs = Int(head.pointee.made.count)
      if index < inputs { return places[index] }
      guard let extras else { fatalError("a node without predecessors") }
      return .passUnretained(extras.predecessors[index - inputs])
    }
  }
}
