import Testing

@testable import MartletGraph

private let cheap = TaskTraits(isCheap: true)

/// The labels of the tasks that remain after inlining alone, and what they are made of.
private func inlined(_ graph: TaskGraph, _ outputs: [AnyNode], _ limits: FusionLimits = .standard) -> [[String]] {
  let result = graph.optimized(for: outputs, passes: [.cull, .inline], limits: limits).graph
  return (0..<result.count).map { result.parts(of: TaskID(rawValue: UInt32($0))).map(\.label) }
}

@Suite struct InlineTests {
  @Test func `literals are run inside who needs them, and do not show in labels`() {
    var builder = GraphBuilder()
    let factor = builder.literal(3, label: "factor")
    let one = builder.task("one", factor) { $0 }
    let two = builder.task("two", factor, one) { $0 + $1 }
    let graph = builder.build()
    #expect(inlined(graph, [two.erased]) == [["factor", "one"], ["factor", "two"]])
    let result = graph.optimized(for: two, passes: .inline)
    #expect(result.graph.key(of: TaskID(rawValue: 1)).label == "two")
    #expect(result.node(factor) == nil)
  }

  @Test func `outputs are kept`() {
    var builder = GraphBuilder()
    let factor = builder.literal(3, label: "factor")
    let one = builder.task("one", factor) { $0 }
    #expect(inlined(builder.build(), [one.erased, factor.erased]) == [["factor"], ["one"]])
  }

  @Test func `a cheap task is not inlined where its input would live longer`() {
    var builder = GraphBuilder()
    let table = builder.task("table") { [1, 2, 3] }
    let count = builder.task("count", table, traits: cheap) { $0.count }
    let one = builder.task("one", count) { $0 }
    let two = builder.task("two", count) { $0 }
    let last = builder.task("last", one, two) { $0 + $1 }
    #expect(inlined(builder.build(), [last.erased]) == [["table"], ["count"], ["one"], ["two"], ["last"]])
  }

  @Test func `it is inlined where its input is kept anyway`() {
    var builder = GraphBuilder()
    let table = builder.task("table") { [1, 2, 3] }
    let count = builder.task("count", table, traits: cheap) { $0.count }
    let one = builder.task("one", count, table) { $0 + $1.count }
    let two = builder.task("two", table, count) { $0.count + $1 }
    let last = builder.task("last", one, two) { $0 + $1 }
    #expect(
      inlined(builder.build(), [last.erased]) == [["table"], ["count", "one"], ["count", "two"], ["last"]])

    var other = GraphBuilder()
    let kept = other.task("table") { [1, 2, 3] }
    let size = other.task("count", kept, traits: cheap) { $0.count }
    let user = other.task("user", size) { $0 }
    #expect(inlined(other.build(), [user.erased, kept.erased]) == [["table"], ["count", "user"]])
  }

  @Test func `no more tasks run for an input than the limit says`() {
    var builder = GraphBuilder()
    var node = builder.literal(1, label: "c0")
    for step in 1..<6 { node = builder.task("c\(step)", node, traits: cheap) { $0 + 1 } }
    let last = builder.task("last", node) { $0 }
    // `c5` in `last` would keep the result of `c4` until `last` runs, which nobody does otherwise.
    #expect(inlined(builder.build(), [last.erased]) == [["c0", "c1", "c2", "c3", "c4"], ["c5"], ["last"]])
  }

  @Test func `what a signal waits for is not inlined`() {
    var builder = GraphBuilder()
    let one = builder.task("one", traits: cheap) { 1 }
    builder.waitNext(for: [one.erased])
    let two = builder.task("two", one) { $0 }
    #expect(inlined(builder.build(), [two.erased]) == [["one"], ["signal"], ["two"]])
  }

  @Test func `a literal is run inside asynchronous and blocking tasks as well`() {
    var builder = GraphBuilder()
    let factor = builder.literal(3, label: "factor")
    let one = builder.task("one", factor, traits: TaskTraits(isBlocking: true)) { $0 }
    let two = builder.asyncTask("two", one, factor) { $0 + $1 }
    let graph = builder.build()
    #expect(inlined(graph, [two.erased]) == [["factor", "one"], ["factor", "two"]])
    let result = graph.optimized(for: two, passes: .all).graph
    #expect(result.traits(of: TaskID(rawValue: 0)).isBlocking)
    #expect(result.kind(of: TaskID(rawValue: 1)) == .asynchronous)
  }
}
