import Glibc
import MartletEngine
import MartletGraph
import MartletSystem

/// Makes a record of what it is told.
final class RecordingReader: RunReader, @unchecked Sendable {
  // Sendable: everything is used under `lock`: watches tell one after the other, and others ask for the record.

  private let lock = Lock()
  private let limits: RunRecorder.Limits
  private var record: RunRecord
  private var matcher = SpanMatcher()
  private var sampler: ResourceSampler
  /// Of graphs that run: the record's number of each of the graph's labels, and how many runs there are.
  private var graphs: [UInt32: (numbers: [Int], runs: Int)] = [:]
  private var keptTasks = 0
  private var scopes = 0
  private var activeRuns = 0
  private var lastEnd: UInt64 = 0
  private var used = (processor: UInt64(0), system: UInt64(0))

  /// More graphs are not drawn.
  private static let graphLimit = 1000

  init(_ limits: RunRecorder.Limits) {
    self.limits = limits
    record = RunRecord(spanLimit: limits.spans)
    sampler = ResourceSampler(limit: limits.samples)
  }

  func scopeBegan() {
    lock.withLock {
      begin(at: martlet_monotonic_nanoseconds())
      scopes += 1
    }
  }

  func scopeEnded() {
    lock.withLock {
      scopes -= 1
      lastEnd = max(lastEnd, martlet_monotonic_nanoseconds())
      sampler.sample(at: lastEnd)
    }
  }

  private func begin(at now: UInt64) {
    guard record.begin == 0 else { return }
    record.begin = now
    record.startedAt = time(nil)
    sampler.sample(at: now)
    used = (ResourceSampler.processorNanoseconds, Self.systemNanoseconds())
  }

  func runBegan(_ run: ObservedRun) {
    lock.withLock {
      begin(at: run.begin)
      activeRuns += 1
      record.threads = max(record.threads, run.threads)
      let stamp = run.graph.stamp
      if graphs[stamp] == nil {
        graphs[stamp] = (
          (0..<run.graph.labelCount).map { record.number(ofLabel: run.graph.labelName(UInt32($0))) }, 0
        )
      }
      graphs[stamp]!.runs += 1
      let isKept = record.shapes[stamp] != nil
      if !isKept, keptTasks + run.graph.count <= limits.graphTasks, record.shapes.count < Self.graphLimit {
        keptTasks += run.graph.count
        record.shapes[stamp] = GraphShape(run.graph)
      }
      guard record.runs.count < limits.runs else {
        record.omittedRuns += 1
        return
      }
      record.runs.append(
        RunRecord.Run(
          number: run.number, graph: stamp, tasks: run.taskCount,
          // Only to know what lives until the end, which takes the graph.
          outputs: record.shapes[stamp] == nil ? [] : run.outputs, begin: run.begin))
    }
  }

  func tasks(_ events: [TaskEvent]) {
    lock.withLock {
      // Local while it lasts: each use of a property of an object pays a check.
      var (matcher, record) = (SpanMatcher(), RunRecord())
      swap(&matcher, &self.matcher)
      swap(&record, &self.record)
      defer {
        swap(&matcher, &self.matcher)
        swap(&record, &self.record)
      }
      for event in events {
        if event.kind == .taskStarted {
          matcher.began(event)
          continue
        }
        // Runs that began before this reader was there have no numbers here.
        guard let start = matcher.start(of: event), let numbers = graphs[event.graph]?.numbers else { continue }
        // Nothing but the reading of inputs; the rest follows under a number of its own.
        if event.kind == .taskSuspended { continue }
        var span = RunRecord.Span(
          label: numbers[Int(event.label)], thread: Int(start.thread), begin: start.nanoseconds,
          end: event.nanoseconds)
        span.task = event.task
        span.graph = event.graph
        span.bytesIn = event.bytesIn
        span.bytesOut = event.bytesOut
        span.resultBytes = event.resultBytes
        span.hasFailed = event.kind != .taskEnded
        record.add(span)
      }
    }
  }

  func runEnded(_ run: ObservedRun, at nanoseconds: UInt64, error: (any Error)?) {
    lock.withLock {
      guard let runs = graphs[run.graph.stamp]?.runs else { return }
      if runs > 1 { graphs[run.graph.stamp]!.runs -= 1 } else { graphs[run.graph.stamp] = nil }
      activeRuns -= 1
      lastEnd = max(lastEnd, nanoseconds)
      guard
        let place = record.runs.lastIndex(where: {
          $0.number == run.number && $0.begin == run.begin && $0.graph == run.graph.stamp
        })
      else { return }
      record.runs[place].end = nanoseconds
      record.runs[place].failure = error.map(RunRecord.Failure.init)
    }
  }

  func tick(at nanoseconds: UInt64) {
    lock.withLock { if scopes > 0 || activeRuns > 0 { sampler.tick(at: nanoseconds) } }
  }

  /// What was recorded by now.
  func record(droppedEvents: Int) -> RunRecord {
    lock.withLock {
      var record = record
      let now = martlet_monotonic_nanoseconds()
      let end = scopes > 0 || activeRuns > 0 ? now : lastEnd
      record.wallNanoseconds = record.begin == 0 ? 0 : end - record.begin
      var sampler = sampler
      if scopes > 0 || activeRuns > 0 { sampler.sample(at: now) }
      record.samples = sampler.samples
      record.droppedEvents = droppedEvents
      if record.begin != 0 {
        record.processorNanoseconds = ResourceSampler.processorNanoseconds - used.processor
        record.systemNanoseconds = Self.systemNanoseconds() - used.system
      }
      record.peakResidentBytes = Int(martlet_process_usage().peak_resident_bytes)
      return record
    }
  }

  private static func systemNanoseconds() -> UInt64 {
    UInt64(max(0, martlet_process_usage().system_microseconds)) * 1000
  }
}

extension RunRecord.Failure {
  /// Bounded: a path may have a million keys, and an error the contents of a file.
  init(_ error: any Error) {
    guard let failure = error as? TaskFailure else {
      self.init(message: error is CancellationError ? "cancelled" : Self.shortened("\(error)"), path: [])
      return
    }
    var path = failure.path.prefix(12).map(\.description)
    if failure.path.count > 24 { path.append("… \(failure.path.count - 24) more …") }
    path += failure.path.dropFirst(12).suffix(12).map(\.description)
    self.init(message: Self.shortened("\(failure.underlying)"), path: path)
  }

  private static func shortened(_ text: String) -> String { Markup.shortened(text, to: 4000) }
}
