import MartletEngine
import MartletGraph
import MartletSystem

/// Records the graphs of a run: give its log to the executor, note each graph, and ask for the record at the end.
final class RunRecorder {
  // Used by the thread that runs the graphs, one after the other.

  let log = EventLog(capacityPerThread: 1 << 20)
  private var labels: [String] = []
  private var labelNumbers: [String: Int] = [:]
  /// By graph: the record's number of each of the graph's labels.
  private var numbers: [UInt32: [Int]] = [:]
  private let begin = martlet_monotonic_nanoseconds()

  /// Remembers the labels of a graph that is about to run.
  func note(_ graph: TaskGraph) {
    numbers[graph.stamp] = (0..<graph.labelCount).map { number(of: graph.labelName(UInt32($0))) }
  }

  private func number(of label: String) -> Int {
    if let known = labelNumbers[label] { return known }
    labelNumbers[label] = labels.count
    labels.append(label)
    return labels.count - 1
  }

  /// What was recorded by now.
  func record(threads: Int) -> RunRecord {
    var record = RunRecord()
    record.threads = threads
    record.begin = begin
    record.wallNanoseconds = martlet_monotonic_nanoseconds() - begin
    // Tasks of one thread may nest: a task that runs a graph works on it.
    var open: [UInt16: [(task: TaskID, graph: UInt32, begin: UInt64)]] = [:]
    log.drain { event in
      if event.kind == .taskStarted {
        open[event.thread, default: []].append((event.task, event.graph, event.nanoseconds))
        return
      }
      // The start may be among the dropped events.
      guard let started = open[event.thread]?.last, started.task == event.task, started.graph == event.graph else {
        return
      }
      open[event.thread]?.removeLast()
      var span = RunRecord.Span(
        label: numbers[event.graph]?[Int(event.label)] ?? number(of: "task"), thread: Int(event.thread),
        begin: started.begin, end: event.nanoseconds)
      span.bytesIn = event.bytesIn
      span.bytesOut = event.bytesOut
      span.hasFailed = event.kind == .taskFailed
      record.spans.append(span)
    }
    record.labels = labels
    record.droppedEvents = log.droppedCount
    return record
  }
}
