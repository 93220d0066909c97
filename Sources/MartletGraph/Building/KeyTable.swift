import MartletBytes

/// Finds the task with a digest: open addressing, at most half full. Holds numbers of tasks only; the digests are the
/// graph's.
struct KeyTable {
  private var table: [UInt32] = []
  private var count = 0

  /// The task with `digest`, or nil.
  func task(with digest: Digest128, in digests: UnsafeMutablePointer<Digest128>) -> UInt32? {
    guard !table.isEmpty else { return nil }
    var place = Int(truncatingIfNeeded: digest.low) & (table.count - 1)
    while table[place] != 0 {
      if digests[Int(table[place] - 1)] == digest { return table[place] - 1 }
      place = (place + 1) & (table.count - 1)
    }
    return nil
  }

  /// Adds a task whose digest is not in the table.
  mutating func insert(_ task: UInt32, in digests: UnsafeMutablePointer<Digest128>) {
    if (count + 1) * 2 > table.count {
      let old = table
      table = [UInt32](repeating: 0, count: max(32, old.count * 2))
      for entry in old where entry != 0 { place(entry, digests) }
    }
    place(task + 1, digests)
    count += 1
  }

  private mutating func place(_ entry: UInt32, _ digests: UnsafeMutablePointer<Digest128>) {
    var place = Int(truncatingIfNeeded: digests[Int(entry - 1)].low) & (table.count - 1)
    while table[place] != 0 { place = (place + 1) & (table.count - 1) }
    table[place] = entry
  }
}
