import MartletTable

/// Makes the table of a result out of merged partial results, for results that are small.
enum ResultFinisher {
  /// `schema`: a row a column.
  static func schema(_ columns: [ColumnSchema]) -> TypedFrame {
    var names = TextCells()
    var types = TextCells()
    var examples = TextCells()
    for column in columns {
      names.append(column.name)
      types.append(column.type.name)
      examples.append(column.example)
    }
    return TypedFrame(
      Frame(
        names: ["name", "type", "nulls", "example"],
        columns: [names.column, types.column, Column(.ints(columns.map { Int64($0.nulls) })), examples.column],
        rowCount: columns.count),
      types: [.text, .text, .int, .text])
  }

  /// `stats`: a row a column.
  static func statistics(_ names: [String], _ summaries: [ColumnSummary]) -> TypedFrame {
    var columnNames = TextCells()
    var types = TextCells()
    var minima = TextCells()
    var maxima = TextCells()
    for (name, summary) in zip(names, summaries) {
      columnNames.append(name)
      types.append(summary.type.name)
      minima.append(summary.minimum.text(0))
      maxima.append(summary.maximum.text(0))
    }
    func doubles(_ value: (ColumnSummary) -> Double?) -> Column {
      let values = summaries.map(value)
      return Column(.doubles(values.map { $0 ?? 0 }), validity: values.map { $0 != nil })
    }
    func ints(_ value: (ColumnSummary) -> Int?) -> Column {
      let values = summaries.map(value)
      return Column(.ints(values.map { Int64($0 ?? 0) }), validity: values.map { $0 != nil })
    }
    return TypedFrame(
      Frame(
        names: [
          "column", "type", "count", "nulls", "distinct", "min", "max", "mean", "std", "q25", "median", "q75",
          "shortest", "longest",
        ],
        columns: [
          columnNames.column, types.column, ints { Int($0.count) }, ints { Int($0.nulls) }, ints(\.distinct),
          minima.column, maxima.column, doubles(\.mean), doubles(\.standardDeviation),
          quartiles(summaries, \.lowerQuartile), quartiles(summaries, \.median), quartiles(summaries, \.upperQuartile),
          ints(\.shortest), ints(\.longest),
        ], rowCount: summaries.count),
      types: [
        .text, .text, .int, .int, .int, .text, .text, .double, .double, .double, .double, .double, .int, .int,
      ])
  }

  /// `freq`: a row a value; the share is of all records.
  static func frequencies(_ names: [String], _ counts: [TextCountsPartial], top: Int) -> TypedFrame {
    var columns = TextCells()
    var values = TextCells()
    var numbers: [Int64] = []
    var shares: [Double] = []
    for (name, counted) in zip(names, counts) {
      let all = Double(counted.cellCount)
      for frequent in counted.mostFrequent(top) {
        columns.append(name)
        values.append(frequent.value)
        numbers.append(frequent.count)
        shares.append(Double(frequent.count) / all)
      }
    }
    return TypedFrame(
      Frame(
        names: ["column", "value", "count", "share"],
        columns: [columns.column, values.column, Column(.ints(numbers)), Column(.doubles(shares))],
        rowCount: numbers.count),
      types: [.text, .text, .int, .double])
  }

  /// Quartiles are doubles for numbers, and moments for dates and timestamps, whose interpolated place is between two
  /// of them.
  private static func quartiles(_ summaries: [ColumnSummary], _ value: (ColumnSummary) -> Double?) -> Column {
    var cells = TextCells()
    for summary in summaries {
      guard let value = value(summary) else {
        cells.append(nil as [UInt8]?)
        continue
      }
      let column: Column =
        switch summary.type {
        case .date where value == value.rounded(): Column(.dates([whole(value)]))
        case .date: Column(.timestamps([whole(value * Double(CivilDate.microsecondsPerDay))]))
        case .timestamp: Column(.timestamps([whole(value)]))
        default: Column(.doubles([value]))
        }
      cells.append(column.text(0))
    }
    return cells.column
  }

  /// The nearest whole number of 64 bits; the last one where there is none: interpolation rounds beyond it.
  private static func whole(_ value: Double) -> Int64 {
    Int64(exactly: value.rounded()) ?? (value < 0 ? .min : .max)
  }
}

/// Collects texts into a column.
private struct TextCells {
  private var bytes: [UInt8] = []
  private var offsets = [0]
  private var validity: [Bool] = []

  mutating func append(_ text: String) { append(Array(text.utf8)) }

  mutating func append(_ text: [UInt8]?) {
    if let text { bytes += text }
    offsets.append(bytes.count)
    validity.append(text != nil)
  }

  var column: Column { Column(.texts(bytes: bytes, offsets: offsets), validity: validity) }
}

extension Column {
  /// Cell `row` as it is written; nil for null.
  fileprivate func text(_ row: Int) -> [UInt8]? {
    guard isValid(row) else { return nil }
    let buffer = ByteBuffer()
    switch values {
    case .bools(let cells): buffer.append(bool: cells[row])
    case .ints(let cells): buffer.append(int: cells[row])
    case .wideInts(let cells): buffer.append(wide: cells[row])
    case .doubles(let cells): buffer.append(double: cells[row])
    case .dates(let cells): buffer.append(date: cells[row])
    case .timestamps(let cells): buffer.append(timestamp: cells[row])
    case .texts(let bytes, let offsets): return Array(bytes[offsets[row]..<offsets[row + 1]])
    case .nulls: return nil
    }
    return buffer.array
  }
}
