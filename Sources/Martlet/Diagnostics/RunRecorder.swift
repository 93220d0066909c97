<<<<<<< HEAD
package import MartletEngine
package import MartletGraph
import MartletSystem

/// Collects what happens in the runs that make up one piece of work.
///
/// Give `log` to each run in its options, and call `collect` after it. Used by one thread.
package final class RunRecorder {
  /// Room for a million events a thread: memory that is only touched as far as it is filled.
  package let log = EventLog(capacityPerThread: 1 << 20)
  private var record = RunRecord()
  private var numbers: [String: Int] = [:]

  /// Begins now.
  package init() { record.begin = martlet_monotonic_nanoseconds() }

  /// Takes over the events of the run of `graph` that is over.
  package func collect(from graph: TaskGraph) {
    // The events of one thread come in their order and never overlap, so a start belongs to the next end.
    var starts: [UInt16: TaskEvent] = [:]
    log.drain { event in
      if event.kind == .taskStarted {
        starts[event.thread] = event
        return
      }
      guard let start = starts.removeValue(forKey: event.thread), start.task == event.task else { return }
      let name = event.graph == graph.stamp ? graph.labelName(event.label) : "inner task"
      var span = RunRecord.Span(
        label: number(of: name), thread: Int(event.thread), begin: start.nanoseconds, end: event.nanoseconds)
=======
import MartletEngine
import MartletGraph
import MartletSystem

/// Records the graphs of a run: give its log to the executor, note each graph, and ask for the record at the end.
final class RunRecorder {
  // Used by the thread that runs the graphs, one after the other.

  let log = EventLog(capacityPerThread: 1 << 16)
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
>>>>>>> main
      span.bytesIn = event.bytesIn
      span.bytesOut = event.bytesOut
      span.hasFailed = event.kind == .taskFailed
      record.spans.append(span)
    }
<<<<<<< HEAD
  }

  /// What was collected; the work is over.
  ///
  /// - Parameter threads: How many could work.
  package func finish(threads: Int) -> RunRecord {
    record.wallNanoseconds = martlet_monotonic_nanoseconds() - record.begin
    record.threads = threads
    record.droppedEvents = log.droppedCount
    return record
  }

  private func number(of label: String) -> Int {
    if let number = numbers[label] { return number }
    record.labels.append(label)
    numbers[label] = record.labels.count - 1
    return record.labels.count - 1
  }
=======
    record.labels = labels
    record.droppedEvents = log.droppedCount
    return record
  }
>>>>>>> main
}
