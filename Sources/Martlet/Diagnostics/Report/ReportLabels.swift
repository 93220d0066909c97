import MartletGraph

/// The table of durations by label: figures, a bar for the share of the time, and how the durations are spread.
struct ReportLabels {
  private let record: RunRecord
  private let rows: [Int]
  private let colors: [Color]

  static let rowLimit = 200

  /// - Parameters:
  ///   - order: Numbers of labels, the one with the most time first.
  ///   - colors: By label.
  init(_ record: RunRecord, order: [Int], colors: [Color]) {
    self.record = record
    self.colors = colors
    rows = order.filter { record.totals[$0].tasks > 0 }
  }

  var html: String {
    let total = Double(max(1, rows.reduce(0) { $0 &+ record.totals[$1].nanoseconds }))
    let hasBytes = rows.contains { record.totals[$0].bytesIn != 0 || record.totals[$0].bytesOut != 0 }
    let hasFailures = rows.contains { record.totals[$0].failed > 0 }
    let range = histogramRange
    var text = "<div class=\"scroll\"><table><thead><tr><th class=\"l\">task</th><th>tasks</th>"
    if hasFailures { text += "<th>failed</th>" }
    text += "<th>total</th><th class=\"l\">share</th><th>mean</th><th>longest</th>"
    if hasBytes { text += "<th>read</th><th>written</th>" }
    text += "<th class=\"l\">durations, \(Self.bound(range.lowerBound)) to \(Self.bound(range.upperBound))</th>"
    text += "</tr></thead><tbody>\n"
    for label in rows.prefix(Self.rowLimit) {
      let totals = record.totals[label]
      let share = Double(totals.nanoseconds) / total
      text += "<tr><td class=\"l\"><i style=\"background:\(colors[label].text)\"></i>"
      text += "\(Markup.escaped(Markup.shortened(record.labels[label], to: 120)))</td><td>\(totals.tasks)</td>"
      if hasFailures { text += "<td class=\"\(totals.failed > 0 ? "bad" : "")\">\(totals.failed)</td>" }
      text += "<td>\(FigureText.time(totals.nanoseconds))</td><td class=\"l\"><span class=\"bar\"><b style=\"width:"
      text +=
        "\(Markup.number(share * 100))%;background:\(colors[label].text)\"></b></span> \(Profile.percent(share))</td>"
      text += "<td>\(FigureText.time(totals.nanoseconds / UInt64(totals.tasks)))</td>"
      text += "<td>\(FigureText.time(totals.longestNanoseconds))</td>"
      if hasBytes { text += "<td>\(Self.bytes(totals.bytesIn))</td><td>\(Self.bytes(totals.bytesOut))</td>" }
      text += "<td class=\"l\">\(histogram(totals.histogram, range, colors[label]))</td></tr>\n"
    }
    text += "</tbody></table></div>"
    if rows.count > Self.rowLimit { text += "<p class=\"note\">and \(rows.count - Self.rowLimit) more labels</p>" }
    return text
  }

  private static func bytes(_ bytes: Int) -> String { bytes == 0 ? "–" : ByteCount.text(bytes) }

  /// The places of the histograms that hold something in any row.
  private var histogramRange: Range<Int> {
    var (low, high) = (64, 0)
    for label in rows {
      for (place, count) in record.totals[label].histogram.enumerated() where count > 0 {
        low = min(low, place)
        high = max(high, place)
      }
    }
    return low <= high ? low..<(high + 1) : 0..<1
  }

  /// The least duration at a place of a histogram.
  private static func bound(_ place: Int) -> String {
    FigureText.time(place == 0 ? 0 : UInt64(1) << UInt64(min(63, place - 1)))
  }

  private func histogram(_ counts: [Int], _ range: Range<Int>, _ color: Color) -> String {
    let highest = Double(counts.max() ?? 1)
    var text = "<svg class=\"histogram\" width=\"\(range.count * 9)\" height=\"22\">"
    for place in range where counts[place] > 0 {
      // A single task among many still has to be seen.
      let height = max(2, 20 * Double(counts[place]) / highest)
      text += "<rect x=\"\((place - range.lowerBound) * 9)\" y=\"\(Markup.number(21 - height))\" width=\"8\""
      text += " height=\"\(Markup.number(height))\" fill=\"\(color.text)\"><title>\(counts[place]) from "
      text += "\(Self.bound(place)) to \(Self.bound(place + 1))</title></rect>"
    }
    return text + "</svg>"
  }
}
