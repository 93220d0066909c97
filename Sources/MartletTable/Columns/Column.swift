/// The cells of one column of a result: owned, immutable, of any length.
package struct Column: Sendable {
  /// The values; the value of a null cell is zero or empty.
  package enum Values: Sendable {
    case bools([Bool])
    case ints([Int64])
    /// Whole numbers of which at least one is beyond 64 bits: exact sums.
    case wideInts([Int128])
    case doubles([Double])
    /// Days since 1970-01-01.
    case dates([Int64])
    /// Microseconds since 1970-01-01T00:00:00.
    case timestamps([Int64])
    /// Text `i` is `bytes[offsets[i]..<offsets[i + 1]]`.
    case texts(bytes: [UInt8], offsets: [Int])
    /// Nothing but nulls.
    case nulls(count: Int)
  }

  package var values: Values
  /// A value a cell, false for null; nil where no cell is null.
  package var validity: [Bool]?

  package init(_ values: Values, validity: [Bool]? = nil) {
    self.values = values
    self.validity = validity
  }

  package var count: Int {
    switch values {
    case .bools(let cells): cells.count
    case .ints(let cells), .dates(let cells), .timestamps(let cells): cells.count
    case .wideInts(let cells): cells.count
    case .doubles(let cells): cells.count
    case .texts(_, let offsets): offsets.count - 1
    case .nulls(let count): count
    }
  }

  package var type: ColumnType {
    switch values {
    case .bools: .bool
    case .ints, .wideInts: .int
    case .doubles: .double
    case .dates: .date
    case .timestamps: .timestamp
    case .texts: .text
    case .nulls: .null
    }
  }

  /// Whether cell `row` holds a value.
  package func isValid(_ row: Int) -> Bool {
    if case .nulls = values { return false }
    return validity?[row] ?? true
  }
}

/// A table in memory: what a query gives when its result is not streamed.
package struct Frame: Sendable {
  package var names: [String]
  package var columns: [Column]
  package var rowCount: Int

  package init(names: [String], columns: [Column], rowCount: Int) {
    self.names = names
    self.columns = columns
    self.rowCount = rowCount
  }
}
