/// Draws records uniformly; which ones follows from the seed and from where they stand in the input.
final class SampleSink: Sink {
  private let texts: [SlotText]
  private let names: [String]
  private let file: Int
  private let accumulator: SampleAccumulator

  init(
    _ slots: [Int], count: Int, seed: UInt64, file: Int, fileColumns: Int, schema: [SchemaColumn]
  ) throws(TableError) {
    texts = try SlotText.all(slots, fileColumns: fileColumns, schema: schema)
    names = slots.map { schema[$0].name }
    self.file = file
    accumulator = SampleAccumulator(count: count, seed: seed, columnCount: slots.count)
  }

  var wantsOffsets: Bool { true }

  func consume(_ batch: borrowing ScanBatch, arena: TextArena) throws -> Bool {
    var columns: [Vector] = []
    for text in texts { columns.append(try text.cells(batch, arena: arena)) }
    batch.offsets.withUnsafeBufferPointer { offsets in
      guard let first = offsets.baseAddress else { return }
      accumulator.consume(columns: columns, file: file, offsets: first, count: offsets.count)
    }
    return false
  }

  func finish() -> SinkPartial? { .sample(accumulator.finish(), names: names) }
}

/// Keeps the first records of an order.
final class TopSink: Sink {
  private let texts: [SlotText]
  private let names: [String]
  private let keys: [Int]
  private let accumulator: TopRecords

  init(
    _ slots: [Int], keys: [SlotOrder], count: Int, fileColumns: Int, schema: [SchemaColumn]
  ) throws(TableError) {
    texts = try SlotText.all(slots, fileColumns: fileColumns, schema: schema)
    names = slots.map { schema[$0].name }
    self.keys = keys.map(\.slot)
    accumulator = TopRecords(
      RecordOrder(types: keys.map { schema[$0.slot].type }, descending: keys.map(\.isDescending)),
      columnCount: slots.count, limit: count)
  }

  func consume(_ batch: borrowing ScanBatch, arena: TextArena) throws -> Bool {
    var columns: [Vector] = []
    for text in texts { columns.append(try text.cells(batch, arena: arena)) }
    accumulator.consume(keys: keys.map { batch.values[$0]! }, columns: columns, count: batch.count)
    return false
  }

  func finish() -> SinkPartial? { .top(accumulator.finish(), names: names) }
}
