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
  package func frame(_ shard: Int) -> GroupFrame {
    let lower = bounds[shard]
    let upper = bounds[shard + 1]
    var count = 0
    for placement in placements { count += placement.starts[upper] - placement.starts[lower] }
    let entries = UnsafeMutablePointer<GroupPlacement.Entry>.allocate(capacity: max(count, 1))
    let scratch = UnsafeMutablePointer<GroupPlacement.Entry>.allocate(capacity: max(count, 1))
    defer {
      entries.deallocate()
      scratch.deallocate()
    }
    // Bucket by bucket, each within the second-level cache, parts in order: the sort is stable.
    var filled = 0
    for bucket in lower..<upper {
      let start = filled
      for placement in placements {
        let size = placement.starts[bucket + 1] - placement.starts[bucket]
        (entries + filled).update(from: placement.entries + placement.starts[bucket], count: size)
        filled += size
      }
      radixSort(entries + start, scratch: scratch, count: filled - start) { $0.number }
    }
    let groups = MergedGroups(plan, entries, count: count)
    return AggregateColumns(plan, order, groups).frame()
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

/// Runs of entries of one group each, with the group's state.
final class MergedGroups {
  let plan: GroupPlan
  let entries: UnsafePointer<GroupPlacement.Entry>
  /// The entries of group `g` are `starts[g]..<ends[g]`.
  private(set) var starts: [Int] = []
  private(set) var ends: [Int] = []
  private(set) var states: [UnsafeMutableRawPointer] = []
  private let merged: RowStore

  init(_ plan: GroupPlan, _ entries: UnsafePointer<GroupPlacement.Entry>, count: Int) {
    self.plan = plan
    self.entries = entries
    merged = RowStore(byteCount: plan.layout.byteCount, prepare: plan.layout.prepare)
    var start = 0
    while start < count {
      var end = start + 1
      while end < count && entries[end].number == entries[start].number { end += 1 }
      starts.append(start)
      ends.append(end)
      start = end
    }
    if !plan.options.isOrdered {
      // The first entry of a run is its first occurrence, because parts and groups are in order.
      let byOccurrence = starts.indices.sorted {
        let left = entries[starts[$0]]
        let right = entries[starts[$1]]
        return (left.part, left.group) < (right.part, right.group)
      }
      starts = byOccurrence.map { starts[$0] }
      ends = byOccurrence.map { ends[$0] }
    }
    mergeStates()
  }

  var count: Int { starts.count }

  private func mergeStates() {
    let capacity = LookupScratch.capacity
    let sources = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: capacity)
    let targets = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: capacity)
    let shifts = UnsafeMutablePointer<Int64>.allocate(capacity: capacity)
    defer {
      sources.deallocate()
      targets.deallocate()
      shifts.deallocate()
    }
    var pairs = 0
    states.reserveCapacity(count)
    for group in 0..<count {
      let start = starts[group]
      let end = ends[group]
      if end - start == 1 {
        states.append(plan.parts[Int(entries[start].part)].state(Int(entries[start].group)))
        continue
      }
      let row = merged.append()
      let target = merged.view.address(row)
      states.append(target)
      for index in start..<end {
        if pairs == capacity {
          plan.layout.merge(from: sources, into: targets, count: pairs, ordinalShifts: shifts)
          pairs = 0
        }
        let part = Int(entries[index].part)
        (sources + pairs).initialize(to: plan.parts[part].state(Int(entries[index].group)))
        (targets + pairs).initialize(to: target)
        shifts[pairs] = plan.recordOffsets[part]
        pairs += 1
      }
    }
    plan.layout.merge(from: sources, into: targets, count: pairs, ordinalShifts: shifts)
  }

  /// The records of each group that are null in `argument`; nil where none is.
  func nullCounts(_ argument: Int) -> [Int64]? {
    if plan.parts.allSatisfy(\.nullCounts.isEmpty) { return nil }
    return (0..<count).map { group in
      var sum: Int64 = 0
      for index in starts[group]..<ends[group] {
        sum += plan.parts[Int(entries[index].part)].nullCounts.count(
          group: Int(entries[index].group), argument: argument)
      }
      return sum
    }
  }
}
