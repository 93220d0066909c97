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
    guard options.passes.isEmpty else {
      let (graph, outputs) = Lowering.graph(of: nodes, order: .depthFirst)
      let optimized = graph.optimized(for: outputs, passes: options.passes, order: options.order)
      writtenTasks = graph.count
      self.graph = optimized.graph
      self.outputs = outputs.compactMap { optimized.node($0) }
      return
    }
    (graph, outputs) = Lowering.graph(of: nodes, order: options.order)
    writtenTasks = graph.count
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
