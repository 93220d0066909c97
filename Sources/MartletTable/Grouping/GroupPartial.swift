/// The groups of one part of the input with their accumulated state. Immutable.
///
/// Groups are numbered in order of first occurrence. Those of several keys may occur more than once (`GroupTable`).
// Sendable because nothing changes after `GroupAccumulator.finish()`, which gives up its references.
package final class GroupPartial: @unchecked Sendable {
  let layout: StateLayout
  let keyCount: Int
  let dictionaries: [TextDictionary]
  let rows: RowStore
  let nullCounts: SideCounts
  /// How often the sums of ints went over.
  let turns: SideCounts
  let collections: [CollectedValues]
  let texts: TextStore
  let retained: [AnyObject]
  let retainedBytes: Int
  /// How many records the groups stand for.
  package let recordCount: Int
  /// Bytes that this partial keeps alive.
  package let residentBytes: Int

  init(_ source: GroupAccumulator, collections: [CollectedValues], retained: [AnyObject], retainedBytes: Int) {
    layout = source.layout
    keyCount = source.keyCount
    dictionaries = source.dictionaries
    rows = source.rows
    nullCounts = source.nullCounts
    turns = source.turns
    self.collections = collections
    texts = source.texts
    self.retained = retained
    self.retainedBytes = retainedBytes
    recordCount = source.recordCount
    var bytes = source.residentBytes
    for values in collections { bytes += values.residentBytes }
    residentBytes = bytes
  }

  /// Groups that were written down. What their rows point to lies in `texts`.
  init(
    layout: StateLayout, dictionaries: [TextDictionary], rows: RowStore, nullCounts: SideCounts,
    turns: SideCounts, collections: [CollectedValues], texts: TextStore, recordCount: Int
  ) {
    self.layout = layout
    keyCount = layout.spec.keyCount
    self.dictionaries = dictionaries
    self.rows = rows
    self.nullCounts = nullCounts
    self.turns = turns
    self.collections = collections
    self.texts = texts
    retained = []
    retainedBytes = 0
    self.recordCount = recordCount
    var bytes =
      nullCounts.residentBytes + turns.residentBytes + texts.residentBytes + (keyCount > 1 ? rows.residentBytes : 0)
    for dictionary in dictionaries { bytes += dictionary.residentBytes }
    for values in collections { bytes += values.residentBytes }
    residentBytes = bytes
  }

  package var groupCount: Int { rows.count }
  package var spec: GroupSpec { layout.spec }

  /// Values that `finish` still has to look at one by one.
  var collectedCount: Int { collections.reduce(0) { $0 + $1.count } }

  /// The dictionary id of a group's key.
  @inline(__always)
  func keyID(_ group: Int, column: Int) -> UInt32 {
    if keyCount == 1 { return UInt32(truncatingIfNeeded: group) }
    return rows.view.address(group).assumingMemoryBound(to: UInt32.self)[column]
  }

  @inline(__always)
  func state(_ group: Int) -> UnsafeMutableRawPointer {
    rows.view.address(group) + GroupAccumulator.stateOffset(keyCount: keyCount)
  }

  /// The groups of all parts together.
  ///
  /// - Parameter parts: In file order, all of one `GroupSpec`; at least one. Merging neighbours first, in a tree of
  ///   any shape, gives the same groups in the same order, and doubles that differ by rounding only.
  /// - Complexity: A hash lookup for every group of every part, and one for every distinct key.
  package static func merge(_ parts: [GroupPartial]) throws(TableError) -> GroupPartial {
    if parts.count == 1 { return parts[0] }
    let target = try GroupAccumulator(parts[0].spec, tuning: parts[0].layout.tuning)
    for part in parts { try target.absorb(part) }
    return target.finish()
  }
}
