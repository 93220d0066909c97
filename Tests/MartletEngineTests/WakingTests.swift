import Synchronization
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

/// A task that waits for others, which it does not depend on, ends only when as many threads work at the same time. Where a
/// wake-up is lost, these tests hang.
@Suite struct WakingTests {
  /// Waits until `count` threads are here.
  private final class Meeting: Sendable {
    let arrived = Atomic<Int>(0)
    let count: Int
    init(_ count: Int) { self.count = count }
    func attend() {
      arrived.wrappingAdd(1, ordering: .relaxed)
      wait { arrived.load(ordering: .relaxed) >= count }
    }
  }

  @Test(arguments: [2, 3], [1, 200])
  func `tasks without dependencies run on all threads, sleeping ones too`(threads: Int, spinLimit: Int) throws {
    let pool = ThreadPoolExecutor(threads: threads, dequeCapacity: 4, spinLimit: spinLimit)
    for round in 0..<40 {
      let meeting = Meeting(threads)
      var builder = GraphBuilder()
      let tasks = (0..<threads).map { _ in builder.task("meet") { meeting.attend() } }
      // Now and then, give the threads the time to fall asleep.
      if round % 10 == 0 { for _ in 0..<20_000 where meeting.arrived.load(ordering: .relaxed) > 0 {} }
      _ = try pool.run(builder.build(), outputs: tasks)
    }
  }

  @Test(arguments: [2, 3], [1, 200])
  func `tasks that become ready together run on all threads`(threads: Int, spinLimit: Int) throws {
    let pool = ThreadPoolExecutor(threads: threads, dequeCapacity: 4, spinLimit: spinLimit)
    for _ in 0..<40 {
      var builder = GraphBuilder()
      var node = builder.task("start") { 0 }
      for _ in 0..<3 {
        let meeting = Meeting(threads)
        let before = node
        let parts = (0..<threads).map { _ in
          builder.task("meet", before) {
            meeting.attend()
            return $0 + 1
          }
        }
        node = builder.task("join", all: parts) { $0.reduce(0, +) }
      }
      #expect(try pool.run(builder.build(), output: node) > 0)
    }
  }

  @Test func `a run inside of a task gets threads of the pool`() throws {
    let pool = ThreadPoolExecutor(threads: 2, dequeCapacity: 4, spinLimit: 1)
    for _ in 0..<50 {
      var builder = GraphBuilder()
      let outer = builder.task("outer") {
        let meeting = Meeting(2)
        var inner = GraphBuilder()
        let tasks = (0..<2).map { _ in inner.task("meet") { meeting.attend() } }
        _ = try pool.run(inner.build(), outputs: tasks)
      }
      _ = try pool.run(builder.build(), output: outer)
    }
  }

  @Test(arguments: sampled(0..<20 as Range<UInt64>))
  func `tasks with very many dependencies are ready once, after the last of them`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    let groups = Int.random(in: 1...3, using: &random)
    var members: [[Node<Int>]] = Array(repeating: [], count: groups)
    var expected = [Int](repeating: 0, count: groups)
    let start = builder.task("start") { 1 }
    for index in 0..<Int.random(in: 100...600, using: &random) {
      let group = Int.random(in: 0..<groups, using: &random)
      switch Int.random(in: 0..<3, using: &random) {
      case 0: members[group].append(builder.task("leaf") { index })
      case 1: members[group].append(builder.task("leaf", start) { $0 &* index })
      default:
        // One that others need as well.
        let shared = builder.task("shared", start) { $0 &* index }
        members[group].append(shared)
        members[groups - 1 - group].append(builder.task("other", shared) { $0 })
        expected[groups - 1 - group] += index
      }
      expected[group] += index
    }
    let sums = members.map { builder.task("sum", all: $0) { $0.reduce(0, &+) } }
    let graph = builder.build()
    for pool in RunTests.pools {
      for options in [RunOptions(), RunOptions(memoryBudgetBytes: 1000)] {
        let results = try pool.run(graph, outputs: sums, options: options)
        for (sum, value) in zip(sums, expected) { #expect(results[sum] == value, "seed \(seed)") }
      }
    }
  }
}
