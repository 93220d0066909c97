/// How a grouping is presented.
package struct GroupFinishOptions: Sendable {
  /// Names of the columns: keys, then aggregates.
  package var names: [String]
  /// The types of the key columns where they are given; nil for the narrowest type that holds all keys.
  package var keyTypes: [ColumnType?]

  package init(names: [String], keyTypes: [ColumnType?]) {
    self.names = names
    self.keyTypes = keyTypes
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
///     shard(0) … shard(shardCount - 1)      each range merged, finished, in order
///
/// Of one key column the keys often are numbers already, or texts of which eight bytes tell nearly everything. Then there are
/// no ranks:
///
///     survey(0) … survey(parts.count - 1)   what the keys of a part look like
///           └── measure(surveys)            whether, and how, they become numbers
///     keys(0) … keys(parts.count - 1)
///           └── order(keys)
///
/// A group's keys become one number that orders as they do (their ranks, put side by side as bits), so that merging is sorting:
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
  /// Where each part's rows lie.
  let views: [RowView]

  /// - Parameter parts: In file order, at least one, all of one `GroupSpec`.
  package init(_ parts: [GroupPartial], options: GroupFinishOptions, reader: any KeyCellReader) {
    self.parts = parts
    self.options = options
    self.reader = reader
    layout = parts[0].layout
    views = parts.map(\.rows.view)
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

  /// Whether it is worth asking if the keys number the groups themselves.
  package var mayBeDirect: Bool {
    layout.spec.keyCount == 1 && rankingCount == 1 && entryCount >= layout.tuning.directKeys
  }

  /// What the keys of a part look like.
  package func survey(_ part: Int) -> KeySurvey {
    KeySurvey(parts[part].dictionaries[0], type: options.keyTypes[0], reader: reader)
  }

  /// How keys become numbers; nil where they have to be ranked.
  package func measure(_ surveys: [KeySurvey]) -> KeyMeasure? { KeyMeasure(surveys) }

  /// The keys of a part; nil where some are not of their type, which ranking explains.
  package func keys(_ part: Int, _ measure: KeyMeasure) -> PartKeys? {
    PartKeys(parts[part].dictionaries[0], measure, reader: reader)
  }

  /// The order of groups that number themselves; nil where they do not.
  package func order(_ keys: [PartKeys?], _ measure: KeyMeasure) -> GroupOrder? {
    let all = keys.compactMap { $0 }
    return all.count == keys.count ? GroupOrder(all, measure) : nil
  }

  private func directOrder() -> GroupOrder? {
    guard mayBeDirect, let measure = measure(parts.indices.map(survey)) else { return nil }
    return order(parts.indices.map { keys($0, measure) }, measure)
  }

  /// Step three.
  package func place(_ part: Int, _ order: GroupOrder) -> GroupPlacement {
    GroupPlacement(parts[part], part: part, order, bucketBits: bucketBits)
  }

  private var entryCount: Int { parts.reduce(0) { $0 + $1.groupCount } }

  private var bucketBits: Int {
    guard entryCount >= 1 << 14 || collectedCount >= 1 << 16 else { return 0 }
    return min(10, max(4, Int.bitWidth - (entryCount >> 12).leadingZeroBitCount))
  }

  private var collectedCount: Int { parts.reduce(0) { $0 + $1.collectedCount } }

  /// Step four.
  ///
  /// - Parameter targetBytes: How much a shard's piece of the result should take, roughly: few enough that the shards in
  ///   work at a time fit beside the partials, many enough that a task is worth it.
  package func shards(
    _ placements: [GroupPlacement], _ order: GroupOrder, targetBytes: Int = 4 << 20
  ) -> GroupShards {
    GroupShards(
      self, placements, order, targetBytes: targetBytes,
      workBytes: entryCount * (64 + 24 * options.names.count) + collectedCount * 16)
  }

  /// All steps, one after the other.
  package func finish() throws(TableError) -> GroupFrame {
    let order: GroupOrder
    if let direct = directOrder() {
      order = direct
    } else {
      var rankings: [TextRanking] = []
      for index in 0..<rankingCount { rankings.append(try rank(index)) }
      order = self.order(rankings)
    }
    let shards = shards(parts.indices.map { place($0, order) }, order)
    return GroupShards.join((0..<shards.count).map { shards.shard($0).frame() })
  }
}
