import MartletGraph

/// A record as one HTML page that needs nothing else: header, failure, timeline, durations by label, memory and processors over
/// time, and the graphs. Made to be opened from a file, in light or dark, and to be sent to others.
///
/// Bounded: at most some 10 MB, whatever the run. The same record gives the same bytes.
public struct RunReport: Sendable {
  private let record: RunRecord
  private let title: String
  private let spanLimit: Int
  /// Numbers of labels, the one with the most time first.
  private let order: [Int]
  /// By label.
  private let colors: [Color]

  /// Graphs that are drawn.
  private static let graphLimit = 4
  private static let runLimit = 50

  /// - Parameters:
  ///   - record: What was recorded.
  ///   - title: The heading of the page.
  ///   - spanLimit: Spans that the timeline shows one by one; of more, short ones are shown together.
  public init(_ record: RunRecord, title: String = "Run report", spanLimit: Int = 200_000) {
    self.record = record
    self.title = title
    self.spanLimit = max(1000, spanLimit)
    order = record.labels.indices.sorted {
      (record.totals[$1].nanoseconds, $0) < (record.totals[$0].nanoseconds, $1)
    }
    var colors = [Color](repeating: .neutral, count: record.labels.count)
    for (rank, label) in order.enumerated() { colors[label] = .ofLabel(rank) }
    self.colors = colors
  }

  /// Creates or replaces a file.
  ///
  /// - Throws: `DiagnosticsFileError`.
  public func write(toFile path: String) throws { try TextFile.write(path, html()) }

  /// The page.
  public func html() -> String {
    let timeline = TimelineData(record, colors: colors, limit: spanLimit)
    let resources = ResourceProfile(record)
    var page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    page += "<meta name=\"viewport\" content=\"width=device-width\">\n<title>\(Markup.escaped(title))</title>\n"
    page += "<style>\(ReportPage.style)</style>\n</head>\n<body>\n"
    page += header(resources)
    page += failures
    page += timelineSection(timeline)
    page += "<section><h2>Durations by label</h2>\n"
    page += ReportLabels(record, order: order, colors: colors).html + "</section>\n"
    page += charts(resources)
    page += runs
    page += graphs
    page += "<script type=\"application/json\" id=\"timeline-data\">\(timeline.json)</script>\n"
    page += "<script>\(ReportPage.script)</script>\n</body>\n</html>\n"
    return page
  }

  // MARK: Header

  private func header(_ resources: ResourceProfile) -> String {
    let profile = Profile(record)
    var cards: [(String, String)] = [
      ("wall time", FigureText.time(record.wallNanoseconds)), ("tasks", "\(record.tasks)"),
      ("threads", "\(record.threads)"), ("busy", Profile.percent(profile.busyShare)),
      ("processor time", FigureText.time(record.processorNanoseconds)),
      ("peak memory", ByteCount.text(record.peakResidentBytes)),
    ]
    if resources.peakLiveBytes > 0 { cards.append(("peak of live results", ByteCount.text(resources.peakLiveBytes))) }
    if record.runs.count + record.omittedRuns > 1 {
      cards.append(("runs", "\(record.runs.count + record.omittedRuns)"))
    }
    var text = "<header><h1>\(Markup.escaped(title))</h1>"
    if record.startedAt > 0 { text += "<p class=\"note\">began \(UTCTime.text(record.startedAt))</p>" }
    text += "<div class=\"cards\">"
    for (name, value) in cards { text += "<div><b>\(value)</b><span>\(name)</span></div>" }
    if record.failedTasks > 0 { text += "<div class=\"bad\"><b>\(record.failedTasks)</b><span>failed</span></div>" }
    text += "</div>"
    if record.droppedEvents > 0 {
      text += "<p class=\"note\">\(record.droppedEvents) events found no place: figures are too low.</p>"
    }
    return text + "</header>\n"
  }

  private var failures: String {
    let failed = record.runs.filter { $0.failure != nil }
    guard !failed.isEmpty else { return "" }
    var text = "<section class=\"failure\"><h2>\(failed.count == 1 ? "A run" : "\(failed.count) runs") failed</h2>\n"
    for run in failed.prefix(5) {
      let failure = run.failure!
      text += "<pre>\(preformatted(failure.message))</pre>"
      guard !failure.path.isEmpty else { continue }
      text += "<p>from the output down to the task:</p><ol>"
      for key in failure.path { text += "<li>\(Markup.escaped(Markup.shortened(key, to: 200)))</li>" }
      text += "</ol>"
    }
    return text + "</section>\n"
  }

  /// Lines stay lines.
  private func preformatted(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { Markup.escaped(String($0)) }
      .joined(separator: "\n")
  }

  // MARK: Timeline, charts, runs

  private func timelineSection(_ timeline: TimelineData) -> String {
    var text = """
      <section id="timeline"><h2>Timeline</h2>
      <p class="tools"><button id="zoom-in">+</button><button id="zoom-out">−</button><button id="zoom-all">all</button>
      <span class="note">drag to move; Ctrl or Shift and the wheel, or + and −, to zoom; double click for more</span></p>
      <div class="canvas"><canvas tabindex="0"></canvas><div id="tip"></div></div>
      <noscript><p class="note">The timeline needs JavaScript.</p></noscript>

      """
    var notes: [String] = []
    if timeline.isAggregated { notes.append("Short tasks are shown together.") }
    let missing = record.omittedSpans + timeline.omitted
    if missing > 0 { notes.append("\(missing) tasks are not shown; they are in the table below.") }
    if !notes.isEmpty { text += "<p class=\"note\">\(notes.joined(separator: " "))</p>\n" }
    return text + "</section>\n"
  }

  private func charts(_ resources: ResourceProfile) -> String {
    let seconds = Double(record.wallNanoseconds) / 1e9
    var memory = [
      ReportChart.Line(
        name: "resident memory", style: "s1", values: resources.points.map { $0.residentBytes.map(Double.init) },
        isFilled: true)
    ]
    if resources.peakLiveBytes > 0 {
      memory.append(
        ReportChart.Line(name: "live results", style: "s2", values: resources.points.map { Double($0.liveBytes) }))
    }
    let work = [
      ReportChart.Line(
        name: "running tasks", style: "s1", values: resources.points.map(\.runningTasks), isFilled: true),
      ReportChart.Line(name: "busy processors", style: "s3", values: resources.points.map(\.processors)),
    ]
    let most = (resources.points.map { max($0.runningTasks, $0.processors ?? 0) }.max() ?? 0).rounded(.up)
    return chart("Memory", memory, ReportChart.svg(memory, seconds: seconds) { FigureText.bytes(UInt64($0)) })
      + chart(
        "Work", work,
        ReportChart.svg(work, seconds: seconds, top: max(most, Double(record.threads))) { Markup.number($0) })
  }

  private func chart(_ title: String, _ lines: [ReportChart.Line], _ svg: String) -> String {
    var text = "<section><h2>\(title)"
    for line in lines { text += " <span class=\"key\"><i class=\"\(line.style)\"></i>\(line.name)</span>" }
    return text + "</h2>\n\(svg)</section>\n"
  }

  private var runs: String {
    guard record.runs.count > 1 else { return "" }
    var text = "<section><h2>Runs</h2>\n<div class=\"scroll\"><table><thead><tr><th>run</th><th>began after</th>"
    text += "<th>took</th><th>tasks</th><th class=\"l\">ended</th></tr></thead><tbody>\n"
    for run in record.runs.prefix(Self.runLimit) {
      let end = run.end ?? record.end
      text += "<tr><td>\(run.number)</td><td>\(FigureText.time(run.begin &- min(run.begin, record.begin)))</td>"
      text += "<td>\(FigureText.time(end &- min(end, run.begin)))</td><td>\(run.tasks)</td><td class=\"l\">"
      if let failure = run.failure {
        text += "<span class=\"bad\">\(Markup.escaped(Markup.shortened(failure.message, to: 100)))</span>"
      } else {
        text += run.end == nil ? "goes on" : "well"
      }
      text += "</td></tr>\n"
    }
    text += "</tbody></table></div>"
    let more = record.runs.count + record.omittedRuns - Self.runLimit
    if more > 0 { text += "<p class=\"note\">and \(more) more</p>" }
    return text + "</section>\n"
  }

  // MARK: Graphs

  /// The graphs that took most of the time; first those of runs that failed, coloured by how far they came.
  private var graphs: String {
    var times: [UInt32: UInt64] = [:]
    for span in record.spans { times[span.graph, default: 0] += span.nanoseconds }
    let kept = times.filter { record.shapes[$0.key] != nil }
    guard !kept.isEmpty else { return "" }
    let byTime = kept.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    let failed = Set(record.runs.filter { $0.failure != nil }.map(\.graph))
    let shown = (byTime.filter(failed.contains) + byTime.filter { !failed.contains($0) }).prefix(Self.graphLimit)
    var text = "<section><h2>\(shown.count == 1 ? "Graph" : "Graphs")</h2>\n"
    for stamp in shown {
      guard let shape = record.shapes[stamp] else { continue }
      if failed.contains(stamp) {
        text += picture("\(shape.count) tasks, by state", shape.svg(coloring: .state(states(stamp, shape.count))))
      }
      text += picture(
        "\(shape.count) tasks, by duration", shape.svg(coloring: .duration(durations(stamp, shape.count))))
    }
    if byTime.count > shown.count {
      text += "<p class=\"note\">and \(byTime.count - shown.count) more graphs, which took less time</p>"
    }
    return text + "</section>\n"
  }

  private func picture(_ caption: String, _ svg: String) -> String {
    "<figure><figcaption>\(caption)</figcaption><label><input type=\"checkbox\" class=\"full\"> full size</label>"
      + "<div class=\"scroll\">\(svg)</div></figure>\n"
  }

  private func durations(_ stamp: UInt32, _ count: Int) -> [UInt64?] {
    var durations = [UInt64?](repeating: nil, count: count)
    for span in record.spans where span.graph == stamp && span.task.index < count {
      durations[span.task.index] = (durations[span.task.index] ?? 0) &+ span.nanoseconds
    }
    return durations
  }

  private func states(_ stamp: UInt32, _ count: Int) -> [TaskState] {
    var states = [TaskState](repeating: .waiting, count: count)
    for span in record.spans where span.graph == stamp && span.task.index < count {
      states[span.task.index] = span.hasFailed ? .failed : .done
    }
    return states
  }
}

/// Moments for people, without a library for calendars.
enum UTCTime {
  /// `2026-08-17 12:00:05 UTC`. The days are Howard Hinnant's `civil_from_days`.
  static func text(_ seconds: Int) -> String {
    let day = seconds / 86400 + 719_468
    let era = day / 146_097
    let dayOfEra = day - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let time = seconds % 86400
    return "\(year)-\(two(month))-\(two(dayOfYear - (153 * shifted + 2) / 5 + 1)) "
      + "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60)) UTC"
  }
}
