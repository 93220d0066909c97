import TestSupport
import Testing

@testable import MartletTable

@Suite struct GroupingEdgeTests {
  private static func frame(
    _ spec: GroupSpec, _ parts: [GroupPartial], keyTypes: [ColumnType?]? = nil
  ) throws -> GroupFrame {
    try GroupPlan(
      parts, options: spec.options(keyTypes: keyTypes), reader: TestCellReader()
    ).finish()
  }

  private static func texts(_ texts: String?...) -> [TestValue] { texts.map { $0.map { .text($0) } ?? .null } }

  private static func table(keys: [[TestValue]], _ arguments: [(type: ColumnType, cells: [TestValue])] = [])
    -> TestTable
  {
    TestTable(keys: keys, arguments: arguments, count: keys.first?.count ?? arguments[0].cells.count)
  }

  @Test func `no record gives no group with keys, and one without`() throws {
    let aggregates = [AggregateSpec(.countAll), AggregateSpec(.sum, [0]), AggregateSpec(.median, [0])]
    let arguments: [(type: ColumnType, cells: [TestValue])] = [(.int, [])]
    let keyed = GroupSpec(keyCount: 1, argumentTypes: [.int], aggregates: aggregates)
    #expect(try Self.frame(keyed, [keyed.partial(of: Self.table(keys: [[]], arguments), 0..<0)]).frame.rowCount == 0)
    let single = GroupSpec(keyCount: 0, argumentTypes: [.int], aggregates: aggregates)
    let part = try single.partial(of: Self.table(keys: [], arguments), 0..<0)
    #expect(try Self.frame(single, [part, part]).frame.rows == [[.int(0), .null, .null]])
  }

  @Test func `null, empty text and texts with NUL bytes and separators are different keys`() throws {
    let cells = Self.texts("", nil, "\0", "a\0", "a", "a\0b", "a,b", "a|b", nil, "", "\0\0")
    let spec = GroupSpec(keyCount: 2, aggregates: [AggregateSpec(.countAll)])
    let table = Self.table(keys: [cells, cells.reversed()])
    let parts = try [spec.partial(of: table, 0..<5), spec.partial(of: table, 5..<11)]
    #expect(try Self.frame(spec, parts).frame.rows == GroupModel(spec, table).rows())
  }

  @Test func `equal numbers are one group, shown as first written`() throws {
    let cells = Self.texts("1.50", "-0.0", "2", "1.5", "0", "1.500", "2.0", nil)
    let spec = GroupSpec(
      keyCount: 1, argumentTypes: [.int],
      aggregates: [
        AggregateSpec(.countAll), AggregateSpec(.first, [0]), AggregateSpec(.last, [0]),
      ])
    let table = Self.table(keys: [cells], [(.int, (0..<8).map { .int($0) })])
    let rows = try Self.frame(spec, [spec.partial(of: table, 0..<8)]).frame.rows
    #expect(
      rows == [
        [.text("-0.0"), .int(2), .int(1), .int(4)], [.text("1.50"), .int(3), .int(0), .int(5)],
        [.text("2"), .int(2), .int(2), .int(6)], [.null, .int(1), .int(7), .int(7)],
      ])
    // As text they are what they look like.
    let asText = try Self.frame(spec, [spec.partial(of: table, 0..<8)], keyTypes: [.text])
    #expect(asText.frame.rowCount == 8)
    #expect(asText.keyTypes == [.text])
  }

  @Test func `ints are ordered as numbers, and text as bytes`() throws {
    let spec = GroupSpec(keyCount: 1, aggregates: [])
    let ints = Self.table(keys: [Self.texts("10", "9", "-1", nil, "100")])
    #expect(
      try Self.frame(spec, [spec.partial(of: ints, 0..<5)]).frame.rows.map { $0[0] }
        == Self.texts("-1", "9", "10", "100", nil))
    let mixed = Self.table(keys: [Self.texts("10", "9", "-1", "x", "100", "é", "Z")])
    #expect(
      try Self.frame(spec, [spec.partial(of: mixed, 0..<7)]).frame.rows.map { $0[0] }
        == Self.texts("-1", "10", "100", "9", "Z", "x", "é"))
  }

  @Test func `a key that is not of the type asked for is an error that names it`() throws {
    let spec = GroupSpec(keyCount: 1, aggregates: [])
    let part = try spec.partial(of: Self.table(keys: [Self.texts("1", "x")]), 0..<2)
    #expect {
      try Self.frame(spec, [part], keyTypes: [.int])
    } throws: { error in
      let error = error as! TableError
      return error.code == .malformedData && error.message == "column k0 has the key `x`, which is no int"
    }
  }

  @Test func `sums beyond 64 bits are exact, and so is their mean`() throws {
    let spec = GroupSpec(
      keyCount: 0, argumentTypes: [.int], aggregates: [AggregateSpec(.sum, [0]), AggregateSpec(.mean, [0])])
    let large = [TestValue](repeating: .int(.max), count: 5)
    let parts = try (0..<3).map { _ in try spec.partial(of: Self.table(keys: [], [(.int, large)]), 0..<5) }
    let row = try Self.frame(spec, parts).frame.rows[0]
    #expect(row == [.text("\(Int128(Int64.max) * 15)"), .double(Double(Int64.max))])
    let mixed = Self.table(keys: [], [(.int, [.int(.min), .int(.max), .int(.max), .int(.min), .int(1)])])
    #expect(try Self.frame(spec, [spec.partial(of: mixed, 0..<5)]).frame.rows[0] == [.int(-1), .double(-0.2)])
  }

  @Test func `a sum of doubles keeps what rounding would lose`() throws {
    let spec = GroupSpec(keyCount: 0, argumentTypes: [.double], aggregates: [AggregateSpec(.sum, [0])])
    let cells: [TestValue] = [1e16, 1, 1, 1, -1e16].map { .double($0) }
    let table = Self.table(keys: [], [(.double, cells)])
    for cut in 0...5 {
      let parts = try [spec.partial(of: table, 0..<cut), spec.partial(of: table, cut..<5)]
      #expect(try Self.frame(spec, parts).frame.rows == [[.double(3)]])
      #expect(try Self.frame(spec, [GroupPartial.merge(parts)]).frame.rows == [[.double(3)]])
    }
  }

  @Test func `combinations of keys that 64 bits cannot number`() throws {
    var random = SeededGenerator(seed: 11)
    let keys = (0..<12).map { _ in
      (0..<300).map { _ in TestValue.text("\(Int.random(in: 0..<200, using: &random))") }
    }
    // Twice the same records, so that there is something to merge.
    let table = Self.table(keys: keys.map { $0 + $0 })
    let spec = GroupSpec(keyCount: 12, aggregates: [AggregateSpec(.countAll)])
    let parts = try [spec.partial(of: table, 0..<200), spec.partial(of: table, 200..<600)]
    let expected = GroupModel(spec, table).rows()
    #expect(expected.count == 300)
    #expect(try Self.frame(spec, parts).frame.rows == expected)
  }

  /// More rows than a few chunks, in several shards.
  @Test func `many groups come out the same from any number of shards`() throws {
    var random = SeededGenerator(seed: 3)
    let count = 40_000
    let keys = (0..<count).map { TestValue.text("key \($0 * 7919 % 25_000)") }
    let values = (0..<count).map { _ in TestValue.double(Double.random(in: -1...1, using: &random)) }
    let table = Self.table(keys: [keys], [(.double, values)])
    let spec = GroupSpec(
      keyCount: 1, argumentTypes: [.double],
      aggregates: [AggregateSpec(.sum, [0]), AggregateSpec(.standardDeviation, [0]), AggregateSpec(.median, [0])])
    let parts = try [0..<15_000, 15_000..<count].map { try spec.partial(of: table, $0, batch: 2048) }
    let plan = GroupPlan(parts, options: spec.options(), reader: TestCellReader())
    let order = plan.order([try plan.rank(0)])
    let placements = parts.indices.map { plan.place($0, order) }
    var bits: [[String]] = []
    var counts: Set<Int> = []
    for targetBytes in [1, 1 << 20, 1 << 40] {
      let shards = plan.shards(placements, order, targetBytes: targetBytes)
      counts.insert(shards.count)
      // In any order of the shards: backwards here.
      let pieces = (0..<shards.count).reversed().map { shards.shard($0).frame() }
      let frame = GroupShards.join(pieces.reversed()).frame
      if bits.isEmpty { bits = frame.bits } else { #expect(frame.bits == bits) }
    }
    #expect(counts.count == 3 && counts.contains(1))
    #expect(bits.count == 25_000)
    let expected = GroupModel(spec, table).rows()
    #expect(areClose(try plan.finish().frame.rows, expected))
  }

  @Test func `the same partials give the same bits`() throws {
    var random = SeededGenerator(seed: 17)
    let cells = (0..<900).map { _ in TestValue.double(Double.random(in: -1e6...1e6, using: &random)) }
    let keys = (0..<900).map { _ in TestValue.text("\(Int.random(in: 0..<20, using: &random))") }
    let table = Self.table(keys: [keys], [(.double, cells)])
    let kinds: [AggregateKind] = [.sum, .mean, .variance, .standardDeviation, .median]
    let spec = GroupSpec(
      keyCount: 1, argumentTypes: [.double],
      aggregates: kinds.map { AggregateSpec($0, [0]) } + [AggregateSpec(.correlation, [0, 0])])
    func bits() throws -> [[String]] {
      // Batches may be cut anywhere: they are not partitions.
      let parts = try [0..<300, 300..<301, 301..<900].map {
        try spec.partial(of: table, $0, batch: Int.random(in: 1...900, using: &random))
      }
      return try Self.frame(spec, parts).frame.bits
    }
    let first = try bits()
    for _ in 0..<5 { #expect(try bits() == first) }
  }

  @Test func `memory grows with the groups and the values, not with the records`() throws {
    let spec = GroupSpec(
      keyCount: 1, argumentTypes: [.int],
      aggregates: [AggregateSpec(.sum, [0]), AggregateSpec(.countDistinct, [0]), AggregateSpec(.max, [0])])
    var tuning = GroupTuning()
    tuning.pendingValues = 4096
    let accumulator = try GroupAccumulator(spec, tuning: tuning)
    let keys = TestVector(.text, (0..<2000).map { .text("\($0 % 10)") })
    let values = TestVector(.int, (0..<2000).map { .int(Int64($0 % 7)) })
    var sizes: [Int] = []
    for round in 0..<200 {
      try accumulator.consume(keys: [keys.vector], arguments: [values.vector], count: 2000)
      if round >= 40 { sizes.append(accumulator.residentBytes) }
    }
    // The values that wait for their compaction come in chunks of 32,768, 12 bytes each.
    #expect(sizes.max()! < 2 * 32_768 * 12 + 20_000)
    let part = accumulator.finish()
    #expect(part.groupCount == 10 && part.recordCount == 400_000)
    #expect(part.residentBytes < 20_000)
    #expect(try Self.frame(spec, [part]).frame.columns[2].value(9) == .int(7))
  }

  @Test func `a text that grows in its group's minimum and last wastes no more than it holds`() throws {
    let spec = GroupSpec(
      keyCount: 0, argumentTypes: [.text], aggregates: [AggregateSpec(.max, [0]), AggregateSpec(.last, [0])])
    let accumulator = try GroupAccumulator(spec)
    for length in 1...300 {
      let text = TestVector(.text, [.text(String(repeating: "x", count: length))])
      try accumulator.consume(keys: [], arguments: [text.vector], count: 1)
    }
    #expect(accumulator.residentBytes < 20_000)
    let longest = TestValue.text(String(repeating: "x", count: 300))
    #expect(try Self.frame(spec, [accumulator.finish()]).frame.rows == [[longest, longest]])
  }

  @Test(arguments: [
    (AggregateSpec(.sum, [0]), "sum of a column of type text has no meaning"),
    (AggregateSpec(.any, [1]), "any of a column of type date has no meaning"),
    (AggregateSpec(.mean, [1]), "mean of a column of type date has no meaning"),
    (AggregateSpec(.quantile, [2], parameter: 1.5), "quantile wants a share from 0 to 1"),
    (AggregateSpec(.quantile, [2], parameter: .nan), "quantile wants a share from 0 to 1"),
    (AggregateSpec(.quantile, [2]), "quantile wants a share from 0 to 1"),
    (AggregateSpec(.top, [2], parameter: 0), "top wants a whole number from 1"),
    (AggregateSpec(.top, [2], parameter: 2.5), "top wants a whole number from 1"),
    (AggregateSpec(.correlation, [2]), "correlation takes 2 arguments, not 1"),
    (AggregateSpec(.count, [3]), "count takes 1 arguments, not 1"),
  ])
  func `an aggregate that has no meaning is refused`(aggregate: AggregateSpec, message: String) {
    let spec = GroupSpec(keyCount: 0, argumentTypes: [.text, .date, .int], aggregates: [aggregate])
    #expect {
      try GroupAccumulator(spec)
    } throws: { error in
      (error as! TableError).message == message
    }
  }
}
