/// Keeps the first `limit` records.
final class CollectSink: Sink {
  private let slots: [Int]
  private let fileColumns: Int
  private let limit: Int
  private var frame: FrameBuilder

  init(_ slots: [Int], limit: Int, fileColumns: Int, schema: [SchemaColumn]) {
    self.slots = slots
    self.fileColumns = fileColumns
    self.limit = limit
    frame = FrameBuilder(slots, fileColumns: fileColumns, schema: schema)
  }

  func consume(_ batch: borrowing ScanBatch, arena: TextArena) -> Bool {
    frame.append(batch.cells(of: slots, fileColumns: fileColumns), rows: 0..<min(batch.count, limit - frame.count))
    return frame.count == limit
  }

  func finish() -> SinkPartial? { .collected(frame.finish()) }
}

/// Keeps the last `limit` records.
final class TailSink: Sink {
  private let slots: [Int]
  private let fileColumns: Int
  private let limit: Int
  private let makeBuilder: () -> FrameBuilder
  /// The newest records, and before them `older`; together at least `limit` once so many have passed.
  private var newer: FrameBuilder
  private var older: Frame?

  init(_ slots: [Int], limit: Int, fileColumns: Int, schema: [SchemaColumn]) {
    self.slots = slots
    self.fileColumns = fileColumns
    self.limit = limit
    makeBuilder = { FrameBuilder(slots, fileColumns: fileColumns, schema: schema) }
    newer = makeBuilder()
  }

  func consume(_ batch: borrowing ScanBatch, arena: TextArena) -> Bool {
    if newer.count >= max(limit, Batch.capacity) {
      older = newer.finish()
      newer = makeBuilder()
    }
    newer.append(
      batch.cells(of: slots, fileColumns: fileColumns), rows: max(0, batch.count - limit)..<batch.count)
    return false
  }

  func finish() -> SinkPartial? {
    let frame = newer.finish()
    return .collected(Frame.concatenating((older.map { [$0] } ?? []) + [frame]).last(limit))
  }
}

extension FrameBuilder {
  /// A builder for the cells of `slots`: columns of the files as text, derived ones with their types.
  init(_ slots: [Int], fileColumns: Int, schema: [SchemaColumn]) {
    self.init(
      names: slots.map { schema[$0].name }, types: slots.map { $0 < fileColumns ? .text : schema[$0].type })
  }
}

extension ScanBatch {
  /// The vectors of `slots`: columns of the files as text, derived ones as values.
  borrowing func cells(of slots: [Int], fileColumns: Int) -> [Vector] {
    var vectors: [Vector] = []
    vectors.reserveCapacity(slots.count)
    for slot in slots { vectors.append(slot < fileColumns ? texts[slot]! : values[slot]!) }
    return vectors
  }
}

extension Frame {
  /// The last `count` rows, or all when there are fewer.
  package func last(_ count: Int) -> Frame { rows(max(0, rowCount - count)..<rowCount) }

  /// The first `count` rows, or all when there are fewer.
  package func first(_ count: Int) -> Frame { rows(0..<min(count, rowCount)) }
}
