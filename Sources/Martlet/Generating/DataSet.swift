/// A reproducible table of any size: its bytes follow from kind, number of rows and seed alone.
package struct DataSet: Sendable {
  /// What is in the table.
  package enum Kind: String, CaseIterable, Sendable {
    /// Rides on shared bikes: quotes, embedded separators, nulls, dates, timestamps, UTF-8, every type.
    case trips
    /// The nine uniform columns of the db-benchmark's group-by questions.
    case groupby
    /// Measured temperatures of 413 places.
    case stations
  }

  /// The most rows a data set can have: numbers that follow from a row's index stay below 2^63.
  package static let mostRows = 1_000_000_000_000

  package let kind: Kind
  package let rows: Int
  /// The first line with its end.
  package let header: String
  /// Rows that are made together; the last block may have fewer.
  package let rowsPerBlock: Int
  /// Bytes of memory that a block needs.
  package let blockBytes: Int
  private let writer: any RowGenerator

  /// - Parameter rows: From 0 to `mostRows`.
  package init(_ kind: Kind, rows: Int, seed: UInt64) {
    self.kind = kind
    self.rows = rows
    let seed = RowRandom.scrambled(seed)
    let writer: any RowGenerator =
      switch kind {
      case .trips: TripRows(rows: rows, seed: seed)
      case .groupby: GroupByRows(seed: seed)
      case .stations: StationRows(seed: seed)
      }
    self.writer = writer
    header = writer.header + "\n"
    // A block stays in the second-level cache between the thread that makes it and the one that writes it; measured:
    // 128 KiB to 512 KiB are equal, 2 MiB is slower by a quarter.
    rowsPerBlock = max(1, (256 << 10) / writer.longestRow)
    blockBytes = rowsPerBlock * writer.longestRow + 64
  }

  package var blockCount: Int { (rows + rowsPerBlock - 1) / rowsPerBlock }

  /// Writes block `index` to `memory`, which has `blockBytes`, and returns its length. Any thread, any order.
  package func write(block index: Int, to memory: UnsafeMutableRawPointer) -> Int {
    let first = index * rowsPerBlock
    return writer.write(rows: first..<min(rows, first + rowsPerBlock), to: memory)
  }
}

/// Makes the rows of one kind of table.
protocol RowGenerator: Sendable {
  /// The first line without its end.
  var header: String { get }
  /// No row is longer than that, its end included.
  var longestRow: Int { get }

  /// Writes rows and returns how many bytes they take. Up to 15 bytes behind them are overwritten.
  func write(rows: Range<Int>, to memory: UnsafeMutableRawPointer) -> Int
}
