/// Whole records kept aside: the texts of their cells in one growing buffer.
final class RecordBuffer {
  let columnCount: Int
  /// The length of each cell, -1 for null: `columnCount` a record.
  private(set) var lengths: [Int] = []
  /// Where each record's bytes begin.
  private(set) var starts: [Int] = []
  private(set) var bytes: [UInt8] = []

  init(columnCount: Int) { self.columnCount = columnCount }

  /// Records that were written down.
  ///
  /// - Parameter lengths: Those of all cells, one record after the other; what is not null adds up to `bytes`.
  init(columnCount: Int, recordCount: Int, lengths: [Int], bytes: [UInt8]) {
    self.columnCount = columnCount
    self.lengths = lengths
    self.bytes = bytes
    starts.reserveCapacity(recordCount)
    var start = 0
    for record in 0..<recordCount {
      starts.append(start)
      for cell in record * columnCount..<(record + 1) * columnCount { start += max(0, lengths[cell]) }
    }
  }

  var count: Int { starts.count }
  var byteCount: Int { bytes.count }
  var residentBytes: Int { bytes.capacity + starts.capacity * 8 + lengths.capacity * 8 }

  /// Copies row `row` of text vectors, and returns its index.
  func append(_ columns: [Vector], row: Int) -> Int {
    starts.append(bytes.count)
    for vector in columns {
      if !vector.isValid(row) {
        lengths.append(-1)
        continue
      }
      let text = vector.text(row)
      lengths.append(text.count)
      bytes.append(contentsOf: text)
    }
    return starts.count - 1
  }

  /// Copies a record of another buffer, and returns its index.
  func append(_ record: Int, of other: RecordBuffer) -> Int {
    starts.append(bytes.count)
    let end = record + 1 < other.count ? other.starts[record + 1] : other.bytes.count
    lengths.append(contentsOf: other.lengths[record * columnCount..<(record + 1) * columnCount])
    bytes.append(contentsOf: other.bytes[other.starts[record]..<end])
    return starts.count - 1
  }

  /// Calls `body` with the bytes of a cell, nil for null.
  func withCell<Result>(_ record: Int, column: Int, _ body: (UnsafeBufferPointer<UInt8>?) -> Result) -> Result {
    let length = lengths[record * columnCount + column]
    if length < 0 { return body(nil) }
    var start = starts[record]
    for before in 0..<column { start += max(0, lengths[record * columnCount + before]) }
    return bytes.withUnsafeBufferPointer { bytes in
      body(UnsafeBufferPointer(rebasing: bytes[start..<start + length]))
    }
  }

  /// The first `columns` columns of some records, in that order.
  func columns(_ columns: Int, of records: [Int]) -> [Column] {
    (0..<columns).map { column in
      var builder = TextColumnBuilder(capacity: records.count)
      for record in records { withCell(record, column: column) { builder.append($0) } }
      return builder.column()
    }
  }
}
