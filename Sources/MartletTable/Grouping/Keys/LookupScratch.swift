/// Working memory of lookups, shared by all dictionaries of one accumulator.
final class LookupScratch {
  /// The most cells a lookup takes at once: the working set of a few columns stays in the first-level cache.
  static let capacity = 512

  /// Where the cells' numbers lead in a `DecimalIndex`.
  let places: UnsafeMutablePointer<UInt32> = .allocate(capacity: capacity)
  /// Cells whose numbers lead nowhere; one more, as of `misses`.
  let pending: UnsafeMutablePointer<UInt32> = .allocate(capacity: capacity + 1)
  /// Ids of those that were looked up by hash.
  let found: UnsafeMutablePointer<UInt32> = .allocate(capacity: capacity)
  let lows: UnsafeMutablePointer<UInt64> = .allocate(capacity: capacity)
  let highs: UnsafeMutablePointer<UInt64> = .allocate(capacity: capacity)
  let hashes: UnsafeMutablePointer<UInt32> = .allocate(capacity: capacity)
  /// One more than cells: the branchless append of `findAll` writes before it knows.
  let misses: UnsafeMutablePointer<UInt32> = .allocate(capacity: capacity + 1)
  let lengths: UnsafeMutablePointer<UInt32> = .allocate(capacity: capacity)
  let texts: UnsafeMutablePointer<UnsafePointer<UInt8>> = .allocate(capacity: capacity)

  deinit {
    places.deallocate()
    pending.deallocate()
    found.deallocate()
    lows.deallocate()
    highs.deallocate()
    hashes.deallocate()
    misses.deallocate()
    lengths.deallocate()
    texts.deallocate()
  }
}
