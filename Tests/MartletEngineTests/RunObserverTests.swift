import Testing

@testable import MartletEngine
@testable import MartletGraph

@Suite struct RunObserverTests {
  private final class Witness: RunObserver {
    private let lock = Lock()
    nonisolated(unsafe) private var told: [String] = []

    var story: [String] { lock.withLock { told } }

    func runBegan(_ run: ObservedRun) {
      lock.withLock { told.append("\(run.number) began: \(run.taskCount) tasks, \(run.threads) threads") }
    }

    func runEnded(_ run: ObservedRun, at nanoseconds: UInt64, error: (any Error)?) {
      #expect(nanoseconds >= run.begin)
      lock.withLock { told.append("\(run.number) ended" + (error == nil ? "" : ": \(type(of: error!))")) }
    }
  }

  private func chain() -> (TaskGraph, Node<Int>) {
    var builder = GraphBuilder()
    let one = builder.task("one") { 1 }
    _ = builder.task("unneeded", one) { $0 }
    let two = builder.task("two", one) { $0 + 1 }
    return (builder.build(), two)
  }

  @Test func `an observer is told of a run, what it needs, and how it ended`() throws {
    let (graph, two) = chain()
    var builder = GraphBuilder()
    let bad = builder.task("bad") { () -> Int in throw Mistake(number: 1) }
    let failing = builder.build()
    for executor in [SerialExecutor(), ThreadPoolExecutor(threads: 1)] as [any Executor] {
      let witness = Witness()
      let options = RunOptions(events: EventLog(observer: witness))
      #expect(try executor.run(graph, output: two, options: options) == 2)
      #expect(throws: TaskFailure.self) { try executor.run(failing, output: bad, options: options) }
      #expect(
        witness.story == [
          "1 began: 2 tasks, 1 threads", "1 ended", "2 began: 1 tasks, 1 threads", "2 ended: TaskFailure",
        ])
    }
  }

  @Test func `a log of a scope is that of the runs in it, and of the runs that their tasks start on any thread`() throws
  {
    let witness = Witness()
    let log = EventLog(observer: witness)
    let pool = ThreadPoolExecutor(threads: 4)
    let total = try EventLog.$current.withValue(log) {
      var builder = GraphBuilder()
      let parts = (0..<50).map { _ in
        builder.task("outer") { () -> Int in
          let (graph, two) = chain()
          return try pool.run(graph, output: two)
        }
      }
      let sum = builder.task("sum", all: parts) { $0.reduce(0, +) }
      return try pool.run(builder.build(), output: sum)
    }
    #expect(total == 100)
    #expect(witness.story.count == 2 * 51)
    var ended = 0
    log.drain { if $0.kind == .taskEnded { ended += 1 } }
    #expect(ended == 51 + 100)
    #expect(EventLog.current == nil)
    let (graph, two) = chain()
    #expect(try pool.run(graph, output: two) == 2)
    #expect(witness.story.count == 2 * 51)
  }
}
