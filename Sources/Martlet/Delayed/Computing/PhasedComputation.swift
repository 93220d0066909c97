package import MartletEngine
import MartletGraph

/// What `Delayed.run` does, step by step, for measurements.
package struct PhasedComputation<Value: Sendable> {
  private var lowered: Lowering.Result?
  private var optimized: (graph: TaskGraph, output: Node<Value>)?
  package let writtenTasks: Int

  package init(_ delayed: Delayed<Value>) {
    let lowered = Lowering.graph(of: [delayed.node], order: .leastMemory, isDraft: true)
    writtenTasks = lowered.graph.count
    self.lowered = lowered
  }

  package mutating func optimize() {
    guard let written = lowered?.outputs[0], let pending = lowered?.graph.rewritten(for: [written]) else { return }
    lowered = nil
    let graph = pending.build(order: .leastMemory)
    guard let output = graph.node(written) else { return }
    optimized = (graph.graph, Node(id: output.id, stamp: output.stamp))
  }

  package func run(on executor: some Executor) throws -> Value {
    guard let optimized else { throw CancellationError() }
    return try executor.run(optimized.graph, output: optimized.output)
  }

  package mutating func free() { optimized = nil }
}
