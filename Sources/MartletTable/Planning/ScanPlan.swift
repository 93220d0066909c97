/// What one task does with one partition of the input: read, derive, filter, and pre-aggregate in one pass.
///
/// The physical form of a `LogicalPlan`, and data only: it is what travels to a worker. Columns are named by their
/// *slot*: first the columns of the files in their order, then the derived ones.
package struct ScanPlan: Hashable, Sendable {
  /// How the files are written.
  package var dialect: CSVDialect
  /// All columns of the files.
  package var columns: [ScanColumn]
  /// The derived columns that are needed, in order.
  package var derived: [DerivedColumn]
  package var filter: Expression?
  /// The columns of the files whose cells are parsed, ascending; each cell of them takes part in type inference.
  package var typedColumns: [Int]
  /// What is made of the records that the filter lets through.
  package var sink: SinkPlan

  /// The types of the columns in `slots`, as far as they are known.
  package func types(of slots: [Int]) throws(TableError) -> [ColumnType] {
    var schema: [SchemaColumn] = columns.map { (name: $0.name, type: $0.type) }
    for column in derived {
      schema.append((name: column.name, type: try BoundExpression(column.expression, schema: schema).type))
    }
    return slots.map { schema[$0].type }
  }

  package init(
    dialect: CSVDialect, columns: [ScanColumn], derived: [DerivedColumn], filter: Expression?, typedColumns: [Int],
    sink: SinkPlan
  ) {
    self.dialect = dialect
    self.columns = columns
    self.derived = derived
    self.filter = filter
    self.typedColumns = typedColumns
    self.sink = sink
  }

  /// The name of the column in `slot`.
  package func name(of slot: Int) -> String {
    slot < columns.count ? columns[slot].name : derived[slot - columns.count].name
  }
}

/// A column of the files as a plan knows it.
package struct ScanColumn: Hashable, Sendable {
  package var name: String
  /// The classes of cells known to be in it: those of a sample at first, more after a scan that met others.
  package var seen: SeenTypes
  /// The type that the user has given, which inference does not touch.
  package var givenType: ColumnType?

  /// The type that the column is read as.
  package var type: ColumnType { givenType ?? seen.columnType }

  /// Whether no cell further down can change the type.
  package var isProven: Bool { type == .text || givenType != nil }

  package init(name: String, seen: SeenTypes, givenType: ColumnType? = nil) {
    self.name = name
    self.seen = seen
    self.givenType = givenType
  }
}

/// What is made of the records of a partition.
package enum SinkPlan: Hashable, Sendable {
  /// Their number.
  case count
  /// Nothing: only the types are wanted.
  case types
  /// Text in an output format; slots in the order of the output.
  case stream(slots: [Int], format: OutputFormat)
  /// The first `limit` records as they are.
  case collect(slots: [Int], limit: Int)
  /// The last `count` records.
  case tail(slots: [Int], count: Int)
  /// `count` records drawn uniformly.
  case sample(slots: [Int], count: Int, seed: UInt64)
  /// The first `count` records in the order of `keys`.
  case top(slots: [Int], keys: [SlotOrder], count: Int)
  /// The groups with the state of their aggregates.
  case group(keys: [Int], calls: [AggregateCall])
  /// A summary of each of these slots.
  case schema(slots: [Int])
  case statistics(slots: [Int])
  case frequencies(slots: [Int])

  /// The most records that this sink takes, or nil when it takes all.
  package var limit: Int? {
    if case .collect(_, let limit) = self { limit } else { nil }
  }

  /// The slots whose cells the sink takes as they are written in the file.
  package var rawSlots: [Int] {
    switch self {
    case .count, .types: []
    case .stream(let slots, _), .collect(let slots, _), .tail(let slots, _), .sample(let slots, _, _),
      .top(let slots, _, _), .schema(let slots), .statistics(let slots), .frequencies(let slots):
      slots
    case .group(let keys, _): keys
    }
  }
}

/// One key of an order over slots.
package struct SlotOrder: Hashable, Sendable {
  package var slot: Int
  package var isDescending: Bool
}
