import Glibc
import MartletSystem
import Synchronization
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

@Suite struct BlockingTaskTests {
  @Test func `blocking tasks run side by side on threads of their own`() async throws {
    for executor in RunTests.pools {
      let inside = LiveCount()
      var builder = GraphBuilder()
      let nodes = (0..<20).map { index in
        builder.task("blocks", traits: TaskTraits(isBlocking: true)) { () -> Int in
          inside.enter()
          // Ends only when all of them are inside at once.
          wait { inside.most.load(ordering: .relaxed) == 20 }
          return index
        }
      }
      let sum = builder.task("sum", all: nodes) { $0.reduce(0, +) }
      #expect(try await executor.aside(builder.build(), output: sum) == 190)
    }
  }

  @Test(arguments: [1, 3])
  func `there are no more of them at one time than the options say, with numbers of their own`(limit: Int) async throws
  {
    for executor in RunTests.pools {
      let inside = LiveCount()
      let numbers = (0..<limit).map { _ in LiveCount() }
      var builder = GraphBuilder()
      let nodes = (0..<30).map { index in
        builder.task("blocks", on: [], traits: TaskTraits(isBlocking: true)) { _, context -> Int in
          let number = numbers[context.threadIndex - executor.threads]
          inside.enter()
          number.enter()
          usleep(100)
          number.leave()
          inside.leave()
          return index
        }
      }
      let sum = builder.task("sum", all: nodes) { $0.reduce(0, +) }
      let value = try await executor.aside(
        builder.build(), output: sum, options: RunOptions(maximumBlockingTasks: limit))
      #expect(value == 435)
      #expect(inside.most.load(ordering: .relaxed) <= limit)
      for number in numbers { #expect(number.most.load(ordering: .relaxed) <= 1) }
    }
  }

  @Test func `while tasks block, the other threads work`() async throws {
    let done = Flag()
    var builder = GraphBuilder()
    let blocks = builder.task("blocks", traits: TaskTraits(isBlocking: true)) { () -> Int in
      wait { done.isRaised }
      return 1
    }
    var node = builder.task("first") { 0 }
    for _ in 0..<1000 { node = builder.task("next", node) { $0 + 1 } }
    let last = builder.task("last", node) { value in
      done.raise()
      return value
    }
    let sum = builder.task("sum", blocks, last) { $0 + $1 }
    #expect(try await ThreadPoolExecutor(threads: 1).aside(builder.build(), output: sum) == 1001)
  }

  @Test(arguments: sampled(0..<20 as Range<UInt64>))
  func `blocking tasks anywhere in a graph give the results of a plain loop`(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    var expected: [Int] = []
    for index in 0..<150 {
      let picks =
        nodes.isEmpty
        ? [] : (0..<Int.random(in: 0...3, using: &random)).map { _ in nodes.indices.randomElement(using: &random)! }
      expected.append(picks.reduce(index) { $0 &* 7 &+ expected[$1] })
      let traits = TaskTraits(
        isBlocking: Int.random(in: 0..<3, using: &random) == 0,
        priority: Int16(Int.random(in: 0...2, using: &random) - 1),
        resources: Int.random(in: 0..<4, using: &random) == 0 ? [ResourceNeed("disk", amount: 1 + index % 2)] : [])
      nodes.append(
        builder.task("n", all: picks.map { nodes[$0] }, traits: traits) { $0.reduce(index) { $0 &* 7 &+ $1 } })
    }
    let graph = builder.build()
    let executors: [any Executor] = [SerialExecutor()] + RunTests.pools
    for executor in executors {
      let results = try await executor.aside(
        graph, outputs: nodes.map(\.erased),
        options: RunOptions(resources: ["disk": 2], maximumBlockingTasks: 1 + Int(seed % 3)))
      for (node, value) in zip(nodes, expected) { #expect(results[node] == value, "seed \(seed)") }
    }
  }
}

@Suite struct RetryTests {
  static let executors: [any Executor] = [SerialExecutor()] + RunTests.pools

  /// A task that fails `failures` times.
  private static func flaky(
    _ builder: inout GraphBuilder, _ failures: Int, _ calls: Counter, retry: RetryPolicy, isBlocking: Bool = false,
    isAsync: Bool = false
  ) -> Node<Int> {
    let traits = TaskTraits(isBlocking: isBlocking, retry: retry)
    if isAsync {
      return builder.asyncTask("flaky", traits: traits) { () -> Int in
        let call = calls.next()
        if call < failures { throw Mistake(number: call) }
        return call
      }
    }
    return builder.task("flaky", traits: traits) { () -> Int in
      let call = calls.next()
      if call < failures { throw Mistake(number: call) }
      return call
    }
  }

  @Test(arguments: [(false, false), (true, false), (false, true)], [0, 200])
  func `a task that throws is tried as often as its policy says`(kind: (Bool, Bool), microseconds: Int) async throws {
    for executor in RetryTests.executors {
      for failures in 0...4 {
        let calls = Counter()
        var builder = GraphBuilder()
        let node = RetryTests.flaky(
          &builder, failures, calls, retry: RetryPolicy(limit: 3, delay: .microseconds(microseconds)),
          isBlocking: kind.0, isAsync: kind.1)
        let twice = builder.task("twice", node) { 2 * $0 }
        let graph = builder.build()
        let log = EventLog()
        if failures <= 3 {
          let value = try await executor.aside(graph, output: twice, options: RunOptions(events: log))
          #expect(value == 2 * failures)
        } else {
          let failure = await #expect(throws: TaskFailure.self) {
            try await executor.aside(graph, output: twice, options: RunOptions(events: log))
          }
          #expect(failure?.attempts == 4)
          #expect(failure?.underlying as? Mistake == Mistake(number: 3))
          #expect(failure.map { "\($0)" }?.contains("failed 4 times") == true)
        }
        #expect(calls.count == min(failures, 3) + 1)
        var retries = 0
        log.drain { if $0.kind == .taskRetried { retries += 1 } }
        #expect(retries == min(failures, 3))
      }
    }
  }

  @Test func `no thread is held before the next attempt`() async throws {
    let calls = Counter()
    let done = Flag()
    var builder = GraphBuilder()
    let nodes = (0..<50).map { _ in
      builder.task("flaky", traits: TaskTraits(retry: RetryPolicy(limit: 100_000, delay: .milliseconds(1), factor: 1)))
      {
        () -> Int in
        _ = calls.next()
        // Succeeds only when the task at the end of the row has run, on the one thread that there is.
        if !done.isRaised { throw Mistake(number: 1) }
        return 1
      }
    }
    let other = builder.task("other") { () -> Int in
      done.raise()
      return 1
    }
    let sum = builder.task("sum", all: nodes + [other]) { $0.reduce(0, +) }
    #expect(try await ThreadPoolExecutor(threads: 1).aside(builder.build(), output: sum) == 51)
    #expect(calls.count >= 100)
  }

  @Test func `it waits between attempts, longer each time`() async throws {
    for executor in RetryTests.executors {
      let times = Times()
      var builder = GraphBuilder()
      let node = builder.task(
        "flaky", traits: TaskTraits(retry: RetryPolicy(limit: 3, delay: .milliseconds(2), factor: 2))
      ) { () -> Int in
        times.note()
        if times.all.count < 4 { throw Mistake(number: 1) }
        return 1
      }
      _ = try await executor.aside(builder.build(), output: node)
      let all = times.all
      for (place, least) in [2_000_000, 4_000_000, 8_000_000].enumerated() {
        #expect(all[place + 1] - all[place] >= UInt64(least))
      }
    }
  }

  @Test func `cancelling ends the wait for the next attempt`() async throws {
    for executor in RetryTests.executors {
      let source = CancellationSource()
      let begun = Flag()
      var builder = GraphBuilder()
      let node = builder.task("bad", traits: TaskTraits(retry: RetryPolicy(limit: 5, delay: .seconds(1_000_000)))) {
        () -> Int in
        begun.raise()
        throw Mistake(number: 1)
      }
      startThread(named: "cancels") {
        wait { begun.isRaised }
        source.cancel()
      }
      let graph = builder.build()
      await #expect(throws: CancellationError.self) {
        try await executor.aside(graph, output: node, options: RunOptions(cancellation: source))
      }
    }
  }
}

@Suite struct TimeoutTests {
  static let executors: [any Executor] = [SerialExecutor()] + RunTests.pools

  @Test(arguments: [false, true])
  func `a body that asks is stopped when its time is up`(isBlocking: Bool) async throws {
    for executor in TimeoutTests.executors {
      var builder = GraphBuilder()
      let node = builder.task(
        "endless", on: [], traits: TaskTraits(isBlocking: isBlocking, timeout: .milliseconds(2))
      ) { _, context -> Int in
        while true { try context.checkCancellation() }
      }
      let graph = builder.build()
      let failure = await #expect(throws: TaskFailure.self) { try await executor.aside(graph, output: node) }
      #expect(failure?.underlying as? TaskTimeout == TaskTimeout(limit: .milliseconds(2)))
    }
  }

  @Test func `a body that does not ask has its say, and is too late`() async throws {
    for executor in TimeoutTests.executors {
      let live = LiveCount()
      let ended = Counter()
      var builder = GraphBuilder()
      let node = builder.task("slow", traits: TaskTraits(timeout: .milliseconds(1))) { () -> Counted in
        usleep(3000)
        _ = ended.next()
        return Counted(live, 1)
      }
      let graph = builder.build()
      let failure = await #expect(throws: TaskFailure.self) { try await executor.aside(graph, output: node) }
      #expect(failure?.underlying is TaskTimeout)
      #expect(ended.count == 1)
      #expect(live.now.load(ordering: .acquiring) == 0)
    }
  }

  @Test func `an asynchronous body is cancelled when its time is up`() async throws {
    for executor in TimeoutTests.executors {
      var builder = GraphBuilder()
      let node = builder.asyncTask("endless", traits: TaskTraits(timeout: .milliseconds(2))) { () -> Int in
        try await _Concurrency.Task.sleep(for: .seconds(1_000_000))
        return 1
      }
      let graph = builder.build()
      let failure = await #expect(throws: TaskFailure.self) { try await executor.aside(graph, output: node) }
      #expect(failure?.underlying as? TaskTimeout == TaskTimeout(limit: .milliseconds(2)))
    }
  }

  @Test func `what is in time is not disturbed`() async throws {
    for executor in TimeoutTests.executors {
      var builder = GraphBuilder()
      let nodes = (0..<40).map { index in
        builder.task("quick", traits: TaskTraits(timeout: .seconds(1_000_000))) { index }
      }
      let waits = builder.asyncTask("waits", traits: TaskTraits(timeout: .seconds(1_000_000))) { 1 }
      let sum = builder.task("sum", all: nodes + [waits]) { $0.reduce(0, +) }
      #expect(try await executor.aside(builder.build(), output: sum) == 781)
    }
  }

  @Test func `an attempt that took too long is followed by the next one, with its own time`() async throws {
    for executor in TimeoutTests.executors {
      let calls = Counter()
      var builder = GraphBuilder()
      let node = builder.task(
        "slow at first", on: [], traits: TaskTraits(retry: RetryPolicy(limit: 2), timeout: .milliseconds(20))
      ) { _, context -> Int in
        if calls.next() > 0 { return context.isCancelled ? 0 : 7 }
        while true { try context.checkCancellation() }
      }
      #expect(try await executor.aside(builder.build(), output: node) == 7)
      #expect(calls.count == 2)
    }
  }

  @Test func `a graph that a task runs ends with the task's time`() async throws {
    for executor in TimeoutTests.executors {
      var builder = GraphBuilder()
      let node = builder.task("outer", traits: TaskTraits(timeout: .milliseconds(2))) { () -> Int in
        var inner = GraphBuilder()
        let endless = inner.task("inner", on: []) { _, context -> Int in
          while true { try context.checkCancellation() }
        }
        return try executor.run(inner.build(), output: endless)
      }
      let graph = builder.build()
      let failure = await #expect(throws: TaskFailure.self) { try await executor.aside(graph, output: node) }
      #expect(failure?.underlying is TaskTimeout)
    }
  }
}

@Suite struct ResourceTests {
  static let executors: [any Executor] = [SerialExecutor()] + RunTests.pools

  @Test(arguments: sampled(0..<20 as Range<UInt64>))
  func `tasks never occupy more than there is`(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let amounts = ["gpu": Int.random(in: 1...3, using: &random), "disk": Int.random(in: 1...4, using: &random)]
    for executor in ResourceTests.executors {
      let used = ["gpu": LiveCount(), "disk": LiveCount()]
      var builder = GraphBuilder()
      let nodes = (0..<60).map { index in
        var needs: [ResourceNeed] = []
        for name in ["gpu", "disk"] where Bool.random(using: &random) {
          needs.append(ResourceNeed(name, amount: Int.random(in: 1...amounts[name]!, using: &random)))
        }
        let wanted = needs
        let isAsync = Int.random(in: 0..<4, using: &random) == 0
        let traits = TaskTraits(isBlocking: Bool.random(using: &random), resources: needs)
        if isAsync {
          return builder.asyncTask("async", traits: traits) { () -> Int in
            for need in wanted { for _ in 0..<need.amount { used[need.name]!.enter() } }
            await _Concurrency.Task.yield()
            for need in wanted { for _ in 0..<need.amount { used[need.name]!.leave() } }
            return index
          }
        }
        return builder.task("uses", traits: traits) { () -> Int in
          for need in wanted { for _ in 0..<need.amount { used[need.name]!.enter() } }
          sched_yield()
          for need in wanted { for _ in 0..<need.amount { used[need.name]!.leave() } }
          return index
        }
      }
      let sum = builder.task("sum", all: nodes) { $0.reduce(0, +) }
      #expect(try await executor.aside(builder.build(), output: sum, options: RunOptions(resources: amounts)) == 1770)
      for (name, amount) in amounts {
        #expect(used[name]!.most.load(ordering: .relaxed) <= amount, "seed \(seed)")
      }
    }
  }

  @Test func `memory is a resource without being named: the budget, or what the machine has`() async throws {
    let options = RunOptions(memoryBudgetBytes: 1000)
    for executor in ResourceTests.executors {
      let inside = LiveCount()
      var builder = GraphBuilder()
      let nodes = (0..<40).map { index in
        let needs = TaskTraits(resources: [ResourceNeed(ResourceNeed.memory, amount: 400)])
        return builder.task("node", traits: needs) { () -> Int in
          inside.enter()
          defer { inside.leave() }
          sched_yield()
          return index
        }
      }
      let sum = builder.task("sum", all: nodes) { $0.reduce(0, +) }
      #expect(try await executor.aside(builder.build(), output: sum, options: options) == 780)
      #expect(inside.most.load(ordering: .relaxed) <= 2)
      var other = GraphBuilder()
      let large = other.task("large", traits: TaskTraits(resources: [ResourceNeed("memory", amount: 1001)])) { 1 }
      let needy = other.build()
      let failure = await #expect(throws: TaskFailure.self) {
        try await executor.aside(needy, output: large, options: options)
      }
      #expect(
        failure?.underlying as? ResourceShortage
          == ResourceShortage(resource: "memory", needed: 1001, available: 1000))
      // Without a budget there is what the machine has.
      #expect(try await executor.aside(needy, output: large, options: RunOptions()) == 1)
    }
  }

  @Test func `a need that can never be met fails the run before anything runs`() async throws {
    for executor in ResourceTests.executors {
      let calls = Counter()
      var builder = GraphBuilder()
      let first = builder.task("first") { calls.next() }
      let unknown = builder.task("unknown", first, traits: TaskTraits(resources: [ResourceNeed("gpu")])) { $0 }
      // Named twice: both count.
      let large = builder.task(
        "large", first, traits: TaskTraits(resources: [ResourceNeed("disk", amount: 2), ResourceNeed("disk")])
      ) { $0 }
      let graph = builder.build()
      let options = RunOptions(resources: ["disk": 2])
      var failure = await #expect(throws: TaskFailure.self) {
        try await executor.aside(graph, output: unknown, options: options)
      }
      #expect(failure?.underlying as? ResourceShortage == ResourceShortage(resource: "gpu", needed: 1, available: nil))
      #expect(failure?.task == unknown.id)
      #expect(
        failure.map { "\($0)" }?.contains("cannot run: needs 1 of the resource \"gpu\", the run has none") == true)
      failure = await #expect(throws: TaskFailure.self) {
        try await executor.aside(graph, output: large, options: options)
      }
      #expect(failure?.underlying as? ResourceShortage == ResourceShortage(resource: "disk", needed: 3, available: 2))
      #expect(calls.count == 0)
      // What is not needed may need what it wants.
      #expect(try await executor.aside(graph, output: first, options: options) == 0)
    }
  }

  @Test func `a great need is not passed over for ever by small ones`() async throws {
    // On one thread: the great one has its turn in the static order, although small ones are ready all the time.
    let order = Order()
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    for index in 0..<30 {
      let amount = index == 10 ? 4 : 1
      nodes.append(
        builder.asyncTask("uses", traits: TaskTraits(resources: [ResourceNeed("slots", amount: amount)])) {
          () -> Int in
          order.note(index)
          try await _Concurrency.Task.sleep(for: .microseconds(200))
          return index
        })
    }
    let sum = builder.task("sum", all: nodes) { $0.reduce(0, +) }
    let value = try await ThreadPoolExecutor(threads: 1).aside(
      builder.build(), output: sum, options: RunOptions(resources: ["slots": 4]))
    #expect(value == 435)
    // Those before it may be noted in any order, each in a Swift task.
    #expect(order.all.firstIndex(of: 10) == 10)
  }

  @Test func `a failed attempt gives back what it occupied`() async throws {
    for executor in ResourceTests.executors {
      let calls = Counter()
      var builder = GraphBuilder()
      let traits = TaskTraits(
        retry: RetryPolicy(limit: 50, delay: .microseconds(50), factor: 1), resources: [ResourceNeed("gpu")])
      let nodes = (0..<10).map { index in
        builder.task("flaky", traits: traits) { () -> Int in
          if calls.next() % 3 != 0 { throw Mistake(number: 1) }
          return index
        }
      }
      let sum = builder.task("sum", all: nodes) { $0.reduce(0, +) }
      #expect(try await executor.aside(builder.build(), output: sum, options: RunOptions(resources: ["gpu": 1])) == 45)
    }
  }
}

/// Notes numbers in the order in which they come.
final class Order: @unchecked Sendable {
  // Sendable: used under the lock.
  private let lock = Lock()
  private var numbers: [Int] = []
  var all: [Int] { lock.withLock { numbers } }
  func note(_ number: Int) { lock.withLock { numbers.append(number) } }
}

/// Notes times.
final class Times: @unchecked Sendable {
  // Sendable: used under the lock.
  private let lock = Lock()
  private var times: [UInt64] = []
  var all: [UInt64] { lock.withLock { times } }
  func note() { lock.withLock { times.append(martlet_monotonic_nanoseconds()) } }
}
