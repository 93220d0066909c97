/// What `stats` says of a column.
package struct ColumnSummary: Sendable {
  package var type: ColumnType
  /// The values: records that are not null.
  package var count: Int64
  package var nulls: Int64
  /// How many different values there are, exactly; doubles by value (0.0 is -0.0, all NaNs are one), texts by bytes.
  package var distinct: Int
  /// One cell of the column's type, null without values. Texts by their bytes; NaN is the greatest double.
  package var minimum: Column
  package var maximum: Column
  /// Of int, double and bool (as 0 and 1); nil without values.
  package var mean: Double?
  /// The sample's (n - 1); nil for fewer than two values.
  package var standardDeviation: Double?
  /// Interpolated linearly; of dates in days, of timestamps in microseconds since 1970. Nil for text.
  package var lowerQuartile: Double?
  package var median: Double?
  package var upperQuartile: Double?
  /// The fewest characters (Unicode scalars) of a text; nil for other types.
  package var shortest: Int?
  package var longest: Int?
}

/// Collects the statistics of one column over one partition; fed with batches by one task.
package final class ColumnStatistics {
  private let type: ColumnType
  private let values: ValueRuns?
  private let texts: TextCounts?
  private var recordCount: Int64 = 0
  private var nullCount: Int64 = 0

  /// - Parameter type: What the column is taken for; the statistics of a column that turns out to be of another type
  ///   have to be collected anew.
  package convenience init(type: ColumnType) { self.init(type: type, bufferCount: nil) }

  /// - Parameter bufferCount: How many values are sorted at a time; nil for what was measured best.
  init(type: ColumnType, bufferCount: Int?) {
    self.type = type
    switch type {
    case .null: (values, texts) = (nil, nil)
    case .text: (values, texts) = (nil, TextCounts())
    case .double: (values, texts) = (ValueRuns(isDouble: true, bufferCount: bufferCount), nil)
    case .bool, .int, .date, .timestamp: (values, texts) = (ValueRuns(isDouble: false, bufferCount: bufferCount), nil)
    }
  }

  package var residentBytes: Int { (values?.residentBytes ?? 0) + (texts?.residentBytes ?? 0) }

  /// Adds `count` cells.
  ///
  /// - Parameter vector: A vector of the column's type.
  package func consume(_ vector: Vector, count: Int) {
    recordCount += Int64(count)
    if type == .null {
      nullCount += Int64(count)
      return
    }
    if vector.hasNulls {
      var nulls = 0
      for row in 0..<count { nulls &+= vector.valid[row] == 0 ? 1 : 0 }
      nullCount += Int64(nulls)
    }
    values?.consume(vector, count: count)
    texts?.consume(vector, count: count)
  }

  /// What was collected; the collector is used up.
  package func finish() -> ColumnStatisticsPartial {
    ColumnStatisticsPartial(
      type: type, recordCount: recordCount, nullCount: nullCount, values: values?.finish(), texts: texts?.finish())
  }
}

/// The statistics of one column over a part of the input. Immutable.
package final class ColumnStatisticsPartial: Sendable {
  package let type: ColumnType
  let recordCount: Int64
  let nullCount: Int64
  let values: SortedValues?
  let texts: TextCountsPartial?
  /// Upper bounds of the ranges that `distinctCount(shard:)` looks at.
  private let bounds: [Int64]

  init(type: ColumnType, recordCount: Int64, nullCount: Int64, values: SortedValues?, texts: TextCountsPartial?) {
    self.type = type
    self.recordCount = recordCount
    self.nullCount = nullCount
    self.values = values
    self.texts = texts
    bounds = values?.shardBounds(targetCount: 1 << 17) ?? []
  }

  package var residentBytes: Int { (values?.residentBytes ?? 0) + (texts?.residentBytes ?? 0) }

  /// All parts together; they are of one type and in file order.
  package static func merge(_ parts: [ColumnStatisticsPartial]) -> ColumnStatisticsPartial {
    if parts.count == 1 { return parts[0] }
    let values = parts.compactMap(\.values)
    let texts = parts.compactMap(\.texts)
    return ColumnStatisticsPartial(
      type: parts[0].type, recordCount: parts.reduce(0) { $0 + $1.recordCount },
      nullCount: parts.reduce(0) { $0 + $1.nullCount }, values: values.isEmpty ? nil : .merge(values),
      texts: texts.isEmpty ? nil : TextCounts.merge(texts))
  }

  /// In how many ranges the distinct values can be counted side by side; zero where they are known already.
  package var shardCount: Int { bounds.count }

  /// The distinct values of one range; the sum over all shards is what `summary` wants.
  package func distinctCount(shard: Int) -> Int {
    values!.distinctCount(above: shard == 0 ? nil : bounds[shard - 1], to: bounds[shard])
  }

  /// The answer.
  ///
  /// - Parameter distinct: The sum over all shards; nil to count them here.
  package func summary(distinct: Int? = nil) -> ColumnSummary {
    var summary = ColumnSummary(
      type: type, count: recordCount - nullCount, nulls: nullCount, distinct: 0, minimum: Column(.nulls(count: 1)),
      maximum: Column(.nulls(count: 1)))
    if let texts {
      summary.distinct = texts.distinctCount
      if let extremes = texts.extremes() {
        summary.minimum = Column(.texts(bytes: extremes.minimum, offsets: [0, extremes.minimum.count]))
        summary.maximum = Column(.texts(bytes: extremes.maximum, offsets: [0, extremes.maximum.count]))
        summary.shortest = extremes.shortest
        summary.longest = extremes.longest
      }
    }
    if let values, let minimum = values.minimum, let maximum = values.maximum {
      summary.distinct = distinct ?? (0..<shardCount).reduce(0) { $0 + distinctCount(shard: $1) }
      summary.minimum = AggregateColumns.column([minimum], type: type, isOrdered: true, validity: nil)
      summary.maximum = AggregateColumns.column([maximum], type: type, isOrdered: true, validity: nil)
      if type != .date && type != .timestamp {
        summary.mean = values.mean
        summary.standardDeviation = values.moments.variance?.squareRoot()
      }
      summary.lowerQuartile = values.quantile(0.25)
      summary.median = values.quantile(0.5)
      summary.upperQuartile = values.quantile(0.75)
    }
    return summary
  }
}
