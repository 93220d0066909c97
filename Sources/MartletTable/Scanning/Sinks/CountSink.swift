/// Counts records; and takes part in nothing else, for scans that only look for types.
final class CountSink: Sink {
  private var count = 0

  func consume(_ batch: borrowing ScanBatch, arena: TextArena) -> Bool {
    count += batch.count
    return false
  }

  func finish() -> SinkPartial? { .count(count) }
}
