@testable import Martlet
import MartletBytes
import MartletEngine
import MartletGraph
import Synchronization
import Testing

/// How often something was done.
final class Count: Sendable {
  private let value = Atomic<Int>(0)
  @discardableResult
  func add() -> Int { value.wrappingAdd(1, ordering: .relaxed).newValue }
  var now: Int { value.load(ordering: .relaxed) }
}

/// What was done, in its order.
final class Log: @unchecked Sendable {
  // Sendable: guarded by the lock.
  private let lock = Lock()
  private var all: [String] = []
  func add(_ line: String) { lock.withLock { all.append(line) } }
  var lines: [String] { lock.withLock { all } }
}

private struct Person: Sendable {
  var name: String
  var age: Int
}

@Suite struct DelayedTests {
  @Test func `nothing runs before it is asked for, and what is shared runs once`() throws {
    let count = Count()
    let load = delayed("load") { () -> [Int] in
      count.add()
      return [3, 1, 2]
    }
    let least = load.map { $0.min() ?? 0 }
    let most = load.map { $0.max() ?? 0 }
    #expect(count.now == 0)
    #expect(try run(least, most, load) == (1, 3, [3, 1, 2]))
    #expect(count.now == 1)
    #expect(try least.run() == 1)
    #expect(count.now == 2)
  }

  @Test func `computations take any number of inputs of any types`() throws {
    let one = Delayed(1)
    let text = Delayed("x")
    let none = delayed("none") { 7 }
    let three = delayed("three", one, text, none) { a, b, c in "\(a)\(b)\(c)" }
    let five = delayed("five", one, text, none, three, one) { a, b, c, d, e in "\(a)\(b)\(c)\(d)\(e)" }
    let all = delayed("all", all: [one, none, one]) { $0.reduce(0, +) }
    #expect(try run(three, five, all) == ("1x7", "1x71x71", 9))
    #expect(try delayed("twice", none, none) { $0 + $1 }.run() == 14)
  }

  @Test func `arrays, dictionaries and optionals of computations become computations`() throws {
    let squares = (0..<5).map { number in delayed("square") { number * number } }
    #expect(try squares.gathered().run() == [0, 1, 4, 9, 16])
    #expect(try squares.run() == [0, 1, 4, 9, 16])
    #expect(try [Delayed<Int>]().gathered().run() == [])
    #expect(try ["a": squares[2], "b": squares[3]].gathered().run() == ["a": 4, "b": 9])
    #expect(try Optional(squares[4]).gathered().run() == 16)
    #expect(try Delayed<Int>?.none.gathered().run() == nil)
  }

  @Test func `parts, tuples and elements are projected`() throws {
    let person = delayed("person") { Person(name: "Ada", age: 36) }
    #expect(try person.name.run() == "Ada")
    #expect(try person.name.count.run() == 3)
    let (quotient, rest) = delayed("divide") { (17 / 5, 17 % 5) }.unpacked()
    #expect(try run(quotient, rest) == (3, 2))
    let pair = quotient.zip(rest, person.name)
    #expect(try pair.run() == (3, 2, "Ada"))
    let (_, _, name) = pair.unpacked()
    #expect(try name.run() == "Ada")
    let numbers = delayed("numbers") { [5, 6, 7] }
    #expect(try numbers[1].run() == 6)
    let failure = #expect(throws: TaskFailure.self) { try numbers[3].run() }
    #expect(failure?.underlying as? DelayedIndexError == DelayedIndexError(index: "3", count: 3))
  }

  @Test func `operators work where the values have them`() throws {
    let two = Delayed(2)
    let five = delayed("five") { 5 }
    #expect(try (two + five * 3 - 1).run() == 16)
    #expect(try run(five / two, five % two, -five) == (2, 1, -5))
    #expect(try (Delayed(1.5) * 2 / 4).run() == 0.75)
    #expect(try run(two < five, two >= five, two == five, two != five) == (true, false, false, true))
    #expect(try run((two < five) && (five < two), (two < five) || (five < two), !(two < five)) == (false, true, false))
    #expect(try (Delayed("ab") + Delayed("c")).run() == "abc")
    #expect(try (Delayed(UInt8(250)) &+ 10).run() == 4)
    let failure = #expect(throws: TaskFailure.self) { try (five / (two - two)).run() }
    #expect(failure?.underlying is DelayedDivisionError)
  }

  @Test func `a failure says what, where and on the way to what`() throws {
    struct Broken: Error {}
    let line = #line + 1
    let bad = delayed("bad") { () -> Int in throw Broken() }
    let sum = delayed("sum", bad, Delayed(1)) { $0 + $1 }
    for options in [ComputeOptions(), ComputeOptions(passes: [], order: .depthFirst)] {
      let failure = try #require(#expect(throws: TaskFailure.self) { try sum.run(options: options) })
      #expect(failure.underlying is Broken)
      #expect(failure.key.label == "bad")
      #expect(failure.location == TaskLocation(fileID: #fileID, line: line))
      #expect("\(failure)".contains("written at MartletTests/DelayedTests.swift:\(line)"))
      #expect(failure.path.last?.label == "bad")
    }
  }

  @Test func `order without data is kept`() throws {
    let log = Log()
    func note(_ name: String) -> Delayed<Void> { delayed(name) { log.add(name) } }
    let first = note("first")
    let second = note("second").after(first)
    let third = note("third").after(first, second)
    try third.run()
    #expect(log.lines == ["first", "second", "third"])
  }

  @Test func `names and traits are kept, and equal calls are one task`() throws {
    let load = delayed("load") { 1 }.named("again").priority(3).retries(2).blocking().source(bytes: 10)
      .resources(["disk": 2]).timeout(.seconds(3))
    #expect(load.label == "again")
    let plan = PlannedComputation([load.node], ComputeOptions(passes: []))
    let traits = plan.graph.traits(of: plan.outputs[0].id)
    #expect(traits.priority == 3 && traits.retry?.limit == 2 && traits.isBlocking && traits.isSource)
    #expect(traits.resources == [ResourceNeed("disk", amount: 2)] && traits.timeout == .seconds(3))
    let scoped = annotating(TaskTraits(priority: 7)) { delayed("scoped") { 1 } }
    let scopedPlan = PlannedComputation([scoped.node], ComputeOptions(passes: []))
    #expect(scopedPlan.graph.traits(of: scopedPlan.outputs[0].id).priority == 7)
  }

  @Test func `equal calls of functions are one task, impure ones are not`() throws {
    let (a, b) = (delayed(Doubling(), Delayed(4)), delayed(Doubling(), Delayed(4)))
    // The constants are two tasks, so the calls differ; on one input they are equal.
    let input = Delayed(4)
    let (c, d) = (delayed(Doubling(), input), delayed(Doubling(), input))
    #expect(try run(a, b, c, d) == (8, 8, 8, 8))
    func tasks(_ nodes: [Delayed<Int>]) -> Int {
      PlannedComputation(nodes.map(\.node), ComputeOptions(passes: [])).graph.count
    }
    #expect(tasks([c, d]) == 2)
    #expect(tasks([c.impure(), d.impure()]) == 3)
  }

  @Test func `what is persisted does not run again`() async throws {
    let count = Count()
    let source = delayed("source") { count.add() }
    let held = try await source.persist()
    #expect(try await (held + held).compute() == 2)
    #expect(try held.run() == 1)
    let both = try await [source, source].persist()
    #expect(try both.run() == [2, 2])
    #expect(count.now == 2)
  }

  @Test func `long chains and wide fans are freed without recursion`() throws {
    var chain = delayed("first") { 1 }
    for _ in 0..<300_000 { chain = chain.map { $0 &+ 1 } }
    #expect(try chain.run() == 300_001)
    var pairs = delayed("first") { 1 }
    for _ in 0..<50_000 { pairs = delayed("pair", pairs, pairs) { ($0 &+ $1) & 0xffff | 1 } }
    _ = pairs
    var steps = delayed("step") { 0 }
    for number in 1...100_000 { steps = delayed("step") { number }.after(steps) }
    #expect(try steps.run() == 100_000)
    let fan = (0..<100_000).map { number in delayed("leaf") { number } }
    #expect(try delayed("sum", all: fan) { $0.count }.run() == 100_000)
  }

  @Test func `the executor is the one given, else that of the scope`() async throws {
    let probe = RecordingExecutor()
    let value = Delayed(3).map { $0 + 1 }
    #expect(try value.run(on: probe) == 4)
    #expect(probe.runs.now == 1)
    #expect(try withExecutor(probe) { try value.run() } == 4)
    #expect(try await withExecutor(probe) { try await value.compute() } == 4)
    #expect(probe.runs.now == 3)
    #expect(try withExecutor(probe) { try value.run(on: SerialExecutor()) } == 4)
    #expect(probe.runs.now == 3)
  }

  @Test func `bodies see whether they are still wanted`() throws {
    let source = CancellationSource()
    let began = Count()
    let endless = delayed("endless") { (context: borrowing TaskContext) -> Int in
      began.add()
      source.cancel()
      while true { try context.checkCancellation() }
    }
    #expect(throws: CancellationError.self) {
      try endless.run(options: ComputeOptions(run: RunOptions(cancellation: source)))
    }
    #expect(began.now == 1)
  }

  @Test func `an explanation counts what would run`() {
    let leaves = (0..<64).map { number in delayed("leaf") { number } }
    let sum = delayed("sum", all: leaves.map { $0.map("next") { $0 + 1 } }) { $0.reduce(0, +) }
    let plain = sum.explain(options: ComputeOptions(passes: []))
    #expect(plain.tasks == 129 && plain.writtenTasks == 129 && plain.dependencies == 128)
    #expect(plain.longestPath == 3 && plain.peakLiveResults == 64)
    #expect(plain.labels.map(\.label) == ["leaf", "next", "sum"])
    #expect(sum.explain(options: ComputeOptions(passes: .standard)).tasks == 65)
    #expect("\(plain)".hasPrefix("129 tasks, 128 dependencies\nlongest path: 3 tasks"))
  }
}

/// Runs on this thread and counts.
final class RecordingExecutor: Executor {
  let runs = Count()
  func run(_ graph: TaskGraph, outputs: [AnyNode], options: RunOptions) throws -> RunResults {
    runs.add()
    return try SerialExecutor().run(graph, outputs: outputs, options: options)
  }
}

private struct Doubling: TaskFunction {
  static let name = "tests.doubling"
  static let version = 1
  func hash(into hasher: inout StableHasher) {}
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try inputs.value(0, as: Int.self) * 2
  }
}
