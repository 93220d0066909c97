extension LogicalPlan {
  /// The plan to carry this one out: one pass over each partition that parses only the columns that are needed,
  /// filters while it scans, and stops at a limit; then a merge and a finish.
  ///
  /// - Parameters:
  ///   - columns: All columns of the files with the classes of cells known so far.
  ///   - dialect: How the files are written.
  ///   - format: The format of the output; JSON needs the type of every column that it writes.
  /// - Throws: `.invalidQuery` where a name does not exist, a type does not fit, or the shape is none that can be
  ///   carried out.
  package func physical(
    columns: [ScanColumn], dialect: CSVDialect, format: OutputFormat
  ) throws(TableError) -> PhysicalPlan {
    var planner = try PhysicalPlanner(self, columns: columns)
    return try planner.plan(dialect: dialect, format: format)
  }
}

/// Takes a logical plan apart from the top and puts a physical one together.
private struct PhysicalPlanner {
  /// Rows of an unlimited selection that a table for people shows.
  private static let shownRows = 10_000

  private let columns: [ScanColumn]
  private var limit: Int?
  private var sort: [SortKey] = []
  private var projection: [String]?
  private var grouping: Grouping?
  private var summary: Summary?
  private var filter: Expression?
  private var derived: [DerivedColumn] = []
  /// Files' columns, then derived ones.
  private var schema: [(name: String, type: ColumnType)]
  private var derivedReads: [[Int]] = []
  /// The slots whose values are computed with.
  private var valueSlots: Set<Int> = []

  init(_ plan: LogicalPlan, columns: [ScanColumn]) throws(TableError) {
    self.columns = columns
    schema = columns.map { (name: $0.name, type: $0.type) }
    try take(plan)
    for column in derived {
      if schema.contains(where: { $0.name == column.name }) {
        throw TableError(
          .invalidQuery, "--derive names a column \(column.name), which is there already", remedy: "choose another name"
        )
      }
      let bound = try BoundExpression(column.expression, schema: schema)
      schema.append((name: column.name, type: bound.type))
      derivedReads.append(bound.columns)
    }
  }

  private mutating func take(_ plan: LogicalPlan) throws(TableError) {
    switch plan {
    case .limit(let count, let input):
      limit = Swift.min(limit ?? count, count)
      try take(input)
    case .sort(let keys, let input):
      if sort.isEmpty { sort = keys }
      try take(input)
    case .project(let names, let input):
      if projection == nil { projection = names }
      try take(input)
    case .group(let group, let input):
      grouping = group
      try take(input)
    case .summarize(let kind, let input):
      summary = kind
      try take(input)
    case .filter(let condition, let input):
      filter = filter.map { .binary(.and, condition, $0) } ?? condition
      try take(input)
    case .derive(let more, let input):
      derived = more + derived
      try take(input)
    case .scan: break
    }
  }

  mutating func plan(dialect: CSVDialect, format: OutputFormat) throws(TableError) -> PhysicalPlan {
    if let filter {
      let bound = try BoundExpression(filter, schema: schema)
      guard bound.type == .bool || bound.type == .null else {
        throw TableError(
          .invalidQuery, "--where is \(bound.type.name), a condition is needed: \(filter)",
          remedy: "compare it with something")
      }
      valueSlots.formUnion(bound.columns)
    }
    let wanted = try slots(projection)
    let sink: SinkPlan
    let finish: FinishPlan
    if let grouping {
      (sink, finish) = try group(grouping)
    } else {
      switch summary {
      case .count: (sink, finish) = (.count, .count)
      case .schema:
        valueSlots.formUnion(wanted)
        (sink, finish) = (.schema(slots: wanted), .schema)
      case .statistics:
        valueSlots.formUnion(wanted)
        (sink, finish) = (.statistics(slots: wanted), .statistics)
      case .frequencies(let top): (sink, finish) = (.frequencies(slots: wanted), .frequencies(top: top))
      case .tail(let count): (sink, finish) = (.tail(slots: wanted, count: count), .rows)
      case .sample(let count, let seed): (sink, finish) = (.sample(slots: wanted, count: count, seed: seed), .rows)
      case nil: (sink, finish) = try rows(wanted, format: format)
      }
    }
    return PhysicalPlan(scan: scan(sink, dialect: dialect), finish: finish)
  }

  /// The sink for records that are given as they are.
  private mutating func rows(
    _ wanted: [Int], format: OutputFormat
  ) throws(TableError) -> (SinkPlan, FinishPlan) {
    if !sort.isEmpty {
      guard let limit else {
        throw TableError(
          .invalidQuery, "--sort without --limit is not there yet", remedy: "add --limit N for the first N records")
      }
      var keys: [SlotOrder] = []
      for key in sort {
        keys.append(SlotOrder(slot: try slot(key.column), isDescending: key.isDescending))
      }
      valueSlots.formUnion(keys.map(\.slot))
      return (.top(slots: wanted, keys: keys, count: limit), .rows)
    }
    if let limit { return (.collect(slots: wanted, limit: limit), .rows) }
    // Columns can be aligned only when all rows are there.
    if format == .table { return (.collect(slots: wanted, limit: Self.shownRows + 1), .shownRows(Self.shownRows)) }
    if format.needsTypes { valueSlots.formUnion(wanted) }
    return (.stream(slots: wanted, format: format), .rows)
  }

  private mutating func group(_ grouping: Grouping) throws(TableError) -> (SinkPlan, FinishPlan) {
    let keys = try slots(grouping.keys)
    let keyNames = keys.map { schema[$0].name }
    let extraction = try AggregateExtraction(grouping.outputs, keys: keyNames)
    var groupSlots: [GroupSlot] = []
    for (index, call) in extraction.calls.enumerated() {
      var types: [ColumnType] = []
      for argument in call.arguments {
        let bound = try BoundExpression(argument, schema: schema)
        types.append(bound.type)
        valueSlots.formUnion(bound.columns)
      }
      groupSlots.append(
        GroupSlot(name: extraction.slotNames[index], type: try call.resultType(arguments: types)))
    }
    let fileColumns = columns.count
    let finish = GroupFinish(
      keyNames: keyNames,
      keyTypes: keys.map { $0 < fileColumns ? columns[$0].givenType : schema[$0].type },
      slots: groupSlots, outputs: extraction.outputs, sort: sort, limit: limit)
    // Keys that are derived are computed, those of the files are taken as they are written.
    valueSlots.formUnion(keys.filter { $0 >= fileColumns })
    return (.group(keys: keys, calls: extraction.calls), .groups(finish))
  }

  /// Drops what is not needed and renumbers the derived columns that stay.
  private func scan(_ sink: SinkPlan, dialect: CSVDialect) -> ScanPlan {
    let fileColumns = columns.count
    var needed = valueSlots.union(sink.rawSlots)
    for index in derived.indices.reversed() where needed.contains(fileColumns + index) {
      needed.formUnion(derivedReads[index])
    }
    let kept = derived.indices.filter { needed.contains(fileColumns + $0) }
    let computed = valueSlots.union(kept.flatMap { derivedReads[$0] })
    let renumbered = Dictionary(uniqueKeysWithValues: kept.enumerated().map { (fileColumns + $1, fileColumns + $0) })
    return ScanPlan(
      dialect: dialect, columns: columns, derived: kept.map { derived[$0] }, filter: filter,
      typedColumns: computed.filter { $0 < fileColumns }.sorted(),
      sink: sink.renumbering { $0 < fileColumns ? $0 : renumbered[$0]! })
  }

  private func slots(_ names: [String]?) throws(TableError) -> [Int] {
    guard let names else { return Array(schema.indices) }
    var slots: [Int] = []
    for name in names { slots.append(try slot(name)) }
    return slots
  }

  private func slot(_ name: String) throws(TableError) -> Int {
    let bound = try BoundExpression(.column(name), schema: schema)
    // A column without any value is bound as the constant null, which reads no column.
    return bound.columns.first ?? schema.firstIndex { $0.name == name }!
  }
}

extension SinkPlan {
  /// The same with each slot replaced.
  fileprivate func renumbering(_ new: (Int) -> Int) -> SinkPlan {
    switch self {
    case .count, .types: self
    case .stream(let slots, let format): .stream(slots: slots.map(new), format: format)
    case .collect(let slots, let limit): .collect(slots: slots.map(new), limit: limit)
    case .tail(let slots, let count): .tail(slots: slots.map(new), count: count)
    case .sample(let slots, let count, let seed): .sample(slots: slots.map(new), count: count, seed: seed)
    case .top(let slots, let keys, let count):
      .top(
        slots: slots.map(new), keys: keys.map { SlotOrder(slot: new($0.slot), isDescending: $0.isDescending) },
        count: count)
    case .group(let keys, let calls): .group(keys: keys.map(new), calls: calls)
    case .schema(let slots): .schema(slots: slots.map(new))
    case .statistics(let slots): .statistics(slots: slots.map(new))
    case .frequencies(let slots): .frequencies(slots: slots.map(new))
    }
  }
}

extension OutputFormat {
  /// Whether what is written of a cell, or around it, depends on the type of its column.
  fileprivate var needsTypes: Bool {
    switch self {
    case .json, .jsonl, .markdown, .table: true
    case .csv, .tsv: false
    }
  }
}
