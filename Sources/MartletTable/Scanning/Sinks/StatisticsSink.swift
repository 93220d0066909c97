/// Summarises columns.
final class StatisticsSink: Sink {
  private let slots: [Int]
  private let columns: [ColumnStatistics]

  init(_ slots: [Int], schema: [SchemaColumn]) {
    self.slots = slots
    columns = slots.map { ColumnStatistics(type: schema[$0].type) }
  }

  func consume(_ batch: borrowing ScanBatch, arena: TextArena) -> Bool {
    for (slot, column) in zip(slots, columns) { column.consume(batch.values[slot]!, count: batch.count) }
    return false
  }

  func finish() -> SinkPartial? { .statistics(columns.map { $0.finish() }) }
}

/// Counts how often each value of a column occurs.
final class FrequencySink: Sink {
  private let texts: [SlotText]
  private let counts: [TextCounts]

  init(_ slots: [Int], fileColumns: Int, schema: [SchemaColumn]) throws(TableError) {
    texts = try SlotText.all(slots, fileColumns: fileColumns, schema: schema)
    counts = slots.map { _ in TextCounts() }
  }

  func consume(_ batch: borrowing ScanBatch, arena: TextArena) throws -> Bool {
    for (text, counts) in zip(texts, counts) {
      counts.consume(try text.cells(batch, arena: arena), count: batch.count)
    }
    return false
  }

  func finish() -> SinkPartial? { .frequencies(counts.map { $0.finish() }) }
}
