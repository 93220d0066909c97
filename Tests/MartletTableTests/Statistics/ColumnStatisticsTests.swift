import TestSupport
import Testing

@testable import MartletTable

@Suite struct ColumnStatisticsTests {
  private static func cells(_ type: ColumnType, _ random: inout SeededGenerator, count: Int) -> [TestValue] {
    let nullShare = [0.0, 0.2, 1.0].randomElement(using: &random)!
    let isWide = Bool.random(using: &random)
    return (0..<count).map { _ in
      if Double.random(in: 0..<1, using: &random) < nullShare { return .null }
      switch type {
      case .double:
        if Int.random(in: 0..<200, using: &random) == 0 {
          return .double([-0.0, 0.0, 1e300, -1e-300].randomElement(using: &random)!)
        }
        return .double(
          isWide
            ? Double.random(in: -1...1, using: &random) : Double(Int.random(in: -9...9, using: &random)) / 4)
      case .bool: return .int(Int64.random(in: 0...1, using: &random))
      case .text: return .text(["", "é", "añb", "zebra", "a", "日本語"].randomElement(using: &random)!)
      default:
        if isWide && Int.random(in: 0..<50, using: &random) == 0 {
          return .int([Int64.min, Int64.max].randomElement(using: &random)!)
        }
        return .int(
          isWide ? Int64.random(in: -1_000_000...1_000_000, using: &random) : Int64.random(in: -40...90, using: &random)
        )
      }
    }
  }

  private static func partial(
    _ type: ColumnType, _ cells: ArraySlice<TestValue>, batch: Int
  ) -> ColumnStatisticsPartial {
    let statistics = ColumnStatistics(type: type, bufferCount: 64)
    var start = cells.startIndex
    while start < cells.endIndex {
      let end = min(start + batch, cells.endIndex)
      let vector = TestVector(type, cells[start..<end])
      statistics.consume(vector.vector, count: end - start)
      withExtendedLifetime(vector) {}
      start = end
    }
    return statistics.finish()
  }

  @Test(arguments: sampled(0..<80))
  func `any split gives what a sorted list says`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let type = [ColumnType.bool, .int, .double, .date, .timestamp, .text, .null].randomElement(using: &random)!
    let count = [0, 1, 2, 100, 1000].randomElement(using: &random)!
    let cells = Self.cells(type, &random, count: count)
    let places = (0..<3).map { _ in Int.random(in: 0...count, using: &random) }.sorted()
    let bounds = [0] + places + [count]
    let parts = zip(bounds, bounds.dropFirst()).map {
      Self.partial(type, cells[$0..<$1], batch: [1, 33, 2048].randomElement(using: &random)!)
    }
    let left = ColumnStatisticsPartial.merge(Array(parts[0..<2]))
    let summary = ColumnStatisticsPartial.merge([left] + parts[2...]).summary()

    let values = (type == .null ? [] : cells.filter { $0 != .null }).sorted(by: GroupModel.isLess)
    let spec = GroupSpec(
      keyCount: 0, argumentTypes: [type],
      aggregates: [
        AggregateSpec(.countDistinct, [0]), AggregateSpec(.min, [0]), AggregateSpec(.max, [0]),
      ]
        + (type == .text
          ? []
          : [
            AggregateSpec(.mean, [0]), AggregateSpec(.standardDeviation, [0]),
            AggregateSpec(.quantile, [0], parameter: 0.25), AggregateSpec(.median, [0]),
            AggregateSpec(.quantile, [0], parameter: 0.75),
          ]))
    let expected = GroupModel(spec, TestTable(keys: [], arguments: [(type, cells)], count: count)).rows()[0]
    #expect(summary.type == type)
    #expect(summary.count == Int64(values.count), "seed \(seed)")
    #expect(summary.nulls == Int64(count - values.count), "seed \(seed)")
    #expect(.int(Int64(summary.distinct)) == expected[0], "seed \(seed)")
    #expect(summary.minimum.value(0) == expected[1], "seed \(seed)")
    #expect(summary.maximum.value(0) == expected[2], "seed \(seed)")
    if type == .text {
      let lengths = values.map { value in
        if case .text(let bytes) = value { String(decoding: bytes, as: UTF8.self).unicodeScalars.count } else { 0 }
      }
      #expect(summary.shortest == lengths.min(), "seed \(seed)")
      #expect(summary.longest == lengths.max(), "seed \(seed)")
      #expect(summary.mean == nil && summary.median == nil)
      return
    }
    func cell(_ value: Double?) -> TestValue { value.map { .double($0) } ?? .null }
    if type != .date && type != .timestamp {
      #expect(areClose(cell(summary.mean), expected[3]), "seed \(seed)")
      #expect(areClose(cell(summary.standardDeviation), expected[4]), "seed \(seed)")
    }
    #expect(areClose(cell(summary.lowerQuartile), expected[5]), "seed \(seed)")
    #expect(areClose(cell(summary.median), expected[6]), "seed \(seed)")
    #expect(areClose(cell(summary.upperQuartile), expected[7]), "seed \(seed)")
  }

  @Test(arguments: [Int64.min, Int64.max])
  func `a range of counted values may end where the ints do`(last: Int64) {
    let step: Int64 = last < 0 ? 1 : -1
    let cells: [TestValue] = [.int(last), .int(last + 500 * step), .int(last + 20_000 * step), .int(last)]
    let summary = Self.partial(.int, cells[...], batch: 1).summary()
    #expect(summary.distinct == 3)
    #expect([summary.minimum.value(0), summary.maximum.value(0)].contains(.int(last)))
  }

  @Test func `the distinct values of all ranges add up`() {
    var random = SeededGenerator(seed: 5)
    let cells = (0..<20_000).map { _ in TestValue.int(Int64.random(in: 0..<15_000_000, using: &random)) }
    let parts = (0..<4).map { Self.partial(.int, cells[$0 * 5000..<($0 + 1) * 5000], batch: 2048) }
    let values = parts.map { $0.values! }
    let merged = SortedValues.merge(values)
    let bounds = merged.shardBounds(targetCount: 500)
    #expect(bounds.count > 20)
    let lowers: [Int64?] = [nil] + bounds.dropLast()
    let counts = zip(lowers, bounds).map { merged.distinctCount(above: $0, to: $1) }
    #expect(counts.reduce(0, +) == Set(cells).count)
    #expect(counts.max()! < 1500)
  }
}
