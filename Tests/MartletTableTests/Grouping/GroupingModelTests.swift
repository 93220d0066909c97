import MartletTable
import TestSupport
import Testing

/// Random tables and groupings against `GroupModel`.
@Suite struct GroupingModelTests {
  private static let keyPools: [[TestValue]] = [
    [.null, .text(""), .text("a"), .text("b"), .text("a\0b"), .text("a\0"), .text("ab"), .text("a,b")],
    [.text("1"), .text("2"), .text("10"), .text("-3"), .null],
    [.text("1.5"), .text("1.50"), .text("2"), .text("2.0"), .text("-0.0"), .text("0"), .text("0.0"), .null],
    [
      .text("a key that is longer than sixteen"), .text("a key that is longer than seventeen"),
      .text("exactly16bytes!!"), .text("exactly 17 bytes!"), .text("a key that is longer than sixteen\0"),
      .text("8 bytes!"), .text("9 bytes!!"),
    ],
    [.text("2024-02-29"), .text("1999-12-31"), .null],
    [.text("true"), .text("false")],
    (0..<300).map { .text("\($0)") },
    (0..<40).map { .text("\($0 * $0)") } + [.text("007"), .text("-1"), .text("1e3"), .text("99999999"), .null],
    (0..<120).map { .text("id00\($0 + 9_900)") } + [.text("id"), .text("ix009901"), .text("id0009901")],
    (0..<30).map { .text("abcdefgh\($0 % 10)0\($0)") },
    [.null],
  ]

  static func randomTable(_ random: inout SeededGenerator, keyCount: Int, count: Int) -> TestTable {
    let keys = (0..<keyCount).map { _ in
      let pool = keyPools.randomElement(using: &random)!
      return (0..<count).map { _ in pool.randomElement(using: &random)! }
    }
    let nullShare = [0.0, 0.1, 0.9].randomElement(using: &random)!
    func cells(_ make: (inout SeededGenerator) -> TestValue) -> [TestValue] {
      (0..<count).map { _ in Double.random(in: 0..<1, using: &random) < nullShare ? .null : make(&random) }
    }
    let hasExtremes = Bool.random(using: &random)
    let ints = cells { random in
      if hasExtremes && Int.random(in: 0..<20, using: &random) == 0 {
        return .int([Int64.min, Int64.max].randomElement(using: &random)!)
      }
      return .int(Int64.random(in: -20...20, using: &random))
    }
    let hasSpecials = Bool.random(using: &random)
    let doubles = cells { random in
      if hasSpecials && Int.random(in: 0..<30, using: &random) == 0 {
        return .double([Double.nan, .infinity, -.infinity, -0.0, 0.0].randomElement(using: &random)!)
      }
      return .double((Double.random(in: -50...50, using: &random) * 8).rounded() / 8)
    }
    let texts = cells { random in keyPools[[0, 3].randomElement(using: &random)!].randomElement(using: &random)! }
    let bools = cells { random in .int(Int64.random(in: 0...1, using: &random)) }
    let dates = cells { random in .int(Int64.random(in: -40_000...40_000, using: &random)) }
    return TestTable(
      keys: keys,
      arguments: [
        (.int, ints), (.double, doubles), (.text, texts), (.bool, bools), (.date, dates), (.timestamp, dates),
        (.null, [TestValue](repeating: .null, count: count)),
      ], count: count)
  }

  /// Every aggregate of every type that it takes.
  static let allAggregates: [AggregateSpec] = {
    let types: [ColumnType] = [.int, .double, .text, .bool, .date, .timestamp, .null]
    var all: [AggregateSpec] = [AggregateSpec(.countAll)]
    for kind in AggregateKind.allCases where kind != .countAll {
      for argument in types.indices {
        let parameters: [Double?] =
          switch kind {
          case .quantile: [0, 0.25, 0.9, 1]
          case .top: types[argument] == .date || types[argument] == .timestamp ? [] : [1, 3, 40]
          default: [nil]
          }
        let arguments = kind == .correlation ? [argument, (argument + 1) % 2] : [argument]
        for parameter in parameters {
          let aggregate = AggregateSpec(kind, arguments, parameter: parameter)
          let spec = GroupSpec(keyCount: 0, argumentTypes: types, aggregates: [aggregate])
          if (try? spec.validate()) != nil { all.append(aggregate) }
        }
      }
    }
    return all
  }()

  private static func smallTuning(_ random: inout SeededGenerator) -> GroupTuning {
    var tuning = GroupTuning()
    tuning.slotBits = Int.random(in: 1...3, using: &random)
    tuning.directBits = [0, 3, 20].randomElement(using: &random)!
    tuning.hashMask = [0, 0xc000_0000, .max].randomElement(using: &random)!
    tuning.decimalBits = [0, 2, 12].randomElement(using: &random)!
    tuning.decimalWindow = [1, 300, 1 << 16].randomElement(using: &random)!
    tuning.directKeys = [0, 1 << 12].randomElement(using: &random)!
    tuning.pendingValues = [1, 64, 1 << 18].randomElement(using: &random)!
    tuning.repeatedGroups = [1, 20, 1 << 17].randomElement(using: &random)!
    tuning.topInline = [1, 16].randomElement(using: &random)!
    return tuning
  }

  /// Cuts `0..<count` at random places; pieces may be empty.
  private static func cuts(_ random: inout SeededGenerator, count: Int) -> [Range<Int>] {
    let places = (0..<Int.random(in: 0...5, using: &random)).map { _ in Int.random(in: 0...count, using: &random) }
    let bounds = [0] + places.sorted() + [count]
    return zip(bounds, bounds.dropFirst()).map { $0..<$1 }
  }

  /// Merges neighbours at random until some are left.
  private static func merge(_ parts: [GroupPartial], _ random: inout SeededGenerator) throws -> [GroupPartial] {
    var parts = parts
    while parts.count > 1 && Bool.random(using: &random) {
      let start = Int.random(in: 0..<parts.count - 1, using: &random)
      let end = Int.random(in: start + 2...parts.count, using: &random)
      parts.replaceSubrange(start..<end, with: [try GroupPartial.merge(Array(parts[start..<end]))])
    }
    return parts
  }

  @Test(arguments: sampled(0..<60))
  func `any split, tree of merges and capacity gives the model's groups`(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let keyCount = Int.random(in: 0...4, using: &random)
    let count = [0, 1, 2, 40, 400, 1500].randomElement(using: &random)!
    let table = Self.randomTable(&random, keyCount: keyCount, count: count)
    var aggregates = Self.allAggregates
    if Bool.random(using: &random) {
      aggregates = (0..<Int.random(in: 0...4, using: &random)).map { _ in aggregates.randomElement(using: &random)! }
    }
    let spec = GroupSpec(keyCount: keyCount, argumentTypes: table.arguments.map(\.type), aggregates: aggregates)
    let tuning = Self.smallTuning(&random)
    let parts = try Self.merge(
      Self.cuts(&random, count: count).map {
        try spec.partial(of: table, $0, batch: [1, 7, 700, 2048].randomElement(using: &random)!, tuning: tuning)
      }, &random)
    let result = try GroupPlan(parts, options: spec.options(), reader: TestCellReader()).finish()
    let model = GroupModel(spec, table)
    let expected = model.rows()
    #expect(result.keyTypes == model.keyTypes, "seed \(seed)")
    let rows = result.frame.rows
    try #require(rows.count == expected.count, "seed \(seed)")
    for (row, expectedRow) in zip(rows, expected) {
      for (column, (cell, expectedCell)) in zip(row, expectedRow).enumerated() {
        let what = column < keyCount ? "key \(column)" : "\(aggregates[column - keyCount])"
        #expect(areClose(cell, expectedCell), "seed \(seed), \(what): \(cell), expected \(expectedCell)")
      }
    }
    for (index, aggregate) in aggregates.enumerated() {
      let type = result.frame.columns[keyCount + index].type
      #expect(type == spec.resultType(of: aggregate) || type == .null || spec.resultType(of: aggregate) == .null)
    }
  }
}
