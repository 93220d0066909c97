/// Runs of entries of one group each, with the group's state.
///
/// Not thread safe: belongs to the task that finishes it.
final class MergedGroups {
  let plan: GroupPlan
  /// Ascending by their numbers, equal ones in the order of the parts.
  let entries: UnsafePointer<GroupPlacement.Entry>
  let count: Int
  /// The entries of group `g` are `starts[g]..<starts[g + 1]`.
  let starts: UnsafePointer<Int>
  /// The state of each group: that of its part where there is only one, else one in `merged`.
  let states: [UnsafeMutableRawPointer]
  private let merged: RowStore
  /// How often merged sums of ints went over in the merge.
  private let turns: SideCounts

  /// - Parameter entries: Is taken over, and freed with the groups.
  init(_ plan: GroupPlan, _ entries: UnsafePointer<GroupPlacement.Entry>, count entryCount: Int) {
    self.plan = plan
    self.entries = entries
    merged = RowStore(byteCount: plan.layout.byteCount, prepare: plan.layout.prepare)
    turns = SideCounts(width: plan.layout.sumCount)
    let starts = UnsafeMutablePointer<Int>.allocate(capacity: entryCount + 1)
    var count = 0
    var index = 0
    while index < entryCount {
      (starts + count).initialize(to: index)
      count &+= 1
      let number = entries[index].number
      index &+= 1
      while index < entryCount && entries[index].number == number { index &+= 1 }
    }
    (starts + count).initialize(to: entryCount)
    self.count = count
    self.starts = UnsafePointer(starts)
    states = Self.mergeStates(plan, entries, UnsafePointer(starts), count: count, into: merged, turns)
  }

  deinit {
    entries.deallocate()
    starts.deallocate()
  }

  /// Adds up the states of each group in the order of the parts.
  private static func mergeStates(
    _ plan: GroupPlan, _ entries: UnsafePointer<GroupPlacement.Entry>, _ starts: UnsafePointer<Int>, count: Int,
    into merged: RowStore, _ turns: SideCounts
  ) -> [UnsafeMutableRawPointer] {
    let capacity = LookupScratch.capacity
    let sources = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: capacity)
    let targets = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: capacity)
    let shifts = UnsafeMutablePointer<Int64>.allocate(capacity: capacity)
    let groups = UnsafeMutablePointer<Int>.allocate(capacity: capacity)
    defer {
      groups.deallocate()
      sources.deallocate()
      targets.deallocate()
      shifts.deallocate()
    }
    let layout = plan.layout
    func mergePairs(_ pairs: Int) {
      layout.merge(from: sources, into: targets, count: pairs, ordinalShifts: shifts) { pair, sum, turn in
        turns.reserve(count)[groups[pair] * turns.width + sum] &+= turn
      }
    }
    let recordOffsets = plan.recordOffsets
    return plan.views.withUnsafeBufferPointer { views in
      let stateOffset = GroupAccumulator.stateOffset(keyCount: layout.spec.keyCount)
      var pairs = 0
      let states = [UnsafeMutableRawPointer](unsafeUninitializedCapacity: count) { states, filled in
        filled = count
        for group in 0..<count {
          let start = starts[group]
          let end = starts[group &+ 1]
          if end &- start == 1 {
            let state = views[Int(entries[start].part)].address(entries[start].group) + stateOffset
            states.initializeElement(at: group, to: state)
            continue
          }
          let row = merged.append()
          let target = merged.view.address(row)
          states.initializeElement(at: group, to: target)
          for index in start..<end {
            if pairs == capacity {
              mergePairs(pairs)
              pairs = 0
            }
            let part = Int(entries[index].part)
            (sources + pairs).initialize(to: views[part].address(entries[index].group) + stateOffset)
            (targets + pairs).initialize(to: target)
            shifts[pairs] = recordOffsets[part]
            groups[pairs] = group
            pairs += 1
          }
        }
      }
      mergePairs(pairs)
      return states
    }
  }

  /// The records of each group that are null in `argument`; nil where none is.
  func nullCounts(_ argument: Int) -> [Int64]? {
    if plan.parts.allSatisfy(\.nullCounts.isEmpty) { return nil }
    return sums(argument, of: plan.parts.map(\.nullCounts.view))
  }

  /// How often sum `sum` of ints went over; nil where none did.
  func turns(_ sum: Int) -> [Int64]? {
    if turns.isEmpty && plan.parts.allSatisfy(\.turns.isEmpty) { return nil }
    let ours = turns.view
    var all = sums(sum, of: plan.parts.map(\.turns.view))
    for group in all.indices { all[group] &+= ours.count(group: group, sum) }
    return all
  }

  /// Adds up a count of the parts.
  private func sums(_ index: Int, of sources: [SideCounts.View]) -> [Int64] {
    (0..<count).map { group in
      var sum: Int64 = 0
      for entry in starts[group]..<starts[group + 1] {
        sum &+= sources[Int(entries[entry].part)].count(group: Int(entries[entry].group), index)
      }
      return sum
    }
  }
}
