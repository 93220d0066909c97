/// A graph made of another one, and where the tasks of that are in it.
public struct OptimizedGraph: Sendable {
  /// The new graph.
  public let graph: TaskGraph
  private let stamp: UInt32
  private let numbers: [UInt32]?

  /// - Parameters:
  ///   - stamp: That of the graph it was made of.
  ///   - numbers: By old number the new one; `UInt32.max` for tasks whose results are not there any more; nil where they
  ///       are the same.
  init(_ graph: TaskGraph, from stamp: UInt32, numbers: [UInt32]?) {
    self.graph = graph
    self.stamp = stamp
    self.numbers = numbers
  }

  /// The task that has the result of `node` now; nil when its result is not there any more: nobody needs it, or it lives
  /// only inside a fused task. Outputs are always there.
  public func node<Value>(_ node: Node<Value>) -> Node<Value>? {
    self.node(node.erased).map { Node(id: $0.id, stamp: $0.stamp) }
  }

  /// The task that has the result of `node` now; nil when its result is not there any more.
  public func node(_ node: AnyNode) -> AnyNode? {
    guard node.stamp == stamp else {
      invariantFailure("task \(node.id) is not of the graph that was optimised")
    }
    let number = numbers.map { $0[node.id.index] } ?? node.id.rawValue
    return number == UInt32.max ? nil : AnyNode(id: TaskID(rawValue: number), stamp: graph.stamp)
  }
}

extension TaskGraph {
  /// The same work with fewer tasks: `passes` in their order, then one new graph. The graph itself stays as it is.
  ///
  /// The results of `outputs` stay what they are, and so does what a task throws. A fused task has the key of its last part.
  ///
  /// O(tasks + dependencies), without recursion.
  ///
  /// - Parameters:
  ///   - outputs: The tasks whose results will be asked for; others may vanish.
  ///   - limits: How far to go.
  ///   - order: In which order the new tasks run where there is a choice; nil: in the graph's own.
  public func optimized(
    for outputs: [AnyNode], passes: GraphPasses = .standard, limits: FusionLimits = .standard,
    order: GraphOrder? = nil
  ) -> OptimizedGraph {
    rewritten(for: outputs, passes: passes, limits: limits).build(order: order)
  }

  /// The same for who gives this graph up before the new one is put in order, so that both never stand in memory whole.
  package func rewritten(
    for outputs: [AnyNode], passes: GraphPasses = .standard, limits: FusionLimits = .standard
  ) -> PendingGraph {
    decided(outputs, passes, limits).emit()
  }

  private func decided(_ outputs: [AnyNode], _ passes: GraphPasses, _ limits: FusionLimits) -> GraphRewrite {
    if isDraft, !passes.contains(.cull) { invariantFailure("a draft of a graph is rewritten without being culled") }
    var rewrite = GraphRewrite(self, for: outputs, culling: passes.contains(.cull))
    if passes.contains(.deduplicate) { rewrite.shareEqualTasks() }
    if passes.contains(.inline) { rewrite.inlineCheapTasks(limits) }
    if passes.contains(.fuse) { rewrite.fuseTasks(limits) }
    return rewrite
  }

  /// The same for one output.
  public func optimized<Value>(
    for output: Node<Value>, passes: GraphPasses = .standard, limits: FusionLimits = .standard
  ) -> OptimizedGraph {
    optimized(for: [output.erased], passes: passes, limits: limits)
  }

  /// The part of the graph that `outputs` need. Executors do this by themselves, without a copy; it is for graphs that are
  /// kept or sent.
  public func culled(to outputs: [AnyNode]) -> OptimizedGraph { optimized(for: outputs, passes: .cull) }
}

extension TaskGraph {
  /// Decides without making the new graph: for measurements.
  package func decideOnly(for outputs: [AnyNode], passes: GraphPasses) { _ = decided(outputs, passes, .standard) }
}
