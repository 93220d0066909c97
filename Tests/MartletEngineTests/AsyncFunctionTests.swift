import MartletBytes
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

/// A sum of all inputs and a number, after a moment without a thread.
private struct LateSum: AsyncTaskFunction {
  static let name = "test.late-sum"
  static let version = 1
  var number: Int
  func hash(into hasher: inout StableHasher) { hasher.combine(number) }
  func run(_ inputs: TaskValues) async throws -> Int {
    await _Concurrency.Task.yield()
    if number % 3 == 0 { try await _Concurrency.Task.sleep(for: .microseconds(20)) }
    return try inputs.values(as: Int.self).reduce(number, &+)
  }
}

/// The same at once.
private struct PlainSum: TaskFunction {
  static let name = "test.plain-sum"
  static let version = 1
  var number: Int
  func hash(into hasher: inout StableHasher) { hasher.combine(number) }
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try inputs.values(as: Int.self).reduce(number, &+)
  }
}

@Suite struct AsyncFunctionTests {
  @Test(arguments: sampled(0..<20 as Range<UInt64>))
  func `calls of asynchronous functions anywhere in a graph, optimised or not, give the results of a plain loop`(
    seed: UInt64
  ) async throws {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    var expected: [Int] = []
    for index in 0..<80 {
      // Many chains, which a pass would like to fuse.
      let picks =
        nodes.isEmpty
        ? []
        : Int.random(in: 0..<3, using: &random) == 0
          ? [nodes.indices.randomElement(using: &random)!, nodes.count - 1] : [nodes.count - 1]
      let inputs = picks.map { nodes[$0] }
      expected.append(picks.reduce(index) { $0 &+ expected[$1] })
      var traits = TaskTraits.none
      traits.isCheap = Int.random(in: 0..<4, using: &random) == 0
      if Bool.random(using: &random) {
        nodes.append(builder.call(LateSum(number: index), on: inputs, traits: traits))
      } else {
        nodes.append(builder.call(PlainSum(number: index), on: inputs, traits: traits))
      }
    }
    let graph = builder.build()
    for passes in [[], .standard, .all] as [GraphPasses] {
      let optimized = graph.optimized(for: [nodes[79].erased, nodes[40].erased], passes: passes)
      for executor in AsyncTaskTests.executors {
        let last = try await executor.aside(optimized.graph, output: try #require(optimized.node(nodes[79])))
        let middle = try await executor.aside(optimized.graph, output: try #require(optimized.node(nodes[40])))
        #expect(last == expected[79] && middle == expected[40], "seed \(seed), passes \(passes)")
      }
    }
  }

  @Test func `an input that is not there, or of another type, is an error as in other tasks`() async throws {
    struct Wrong: AsyncTaskFunction {
      static let name = "test.wrong"
      static let version = 1
      func hash(into hasher: inout StableHasher) {}
      func run(_ inputs: TaskValues) async throws -> String { try inputs.value(0) }
    }
    var builder = GraphBuilder()
    let node = builder.call(Wrong(), on: [builder.call(PlainSum(number: 1)).erased])
    let graph = builder.build()
    for executor in AsyncTaskTests.executors {
      let failure = await #expect(throws: TaskFailure.self) { try await executor.aside(graph, output: node) }
      #expect("\(String(describing: failure))".contains("input 0 is Int, not String"))
    }
  }
}
