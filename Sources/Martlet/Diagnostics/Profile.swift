/// Where the time of a run went: a row for each label of its tasks, and what the process used.
package struct Profile {
  /// The tasks of one label.
  package struct Row: Equatable, Sendable {
    package var label: String
    package var tasks = 0
    package var totalNanoseconds: UInt64 = 0
    package var longestNanoseconds: UInt64 = 0
    package var bytesIn = 0
    package var bytesOut = 0
  }

  /// Processor time and memory of the process.
  package struct Usage: Sendable {
    package var userMicroseconds = 0
    package var systemMicroseconds = 0
    package var peakBytes = 0

    package init() {}
  }

  /// The row with the most time first.
  package let rows: [Row]
  private let record: RunRecord
  private let usage: Usage

  package init(_ record: RunRecord, usage: Usage) {
    self.record = record
    self.usage = usage
    var rows = record.labels.map { Row(label: $0) }
    for span in record.spans {
      let time = span.end >= span.begin ? span.end - span.begin : 0
      rows[span.label].tasks += 1
      rows[span.label].totalNanoseconds &+= time
      rows[span.label].longestNanoseconds = max(rows[span.label].longestNanoseconds, time)
      rows[span.label].bytesIn &+= span.bytesIn
      rows[span.label].bytesOut &+= span.bytesOut
    }
    self.rows = rows.filter { $0.tasks > 0 }.sorted {
      ($1.totalNanoseconds, $0.label) < ($0.totalNanoseconds, $1.label)
    }
  }

  /// Time that the threads spent in tasks as a share of what they had, from 0 to 1.
  package var busyShare: Double {
    let had = Double(record.wallNanoseconds) * Double(max(1, record.threads))
    return had > 0 ? min(1, Double(rows.reduce(0) { $0 &+ $1.totalNanoseconds }) / had) : 0
  }

  /// The table and the lines below it, for a terminal of 80 columns.
  package func text() -> String {
    let total = max(1, rows.reduce(0) { $0 &+ $1.totalNanoseconds })
    var cells = [["task", "tasks", "total", "mean", "longest", "share", "in", "out"]]
    for row in rows {
      cells.append([
        row.label.count <= 24 ? row.label : String(row.label.prefix(23)) + "…",
        "\(row.tasks)", Self.time(row.totalNanoseconds), Self.time(row.totalNanoseconds / UInt64(row.tasks)),
        Self.time(row.longestNanoseconds), Self.percent(Double(row.totalNanoseconds) / Double(total)),
        row.bytesIn == 0 ? "-" : ByteCount.text(row.bytesIn), row.bytesOut == 0 ? "-" : ByteCount.text(row.bytesOut),
      ])
    }
    var text = Self.aligned(cells)
    let processor = UInt64(max(0, usage.userMicroseconds + usage.systemMicroseconds)) * 1000
    text += "wall \(Self.time(record.wallNanoseconds)), processor \(Self.time(processor))"
    text += " (system \(Self.time(UInt64(max(0, usage.systemMicroseconds)) * 1000)))"
    text += ", peak memory \(ByteCount.text(usage.peakBytes))\n"
    text += "\(record.threads) thread\(record.threads == 1 ? "" : "s"), busy \(Self.percent(busyShare)) of the time\n"
    if record.droppedEvents > 0 {
      text += "\(record.droppedEvents) events found no place: the figures above are too low\n"
    }
    return text
  }

  /// The first column to the left, the others to the right, two blanks between.
  private static func aligned(_ cells: [[String]]) -> String {
    let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    var text = ""
    for row in cells {
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        text += column == 0 ? cell + padding : "  " + padding + cell
      }
      text += "\n"
    }
    return text
  }

  /// Three digits and a unit: `1.23 s`, `45.6 ms`, `789 µs`, `12 ns`.
  static func time(_ nanoseconds: UInt64) -> String {
    if nanoseconds < 1000 { return "\(nanoseconds) ns" }
    var value = Double(nanoseconds) / 1000
    var unit = "µs"
    if value >= 999.5 {
      value /= 1000
      unit = "ms"
      if value >= 999.5 {
        value /= 1000
        unit = "s"
      }
    }
    return digits(value) + " " + unit
  }

  static func percent(_ share: Double) -> String {
    let tenths = Int((share * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10)%"
  }

  private static func digits(_ value: Double) -> String {
    if value >= 99.95 { return "\(UInt64(value.rounded()))" }
    if value >= 9.995 {
      let tenths = Int((value * 10).rounded())
      return "\(tenths / 10).\(tenths % 10)"
    }
    let hundredths = Int((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }
}
