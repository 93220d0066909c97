/// Runs of entries of one group each, with the group's state.
final class MergedGroups {
  let plan: GroupPlan
  let entries: UnsafePointer<GroupPlacement.Entry>
  /// The entries of group `g` are `starts[g]..<ends[g]`.
  let starts: [Int]
  let ends: [Int]
  /// The state of each group: that of its part where there is only one, else one in `merged`.
  let states: [UnsafeMutableRawPointer]
  /// Where each part's rows lie.
  let views: [RowView]
  private let merged: RowStore

  init(_ plan: GroupPlan, _ entries: UnsafePointer<GroupPlacement.Entry>, count: Int) {
    self.plan = plan
    self.entries = entries
    merged = RowStore(byteCount: plan.layout.byteCount, prepare: plan.layout.prepare)
    views = plan.parts.map(\.rows.view)
    var starts: [Int] = []
    var ends: [Int] = []
    starts.reserveCapacity(count)
    ends.reserveCapacity(count)
    var start = 0
    while start < count {
      var end = start &+ 1
      while end < count && entries[end].number == entries[start].number { end &+= 1 }
      starts.append(start)
      ends.append(end)
      start = end
    }
    if !plan.options.isOrdered {
      // The first entry of a run is its first occurrence, because parts and groups are in order.
      let byOccurrence = starts.indices.sorted { [starts] in
        let left = entries[starts[$0]]
        let right = entries[starts[$1]]
        return (left.part, left.group) < (right.part, right.group)
      }
      starts = byOccurrence.map { [starts] in starts[$0] }
      ends = byOccurrence.map { [ends] in ends[$0] }
    }
    self.starts = starts
    self.ends = ends
    states = Self.mergeStates(plan, entries, starts, ends, views, merged)
  }

  var count: Int { starts.count }

  /// Adds up the states of each group in the order of the parts.
  private static func mergeStates(
    _ plan: GroupPlan, _ entries: UnsafePointer<GroupPlacement.Entry>, _ starts: [Int], _ ends: [Int],
    _ views: [RowView], _ merged: RowStore
  ) -> [UnsafeMutableRawPointer] {
    let capacity = LookupScratch.capacity
    let sources = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: capacity)
    let targets = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: capacity)
    let shifts = UnsafeMutablePointer<Int64>.allocate(capacity: capacity)
    defer {
      sources.deallocate()
      targets.deallocate()
      shifts.deallocate()
    }
    let layout = plan.layout
    let recordOffsets = plan.recordOffsets
    let stateOffset = GroupAccumulator.stateOffset(keyCount: layout.spec.keyCount)
    var pairs = 0
    let count = starts.count
    var states: [UnsafeMutableRawPointer] = []
    states.reserveCapacity(count)
    for group in 0..<count {
      let start = starts[group]
      let end = ends[group]
      if end &- start == 1 {
        states.append(views[Int(entries[start].part)].address(entries[start].group) + stateOffset)
        continue
      }
      let row = merged.append()
      let target = merged.view.address(row)
      states.append(target)
      for index in start..<end {
        if pairs == capacity {
          layout.merge(from: sources, into: targets, count: pairs, ordinalShifts: shifts)
          pairs = 0
        }
        let part = Int(entries[index].part)
        (sources + pairs).initialize(to: views[part].address(entries[index].group) + stateOffset)
        (targets + pairs).initialize(to: target)
        shifts[pairs] = recordOffsets[part]
        pairs += 1
      }
    }
    layout.merge(from: sources, into: targets, count: pairs, ordinalShifts: shifts)
    return states
  }

  /// The records of each group that are null in `argument`; nil where none is.
  func nullCounts(_ argument: Int) -> [Int64]? {
    if plan.parts.allSatisfy(\.nullCounts.isEmpty) { return nil }
    let sources = plan.parts.map(\.nullCounts.view)
    return (0..<count).map { group in
      var sum: Int64 = 0
      for index in starts[group]..<ends[group] {
        sum &+= sources[Int(entries[index].part)].count(group: Int(entries[index].group), argument: argument)
      }
      return sum
    }
  }
}
