import MartletSystem

/// The groups in ranges of their order: each can be merged and finished by a task of its own.
// Sendable: immutable.
package final class GroupShards: @unchecked Sendable {
  private let plan: GroupPlan
  private let placements: [GroupPlacement]
  private let order: GroupOrder
  /// Shard `i` is the buckets `bounds[i]..<bounds[i + 1]`.
  private let bounds: [Int]

  init(
    _ plan: GroupPlan, _ placements: [GroupPlacement], _ order: GroupOrder, targetBytes: Int, workBytes: Int
  ) {
    self.plan = plan
    self.placements = placements
    self.order = order
    let bucketCount = placements[0].bucketCount
    let wanted = max(1, min(bucketCount, workBytes / max(targetBytes, 1)))
    let total = placements.reduce(0) { $0 + $1.starts[bucketCount] }
    var bounds = [0]
    var covered = 0
    for bucket in 0..<bucketCount {
      for placement in placements { covered += placement.starts[bucket + 1] - placement.starts[bucket] }
      // The last bucket of a shard is the one that reaches its share of all entries.
      if covered * wanted >= bounds.count * total && covered > 0 && bucket + 1 < bucketCount && bounds.count < wanted {
        bounds.append(bucket + 1)
      }
    }
    bounds.append(bucketCount)
    self.bounds = bounds
  }

  /// How many pieces the result comes in.
  package var count: Int { bounds.count - 1 }

  /// The groups of one range, merged over all parts, in order.
  package func shard(_ shard: Int) -> GroupShard {
    let lower = bounds[shard]
    let upper = bounds[shard + 1]
    var count = 0
    for placement in placements { count += placement.starts[upper] - placement.starts[lower] }
    let entries = UnsafeMutablePointer<GroupPlacement.Entry>.allocate(capacity: max(count, 1))
    let scratch = UnsafeMutablePointer<GroupPlacement.Entry>.allocate(capacity: max(count, 1))
    defer { scratch.deallocate() }
    let stateOffset = GroupAccumulator.stateOffset(keyCount: plan.layout.spec.keyCount)
    // Bucket by bucket, each within the second-level cache, parts in order: the sort is stable.
    var filled = 0
    var refined: UInt64 = 0
    for bucket in lower..<upper {
      let start = filled
      for (placement, view) in zip(placements, plan.views) {
        let copied = placement.copy(bucket: bucket, to: entries + filled)
        // The states are wanted in another order after the sort, and lie far apart now.
        for index in filled..<filled + copied { martlet_prefetch(view.address(entries[index].group) + stateOffset) }
        filled += copied
      }
      radixSort(entries + start, scratch: scratch, count: filled - start) { $0.number }
      if !order.isExact { refine(UnsafeMutableBufferPointer(start: entries + start, count: filled - start), &refined) }
    }
    return GroupShard(MergedGroups(plan, entries, count: count), order)
  }

  /// Orders entries of one number, whose keys begin alike, by the whole keys, and numbers them anew from `next` on.
  private func refine(_ entries: UnsafeMutableBufferPointer<GroupPlacement.Entry>, _ next: inout UInt64) {
    let views = plan.views
    func text(_ entry: GroupPlacement.Entry) -> UnsafeBufferPointer<UInt8> {
      TextDictionary.text(at: views[Int(entry.part)].address(entry.group))
    }
    var start = 0
    while start < entries.count {
      var end = start + 1
      var isOne = true
      while end < entries.count && entries[end].number == entries[start].number {
        if isOne { isOne = compareTexts(text(entries[start]), text(entries[end])) == 0 }
        end += 1
      }
      if !isOne {
        entries[start..<end].sort { left, right in
          let order = compareTexts(text(left), text(right))
          return order != 0 ? order < 0 : (left.part, left.group) < (right.part, right.group)
        }
      }
      // The texts are compared again, for their numbers are overwritten.
      var before = entries[start]
      entries[start].number = next
      for index in start + 1..<end {
        if !isOne && compareTexts(text(before), text(entries[index])) != 0 { next &+= 1 }
        before = entries[index]
        entries[index].number = next
      }
      next &+= 1
      start = end
    }
  }

  /// The pieces, one below the other.
  package static func join(_ pieces: [GroupFrame]) -> GroupFrame {
    if pieces.count == 1 { return pieces[0] }
    var result = pieces[0]
    result.frame.rowCount = pieces.reduce(0) { $0 + $1.frame.rowCount }
    for column in result.frame.columns.indices {
      result.frame.columns[column] = Column.joined(pieces.map { $0.frame.columns[column] })
    }
    return result
  }
}
