import MartletEngine
import MartletGraph

/// Delayed computations as a graph that is ready to run, with the tasks whose results are asked for.
struct PlannedComputation: Sendable {
  let graph: TaskGraph
  /// In the order in which they were asked for.
  let outputs: [AnyNode]
  /// The number of tasks before the passes.
  let writtenTasks: Int

  init(_ nodes: [DelayedNode], _ options: ComputeOptions) {
    if options.passes.isEmpty {
      (graph, outputs, _) = Lowering.graph(of: nodes, order: options.order)
      writtenTasks = graph.count
      return
    }
    // All nodes are needed, so culling is free; and it lets the draft be one without an order.
    var written: TaskGraph?
    let writtenOutputs: [AnyNode]
    let order: GraphOrder
    (written, writtenOutputs, order) = Lowering.graph(of: nodes, order: options.order, isDraft: true)
    writtenTasks = written?.count ?? 0
    guard let pending = written?.rewritten(for: writtenOutputs, passes: options.passes.union(.cull)) else {
      fatalError()
    }
    written = nil
    let optimized = pending.build(order: order)
    graph = optimized.graph
    outputs = writtenOutputs.compactMap { optimized.node($0) }
  }

  func run(on executor: any Executor, _ options: ComputeOptions) throws -> RunResults {
    try executor.run(graph, outputs: outputs, options: options.run)
  }

  func compute(on executor: any Executor, _ options: ComputeOptions) async throws -> RunResults {
    try await executor.compute(graph, outputs: outputs, options: options.run)
  }

  /// An output as a task with a known type of result.
  func output<Value>(_ place: Int, of type: Value.Type = Value.self) -> Node<Value> {
    Node(id: outputs[place].id, stamp: outputs[place].stamp)
  }
}
