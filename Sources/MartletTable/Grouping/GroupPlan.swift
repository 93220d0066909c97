/// How a grouping is presented.
package struct GroupFinishOptions: Sendable {
  /// Names of the columns: keys, then aggregates.
  package var names: [String]
  /// The types of the key columns where they are given; nil for the narrowest type that holds all keys.
  package var keyTypes: [ColumnType?]
  /// Groups ascending by their keys, nulls last; else in order of first occurrence.
  package var isOrdered: Bool

  package init(names: [String], keyTypes: [ColumnType?], isOrdered: Bool = true) {
    self.names = names
    self.keyTypes = keyTypes
    self.isOrdered = isOrdered
  }
}

/// The groups of a result, or of a piece of it.
package struct GroupFrame: Sendable {
  /// Key columns as texts, byte for byte as in the input, then aggregates.
  package var frame: Frame
  /// What the texts of the key columns stand for.
  package var keyTypes: [ColumnType]
}

/// From the partials of all partitions to the ordered groups, in steps that can run side by side:
///
///     rank(0) … rank(rankingCount - 1)      the order of each column's distinct keys
///           └── order(rankings)             one number a combination of keys
///     place(0) … place(parts.count - 1)     each part's groups by that number, in ranges
///           └── shards(placements)
///     frame(0) … frame(shardCount - 1)      each range merged, finished, in order; concatenate
///
/// A group's keys become one number that orders as they do (mixed radix over the ranks), so that merging is sorting:
/// equal numbers are one group, its states are added up in the order of the parts, and the ranges follow each other
/// in the result. Every step is a function of its arguments only; nothing depends on which thread ran first.
///
/// Equal values with different bytes, 1.5 and 1.50 in a column of doubles, have one rank and so become one group, which
/// is shown as its first occurrence was written.
// Sendable: the stored values are immutable, the reader is Sendable.
package final class GroupPlan: @unchecked Sendable {
  let parts: [GroupPartial]
  let options: GroupFinishOptions
  private let reader: any KeyCellReader
  let layout: StateLayout
  /// For each collection whether it needs a ranking of its texts, and which: an index into the rankings.
  let collectionRankings: [Int?]
  /// How many rankings `order` wants: one a key column, then one for each argument whose distinct texts are counted.
  package let rankingCount: Int
  /// Records before each part.
  let recordOffsets: [Int64]

  /// - Parameter parts: In file order, at least one, all of one `GroupSpec`.
  package init(_ parts: [GroupPartial], options: GroupFinishOptions, reader: any KeyCellReader) {
    self.parts = parts
    self.options = options
    self.reader = reader
    layout = parts[0].layout
    var next = layout.spec.keyCount
    collectionRankings = layout.collections.map { kind in
      guard case .counts(let argument) = kind, parts[0].layout.storages[argument] == .texts else { return nil }
      next += 1
      return next - 1
    }
    rankingCount = next
    var offset: Int64 = 0
    recordOffsets = parts.map { part in
      offset += Int64(part.recordCount)
      return offset - Int64(part.recordCount)
    }
  }

  /// Step one.
  package func rank(_ index: Int) throws(TableError) -> TextRanking {
    let keyCount = layout.spec.keyCount
    if index < keyCount {
      return try TextRanking(
        parts.map { $0.dictionaries[index] }, type: options.keyTypes[index], column: options.names[index],
        reader: reader, tuning: layout.tuning)
    }
    let collection = collectionRankings.firstIndex { $0 == index }!
    return try TextRanking(
      parts.map { $0.collections[collection].dictionary! }, type: .text, column: "", reader: nil,
      tuning: layout.tuning)
  }

  /// Step two, short unless the keys' combinations are more than 64 bits can number.
  package func order(_ rankings: [TextRanking]) -> GroupOrder { GroupOrder(parts, rankings, layout.spec.keyCount) }

  /// Step three.
  package func place(_ part: Int, _ order: GroupOrder) -> GroupPlacement {
    GroupPlacement(parts[part], part: part, order, bucketBits: bucketBits)
  }

  private var entryCount: Int { parts.reduce(0) { $0 + $1.groupCount } }

  private var bucketBits: Int {
    guard options.isOrdered, entryCount >= 1 << 14 || collectedCount >= 1 << 16 else { return 0 }
    return min(10, max(4, Int.bitWidth - (entryCount >> 12).leadingZeroBitCount))
  }

  private var collectedCount: Int { parts.reduce(0) { $0 + $1.collectedCount } }

  /// Step four.
  ///
  /// - Parameter targetBytes: How much a shard's piece of the result should take, roughly: few enough that the shards in
  ///   work at a time fit beside the partials, many enough that a task is worth it.
  package func shards(
    _ placements: [GroupPlacement], _ order: GroupOrder, targetBytes: Int = 16 << 20
  ) -> GroupShards {
    GroupShards(
      self, placements, order, targetBytes: targetBytes,
      workBytes: entryCount * (64 + 24 * options.names.count) + collectedCount * 16)
  }

  /// All steps, one after the other.
  package func finish() throws(TableError) -> GroupFrame {
    var rankings: [TextRanking] = []
    for index in 0..<rankingCount { rankings.append(try rank(index)) }
    let order = order(rankings)
    let shards = shards(parts.indices.map { place($0, order) }, order)
    return GroupShards.join((0..<shards.count).map { shards.frame($0) })
  }
}

/// One number for each combination of keys, in the keys' order.
// Sendable: immutable.
package final class GroupOrder: @unchecked Sendable {
  let rankings: [TextRanking]
  private let keyCount: Int
  /// The types of the key columns.
  package var keyTypes: [ColumnType] { rankings.prefix(keyCount).map(\.type) }
  /// The columns before this one are in `prefixes`.
  private let firstColumn: Int
  /// The rank of each group by its first columns, a list a part; empty while 64 bits hold all columns.
  private let prefixes: [[UInt32]]
  /// All numbers are below; 0 stands for 2^64.
  let bound: UInt64

  init(_ parts: [GroupPartial], _ rankings: [TextRanking], _ keyCount: Int) {
    self.rankings = rankings
    self.keyCount = keyCount
    var bound: UInt64 = 1
    var firstColumn = 0
    var prefixes: [[UInt32]] = []
    for column in 0..<keyCount {
      let size = UInt64(rankings[column].rankCount)
      let (product, overflow) = bound.multipliedReportingOverflow(by: size)
      if !overflow {
        bound = product
        continue
      }
      // Columns so far are replaced by the dense rank of their combinations, which is at most 32 bits.
      (prefixes, bound) = Self.densify(
        parts, rankings, columns: firstColumn..<column, prefixes: prefixes, keyCount: keyCount)
      firstColumn = column
      bound *= size
    }
    self.bound = bound
    self.firstColumn = firstColumn
    self.prefixes = prefixes
  }

  private struct Item: BitwiseCopyable {
    var key: UInt64
    var part: UInt32
    var group: UInt32
  }

  private static func densify(
    _ parts: [GroupPartial], _ rankings: [TextRanking], columns: Range<Int>, prefixes: [[UInt32]], keyCount: Int
  ) -> ([[UInt32]], UInt64) {
    var items: [Item] = []
    items.reserveCapacity(parts.reduce(0) { $0 + $1.groupCount })
    for (number, part) in parts.enumerated() {
      for group in 0..<part.groupCount {
        var key = prefixes.isEmpty ? 0 : UInt64(prefixes[number][group])
        for column in columns {
          key =
            key &* UInt64(rankings[column].rankCount)
            &+ UInt64(rankings[column].ranks[number][Int(part.keyID(group, column: column))])
        }
        items.append(Item(key: key, part: UInt32(number), group: UInt32(group)))
      }
    }
    let count = items.count
    items.withUnsafeMutableBufferPointer { items in
      let scratch = UnsafeMutablePointer<Item>.allocate(capacity: count)
      radixSort(items.baseAddress!, scratch: scratch, count: count) { $0.key }
      scratch.deallocate()
    }
    var dense = parts.map { [UInt32](repeating: 0, count: $0.groupCount) }
    var rank: UInt32 = 0
    for index in 0..<count {
      if index > 0 && items[index].key != items[index - 1].key { rank += 1 }
      dense[Int(items[index].part)][Int(items[index].group)] = rank
    }
    return (dense, UInt64(rank) + 1)
  }

  /// The numbers of all groups of a part.
  func numbers(of part: GroupPartial, number: Int) -> [UInt64] {
    let groupCount = part.groupCount
    return [UInt64](unsafeUninitializedCapacity: groupCount) { keys, filled in
      filled = groupCount
      if prefixes.isEmpty {
        for group in 0..<groupCount { keys[group] = 0 }
      } else {
        for group in 0..<groupCount { keys[group] = UInt64(prefixes[number][group]) }
      }
      let view = part.rows.view
      for column in firstColumn..<max(firstColumn, keyCount) {
        let size = UInt64(rankings[column].rankCount)
        rankings[column].ranks[number].withUnsafeBufferPointer { ranks in
          if keyCount == 1 {
            for group in 0..<groupCount { keys[group] = keys[group] &* size &+ UInt64(ranks[group]) }
          } else {
            for group in 0..<groupCount {
              let id = view.address(group).assumingMemoryBound(to: UInt32.self)[column]
              keys[group] = keys[group] &* size &+ UInt64(ranks[Int(id)])
            }
          }
        }
      }
    }
  }
}

/// The groups of a part in ranges of their numbers.
// Sendable: immutable.
package final class GroupPlacement: @unchecked Sendable {
  struct Entry: BitwiseCopyable {
    var number: UInt64
    var part: UInt32
    var group: UInt32
  }

  let bucketCount: Int
  /// The entries of bucket `b` are `starts[b]..<starts[b + 1]`, in order of the groups.
  let starts: [Int]
  let entries: UnsafeMutablePointer<Entry>

  init(_ part: GroupPartial, part index: Int, _ order: GroupOrder, bucketBits: Int) {
    let numbers = order.numbers(of: part, number: index)
    let count = numbers.count
    bucketCount = 1 << bucketBits
    entries = .allocate(capacity: count)
    // Numbers times `scale` fill the 64 bits, so that the upper bits tell the bucket, and buckets order as numbers.
    let scale = order.bound == 0 ? 1 : max(1, UInt64.max / order.bound)
    let shift = UInt64(64 - bucketBits)
    let entries = entries
    if bucketBits == 0 {
      for group in 0..<count {
        (entries + group).initialize(
          to: Entry(number: numbers[group], part: UInt32(index), group: UInt32(truncatingIfNeeded: group)))
      }
      starts = [0, count]
      return
    }
    var next = [Int](repeating: 0, count: bucketCount + 1)
    for group in 0..<count { next[Int((numbers[group] &* scale) &>> shift) &+ 1] &+= 1 }
    for bucket in 0..<bucketCount { next[bucket + 1] += next[bucket] }
    starts = next
    for group in 0..<count {
      let bucket = Int((numbers[group] &* scale) &>> shift)
      (entries + next[bucket]).initialize(
        to: Entry(number: numbers[group], part: UInt32(index), group: UInt32(truncatingIfNeeded: group)))
      next[bucket] &+= 1
    }
  }

  deinit { entries.deallocate() }
}
