/// Turns merged groups into the columns of the result.
struct AggregateColumns {
  private let plan: GroupPlan
  private let order: GroupOrder
  private let groups: MergedGroups
  private let layout: StateLayout

  init(_ plan: GroupPlan, _ order: GroupOrder, _ groups: MergedGroups) {
    self.plan = plan
    self.order = order
    self.groups = groups
    layout = plan.layout
  }

  func column(of aggregate: AggregateSpec) -> Column {
    let needs = StateLayout.needs(of: aggregate, storages: layout.storages, topInline: layout.tuning.topInline)
    if aggregate.kind == .countAll { return Column(.ints(groups.states.map { $0.load(as: Int64.self) })) }
    let argument = aggregate.arguments[0]
    let type = layout.spec.argumentTypes[argument]
    if aggregate.kind == .count {
      if layout.storages[argument] == .nothing { return Column(.ints([Int64](repeating: 0, count: groups.count))) }
      return Column(.ints(valueCounts(argument)))
    }
    if let accumulator = needs.accumulator {
      return column(of: aggregate, layout.entry(of: accumulator), type)
    }
    if let kind = needs.collection {
      return CollectedColumns(plan, order, groups, collection: layout.collections.firstIndex(of: kind)!)
        .column(of: aggregate, type: type)
    }
    if aggregate.kind == .countDistinct { return Column(.ints([Int64](repeating: 0, count: groups.count))) }
    return Column(.nulls(count: groups.count))
  }

  /// How many values each group has.
  private func valueCounts(_ argument: Int) -> [Int64] {
    var counts = groups.states.map { $0.load(as: Int64.self) }
    if let nulls = groups.nullCounts(argument) {
      for group in counts.indices { counts[group] -= nulls[group] }
    }
    return counts
  }

  /// Which groups have a value; nil when all do.
  private func valueValidity(_ argument: Int) -> [Bool]? {
    // A group of keys has at least one record, so without nulls it has a value; the one group without keys may be empty.
    if layout.spec.keyCount > 0 && plan.parts.allSatisfy(\.nullCounts.isEmpty) { return nil }
    return Self.validity(valueCounts(argument).lazy.map { $0 > 0 })
  }

  /// Of a sum of ints.
  private func column(of aggregate: AggregateSpec, sum: StateLayout.Entry, argument: Int) -> Column {
    let validity = valueValidity(argument)
    let states = groups.states
    let lows = states.map { IntSum.at($0 + sum.offset).pointee }
    let turns = groups.turns(sum.sumIndex)
    switch aggregate.kind {
    // Bools never go over.
    case .any: return Column(.bools(lows.map { $0.low > 0 }), validity: validity)
    case .all: return Column(.bools(zip(lows, valueCounts(argument)).map { $0.low == $1 }), validity: validity)
    case .mean:
      let counts = valueCounts(argument)
      let means = lows.indices.map { group in
        counts[group] == 0 ? 0 : divideExactly(lows[group].value(turns: turns?[group] ?? 0), by: counts[group])
      }
      return Column(.doubles(means), validity: validity)
    default:
      guard let turns else { return Column(.ints(lows.map(\.low)), validity: validity) }
      let sums = zip(lows, turns).map { $0.value(turns: $1) }
      if sums.allSatisfy({ Int64(exactly: $0) != nil }) {
        return Column(.ints(sums.map { Int64(truncatingIfNeeded: $0) }), validity: validity)
      }
      return Column(.wideInts(sums), validity: validity)
    }
  }

  private func column(of aggregate: AggregateSpec, _ entry: StateLayout.Entry, _ type: ColumnType) -> Column {
    let states = groups.states
    let offset = entry.offset
    switch entry.accumulator {
    case .intSum(let argument): return column(of: aggregate, sum: entry, argument: argument)
    case .doubleSum(let argument):
      let validity = valueValidity(argument)
      if aggregate.kind == .mean {
        let counts = valueCounts(argument)
        let means = states.indices.map { group in
          counts[group] > 0 ? DoubleSum.at(states[group] + offset).pointee.mean(of: counts[group]) : 0
        }
        return Column(.doubles(means), validity: validity)
      }
      return Column(.doubles(states.map { DoubleSum.at($0 + offset).pointee.value }), validity: validity)
    case .minimum(let argument), .maximum(let argument):
      if layout.storages[argument] == .texts { return textColumn(at: offset) }
      let validity = valueValidity(argument)
      let cells = states.indices.map { validity?[$0] ?? true ? (states[$0] + offset).load(as: Int64.self) : 0 }
      return Self.column(cells, type: type, isOrdered: true, validity: validity)
    case .first(let argument), .last(let argument):
      if layout.storages[argument] == .texts { return textColumn(at: offset + 8) }
      let validity = Self.validity(states.lazy.map { ($0 + offset).load(as: Int64.self) >= 0 })
      let cells = states.map { ($0 + offset + 8).load(as: Int64.self) }
      return Self.column(cells, type: type, isOrdered: false, validity: validity)
    case .moments:
      let isRoot = aggregate.kind == .standardDeviation
      return Self.optionalDoubles(
        states.map { state in
          let variance = Moments.at(state + offset).pointee.variance
          return isRoot ? variance?.squareRoot() : variance
        })
    case .comoments:
      return Self.optionalDoubles(states.map { Comoments.at($0 + offset).pointee.correlation })
    case .top(let argument, let size):
      let counts = valueCounts(argument)
      var texts = TextColumnBuilder(capacity: groups.count)
      for group in states.indices {
        let values = (states[group] + offset).assumingMemoryBound(to: Int64.self)
        let count = Int(min(Int64(size), counts[group]))
        texts.append(list: count) { $1.append(state: values[$0], type: type) }
      }
      return texts.column()
    }
  }

  /// Texts of `TextState`s.
  private func textColumn(at offset: Int) -> Column {
    var texts = TextColumnBuilder(capacity: groups.count)
    for state in groups.states {
      let text = (state + offset).assumingMemoryBound(to: TextState.self).pointee
      texts.append(text.address == 0 ? nil : text.bytes)
    }
    return texts.column()
  }

  static func validity(_ cells: some Collection<Bool>) -> [Bool]? { cells.contains(false) ? Array(cells) : nil }

  static func optionalDoubles(_ cells: [Double?]) -> Column {
    Column(.doubles(cells.map { $0 ?? 0 }), validity: validity(cells.lazy.map { $0 != nil }))
  }

  /// A column of cells as states keep them.
  ///
  /// - Parameter isOrdered: Whether doubles are `OrderedDouble`s rather than their bits.
  static func column(_ cells: [Int64], type: ColumnType, isOrdered: Bool, validity: [Bool]?) -> Column {
    switch type {
    case .bool: Column(.bools(cells.map { $0 != 0 }), validity: validity)
    case .int: Column(.ints(cells), validity: validity)
    case .date: Column(.dates(cells), validity: validity)
    case .timestamp: Column(.timestamps(cells), validity: validity)
    case .double:
      Column(
        .doubles(
          cells.enumerated().map { index, cell in
            if validity?[index] == false { return 0 }
            return isOrdered ? OrderedDouble.decode(cell) : Double(bitPattern: UInt64(bitPattern: cell))
          }), validity: validity)
    case .null, .text: Column(.nulls(count: cells.count))
    }
  }
}
