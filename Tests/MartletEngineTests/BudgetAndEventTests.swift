import Glibc
import Synchronization
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

@Suite struct BudgetAndEventTests {
  /// Sources of 1,000 bytes, each with a consumer that gives little, and a sum.
  private func pipeline(_ count: Int, _ live: LiveCount) -> (TaskGraph, Node<Int>) {
    var builder = GraphBuilder()
    let traits = TaskTraits(isSource: true, estimatedResultBytes: 1000)
    let parts = (0..<count).map { index in
      let source = builder.task("read", traits: traits) { Counted(live, index, bytes: 984) }
      return builder.task("use", source) { $0.value }
    }
    let sum = builder.task("sum", all: parts) { $0.reduce(0, +) }
    return (builder.build(), sum)
  }

  @Test(arguments: [1, 2, 4, 8], [0, 999, 1000, 3000, 1_000_000])
  func `results stay within the budget and one source`(threads: Int, budget: Int) throws {
    let live = LiveCount()
    let (graph, sum) = pipeline(300, live)
    let results = try ThreadPoolExecutor(threads: threads).run(
      graph, outputs: [sum.erased], options: RunOptions(memoryBudgetBytes: budget))
    #expect(results[sum] == 300 * 299 / 2)
    let peak = try #require(results.peakResultBytes)
    #expect(peak >= 1000 && peak <= budget + 1000)
    #expect(live.now.load(ordering: .relaxed) == 0)
  }

  @Test(arguments: sampled(0..<40 as Range<UInt64>))
  func `any graph with sources ends under any budget`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    let live = LiveCount()
    var nodes: [Node<Counted>] = []
    for index in 0..<150 {
      let inputs =
        nodes.isEmpty
        ? [] : (0..<Int.random(in: 0...2, using: &random)).map { _ in nodes.randomElement(using: &random)! }
      let isSource = Int.random(in: 0..<3, using: &random) == 0
      nodes.append(
        builder.task("n", all: inputs, traits: TaskTraits(isSource: isSource, estimatedResultBytes: isSource ? 100 : 0))
        {
          Counted(live, $0.reduce(index) { $0 &+ $1.value }, bytes: 100)
        })
    }
    let graph = builder.build()
    let expected = try SerialExecutor().run(graph, outputs: nodes)
    for pool in RunTests.pools {
      for budget in [0, 250, 5000] {
        let outputs = [nodes[149], nodes[75]]
        let results = try pool.run(graph, outputs: outputs, options: RunOptions(memoryBudgetBytes: budget))
        for node in outputs { #expect(results[node].value == expected[node].value, "seed \(seed)") }
      }
    }
  }

  @Test(arguments: [1, 2, 5])
  func `each task is started once and ended once, in this order, on one thread`(threads: Int) throws {
    let random = RandomGraph(seed: 3, tasks: 500, fanIn: 3)
    let log = EventLog()
    _ = try ThreadPoolExecutor(threads: threads).run(
      random.graph, outputs: random.nodes, options: RunOptions(events: log))
    var open: [UInt16: TaskEvent] = [:]
    var ended = Set<TaskID>()
    var last: [UInt16: UInt64] = [:]
    log.drain { event in
      #expect(event.graph == random.graph.stamp)
      #expect(random.graph.labelName(event.label) == random.graph.key(of: event.task).label)
      #expect(event.nanoseconds >= last[event.thread, default: 0])
      last[event.thread] = event.nanoseconds
      switch event.kind {
      case .taskStarted:
        #expect(open.updateValue(event, forKey: event.thread) == nil)
      case .taskEnded:
        #expect(open.removeValue(forKey: event.thread)?.task == event.task)
        #expect(ended.insert(event.task).inserted)
      case .taskFailed, .taskRetried, .taskSuspended:
        Issue.record("nothing fails or waits here")
      }
    }
    #expect(open.isEmpty && log.droppedCount == 0)
    #expect(ended.isSuperset(of: random.nodes.map(\.id)))
  }

  @Test func `events carry the bytes that the task reported, and a failure is one`() throws {
    var builder = GraphBuilder()
    let node = builder.task("reports", on: []) { _, context -> [Int] in
      context.report(bytesIn: 10)
      context.report(bytesIn: 5, bytesOut: 7)
      return [1, 2, 3]
    }
    let bad = builder.task("bad", node) { _ -> Int in throw Mistake(number: 1) }
    let graph = builder.build()
    let executors: [any Executor] = [SerialExecutor(), ThreadPoolExecutor(threads: 2)]
    for executor in executors {
      let log = EventLog()
      #expect(throws: TaskFailure.self) { try executor.run(graph, output: bad, options: RunOptions(events: log)) }
      var events: [TaskEvent] = []
      log.drain { events.append($0) }
      #expect(events.map(\.kind) == [.taskStarted, .taskEnded, .taskStarted, .taskFailed])
      #expect(events[1].bytesIn == 15 && events[1].bytesOut == 7)
      #expect(events[1].resultBytes == 16 + 32 + 24)
      #expect(events[3].task == bad.id && events[3].bytesIn == 0)
    }
  }

  @Test func `a log that nobody reads stays bounded and counts what it dropped`() throws {
    let log = EventLog(capacityPerThread: 16)
    let random = RandomGraph(seed: 3, tasks: 500, fanIn: 1)
    _ = try ThreadPoolExecutor(threads: 1).run(
      random.graph, outputs: random.nodes, options: RunOptions(events: log))
    var count = 0
    log.drain { _ in count += 1 }
    #expect(count == 16)
    #expect(log.droppedCount == 2 * 500 - 16)
  }

  @Test func `events can be read while the run goes on`() throws {
    let log = EventLog(capacityPerThread: 64)
    let random = RandomGraph(seed: 3, tasks: 2000, fanIn: 2)
    let isOver = Flag()
    startThread(named: "run") {
      for _ in 0..<10 {
        _ = try? ThreadPoolExecutor(threads: 2).run(
          random.graph, outputs: random.nodes, options: RunOptions(events: log))
      }
      isOver.raise()
    }
    var seen = 0
    while !isOver.isRaised {
      log.drain { _ in seen += 1 }
      sched_yield()
    }
    log.drain { _ in seen += 1 }
    #expect(seen + log.droppedCount == 10 * 2 * 2000)
  }
}
