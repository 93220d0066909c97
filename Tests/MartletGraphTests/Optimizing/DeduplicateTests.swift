import MartletBytes
import Testing

@testable import MartletGraph

/// Forgets to hash its argument.
private struct CarelessFunction: TaskFunction {
  let constant: Int
  static let name = "test.careless"
  static let version = 1
  func hash(into hasher: inout StableHasher) {}
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) -> Int { constant }
}

/// Another function, with the name of `AddFunction` in a later version.
private struct NewerAddFunction: TaskFunction {
  static let name = "test.add"
  static let version = 2
  func hash(into hasher: inout StableHasher) {}
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) -> Int { 0 }
}

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

  // MARK: Merging

  @Test func `merged graphs have equal calls and literals once, and all closures`() throws {
    func build() -> (TaskGraph, [AnyNode]) {
      var builder = GraphBuilder()
      let one = builder.literal(1)
      let call = builder.call(AddFunction(constant: 1), on: [one])
      let gather = builder.gather([call, one])
      let onGather = builder.call(AddFunction(constant: 2), on: [gather])
      let closure = builder.task("closure", call) { $0 }
      let onClosure = builder.call(AddFunction(constant: 3), on: [closure])
      return (
        builder.build(), [one.erased, call.erased, gather.erased, onGather.erased, closure.erased, onClosure.erased]
      )
    }
    let (first, firstNodes) = build()
    let (second, secondNodes) = build()
    let merged = try TaskGraph.merged([first, second, first])
    #expect(merged.graph.count == 8)
    let shared = (0..<6).map { merged.node(firstNodes[$0]) == merged.node(secondNodes[$0]) }
    #expect(shared == [true, true, true, true, false, false])
    let keys = (0..<8).map { merged.graph.key(of: TaskID(rawValue: UInt32($0))) }
    #expect(Set(keys).count == 8)
    for (node, place) in zip(firstNodes, 0..<6) {
      let moved = try #require(merged.node(node))
      #expect(merged.graph.key(of: moved.id) == first.key(of: node.id), "\(place)")
      #expect(
        merged.graph.dependencies(of: moved.id).map(merged.graph.key(of:))
          == first.dependencies(of: node.id).map(first.key(of:)))
    }
  }

  @Test func `a key that stands for other work is refused by both names`() {
    func graph(_ add: (inout GraphBuilder) -> Void) -> TaskGraph {
      var builder = GraphBuilder()
      add(&builder)
      return builder.build()
    }
    // A key that is right but for what its author forgot: forced here by giving one task the digest of another.
    var builder = GraphBuilder()
    let one = builder.call(AddFunction(constant: 1), label: "mine")
    let original = builder.build()
    let digest = original.key(of: one.id).digest
    var forged = GraphBuilder()
    _ = forged.append("theirs", .call, .none, digest: digest, content: .call(NewerAddFunction())) { { _, _, _ in } }
    let error = #expect(throws: KeyConflict.self) { try TaskGraph.merged([original, forged.build()]) }
    #expect(error?.first.label == "mine")
    #expect(error?.second.label == "theirs")
    #expect(error?.reason == "they call versions 1 and 2 of test.add")

    var other = GraphBuilder()
    _ = other.append("literal", .literal, .none, digest: digest, content: .literal(1)) { { _, _, _ in } }
    #expect(throws: KeyConflict.self) { try TaskGraph.merged([original, other.build()]) }

    var renamed = GraphBuilder()
    _ = renamed.append("careless", .call, .none, digest: digest, content: .call(CarelessFunction(constant: 1))) {
      { _, _, _ in }
    }
    let second = #expect(throws: KeyConflict.self) { try TaskGraph.merged([original, renamed.build()]) }
    #expect(second?.reason == "one calls test.add, the other test.careless")
  }

  @Test func `long chains are merged without recursion`() throws {
    func build() -> TaskGraph {
      var builder = GraphBuilder()
      var node = builder.task("first") { 0 }
      for _ in 1..<100_000 { node = builder.task("next", node) { $0 &+ 1 } }
      return builder.build()
    }
    #expect(try TaskGraph.merged([build(), build()]).graph.count == 200_000)
  }
}
