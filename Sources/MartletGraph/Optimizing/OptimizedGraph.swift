/// A graph made of others, and where their tasks are in it.
public struct OptimizedGraph: Sendable {
  /// The new graph.
  public let graph: TaskGraph
  private let sources: [(stamp: UInt32, numbers: [UInt32])]

  /// - Parameters:
  ///   - sources: The graphs it was made of, by their stamps, each with the new numbers of its tasks; `UInt32.max` for those
  ///     whose results are not there any more.
  init(_ graph: TaskGraph, from sources: [(stamp: UInt32, numbers: [UInt32])]) {
    self.graph = graph
    self.sources = sources
  }

  /// The task that has the result of `node` now; nil when its result is not there any more: nobody needs it, or it lives
  /// only inside a fused task. Outputs are always there.
  public func node<Value>(_ node: Node<Value>) -> Node<Value>? {
    self.node(node.erased).map { Node(id: $0.id, stamp: $0.stamp) }
  }

  /// The task that has the result of `node` now; nil when its result is not there any more.
  public func node(_ node: AnyNode) -> AnyNode? {
    for source in sources where source.stamp == node.stamp {
      let number = source.numbers[node.id.index]
      return number == UInt32.max ? nil : AnyNode(id: TaskID(rawValue: number), stamp: graph.stamp)
    }
    invariantFailure("task \(node.id) is of none of the graphs that this one was made of")
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
  ///   - order: In which order the new tasks run where there is a choice.
  public func optimized(
    for outputs: [AnyNode], passes: GraphPasses = .standard, limits: FusionLimits = .standard,
    order: GraphOrder = .depthFirst
  ) -> OptimizedGraph {
    var rewrite = GraphRewrite(self, for: outputs, culling: passes.contains(.cull))
    if passes.contains(.deduplicate) { rewrite.shareEqualTasks() }
    if passes.contains(.inline) { rewrite.inlineCheapTasks(limits) }
    if passes.contains(.fuse) { rewrite.fuseTasks(limits) }
    return rewrite.emit(order: order)
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
  /// What the standard passes cost without the new graph, for measurements.
  package func decideOnly(for outputs: [AnyNode]) {
    var rewrite = GraphRewrite(self, for: outputs, culling: true)
    rewrite.shareEqualTasks()
    rewrite.inlineCheapTasks(.standard)
    rewrite.fuseTasks(.standard)
  }
}
