import MartletGraph

/// How far some runs are at one moment, and the line that says so.
struct RunProgressLine: Equatable {
  /// Tasks of a run, and how many of them are done.
  struct Part: Equatable {
    var title: String?
    var done: Int
    var total: Int
  }

  var title: String?
  /// The run that began first of those that go on; nil between two runs.
  var outer: Part?
  /// Runs that go on inside it or beside it, as they began.
  var inner: [Part] = []
  /// What most tasks that run now are called.
  var label: String?
  var failed = 0
  /// Runs and tasks of runs that are over.
  var finishedRuns = 0
  var finishedTasks = 0
  var elapsedSeconds = 0.0
  /// Since the outer run began.
  var outerSeconds = 0.0

  /// The line, at most `width` columns wide: title, bar, share, tasks, time left, inner runs, label. What does not fit is
  /// left out, the less important first.
  func text(width: Int) -> String {
    let head = head(width)
    guard let outer else {
      let over = finishedRuns == 1 ? "1 run over" : "\(finishedRuns) runs over"
      return TerminalText.joined(
        [
          head, finishedRuns > 0 ? "\(over), \(tasks(finishedTasks))" : "waiting",
          ProgressLine.duration(elapsedSeconds),
        ], width: width)
    }
    let share = outer.total > 0 ? min(1, Double(outer.done) / Double(outer.total)) : 0
    let percent = "\(Int(share * 100))%"
    var left: String?
    if share > 0, share < 1, outerSeconds >= 1 {
      left = "\(ProgressLine.duration((outerSeconds / share - outerSeconds).rounded(.up))) left"
    }
    var facts: [String?] = [
      String(repeating: " ", count: 4 - percent.count) + percent, "\(outer.done)/\(outer.total) tasks",
    ]
    facts += [left, failed > 0 ? "\(failed) failed" : nil]
    facts += inner.prefix(3).map { part in
      let name = part.title.map { TerminalText.shortened(TerminalText.plain($0), to: 20) + " " } ?? ""
      return "> \(name)\(part.done)/\(part.total)"
    }
    if inner.count > 3 { facts.append("+\(inner.count - 3)") }
    facts.append(finishedRuns > 0 ? "run \(finishedRuns + 1)" : nil)
    facts.append(label.map { TerminalText.shortened(TerminalText.plain($0), to: 24) })
    let room = width - (head.map { TerminalText.columns(of: $0) + 2 } ?? 0)
    // A short bar says more than the last of the facts.
    let line = TerminalText.joined(facts, width: room >= 40 ? room - 10 : room)
    let bar = min(32, room - TerminalText.columns(of: line) - 1)
    return (head.map { $0 + "  " } ?? "") + (bar >= 7 ? TerminalText.bar(share, columns: bar) + " " : "") + line
  }

  /// What remains when all is over.
  func summary(width: Int) -> String {
    TerminalText.joined(
      [
        head(width),
        "\(tasks(finishedTasks)) in \(elapsed)", failed > 0 ? "\(failed) failed" : nil,
      ], width: width)
  }

  /// The title, where there is room for one.
  private func head(_ width: Int) -> String? {
    guard let title, !title.isEmpty, width >= 12 else { return nil }
    return TerminalText.shortened(TerminalText.plain(title), to: width / 3)
  }

  private var elapsed: String {
    elapsedSeconds < 60 ? FigureText.time(UInt64(max(0, elapsedSeconds) * 1e9)) : ProgressLine.duration(elapsedSeconds)
  }

  private func tasks(_ count: Int) -> String { count == 1 ? "1 task" : "\(count) tasks" }
}
