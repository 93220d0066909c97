extension Column {
  /// Copies the cells `rows` into `vector`, from its row 0; texts are copied into `arena`.
  ///
  /// Whole numbers beyond 64 bits have no vector: such a column becomes text, with the digits as its bytes.
  package func copy(_ rows: Range<Int>, to vector: Vector, arena: TextArena) {
    vector.type = type
    vector.count = rows.count
    vector.hasNulls = false
    switch values {
    case .bools(let cells): for (row, index) in rows.enumerated() { vector.ints[row] = cells[index] ? 1 : 0 }
    case .ints(let cells), .dates(let cells), .timestamps(let cells):
      for (row, index) in rows.enumerated() { vector.ints[row] = cells[index] }
    case .doubles(let cells): for (row, index) in rows.enumerated() { vector.doubles[row] = cells[index] }
    case .wideInts(let cells):
      vector.type = .text
      var writer = TextWriter(arena)
      let buffer = ByteBuffer()
      for (row, index) in rows.enumerated() {
        buffer.removeAll()
        buffer.append(wide: cells[index])
        writer.reserve(buffer.count).update(from: buffer.bytes.baseAddress!, count: buffer.count)
        writer.keep(buffer.count, in: vector, row)
      }
    case .texts(let bytes, let offsets):
      var writer = TextWriter(arena)
      bytes.withUnsafeBufferPointer { bytes in
        for (row, index) in rows.enumerated() {
          let text = UnsafeBufferPointer(rebasing: bytes[offsets[index]..<offsets[index + 1]])
          let place = writer.reserve(text.count)
          if let start = text.baseAddress { place.update(from: start, count: text.count) }
          writer.keep(text.count, in: vector, row)
        }
      }
    case .nulls: vector.makeAllNull()
    }
    guard let validity else { return }
    vector.hasNulls = true
    for (row, index) in rows.enumerated() { vector.valid[row] = validity[index] ? 1 : 0 }
    vector.clearNulls()
  }
}

/// Collects vectors into a column.
package struct ColumnBuilder {
  private let type: ColumnType
  private var words: [Int64] = []
  private var doubles: [Double] = []
  private var bytes: [UInt8] = []
  private var offsets: [Int] = [0]
  private var validity: [Bool] = []
  private var hasNulls = false
  private var count = 0

  /// A builder for vectors of `type`.
  package init(type: ColumnType) { self.type = type }

  /// Adds the cells of `rows`.
  package mutating func append(_ vector: Vector, rows: Range<Int>) {
    count += rows.count
    for row in rows {
      let isValid = vector.type != .null && vector.isValid(row)
      validity.append(isValid)
      if !isValid { hasNulls = true }
      switch type {
      case .null: break
      case .text:
        if isValid { bytes.append(contentsOf: vector.text(row)) }
        offsets.append(bytes.count)
      case .double: doubles.append(isValid ? vector.doubles[row] : 0)
      case .bool, .int, .date, .timestamp: words.append(isValid ? vector.ints[row] : 0)
      }
    }
  }

  /// The column of all cells so far.
  package func column() -> Column {
    let values: Column.Values =
      switch type {
      case .null: .nulls(count: count)
      case .bool: .bools(words.map { $0 != 0 })
      case .int: .ints(words)
      case .double: .doubles(doubles)
      case .date: .dates(words)
      case .timestamp: .timestamps(words)
      case .text: .texts(bytes: bytes, offsets: offsets)
      }
    return Column(values, validity: hasNulls && type != .null ? validity : nil)
  }
}

extension Frame {
  /// Appends the frame in any format.
  ///
  /// - Parameters:
  ///   - types: What the columns are, where that differs from what they hold (numbers kept as their texts).
  ///   - width: For `table`: the characters that fit on a line; nil for as many as are needed.
  ///   - wraps: For `table`: whether columns that find no room go below the others instead of being left out.
  package func write(
    _ format: OutputFormat, types: [ColumnType]? = nil, width: Int? = nil, wraps: Bool = false, to buffer: ByteBuffer
  ) {
    let types = types ?? columns.map(\.type)
    if format == .table {
      TableWriter(self, types: types, width: width, wraps: wraps).write(to: buffer)
      return
    }
    let writer = RowWriter(format: format, names: names, types: types)
    writer.appendHeader(to: buffer)
    let vectors = columns.map { Vector(type: $0.type) }
    let arena = TextArena()
    let piece = ByteBuffer()
    var start = 0
    while start < rowCount {
      let rows = start..<min(start + Batch.capacity, rowCount)
      for (column, vector) in zip(columns, vectors) { column.copy(rows, to: vector, arena: arena) }
      piece.removeAll()
      writer.append(vectors, count: rows.count, to: piece)
      let skip = start == 0 ? writer.firstPieceSkip : 0
      buffer.append(UnsafeBufferPointer(rebasing: piece.bytes[skip...]))
      arena.reset()
      start = rows.upperBound
    }
    writer.appendFooter(to: buffer)
  }
}
