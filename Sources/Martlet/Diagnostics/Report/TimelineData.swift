import MartletGraph

/// The spans of a record as numbers that the page's timeline reads, at most so many: where there are more, those that are
/// shorter than a piece of the time become one block a piece.
///
/// JSON: `{"unit":…,"wall":…,"labels":[…],"colors":[…],"rows":[{"name":…,"spans":[label,gap,length,task,mark,…]},…]}`. Times are in
/// units of so many nanoseconds; a gap is the time since the end of the span before. `task` is the number of a task, or for a
/// block minus the number of its tasks. `mark` is 1000 for a task, -1 for one that failed, and for a block how much of it was
/// busy, of 1000.
struct TimelineData {
  private(set) var json = ""
  /// Whether there are blocks.
  private(set) var isAggregated = false
  /// Spans that are not in it, because too many overlap or there are too many rows.
  private(set) var omitted = 0

  private struct Block {
    var label: Int
    var begin: UInt64
    var end: UInt64
    var task: Int
    var mark: Int
  }

  static let rowLimit = 256

  /// - Parameter colors: By label.
  init(_ record: RunRecord, colors: [Color], limit: Int) {
    let rows = SpanRows(record.spans, threads: record.threads)
    omitted = rows.omitted + rows.rows.dropFirst(Self.rowLimit).reduce(0) { $0 + $1.spans.count }
    let shown = rows.rows.prefix(Self.rowLimit)
    var unit: UInt64 = 1
    while record.wallNanoseconds / unit > 1_000_000_000 { unit *= 10 }
    isAggregated = record.spans.count > limit
    // In a row there are at most so many pieces, and as many spans that are longer than one.
    let pieces = max(1, limit / (2 * max(1, shown.count)))
    json = "{\"unit\":\(unit),\"wall\":\(record.wallNanoseconds / unit),\"labels\":["
    json += record.labels.map(JSON.string).joined(separator: ",")
    json += "],\"colors\":[" + colors.map { "\"\($0.text)\"" }.joined(separator: ",") + "],\"rows\":["
    for (number, row) in shown.enumerated() {
      let blocks = isAggregated ? aggregated(row, record, pieces) : row.spans.map { Self.block(record.spans[$0]) }
      json += (number == 0 ? "" : ",") + "\n{\"name\":\(JSON.string(SpanRows.name(of: row))),\"spans\":["
      var last: UInt64 = 0
      for (place, block) in blocks.enumerated() {
        // Rounded ends, so that the gaps do not add up to an error.
        let begin = max(last, (max(block.begin, record.begin) - record.begin) / unit)
        let end = max(begin, (max(block.end, record.begin) - record.begin) / unit)
        json += "\(place == 0 ? "" : ",")\(block.label),\(begin - last),\(end - begin),\(block.task),\(block.mark)"
        last = end
      }
      json += "]}"
    }
    json += "]}"
  }

  private static func block(_ span: RunRecord.Span) -> Block {
    Block(
      label: span.label, begin: span.begin, end: max(span.begin, span.end), task: span.task.index,
      mark: span.hasFailed ? -1 : 1000)
  }

  private func aggregated(_ row: SpanRows.Row, _ record: RunRecord, _ pieces: Int) -> [Block] {
    let length = max(1, record.wallNanoseconds / UInt64(pieces))
    var blocks: [Block] = []
    var gathered: [RunRecord.Span] = []
    var piece: UInt64 = 0
    func close() {
      guard let first = gathered.first, let last = gathered.last else { return }
      if gathered.count == 1 {
        blocks.append(Self.block(first))
      } else {
        var times: [Int: UInt64] = [:]
        var busy: UInt64 = 0
        for span in gathered {
          times[span.label, default: 0] += span.nanoseconds
          busy += span.nanoseconds
        }
        let label = times.min { ($1.value, $0.key) < ($0.value, $1.key) }!.key
        let share = Int(1000 * busy / max(1, last.end - first.begin))
        blocks.append(
          Block(
            label: label, begin: first.begin, end: last.end, task: -gathered.count, mark: min(1000, max(1, share))))
      }
      gathered = []
    }
    for number in row.spans {
      let span = record.spans[number]
      let place = (max(span.begin, record.begin) - record.begin) / length
      if span.nanoseconds >= length || span.hasFailed {
        close()
        blocks.append(Self.block(span))
      } else {
        if place != piece { close() }
        piece = place
        gathered.append(span)
      }
    }
    close()
    return blocks
  }
}
