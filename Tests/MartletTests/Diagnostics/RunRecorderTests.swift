import Testing

@testable import Martlet
@testable import MartletEngine

@Suite struct RunRecorderTests {
  private struct Broken: Error {}

  /// Two sums over four readers.
  private func small(failing: Bool = false) -> (TaskGraph, Node<Int>) {
    var builder = GraphBuilder()
    let reads = (0..<4).map { index in
      builder.task("read") { () -> [Int] in
        if failing, index == 3 { throw Broken() }
        return [Int](repeating: index, count: 100)
      }
    }
    let sums = (0..<2).map { half in
      builder.task("sum", reads[2 * half], reads[2 * half + 1]) { $0.reduce(0, +) + $1.reduce(0, +) }
    }
    let total = builder.task("total", sums[0], sums[1]) { $0 + $1 }
    return (builder.build(), total)
  }

  @Test(arguments: [1, 2, 4])
  func `a record has each task once, the run, and sums by label`(threads: Int) throws {
    let (graph, total) = small()
    let recorder = RunRecorder()
    let pool = ThreadPoolExecutor(threads: threads)
    #expect(try recorder.observing { try pool.run(graph, output: total) } == 600)
    let record = recorder.record()
    #expect(Set(record.spans.map(\.task)) == Set((0..<7).map { TaskID(rawValue: $0) }) && record.spans.count == 7)
    #expect(record.threads == threads && record.droppedEvents == 0 && record.failedTasks == 0)
    #expect(record.runs.count == 1 && record.runs[0].tasks == 7 && record.runs[0].failure == nil)
    #expect(Profile(record).rows.map { "\($0.label) \($0.tasks)" }.sorted() == ["read 4", "sum 2", "total 1"])
    for span in record.spans {
      #expect(span.begin >= record.begin && span.end >= span.begin && span.end <= record.begin + record.wallNanoseconds)
      #expect(record.labels[span.label] == graph.key(of: span.task).label)
      #expect(record.totals[span.label].histogram.reduce(0, +) == record.totals[span.label].tasks)
    }
    #expect(!record.samples.isEmpty && record.peakResidentBytes > 0 && record.startedAt > 1_600_000_000)
  }

  @Test func `what is thrown is thrown on, and the record has the failure`() throws {
    let (graph, total) = small(failing: true)
    let recorder = RunRecorder()
    #expect(throws: TaskFailure.self) { try recorder.observing { try SerialExecutor().run(graph, output: total) } }
    let failure = try #require(recorder.record().runs.first?.failure)
    #expect(failure.message == "Broken()")
    #expect(failure.path.map { String($0.prefix { $0 != "-" }) } == ["total", "sum", "read"])
    #expect(recorder.record().failedTasks == 1)
  }

  @Test func `the path of a failure far down is shortened`() throws {
    var builder = GraphBuilder()
    var last = builder.task("begin") { () -> Int in throw Broken() }
    for _ in 0..<10_000 { last = builder.task("step", last) { $0 } }
    let graph = builder.build()
    let recorder = RunRecorder()
    #expect(throws: TaskFailure.self) { try recorder.observing { try SerialExecutor().run(graph, output: last) } }
    let failure = try #require(recorder.record().runs.first?.failure)
    #expect(failure.path.count == 25 && failure.path[12] == "… 9977 more …")
    #expect(failure.path.last?.hasPrefix("begin") == true)
  }

  @Test func `runs inside tasks belong to the record, on other threads too`() throws {
    let pool = ThreadPoolExecutor(threads: 3)
    var builder = GraphBuilder()
    let outer = (0..<8).map { _ in
      builder.task("outer") { () -> Int in
        let (graph, total) = small()
        return try pool.run(graph, output: total)
      }
    }
    let sum = builder.task("all", all: outer) { $0.reduce(0, +) }
    let graph = builder.build()
    let recorder = RunRecorder()
    #expect(try recorder.observing { try pool.run(graph, output: sum) } == 8 * 600)
    let record = recorder.record()
    #expect(record.runs.count == 9 && record.tasks == 9 + 8 * 7 && record.spans.count == record.tasks)
    #expect(record.runs.allSatisfy { $0.end != nil })
  }

  @Test func `spans, runs and labels are bounded, and sums stay exact`() throws {
    let recorder = RunRecorder(limits: RunRecorder.Limits(spans: 10, graphTasks: 7, runs: 2))
    recorder.observing {
      for _ in 0..<5 {
        let (graph, total) = small()
        _ = try? SerialExecutor().run(graph, output: total)
      }
    }
    let record = recorder.record()
    #expect(record.spans.count == 10 && record.omittedSpans == 25 && record.tasks == 35)
    #expect(record.runs.count == 2 && record.omittedRuns == 3 && record.shapes.count == 1)
    var many = RunRecord()
    for index in 0..<20_000 { #expect(many.number(ofLabel: "\(index)") == min(index, RunRecord.labelLimit - 1)) }
    #expect(many.labels.count == RunRecord.labelLimit && many.labels.last == "other labels")
    #expect(many.number(ofLabel: "17") == 17)
  }

  @Test func `what is not in its scope is not recorded`() throws {
    let (graph, total) = small()
    let recorder = RunRecorder()
    _ = try SerialExecutor().run(graph, output: total)
    #expect(recorder.record().tasks == 0 && recorder.record().wallNanoseconds == 0)
    _ = try recorder.observing { try SerialExecutor().run(graph, output: total) }
    _ = try SerialExecutor().run(graph, output: total)
    #expect(recorder.record().tasks == 7)
    _ = try recorder.observing { try SerialExecutor().run(graph, output: total, options: RunOptions(events: nil)) }
    #expect(recorder.record().tasks == 7)
    _ = try recorder.observing { try SerialExecutor().run(graph, output: total) }
    #expect(recorder.record().tasks == 14)
    _ = try SerialExecutor().run(graph, output: total, options: RunOptions(events: recorder.events))
    #expect(recorder.record().tasks == 21 && recorder.record().runs.count == 3)
  }

  @Test func `code that awaits is recorded, on whatever thread it goes on`() async throws {
    let (graph, total) = small()
    let recorder = RunRecorder()
    let sum = try await recorder.observing {
      await Task.yield()
      return try await ThreadPoolExecutor(threads: 2).compute(graph, output: total)
    }
    #expect(sum == 600 && recorder.record().tasks == 7)
  }

  @Test func `a recorder inside a progress display, and the other way round, see the same runs`() throws {
    let (graph, total) = small()
    let quiet = ProgressStyle(visibility: .never)
    for isRecorderOutside in [true, false] {
      let recorder = RunRecorder()
      if isRecorderOutside {
        _ = try recorder.observing {
          try withProgress("x", style: quiet) { try SerialExecutor().run(graph, output: total) }
        }
      } else {
        _ = try withProgress("x", style: quiet) {
          try recorder.observing { try SerialExecutor().run(graph, output: total) }
        }
      }
      #expect(recorder.record().tasks == 7 && recorder.record().runs.count == 1)
    }
    #expect(EventLog.current == nil)
  }

  @Test func `samples are bounded and at equal distances, however long it takes`() {
    var sampler = ResourceSampler(limit: 100)
    for index in 0..<12_345 {
      sampler.tick(at: 1_000_000_000 + UInt64(index) * 10_000_000)
    }
    let times = sampler.samples.map(\.time)
    #expect(times.count >= 40 && times.count <= 100)
    #expect(Set(zip(times, times.dropFirst()).map { $1 - $0 }).count == 1)
    #expect(times[0] == 1_000_000_000 && times.last! > 120_000_000_000)
  }

  @Test func `starts and ends are matched, whatever is between them`() {
    func event(_ kind: TaskEvent.Kind, _ task: UInt32, thread: UInt16, at time: UInt64) -> TaskEvent {
      TaskEvent(
        nanoseconds: time, bytesIn: 0, bytesOut: 0, resultBytes: 0, task: TaskID(rawValue: task), label: 0, graph: 1,
        thread: thread, kind: kind)
    }
    var matcher = SpanMatcher()
    // Twenty tasks that wait for each other, then ones that end in another order and on another thread.
    for task in 0..<20 { matcher.began(event(.taskStarted, UInt32(task), thread: 0, at: UInt64(task))) }
    for task in [0, 19, 5, 12, 1, 18] {
      let start = matcher.start(of: event(.taskEnded, UInt32(task), thread: task % 2 == 0 ? 0 : 3, at: 100))
      #expect(start?.nanoseconds == UInt64(task) && start?.thread == 0)
    }
    #expect(matcher.start(of: event(.taskEnded, 0, thread: 0, at: 101)) == nil)
    #expect(matcher.start(of: event(.taskEnded, 77, thread: 9, at: 101)) == nil)
  }
}
