import MartletGraph

/// Where the time of a run went: a row for each label of its tasks, and what the process used.
public struct Profile: Sendable {
  /// The tasks of one label.
  public struct Row: Equatable, Sendable {
    /// The label.
    public var label: String
    /// How many ran.
    public var tasks = 0
    /// How many of them threw.
    public var failed = 0
    /// How long they took together.
    public var totalNanoseconds: UInt64 = 0
    /// How long the longest took.
    public var longestNanoseconds: UInt64 = 0
    /// Bytes that the tasks say they have read.
    public var bytesIn = 0
    /// Bytes that the tasks say they have written.
    public var bytesOut = 0

    /// How long a task took in the mean.
    public var meanNanoseconds: UInt64 { tasks > 0 ? totalNanoseconds / UInt64(tasks) : 0 }
  }

  /// Processor time and memory of the process.
  package struct Usage: Sendable {
    package var userMicroseconds = 0
    package var systemMicroseconds = 0
    package var peakBytes = 0

    package init() {}
  }

  /// The row with the most time first.
  public let rows: [Row]
  private let record: RunRecord
  private let usage: Usage

  /// Of the time that was recorded.
  public init(_ record: RunRecord) {
    var usage = Usage()
    usage.systemMicroseconds = Int(record.systemNanoseconds / 1000)
    usage.userMicroseconds = max(0, Int(record.processorNanoseconds / 1000) - usage.systemMicroseconds)
    usage.peakBytes = record.peakResidentBytes
    self.init(record, usage: usage)
  }

  /// - Parameter usage: Of the whole process, which may be more than was recorded.
  package init(_ record: RunRecord, usage: Usage) {
    self.record = record
    self.usage = usage
    rows = zip(record.labels, record.totals).filter { $0.1.tasks > 0 }.map { label, totals in
      Row(
        label: label, tasks: totals.tasks, failed: totals.failed, totalNanoseconds: totals.nanoseconds,
        longestNanoseconds: totals.longestNanoseconds, bytesIn: totals.bytesIn, bytesOut: totals.bytesOut)
    }.sorted { ($1.totalNanoseconds, $0.label) < ($0.totalNanoseconds, $1.label) }
  }

  /// Time that the threads spent in tasks as a share of what they had, from 0 to 1. A task that waits for a run of its own
  /// counts as well as the tasks of that run.
  public var busyShare: Double {
    let had = Double(record.wallNanoseconds) * Double(max(1, record.threads))
    return had > 0 ? min(1, Double(rows.reduce(0) { $0 &+ $1.totalNanoseconds }) / had) : 0
  }

  /// The table and the lines below it, for a terminal of 80 columns.
  public func text() -> String {
    let total = max(1, rows.reduce(0) { $0 &+ $1.totalNanoseconds })
    var cells = [["task", "tasks", "total", "mean", "longest", "share", "in", "out"]]
    for row in rows {
      cells.append([
        Markup.shortened(TerminalText.plain(row.label), to: 24),
        "\(row.tasks)", FigureText.time(row.totalNanoseconds), FigureText.time(row.meanNanoseconds),
        FigureText.time(row.longestNanoseconds), Self.percent(Double(row.totalNanoseconds) / Double(total)),
        row.bytesIn == 0 ? "-" : ByteCount.text(row.bytesIn), row.bytesOut == 0 ? "-" : ByteCount.text(row.bytesOut),
      ])
    }
    var text = Self.aligned(cells)
    let processor = UInt64(max(0, usage.userMicroseconds + usage.systemMicroseconds)) * 1000
    text += "wall \(FigureText.time(record.wallNanoseconds)), processor \(FigureText.time(processor))"
    text += " (system \(FigureText.time(UInt64(max(0, usage.systemMicroseconds)) * 1000)))"
    text += ", peak memory \(ByteCount.text(usage.peakBytes))\n"
    text += "\(record.threads) thread\(record.threads == 1 ? "" : "s"), busy \(Self.percent(busyShare)) of the time\n"
    let failed = rows.reduce(0) { $0 + $1.failed }
    if failed > 0 { text += "\(failed) task\(failed == 1 ? "" : "s") failed\n" }
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

  static func percent(_ share: Double) -> String {
    let tenths = Int((share * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10)%"
  }
}

/// Numbers of bytes for people.
package enum ByteCount {
  /// As `FigureText.bytes`; less than none is none.
  package static func text(_ bytes: Int) -> String { FigureText.bytes(UInt64(max(0, bytes))) }
}
