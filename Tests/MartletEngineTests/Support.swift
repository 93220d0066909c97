import Glibc
import Synchronization
import TestSupport

@testable import MartletEngine
@testable import MartletGraph

/// A random graph of numbers, texts and arrays, with the result of each task computed beside it by a plain loop.
struct RandomGraph {
  let graph: TaskGraph
  let nodes: [Node<Int>]
  let texts: [Node<String>]
  let expected: [Int]
  let expectedTexts: [String]

  /// - Parameter fanIn: The most inputs that a task has.
  init(seed: UInt64, tasks: Int, fanIn: Int, near: Int = .max) {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    var expected: [Int] = []
    var texts: [Node<String>] = []
    var expectedTexts: [String] = []
    for index in 0..<tasks {
      let count = nodes.isEmpty ? 0 : Int.random(in: 0...fanIn, using: &random)
      let picks = (0..<count).map { _ in Int.random(in: max(0, nodes.count - near)..<nodes.count, using: &random) }
      switch (count, index % 7) {
      case (1, _):
        nodes.append(builder.task("one", nodes[picks[0]]) { $0 &* 31 &+ 1 })
        expected.append(expected[picks[0]] &* 31 &+ 1)
      case (2, 0..<4):
        nodes.append(builder.task("two", nodes[picks[0]], nodes[picks[1]]) { $0 &* 3 &+ $1 })
        expected.append(expected[picks[0]] &* 3 &+ expected[picks[1]])
      case (3, _):
        nodes.append(builder.task("three", nodes[picks[0]], nodes[picks[1]], nodes[picks[2]]) { $0 ^ $1 &+ $2 })
        expected.append(expected[picks[0]] ^ expected[picks[1]] &+ expected[picks[2]])
      default:
        nodes.append(builder.task("all", all: picks.map { nodes[$0] }) { $0.reduce(index) { $0 &* 7 &+ $1 } })
        expected.append(picks.reduce(index) { $0 &* 7 &+ expected[$1] })
      }
      if index % 5 == 4 {
        texts.append(builder.task("text", nodes[index], nodes[index / 2]) { "the number \($0) and \($1)" })
        expectedTexts.append("the number \(expected[index]) and \(expected[index / 2])")
      }
    }
    graph = builder.build()
    self.nodes = nodes
    self.expected = expected
    self.texts = texts
    self.expectedTexts = expectedTexts
  }
}

/// Counts its living objects, and how many there were at most.
final class LiveCount: Sendable {
  let now = Atomic<Int>(0)
  let most = Atomic<Int>(0)

  func enter() {
    let count = now.add(1, ordering: .relaxed).newValue
    _ = most.max(count, ordering: .relaxed)
  }

  func leave() { now.subtract(1, ordering: .relaxed) }
}

/// A result that is counted while it lives, and says what it takes in memory.
final class Counted: Sendable, MemorySized {
  let count: LiveCount
  let value: Int
  let residentBytes: Int

  init(_ count: LiveCount, _ value: Int, bytes: Int = 0) {
    self.count = count
    self.value = value
    residentBytes = bytes
    count.enter()
  }

  deinit { count.leave() }
}

/// Waits for other threads, and lets them have the processor.
func wait(until condition: () -> Bool) {
  while !condition() { usleep(50) }
}

/// Something that a task throws.
struct Mistake: Error, Equatable { let number: Int }

extension Executor {
  /// `run` on a thread of its own. Tests run on Swift's few threads, which the bodies of asynchronous tasks need.
  func aside(
    _ graph: TaskGraph, outputs: [AnyNode], options: RunOptions = RunOptions()
  ) async throws -> RunResults {
    try await TestSupport.aside { try self.run(graph, outputs: outputs, options: options) }
  }

  func aside<Value>(
    _ graph: TaskGraph, outputs: [Node<Value>], options: RunOptions = RunOptions()
  ) async throws -> RunResults {
    try await aside(graph, outputs: outputs.map(\.erased), options: options)
  }

  func aside<Value>(
    _ graph: TaskGraph, output: Node<Value>, options: RunOptions = RunOptions()
  ) async throws -> Value {
    try await aside(graph, outputs: [output.erased], options: options)[output]
  }
}
