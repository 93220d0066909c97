import MartletBytes
import Testing

@testable import MartletGraph

@Suite struct DeduplicateTests {
  @Test func `aliases become what they name`() throws {
    var builder = GraphBuilder()
    let one = builder.task("one") { 1 }
    let alias = builder.alias(one, label: "alias")
    let second = builder.alias(alias, label: "second")
    let sum = builder.task("sum", one, second) { $0 + $1 }
    let graph = builder.build()
    let optimized = graph.optimized(for: [sum.erased, second.erased], passes: .deduplicate)
    #expect(optimized.graph.count == 2)
    #expect(optimized.node(second) == optimized.node(one))
    let node = try #require(optimized.node(sum))
    #expect(optimized.graph.dependencies(of: node.id).map(\.rawValue) == [0, 0])
  }

  @Test func `gathers of the same tasks are one, and calls on them too`() {
    var builder = GraphBuilder()
    let one = builder.task("one") { 1 }
    let two = builder.task("two") { 2 }
    let gathers = [
      builder.gather([one, two]), builder.gather([one, two], label: "other"), builder.gather([two, one]),
      builder.gather([one, builder.alias(two, label: "alias")]),
    ]
    let calls = gathers.map { builder.call(AddFunction(constant: 1), on: [$0]) }
    let last = builder.call(AddFunction(constant: 2), on: calls)
    let optimized = builder.build().optimized(for: [last.erased], passes: [.cull, .deduplicate])
    // one, two, gather, gather backwards, a call on each, last
    #expect(optimized.graph.count == 7)
    #expect(optimized.node(gathers[3]) == optimized.node(gathers[0]))
    #expect(optimized.node(calls[1]) == optimized.node(calls[0]))
    #expect(optimized.node(calls[2]) != optimized.node(calls[0]))
  }

  @Test func `a call on an alias is the call on what it names, whichever came first`() {
    for aliasFirst in [true, false] {
      var builder = GraphBuilder()
      let one = builder.literal(1)
      let alias = builder.alias(one, label: "alias")
      let first = builder.call(AddFunction(constant: 1), on: [aliasFirst ? alias : one])
      let second = builder.call(AddFunction(constant: 1), on: [aliasFirst ? one : alias])
      let onFirst = builder.call(AddFunction(constant: 2), on: [first])
      let onSecond = builder.call(AddFunction(constant: 2), on: [second])
      let optimized = builder.build().optimized(
        for: [onFirst.erased, onSecond.erased], passes: [.cull, .deduplicate])
      #expect(optimized.graph.count == 3)
      #expect(optimized.node(onFirst) == optimized.node(onSecond))
    }
  }

  @Test func `empty gathers and closures are never equal`() {
    var builder = GraphBuilder()
    let none = builder.gather([] as [Node<Int>])
    let nothing = builder.gather([] as [Node<String>])
    let one = builder.task("one") { 1 }
    let other = builder.task("one") { 1 }
    let optimized = builder.build().optimized(
      for: [none.erased, nothing.erased, one.erased, other.erased], passes: .deduplicate)
    #expect(optimized.graph.count == 4)
  }

  @Test func `an alias that waits is not resolved`() {
    var builder = GraphBuilder()
    let early = builder.task("early") { 1 }
    let one = builder.task("one") { 1 }
    builder.waitNext(for: [early.erased])
    let alias = builder.alias(one, label: "alias")
    let optimized = builder.build().optimized(for: [alias.erased], passes: [.cull, .deduplicate])
    #expect(optimized.graph.count == 4)
  }
}
