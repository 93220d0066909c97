import Martlet
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(60))) struct DepthScenarios {
  // Long chains are built, run, fail and are freed without recursion, in each of the ways to write them down.
  @Test(arguments: [1, 2]) func `a long chain runs and is freed, however it is written`(threads: Int) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    let length = 50_000
    let value = try await aside { () -> Int in
      var chain = delayed("first") { 0 }
      for _ in 0..<length { chain = chain.map { $0 + 1 } }
      return try chain.run(on: executor)
    }
    #expect(value == length)

    let raw = try await aside { () -> Int in
      var raw = RawGraph()
      // Backwards: the last one first.
      for number in (1...length / 5).reversed() {
        raw.add("\(number)", needs: ["\(number - 1)"]) { inputs, _ in try inputs.value(0, as: Int.self) + 1 }
      }
      raw.add("0") { _, _ in 0 }
      let built = try raw.build()
      return try executor.run(built.graph, output: built.node("\(length / 5)", of: Int.self))
    }
    #expect(raw == length / 5)

    // Results that hold each other, as a linked list does in the making; and a failure at the far end.
    let living = Occupancy()
    let failure = await #expect(throws: TaskFailure.self) {
      try await aside { () -> Int in
        var builder = GraphBuilder()
        var node = builder.task("first") { () throws -> Tracked in throw Mistake(number: 9) }
        for _ in 0..<length { node = builder.task("next", node) { Tracked($0.value + 1, living) } }
        let last = builder.task("last", node) { $0.value }
        return try executor.run(builder.build(), output: last)
      }
    }
    #expect(failure?.path.count == length + 2)
    #expect(failure.map { "\($0)".utf8.count < 1000 } == true)
    #expect(living.most == 0)
  }

  // A ring of names, and a name that is not there, at the end of a long path: an error with the path, not an overflow.
  @Test func `a cycle and a missing task far down are errors`() {
    var raw = RawGraph()
    for number in 0..<20_000 { raw.add("\(number)", needs: ["\((number + 1) % 20_000)"]) { _, _ in 0 } }
    let ring = raw
    let error = #expect(throws: RawGraphError.self) { try ring.build() }
    if case .cycle(let path)? = error {
      #expect(path.count == 20_001)
    } else {
      Issue.record("\(String(describing: error))")
    }
    raw = RawGraph()
    for number in 0..<20_000 { raw.add("\(number)", needs: ["\(number + 1)"]) { _, _ in 0 } }
    let open = raw
    let other = #expect(throws: RawGraphError.self) { try open.build() }
    if case .missing(let name, let path)? = other {
      #expect(name == "20000" && path.count == 20_000)
    } else {
      Issue.record("\(String(describing: other))")
    }
  }

  /// Computations whose results are counted, on which nothing depends but their sum.
  enum Shape: CaseIterable, Sendable {
    case tree, transposedSum, blockProduct, stencil, scan, random

    func make(_ begins: @escaping @Sendable () -> Void, _ living: Occupancy) -> Delayed<Int> {
      func task(_ inputs: Delayed<Tracked>...) -> Delayed<Tracked> { combined(inputs) }
      func combined(_ inputs: [Delayed<Tracked>]) -> Delayed<Tracked> {
        delayed("part", all: inputs) { values -> Tracked in
          begins()
          return Tracked(values.reduce(1) { $0 &* 3 &+ $1.value }, living)
        }
      }
      func sum(_ parts: [Delayed<Tracked>]) -> Delayed<Int> {
        delayed("sum", all: parts) { values -> Int in
          begins()
          return values.reduce(0) { $0 &+ $1.value }
        }
      }
      func reduced(_ parts: [Delayed<Tracked>], by arity: Int) -> [Delayed<Tracked>] {
        var level = parts
        while level.count > arity {
          level = stride(from: 0, to: level.count, by: arity).map {
            combined(Array(level[$0..<min($0 + arity, level.count)]))
          }
        }
        return level
      }
      switch self {
      case .tree: return sum(reduced((0..<64).map { _ in task() }, by: 2))
      case .transposedSum:
        let a = (0..<36).map { _ in task() }
        return sum(reduced((0..<36).map { task(a[$0], a[$0 % 6 * 6 + $0 / 6]) }, by: 4))
      case .blockProduct:
        let (a, b) = ((0..<16).map { _ in task() }, (0..<16).map { _ in task() })
        return sum(
          (0..<16).map { place in combined((0..<4).map { task(a[place / 4 * 4 + $0], b[$0 * 4 + place % 4]) }) })
      case .stencil:
        var row = (0..<16).map { _ in task() }
        for _ in 0..<4 {
          row = (0..<16).map { place in combined((max(0, place - 1)...min(15, place + 1)).map { row[$0] }) }
        }
        return sum(row)
      case .scan:
        let parts = (0..<32).map { _ in task() }
        var (carry, applied) = (task(), [Delayed<Tracked>]())
        for part in parts {
          applied.append(task(part, carry))
          carry = task(part, carry)
        }
        return sum(applied + [carry])
      case .random:
        var random = SeededGenerator(seed: 5)
        var nodes: [Delayed<Tracked>] = []
        for number in 0..<150 {
          let inputs = (0..<random.below(4)).compactMap { _ in
            number == 0 ? nil : nodes[number - 1 - random.below(min(number, 20))]
          }
          nodes.append(combined(inputs))
        }
        return sum(nodes)
      }
    }
  }

  // One thread keeps as many results alive as the simulation of the order says: not one more, and not one less.
  @Test(arguments: Shape.allCases) func `on one thread as many results are alive as was said before`(
    shape: Shape
  ) async throws {
    let (living, peak) = (Occupancy(), Shared(0))
    let work = shape.make({ peak.change { $0 = max($0, living.current) } }, living)
    for order in [GraphOrder.leastMemory, .depthFirst] {
      let options = ComputeOptions(order: order)
      let said = work.explain(options: options).peakLiveResults
      for executor in [ThreadPoolExecutor(threads: 1), SerialExecutor()] as [any Executor] {
        peak.set(0)
        _ = try await aside { try work.run(on: executor, options: options) }
        #expect(peak.value == said)
        #expect(living.current == 0)
      }
    }
  }
}
