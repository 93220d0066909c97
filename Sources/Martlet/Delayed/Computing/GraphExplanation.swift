import MartletGraph

/// What a computation would run.
public struct GraphExplanation: Sendable, CustomStringConvertible {
  /// Tasks as they were written; equal calls are one.
  public let writtenTasks: Int
  /// Tasks that run.
  public let tasks: Int
  /// What they hand to each other.
  public let dependencies: Int
  /// How many results are alive at most when one thread runs them.
  public let peakLiveResults: Int
  /// Tasks on the longest path: no number of threads is done sooner.
  public let longestPath: Int
  /// Tasks by label, the most first.
  public let labels: [(label: String, tasks: Int)]

  init(_ plan: PlannedComputation) {
    let graph = plan.graph
    writtenTasks = plan.writtenTasks
    tasks = graph.count
    dependencies = graph.dependencyTotal
    peakLiveResults = graph.liveResults().peak
    var depths = [Int](repeating: 1, count: graph.count)
    var counts: [String: Int] = [:]
    for task in 0..<graph.count {
      let id = TaskID(rawValue: UInt32(task))
      for input in graph.dependencies(of: id) { depths[task] = max(depths[task], depths[input.index] + 1) }
      counts[graph.key(of: id).label, default: 0] += 1
    }
    longestPath = depths.max() ?? 0
    labels = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
  }

  /// Some lines for people; at most twelve labels.
  public var description: String {
    var text = "\(Self.counted(tasks, "task")), \(Self.counted(dependencies, "dependency", "dependencies"))"
    if tasks != writtenTasks { text += "; \(Self.counted(writtenTasks, "task")) as written" }
    text +=
      "\nlongest path: \(Self.counted(longestPath, "task")); results alive on one thread: at most \(peakLiveResults)\n"
    for row in labels.prefix(12) {
      let count = "\(row.tasks)"
      text += String(repeating: " ", count: max(0, 9 - count.count)) + "\(count)  \(row.label)\n"
    }
    if labels.count > 12 { text += "           … \(Self.counted(labels.count - 12, "more label"))\n" }
    return text
  }

  private static func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    count == 1 ? "1 \(one)" : "\(count) \(many ?? one + "s")"
  }
}
