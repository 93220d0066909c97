import TestSupport
import Testing

@testable import MartletTable

/// Groups of several keys that are no longer looked up.
@Suite struct RepeatedGroupsTests {
  private static let spec = GroupSpec(
    keyCount: 2, argumentTypes: [.int], aggregates: [AggregateSpec(.sum, [0]), AggregateSpec(.countAll)])

  private static let tuning = {
    var tuning = GroupTuning()
    tuning.directBits = 4
    tuning.repeatedGroups = 2_000
    return tuning
  }()

  /// Records with two keys each.
  private static func partial(_ count: Int, _ keys: (Int) -> (Int, Int)) throws -> (TestTable, GroupPartial) {
    let pairs = (0..<count).map(keys)
    let table = TestTable(
      keys: [pairs.map { .text("\($0.0)") }, pairs.map { .text("\($0.1)") }],
      arguments: [(.int, (0..<count).map { .int(Int64($0)) })], count: count)
    return (table, try spec.partial(of: table, 0..<count, batch: 512, tuning: tuning))
  }

  private static func expectModel(_ table: TestTable, _ partial: GroupPartial) throws {
    let result = try GroupPlan([partial], options: spec.options(), reader: TestCellReader()).finish()
    #expect(result.frame.rows == GroupModel(spec, table).rows())
    let merged = try GroupPartial.merge([partial, partial])
    #expect(merged.groupCount == result.frame.rowCount)
  }

  @Test func `combinations that never end are not looked up, and become groups in the end`() throws {
    // All different, but for the last thousand, which repeat what came late.
    let (table, partial) = try Self.partial(6_000) { row in
      let number = row < 5_000 ? row : row - 1_500
      return (number % 100, number / 100)
    }
    #expect(partial.groupCount == 6_000)
    try Self.expectModel(table, partial)
  }

  @Test func `texts that come round are looked up`() throws {
    let (table, partial) = try Self.partial(9_000) { ($0 % 3_000, 0) }
    #expect(partial.groupCount == 3_000)
    try Self.expectModel(table, partial)
  }

  @Test func `keys that begin to repeat are looked up again`() throws {
    let (table, partial) = try Self.partial(30_000) { row in (row % 3_000 % 60, row % 3_000 / 60) }
    // What was added without a look, and what was found afterwards.
    #expect((3_001..<15_000).contains(partial.groupCount))
    try Self.expectModel(table, partial)
  }

  @Test func `few groups are looked up`() throws {
    let (table, partial) = try Self.partial(20_000) { ($0 * 7 % 50, $0 % 2 == 0 ? $0 % 60 : $0 / 2 % 100) }
    #expect(partial.groupCount == Set(zip(table.keys[0], table.keys[1]).map { "\($0)\($1)" }).count)
    try Self.expectModel(table, partial)
  }
}
