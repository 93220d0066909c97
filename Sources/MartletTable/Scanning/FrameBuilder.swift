/// Collects records out of batches into a `Frame`.
///
/// Cells that are copied as text stay byte for byte; computed columns keep their types.
package struct FrameBuilder {
  private let names: [String]
  private var builders: [ColumnBuilder]
  package private(set) var count = 0

  package init(names: [String], types: [ColumnType]) {
    self.names = names
    builders = types.map(ColumnBuilder.init(type:))
  }

  /// Appends `rows` of each vector.
  package mutating func append(_ vectors: [Vector], rows: Range<Int>) {
    for index in builders.indices { builders[index].append(vectors[index], rows: rows) }
    count += rows.count
  }

  package func finish() -> Frame {
    Frame(names: names, columns: builders.map { $0.column() }, rowCount: count)
  }
}

extension Frame {
  /// The rows of all frames, one after the other; all have the same columns.
  package static func concatenating(_ frames: [Frame]) -> Frame {
    guard var whole = frames.first else { return Frame(names: [], columns: [], rowCount: 0) }
    for index in whole.columns.indices { whole.columns[index] = .joined(frames.map { $0.columns[index] }) }
    whole.rowCount = frames.reduce(0) { $0 + $1.rowCount }
    return whole
  }

  /// Bytes of its cells.
  package var residentBytes: Int {
    columns.reduce(0) { sum, column in
      let cells =
        switch column.values {
        case .bools(let cells): cells.count
        case .ints(let cells), .dates(let cells), .timestamps(let cells): cells.count * 8
        case .wideInts(let cells): cells.count * 16
        case .doubles(let cells): cells.count * 8
        case .texts(let bytes, let offsets): bytes.count + offsets.count * 8
        case .nulls: 0
        }
      return sum + cells + (column.validity?.count ?? 0)
    }
  }

  /// The rows whose numbers are in `rows`.
  package func rows(_ rows: Range<Int>) -> Frame {
    Frame(names: names, columns: columns.map { $0.cells(rows) }, rowCount: rows.count)
  }
}

extension Column {
  /// The cells whose numbers are in `rows`.
  package func cells(_ rows: Range<Int>) -> Column {
    let part: Values =
      switch values {
      case .bools(let cells): .bools(Array(cells[rows]))
      case .ints(let cells): .ints(Array(cells[rows]))
      case .wideInts(let cells): .wideInts(Array(cells[rows]))
      case .doubles(let cells): .doubles(Array(cells[rows]))
      case .dates(let cells): .dates(Array(cells[rows]))
      case .timestamps(let cells): .timestamps(Array(cells[rows]))
      case .texts(let bytes, let offsets):
        .texts(
          bytes: Array(bytes[offsets[rows.lowerBound]..<offsets[rows.upperBound]]),
          offsets: offsets[rows.lowerBound...rows.upperBound].map { $0 - offsets[rows.lowerBound] })
      case .nulls: .nulls(count: rows.count)
      }
    return Column(part, validity: validity.map { Array($0[rows]) })
  }
}
