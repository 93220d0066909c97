/// What the scan of one partition found.
package struct ScanResult: Sendable {
  /// Where the first record of the partition really starts in its file.
  package var begin: Int
  /// Where the record behind its last one starts; nil when a limit ended the scan before the partition's end.
  package var end: Int?
  /// Records read.
  package var records = 0
  /// What was let pass: padded, cut and skipped records.
  package var notes = ReadNotes()
  /// Failed CASTs, which gave NULL.
  package var castFailures = 0
  /// Cells, by typed column, that the plan's types do not hold: the scan gave up its result and only looked for these.
  package var contradictions: [SeenTypes]
  /// The sink's result; nothing after a contradiction, unless a limit had been reached before it.
  package var partial: SinkPartial?
  /// Why there is no result, where a task gives the reason instead of throwing it: one that runs in another process.
  package var failure: TableError?

  package init(begin: Int, end: Int?, contradictions: [SeenTypes]) {
    self.begin = begin
    self.end = end
    self.contradictions = contradictions
  }

  /// Whether cells were met that the plan's types do not hold.
  package var isContradicted: Bool { contradictions.contains { !$0.isEmpty } }
}

extension ScanResult {
  /// What neighbouring scans found together, in the order of the input.
  ///
  /// With a limit, what stands behind the record that reaches it counts for nothing: neither records nor
  /// contradictions.
  ///
  /// - Parameter mergesPartials: Whether the partial results are merged too, or left to the caller.
  package static func merge(
    _ parts: [ScanResult], sink: SinkPlan, mergesPartials: Bool = true
  ) throws -> ScanResult {
    var whole = ScanResult(begin: parts[0].begin, end: parts[0].end, contradictions: parts[0].contradictions)
    whole.contradictions = whole.contradictions.map { _ in [] }
    var partials: [SinkPartial] = []
    var missing = sink.limit
    for part in parts where missing != 0 {
      whole.records += part.records
      whole.notes.merge(part.notes)
      whole.castFailures += part.castFailures
      whole.end = part.end
      whole.failure = whole.failure ?? part.failure
      if let partial = part.partial {
        partials.append(partial)
        missing = missing.map { max(0, $0 - partial.rowCount) }
      }
      if missing != 0 {
        for index in whole.contradictions.indices { whole.contradictions[index].formUnion(part.contradictions[index]) }
        if sink.limit != nil && whole.isContradicted { break }
      }
    }
    let isLost = whole.isContradicted && sink.limit == nil
    whole.partial = isLost || partials.isEmpty || !mergesPartials ? nil : try SinkPartial.merge(partials, sink: sink)
    return whole
  }
}
