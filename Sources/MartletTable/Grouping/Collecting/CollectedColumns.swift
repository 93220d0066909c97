/// Columns of those aggregates that look at every collected value of a group.
struct CollectedColumns {
  private let plan: GroupPlan
  private let groups: MergedGroups
  /// Of the distinct texts; nil for other types.
  private let ranking: TextRanking?
  /// The values of each part, as addresses: counting references an entry would cost more than reading it.
  private let sources: [Source]

  private struct Source: BitwiseCopyable {
    let offsets: UnsafeMutablePointer<Int>
    let values: UnsafeMutablePointer<Int64>
    let counts: UnsafeMutablePointer<Int64>?
  }

  init(_ plan: GroupPlan, _ order: GroupOrder, _ groups: MergedGroups, collection: Int) {
    self.plan = plan
    self.groups = groups
    sources = plan.parts.map { part in
      let values = part.collections[collection]
      return Source(offsets: values.offsets, values: values.values, counts: values.counts)
    }
    ranking = plan.collectionRankings[collection].map { order.rankings[$0] }
  }

  func column(of aggregate: AggregateSpec, type: ColumnType) -> Column {
    switch aggregate.kind {
    case .median: return quantiles(0.5, type)
    case .quantile: return quantiles(aggregate.parameter!, type)
    case .countDistinct:
      var cells: [Int64] = []
      forEachCounted { _, count in cells.append(Int64(count)) }
      return Column(.ints(cells))
    case .mode: return modes(type)
    default: return tops(Int(aggregate.parameter!), type)
    }
  }

  /// The most values that one group has.
  private var longest: Int {
    var longest = 0
    for group in 0..<groups.count {
      var count = 0
      for index in groups.starts[group]..<groups.starts[group + 1] {
        let entry = groups.entries[index]
        let offsets = sources[Int(entry.part)].offsets + Int(entry.group)
        count &+= offsets[1] &- offsets[0]
      }
      longest = max(longest, count)
    }
    return longest
  }

  private func quantiles(_ p: Double, _ type: ColumnType) -> Column {
    let scratch = UnsafeMutablePointer<Int64>.allocate(capacity: longest)
    defer { scratch.deallocate() }
    var cells: [Double?] = []
    cells.reserveCapacity(groups.count)
    for group in 0..<groups.count {
      var count = 0
      for index in groups.starts[group]..<groups.starts[group + 1] {
        let entry = groups.entries[index]
        let source = sources[Int(entry.part)]
        let offsets = source.offsets + Int(entry.group)
        (scratch + count).update(from: source.values + offsets[0], count: offsets[1] &- offsets[0])
        count &+= offsets[1] &- offsets[0]
      }
      cells.append(count == 0 ? nil : Quantile.of(scratch, count: count, p: p, isDouble: type == .double))
    }
    return AggregateColumns.optionalDoubles(cells)
  }

  /// Calls `body` for each group with its distinct values, ascending (texts as ranks), and how many there are.
  private func forEachCounted(_ body: (UnsafePointer<CountedValue>, Int) -> Void) {
    let longest = longest
    let pairs = UnsafeMutablePointer<CountedValue>.allocate(capacity: longest)
    let scratch = UnsafeMutablePointer<CountedValue>.allocate(capacity: longest)
    defer {
      pairs.deallocate()
      scratch.deallocate()
    }
    for group in 0..<groups.count {
      var count = 0
      for index in groups.starts[group]..<groups.starts[group + 1] {
        let entry = groups.entries[index]
        let source = sources[Int(entry.part)]
        let offsets = source.offsets + Int(entry.group)
        let counts = source.counts!
        for place in offsets[0]..<offsets[1] {
          var value = source.values[place]
          if let ranking { value = Int64(ranking.ranks[Int(entry.part)][Int(value)]) }
          (pairs + count).initialize(to: CountedValue(value: value, count: counts[place]))
          count &+= 1
        }
      }
      body(pairs, CountedValue.sortAndCombine(pairs, count: count, scratch: scratch, into: pairs))
    }
  }

  private func modes(_ type: ColumnType) -> Column {
    var cells: [Int64] = []
    var isValid: [Bool] = []
    forEachCounted { pairs, count in
      var best = CountedValue(value: 0, count: 0)
      for index in 0..<count where pairs[index].count > best.count { best = pairs[index] }
      cells.append(best.value)
      isValid.append(count > 0)
    }
    guard let ranking else {
      return AggregateColumns.column(
        cells, type: type, isOrdered: true, validity: AggregateColumns.validity(isValid))
    }
    var texts = TextColumnBuilder(capacity: cells.count)
    for group in cells.indices { texts.append(isValid[group] ? ranking.text(rank: Int(cells[group])) : nil) }
    return texts.column()
  }

  /// The n largest values, equal ones as often as they occurred.
  private func tops(_ n: Int, _ type: ColumnType) -> Column {
    var texts = TextColumnBuilder(capacity: groups.count)
    forEachCounted { pairs, count in
      var list: [Int64] = []
      var index = count - 1
      while index >= 0 && list.count < n {
        let repeats = Int(min(pairs[index].count, Int64(n - list.count)))
        list.append(contentsOf: repeatElement(pairs[index].value, count: repeats))
        index -= 1
      }
      texts.append(list: list.count) { place, bytes in
        if let ranking {
          bytes.append(ranking.text(rank: Int(list[place])))
        } else {
          bytes.append(state: list[place], type: type)
        }
      }
    }
    return texts.column()
  }
}
