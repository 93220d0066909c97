import TestSupport
import Testing

@testable import MartletGraph

@Suite struct OrderAndCullTests {
  /// The same order by recursion.
  private func model(_ graph: TaskGraph) -> [Int] {
    var order: [Int] = []
    var seen = Set<Int>()
    func visit(_ task: Int) {
      guard seen.insert(task).inserted else { return }
      for dependency in graph.dependencies(of: TaskID(rawValue: UInt32(task))) { visit(dependency.index) }
      order.append(task)
    }
    for task in 0..<graph.count where graph.dependents(of: TaskID(rawValue: UInt32(task))).isEmpty { visit(task) }
    return order
  }

  private func randomGraph(_ seed: UInt64) -> (TaskGraph, [Node<Int>]) {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    for _ in 0..<Int.random(in: 0...60, using: &random) {
      let inputs =
        nodes.isEmpty
        ? [] : (0..<Int.random(in: 0...4, using: &random)).map { _ in nodes.randomElement(using: &random)! }
      nodes.append(builder.task("n", all: inputs) { $0.count })
    }
    return (builder.build(), nodes)
  }

  @Test(arguments: sampled(0..<100 as Range<UInt64>))
  func `the order is the depth-first order`(seed: UInt64) {
    let (graph, _) = randomGraph(seed)
    #expect((0..<graph.count).map { Int(graph.order[$0]) } == model(graph))
    #expect(
      (0..<graph.rootCount).map { Int(graph.roots[$0]) }
        == model(graph).filter { graph.dependencies(of: TaskID(rawValue: UInt32($0))).isEmpty })
  }

  @Test(arguments: sampled(0..<60 as Range<UInt64>))
  func `cull keeps what the outputs need and nothing else`(seed: UInt64) {
    let (graph, nodes) = randomGraph(seed)
    guard let output = nodes.last else { return }
    var wanted = Set<TaskID>()
    var open = [output.id]
    while let task = open.popLast() {
      guard wanted.insert(task).inserted else { continue }
      open += graph.dependencies(of: task)
    }
    let culled = graph.culled(to: [output.erased])
    #expect(culled.graph.count == wanted.count)
    for node in nodes {
      guard let moved = culled.node(node) else {
        #expect(!wanted.contains(node.id))
        continue
      }
      #expect(culled.graph.key(of: moved.id) == graph.key(of: node.id))
      #expect(
        culled.graph.dependencies(of: moved.id).map(culled.graph.key(of:))
          == graph.dependencies(of: node.id).map(graph.key(of:)))
    }
  }

  @Test func `a chain of a million is ordered and freed without recursion`() {
    var builder = GraphBuilder()
    var node = builder.task("first") { 0 }
    for _ in 1..<1_000_000 { node = builder.task("next", node) { $0 &+ 1 } }
    let graph = builder.build()
    #expect(graph.order[999_999] == 999_999)
  }
}
