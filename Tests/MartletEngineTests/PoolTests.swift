import Synchronization
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

@Suite struct PoolTests {
  @Test(arguments: [1, 2, 4])
  func `runs inside of tasks do not deadlock`(threads: Int) throws {
    let pool = ThreadPoolExecutor(threads: threads)
    #expect(try nested(pool, depth: 5) == 243)
  }

  private func nested(_ pool: ThreadPoolExecutor, depth: Int) throws -> Int {
    if depth == 0 { return 1 }
    var builder = GraphBuilder()
    let parts = (0..<3).map { _ in builder.task("part") { try PoolTests().nested(pool, depth: depth - 1) } }
    let sum = builder.task("sum", all: parts) { $0.reduce(0, +) }
    return try pool.run(builder.build(), output: sum)
  }

  @Test func `several threads can run graphs on one pool at once`() throws {
    let pool = ThreadPoolExecutor(threads: 3)
    let graphs = (0..<4).map { RandomGraph(seed: UInt64($0), tasks: 300, fanIn: 3) }
    let right = Counter()
    let ended = Counter()
    for caller in 0..<4 {
      startThread(named: "caller") {
        for round in 0..<20 {
          let random = graphs[(caller + round) % 4]
          let value = try? pool.run(random.graph, output: random.nodes[299])
          if value == random.expected[299] { _ = right.next() }
        }
        _ = ended.next()
      }
    }
    wait { ended.count == 4 }
    #expect(right.count == 80)
  }

  @Test func `a pool that is gone ends its threads`() throws {
    for _ in 0..<50 {
      let pool = ThreadPoolExecutor(threads: 3)
      let random = RandomGraph(seed: 1, tasks: 20, fanIn: 2)
      #expect(try pool.run(random.graph, output: random.nodes[19]) == random.expected[19])
    }
  }

  @Test(arguments: [1, 2, 3])
  func `along a chain two results are alive, however long it is`(threads: Int) throws {
    let pool = ThreadPoolExecutor(threads: threads)
    for length in [10, 1000] {
      let live = LiveCount()
      var builder = GraphBuilder()
      var node = builder.task("first") { Counted(live, 0) }
      for _ in 1..<length { node = builder.task("next", node) { Counted(live, $0.value + 1) } }
      #expect(try pool.run(builder.build(), output: node).value == length - 1)
      #expect(live.most.load(ordering: .relaxed) == 2)
    }
  }

  @Test(arguments: [1, 2])
  func `in a tree few results are alive, not all the leaves`(threads: Int) throws {
    let live = LiveCount()
    var builder = GraphBuilder()
    var level = (0..<4096).map { index in builder.task("leaf") { Counted(live, index) } }
    while level.count > 1 {
      level = stride(from: 0, to: level.count, by: 2).map { place in
        builder.task("add", level[place], level[place + 1]) { Counted(live, $0.value + $1.value) }
      }
    }
    let root = level[0]
    #expect(try ThreadPoolExecutor(threads: threads).run(builder.build(), output: root).value == 4096 * 4095 / 2)
    // A path of the tree for each thread; on two threads also what lies between the leaves that each has claimed.
    #expect(live.most.load(ordering: .relaxed) <= (threads == 1 ? 14 : 200))
  }

  @Test(arguments: [1, 2])
  func `a million tasks of any shape build, run and are freed`(threads: Int) throws {
    let pool = ThreadPoolExecutor(threads: threads)
    // With a sanitizer a fifth: recursion would not survive that, either.
    let count = isSanitized ? 200_000 : 1_000_000
    var chain = GraphBuilder()
    var node = chain.task("first") { 0 }
    for _ in 1..<count { node = chain.task("next", node) { $0 &+ 1 } }
    #expect(try pool.run(chain.build(), output: node) == count - 1)

    var flat = GraphBuilder()
    flat.reserve(tasks: count, dependencies: count)
    var leaves: [Node<Int>] = []
    for index in 0..<count { leaves.append(flat.task("leaf") { index }) }
    let sum = flat.task("sum", all: leaves) { $0.reduce(0, &+) }
    #expect(try pool.run(flat.build(), output: sum) == count * (count - 1) / 2)

    var fan = GraphBuilder()
    let root = fan.task("root") { 1 }
    let spokes = (0..<count / 4).map { _ in fan.task("spoke", root) { $0 } }
    let total = fan.task("sum", all: spokes) { $0.reduce(0, &+) }
    #expect(try pool.run(fan.build(), output: total) == count / 4)
  }
}
