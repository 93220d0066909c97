import TestSupport
import Testing

@testable import MartletGraph

/// The number of tasks after fusing alone.
private func fusedCount(_ graph: TaskGraph, _ outputs: [AnyNode], _ limits: FusionLimits = .standard) -> Int {
  graph.optimized(for: outputs, passes: [.cull, .fuse], limits: limits).graph.count
}

@Suite struct FuseTests {
  @Test func `a chain becomes one task that has the key of its last part`() throws {
    var builder = GraphBuilder()
    let read = builder.task("read") { [1, 2, 3] }
    let parsed = builder.task("parse", read) { $0.map { $0 * 2 } }
    let count = builder.task("count", parsed) { $0.count }
    let graph = builder.build()
    let optimized = graph.optimized(for: count)
    let node = try #require(optimized.node(count))
    #expect(optimized.graph.count == 1)
    #expect(optimized.graph.key(of: node.id) == graph.key(of: count.id))
    #expect(optimized.graph.key(of: node.id).label == "read+parse+count")
    #expect(optimized.graph.parts(of: node.id) == [read.id, parsed.id, count.id].map(graph.key(of:)))
    #expect(optimized.graph.parts(of: node.id).map(\.label) == ["read", "parse", "count"])
    #expect(optimized.node(read) == nil)
    #expect(graph.parts(of: count.id) == [graph.key(of: count.id)])
  }

  @Test func `outputs are not absorbed`() throws {
    var builder = GraphBuilder()
    let one = builder.task("one") { 1 }
    let two = builder.task("two", one) { $0 }
    let three = builder.task("three", two) { $0 }
    let optimized = builder.build().optimized(for: [two.erased, three.erased])
    #expect(optimized.graph.count == 2)
    let kept = try #require(optimized.node(two))
    #expect(optimized.graph.key(of: kept.id).label == "one+two")
  }

  @Test func `what could run side by side is not put one after the other, unless the width allows it`() {
    var builder = GraphBuilder()
    let left = builder.task("left") { 1 }
    let right = builder.task("right") { 2 }
    let sum = builder.task("sum", left, right) { $0 + $1 }
    let graph = builder.build()
    #expect(fusedCount(graph, [sum.erased]) == 3)
    #expect(fusedCount(graph, [sum.erased], FusionLimits(width: 1.4)) == 3)
    #expect(fusedCount(graph, [sum.erased], FusionLimits(width: 1.5)) == 1)
  }

  @Test func `what meets a chain in time joins it, and what is late holds nothing up`() {
    // read 0 ─ step 1 ─ step 2 ─ step 3, each step with a read of its own.
    var builder = GraphBuilder()
    var state = builder.task("read") { 0 }
    for _ in 0..<6 {
      let read = builder.task("read") { 1 }
      state = builder.task("step", state, read) { $0 + $1 }
    }
    let graph = builder.build()
    // The reads are not serialised behind the steps: each stays a task of its own.
    let none = graph.optimized(for: [state.erased], passes: [.fuse], limits: FusionLimits(newInputs: 0)).graph
    #expect((0..<none.count).count { none.key(of: TaskID(rawValue: UInt32($0))).label == "read" } >= 5)
    // One input more a fused task: steps in pairs.
    let pairs = graph.optimized(for: [state.erased], passes: [.fuse]).graph
    let labels = (0..<pairs.count).map { pairs.key(of: TaskID(rawValue: UInt32($0))).label }
    #expect(labels.count { $0 == "step×2" } >= 2)
    #expect((0..<pairs.count).allSatisfy { pairs.dependencies(of: TaskID(rawValue: UInt32($0))).count <= 3 })
  }

  @Test func `a diamond inside becomes part of the task`() {
    var builder = GraphBuilder()
    let source = builder.task("source") { 1 }
    let next = builder.task("next", source) { $0 + 1 }
    let last = builder.task("last", source, next) { $0 + $1 }
    let optimized = builder.build().optimized(for: last)
    #expect(optimized.graph.count == 1)
    #expect(optimized.graph.parts(of: TaskID(rawValue: 0)).map(\.label) == ["source", "next", "last"])
  }

  @Test func `the height is respected`() {
    var builder = GraphBuilder()
    var node = builder.task("step") { 1 }
    for _ in 1..<10 { node = builder.task("step", node) { $0 + 1 } }
    let optimized = builder.build().optimized(for: node, limits: FusionLimits(height: 4))
    let sizes = (0..<optimized.graph.count).map { optimized.graph.parts(of: TaskID(rawValue: UInt32($0))).count }
    #expect(sizes == [2, 4, 4])
  }

  @Test func `signals, and what they wait for, stay apart`() {
    var builder = GraphBuilder()
    let early = builder.task("early") { 1 }
    let first = builder.task("first") { 2 }
    builder.waitNext(for: [early.erased])
    let late = builder.task("late", first) { $0 }
    let last = builder.task("last", late) { $0 }
    let graph = builder.build()
    let optimized = graph.optimized(for: last).graph
    let labels = (0..<optimized.count).map { optimized.key(of: TaskID(rawValue: UInt32($0))).label }
    // `first` does not wait for `early`, so it does not become part of what does.
    #expect(labels == ["early", "first", "signal", "late+last"])
  }

  @Test func `asynchronous and blocking tasks, and those with a timeout, stay apart`() {
    func count(_ traits: TaskTraits, async isAsync: Bool = false) -> Int {
      var builder = GraphBuilder()
      let first = builder.task("first") { 1 }
      let odd =
        isAsync
        ? builder.asyncTask("odd", first) { $0 } : builder.task("odd", first, traits: traits) { $0 }
      let last = builder.task("last", odd) { $0 }
      return fusedCount(builder.build(), [last.erased])
    }
    #expect(count(.none) == 1)
    #expect(count(TaskTraits(isBlocking: true)) == 3)
    #expect(count(TaskTraits(timeout: .seconds(1))) == 3)
    #expect(count(.none, async: true) == 3)
    // Retries and resources are not given to those that have none.
    #expect(count(TaskTraits(retry: RetryPolicy(limit: 3))) == 3)
    #expect(count(TaskTraits(resources: [ResourceNeed("gpu")])) == 3)
  }

  @Test func `what may be run again is fused with nothing, so that a retry repeats nothing else`() {
    var builder = GraphBuilder()
    let traits = TaskTraits(retry: RetryPolicy(limit: 2))
    let last = builder.task("last", builder.task("first", traits: traits) { 1 }, traits: traits) { $0 }
    #expect(builder.build().optimized(for: last).graph.count == 2)
  }

  @Test func `a fused task has the more demanding traits of its parts`() {
    var builder = GraphBuilder()
    let need = { (amount: Int) in [ResourceNeed("disk", amount: amount)] }
    let first = builder.task(
      "first",
      traits: TaskTraits(
        isSource: true, estimatedResultBytes: 500, priority: 3, resources: need(4))
    ) { 1 }
    let last = builder.task(
      "last", first,
      traits: TaskTraits(estimatedResultBytes: 20, priority: 7, resources: need(1))
    ) { $0 }
    let optimized = builder.build().optimized(for: last).graph
    #expect(optimized.count == 1)
    let traits = optimized.traits(of: TaskID(rawValue: 0))
    #expect(
      traits
        == TaskTraits(
          isSource: true, estimatedResultBytes: 500, priority: 7, resources: need(4)))
  }

  @Test func `labels repeat nothing and lose their middle when they are long`() {
    func label(_ names: [String]) -> String {
      var builder = GraphBuilder()
      var node = builder.task(names[0]) { 1 }
      for name in names.dropFirst() { node = builder.task(name, node) { $0 } }
      let optimized = builder.build().optimized(for: node).graph
      return optimized.key(of: TaskID(rawValue: 0)).label
    }
    #expect(label(["a", "a", "a"]) == "a×3")
    #expect(label(["a", "b", "b", "a"]) == "a+b×2+a")
    #expect(label((0..<20).map { "p\($0)" }) == "p0+p1+p2+…+p17+p18+p19")
    #expect(label((0..<7).map { "\($0)" + String(repeating: "x", count: 50) }).count == 96)
  }

  @Test func `a fused task of calls is data, and tells how its parts hang together`() throws {
    var builder = GraphBuilder()
    let one = builder.literal(1)
    let two = builder.call(AddFunction(constant: 2), on: [one])
    let three = builder.call(AddFunction(constant: 3), on: [two, one])
    let closure = builder.task("closure", three) { $0 }
    let graph = builder.build()
    let optimized = graph.optimized(for: three)
    #expect(optimized.graph.count == 1)
    #expect(optimized.graph.kind(of: TaskID(rawValue: 0)) == .call)
    guard case .fused(let fused)? = optimized.graph.content(of: TaskID(rawValue: 0)) else {
      Issue.record("no content")
      return
    }
    #expect(fused.isData)
    #expect(fused.parts.map(\.label) == ["literal", "test.add", "test.add"])
    #expect((0..<3).map(fused.wiring(ofPart:)) == [[], [.part(0)], [.part(1), .part(0)]])
    guard case .call(let function)? = fused.content(ofPart: 2) else {
      Issue.record("no call")
      return
    }
    #expect((function as? AddFunction)?.constant == 3)
    let mixed = graph.optimized(for: closure).graph
    #expect(mixed.kind(of: TaskID(rawValue: 0)) == .closure)
  }

  @Test func `a chain of a million becomes one task and is freed without recursion`() {
    var builder = GraphBuilder()
    var node = builder.task("first") { 0 }
    let count = isSanitized ? 200_000 : 1_000_000
    for _ in 1..<count { node = builder.task("next", node) { $0 &+ 1 } }
    let optimized = builder.build().optimized(for: node)
    #expect(optimized.graph.count == 1)
    #expect(optimized.graph.key(of: TaskID(rawValue: 0)).label == "first+next×\(count - 1)")
  }
}
