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
      span.bytesIn = event.bytesIn
      span.bytesOut = event.bytesOut
      span.hasFailed = event.kind == .taskFailed
      record.spans.append(span)
    }
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
}
