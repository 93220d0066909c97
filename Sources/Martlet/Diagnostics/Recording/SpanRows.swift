/// A row for each span, so that no two in a row overlap: the rows of a thread stand together. A thread has several when a task
/// of it ran a graph, or waited while others ran.
struct SpanRows {
  struct Row {
    var thread: Int
    /// Counts the rows of a thread, from 0.
    var level: Int
    /// Numbers of spans, ascending in time.
    var spans: [Int] = []
  }

  private(set) var rows: [Row] = []
  /// Spans that found no row, because too many overlap.
  private(set) var omitted = 0

  /// A thread has no more rows than that.
  private static let levelLimit = 16

  init(_ spans: [RunRecord.Span], threads: Int) {
    var byThread: [Int: [Int]] = [:]
    for (number, span) in spans.enumerated() { byThread[span.thread, default: []].append(number) }
    for thread in Set(byThread.keys).union(0..<max(1, threads)).sorted() {
      let first = rows.count
      rows.append(Row(thread: thread, level: 0))
      // Longer ones first where several begin at once: they are below.
      let numbers = (byThread[thread] ?? []).sorted {
        (spans[$0].begin, spans[$1].end, $0) < (spans[$1].begin, spans[$0].end, $1)
      }
      for number in numbers {
        let begin = spans[number].begin
        if let row = (first..<rows.count).first(where: { rows[$0].spans.last.map { spans[$0].end <= begin } ?? true }) {
          rows[row].spans.append(number)
        } else if rows.count - first < Self.levelLimit {
          rows.append(Row(thread: thread, level: rows.count - first, spans: [number]))
        } else {
          omitted += 1
        }
      }
    }
  }

  /// What to call a row.
  static func name(of row: Row) -> String {
    row.level == 0 ? "thread \(row.thread)" : "thread \(row.thread) (\(row.level + 1))"
  }
}
