import MartletGraph

/// How many bytes of results were alive, over time: a result lives from the end of its task to the end of its last consumer
/// in the run, and one that was asked for to the end of the run. What was recorded of graphs that were too large to be kept
/// is not counted.
struct LiveBytes {
  struct Step: Equatable {
    var time: UInt64
    /// From this time on.
    var bytes: Int
  }

  /// One step a time at which something changed.
  private(set) var steps: [Step] = []
  private(set) var peak = 0

  init(_ record: RunRecord) {
    var changes: [(time: UInt64, bytes: Int)] = []
    var spans: [UInt32: [Int]] = [:]
    for (number, span) in record.spans.enumerated() { spans[span.graph, default: []].append(number) }
    for (stamp, numbers) in spans.sorted(by: { $0.key < $1.key }) {
      guard let shape = record.shapes[stamp] else { continue }
      let runs = record.runs.filter { $0.graph == stamp }.sorted { $0.begin < $1.begin }
      for (place, ofRun) in Self.spansByRun(numbers, record.spans, runs).enumerated() where !ofRun.isEmpty {
        Self.add(ofRun, record, shape, runs[place], to: &changes)
      }
    }
    // What is dropped at a moment makes room for what comes at that moment.
    changes.sort { ($0.time, $0.bytes) < ($1.time, $1.bytes) }
    var bytes = 0
    for change in changes {
      bytes += change.bytes
      peak = max(peak, bytes)
      if steps.last?.time == change.time {
        steps[steps.count - 1].bytes = bytes
      } else {
        steps.append(Step(time: change.time, bytes: bytes))
      }
    }
  }

  /// The last run of the graph that had begun when a task did: right unless runs of one graph overlap.
  private static func spansByRun(
    _ numbers: [Int], _ spans: [RunRecord.Span], _ runs: [RunRecord.Run]
  ) -> [[Int]] {
    var byRun = [[Int]](repeating: [], count: runs.count)
    for number in numbers where !spans[number].hasFailed {
      let place = lowerBound(runs.count) { runs[$0].begin <= spans[number].begin } - 1
      if place >= 0 { byRun[place].append(number) }
    }
    return byRun
  }

  private static func add(
    _ numbers: [Int], _ record: RunRecord, _ shape: GraphShape, _ run: RunRecord.Run,
    to changes: inout [(time: UInt64, bytes: Int)]
  ) {
    let end = run.end ?? record.end
    // Sorted arrays of what ran rather than arrays of all tasks: a small part of a large graph may run often.
    let born = numbers.map { (task: record.spans[$0].task.rawValue, span: $0) }.sorted { $0.task < $1.task }
    var deaths = [UInt64](repeating: 0, count: born.count)
    func place(of task: UInt32) -> Int? {
      let place = lowerBound(born.count) { born[$0].task < task }
      return place < born.count && born[place].task == task ? place : nil
    }
    for (task, span) in born {
      for dependency in shape.dependencies(of: Int(task)) {
        if let place = place(of: dependency) { deaths[place] = max(deaths[place], record.spans[span].end) }
      }
    }
    for output in run.outputs { if let place = place(of: output.rawValue) { deaths[place] = end } }
    for (place, entry) in born.enumerated() {
      let span = record.spans[entry.span]
      guard span.resultBytes > 0 else { continue }
      changes.append((span.end, span.resultBytes))
      // Nobody has used it (yet): the run ended early, or goes on.
      changes.append((max(span.end, deaths[place] == 0 ? end : deaths[place]), -span.resultBytes))
    }
  }
}
