import MartletEngine
import MartletSystem

/// Counts the tasks of runs for a progress line.
final class ProgressReader: RunReader, @unchecked Sendable {
  // Sendable: everything is used under `lock`.

  private struct Graph {
    var title: String?
    var labels: [String]
    var total = 0
    var done = 0
    var runs = 0
    var begin: UInt64
    /// Tasks that run now, by label.
    var running: [Int]
  }

  private let lock = Lock()
  /// In the order in which they began.
  private var graphs: [(stamp: UInt32, graph: Graph)] = []
  private var titles: [String]
  private var failed = 0
  private var finishedRuns = 0
  private var finishedTasks = 0
  private let begin = martlet_monotonic_nanoseconds()

  init(title: String) { titles = [title] }

  /// Runs that begin from now on are shown with this title.
  func push(_ title: String) { lock.withLock { titles.append(title) } }

  func pop() { lock.withLock { _ = titles.popLast() } }

  func runBegan(_ run: ObservedRun) {
    lock.withLock {
      if let place = place(of: run.graph.stamp) {
        graphs[place].graph.total += run.taskCount
        graphs[place].graph.runs += 1
        return
      }
      // Names of labels only when there are few: a run has to be long to be looked at.
      let labels = (0..<min(run.graph.labelCount, 1000)).map { run.graph.labelName(UInt32($0)) }
      graphs.append(
        (
          run.graph.stamp,
          Graph(
            title: titles.count > 1 && titles.last != "" ? titles.last : nil, labels: labels, total: run.taskCount,
            runs: 1,
            begin: run.begin, running: [Int](repeating: 0, count: labels.count))
        ))
    }
  }

  func tasks(_ events: [TaskEvent]) {
    lock.withLock {
      var stamp: UInt32?
      var known: Int?
      for event in events {
        if event.graph != stamp {
          stamp = event.graph
          known = place(of: event.graph)
        }
        guard let place = known else { continue }
        let label = Int(event.label)
        if event.kind == .taskStarted {
          if label < graphs[place].graph.running.count { graphs[place].graph.running[label] += 1 }
          continue
        }
        if label < graphs[place].graph.running.count { graphs[place].graph.running[label] -= 1 }
        switch event.kind {
        case .taskFailed: failed += 1
        case .taskEnded: graphs[place].graph.done += 1
        case .taskStarted, .taskRetried, .taskSuspended: break  // it starts once more
        }
      }
    }
  }

  func runAdvanced(_ run: ObservedRun, _ labels: [RunAdvance]) {
    lock.withLock {
      guard let place = place(of: run.graph.stamp) else { return }
      // Tasks that are computed once more may be counted twice.
      let done = labels.reduce(0) { $0 + $1.finished }
      graphs[place].graph.done = min(graphs[place].graph.total, max(graphs[place].graph.done, done))
      for label in labels {
        if let number = graphs[place].graph.labels.firstIndex(of: label.label) {
          graphs[place].graph.running[number] = label.running
        }
      }
    }
  }

  func runEnded(_ run: ObservedRun, at nanoseconds: UInt64, error: (any Error)?) {
    lock.withLock {
      guard let place = place(of: run.graph.stamp) else { return }
      finishedRuns += 1
      graphs[place].graph.runs -= 1
      // Events may have been dropped.
      if error == nil, graphs[place].graph.runs == 0 { graphs[place].graph.done = graphs[place].graph.total }
      guard graphs[place].graph.runs == 0 else { return }
      finishedTasks += graphs[place].graph.done
      graphs.remove(at: place)
    }
  }

  func tick(at nanoseconds: UInt64) {}

  private func place(of stamp: UInt32) -> Int? { graphs.firstIndex { $0.stamp == stamp } }

  /// How far everything is.
  func line() -> RunProgressLine {
    lock.withLock {
      let now = martlet_monotonic_nanoseconds()
      var line = RunProgressLine()
      line.title = titles.first
      line.failed = failed
      line.finishedRuns = finishedRuns
      line.finishedTasks = finishedTasks
      line.elapsedSeconds = Double(now - begin) / 1e9
      guard let outer = graphs.first?.graph else { return line }
      line.outer = RunProgressLine.Part(title: outer.title, done: outer.done, total: outer.total)
      line.outerSeconds = Double(now - min(now, outer.begin)) / 1e9
      line.inner = graphs.dropFirst().map {
        RunProgressLine.Part(title: $0.graph.title, done: $0.graph.done, total: $0.graph.total)
      }
      var most = 0
      for (_, graph) in graphs {
        for (label, count) in graph.running.enumerated() where count > most {
          most = count
          line.label = graph.labels[label]
        }
      }
      return line
    }
  }
}
