import TestSupport
import Testing

@testable import MartletTable

/// Groups of one key column that need no ranks.
@Suite struct DirectKeysTests {
  private static let spec = GroupSpec(
    keyCount: 1, argumentTypes: [.int], aggregates: [AggregateSpec(.sum, [0]), AggregateSpec(.countAll)])

  private static func plan(
    _ keys: [[TestValue]], type: ColumnType? = nil, directKeys: Int = 0
  ) throws -> (plan: GroupPlan, table: TestTable) {
    var tuning = GroupTuning()
    tuning.directKeys = directKeys
    let all = keys.flatMap { $0 }
    let table = TestTable(
      keys: [all], arguments: [(.int, all.indices.map { .int(Int64($0)) })], count: all.count)
    var parts: [GroupPartial] = []
    var start = 0
    for part in keys {
      parts.append(try spec.partial(of: table, start..<start + part.count, tuning: tuning))
      start += part.count
    }
    return (GroupPlan(parts, options: spec.options(keyTypes: [type]), reader: TestCellReader()), table)
  }

  private static func isDirect(_ plan: GroupPlan, parts: Int) -> Bool {
    guard plan.mayBeDirect, let measure = plan.measure((0..<parts).map(plan.survey)) else { return false }
    return plan.order((0..<parts).map { plan.keys($0, measure) }, measure) != nil
  }

  private static func texts(_ texts: [String?]) -> [TestValue] { texts.map { $0.map { .text($0) } ?? .null } }

  private static let direct: [[String?]] = [
    ["5", "-3", "12", "0", "123456789012345", "-9", nil], ["1.5", "-0.25", "1e3", "1.50", "0.0", "-0.0"],
    ["2024-02-29", "1999-12-31", nil], ["true", "false"], ["a", "b", "ab", "a\0", "", "abcdefg", nil],
    ["id016", "id017", "id999", "id000"], ["prefix 12345678", "prefix 87654321", "prefix 00000000"], ["x", nil], ["x"],
    ["\u{e9}\u{e8}", "\u{e9}\u{ea}", "zz"], ["a text of some length", "b text", nil],
    (0..<40).map { "\($0 * 7_919 % 40) is how it begins" } + ["1 is how it", "1 is how it begins "],
    ["a2345678", "a1", "b"],
  ]

  @Test(arguments: direct)
  func `values, short texts, codes and texts that begin apart number themselves`(cells: [String?]) throws {
    let keys = Self.texts(cells)
    let parts = [keys + keys, Array(keys.reversed()), [keys[0]]]
    let (plan, table) = try Self.plan(parts)
    #expect(Self.isDirect(plan, parts: 3))
    #expect(try plan.finish().frame.rows == GroupModel(Self.spec, table).rows())
    let (ranked, _) = try Self.plan(parts, directKeys: .max)
    #expect(!Self.isDirect(ranked, parts: 3))
    #expect(try ranked.finish().frame.rows == plan.finish().frame.rows)
  }

  private static let ranked: [[String?]] = [
    ["1", "1.5"], ["1", "a"], ["2024-02-29", "12"], ["9223372036854775807", "-9223372036854775808", nil], [nil],
    ["k12345678", "k1234567", "j"], ["x"] + (0..<20).map { "all begin alike \($0)" },
  ]

  @Test(arguments: ranked)
  func `other keys are ranked`(cells: [String?]) throws {
    let keys = Self.texts(cells)
    let parts = [keys, Array((keys + keys).reversed())]
    let (plan, table) = try Self.plan(parts)
    #expect(!Self.isDirect(plan, parts: 2))
    #expect(try plan.finish().frame.rows == GroupModel(Self.spec, table).rows())
  }

  @Test(arguments: 0..<4)
  func `many groups come out as they do with ranks, range by range`(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let long = seed % 2 == 0
    let keys = (0..<3).map { _ in
      (0..<7_000).map { row -> TestValue in
        if row % 500 == 3 { return .null }
        let number = Int.random(in: 0..<12_000, using: &random)
        if !long { return .text("\(number &* 7_919 &- 40_000_000)") }
        // Some begin alike.
        return .text("\(String(number % 11_900 &* 0x9E37_79B9, radix: 16)) and more than sixteen bytes \(number)")
      }
    }
    let (plan, _) = try Self.plan(keys)
    #expect(Self.isDirect(plan, parts: 3))
    let (ranked, _) = try Self.plan(keys, directKeys: .max)
    let rows = try plan.finish().frame.rows
    #expect(try rows == ranked.finish().frame.rows, "seed \(seed)")
    #expect(rows.count == Set(keys.joined()).count)
    let measure = try #require(plan.measure((0..<3).map(plan.survey)))
    #expect(measure.isExact == !long)
  }

  @Test func `parts of different types are ranked`() throws {
    let (plan, table) = try Self.plan([Self.texts(["1", "2"]), Self.texts(["x"]), Self.texts([nil])])
    #expect(!Self.isDirect(plan, parts: 3))
    #expect(try plan.finish().frame.rows == GroupModel(Self.spec, table).rows())
  }

  @Test func `parts of nulls alone do not matter`() throws {
    let (plan, table) = try Self.plan([Self.texts([nil]), Self.texts(["7", "3"]), Self.texts([nil, nil])])
    #expect(Self.isDirect(plan, parts: 3))
    #expect(try plan.finish().frame.rows == GroupModel(Self.spec, table).rows())
  }

  @Test func `a type that was asked for holds, and what is not of it is an error`() throws {
    let (asText, _) = try Self.plan([Self.texts(["10", "9", "2"])], type: .text)
    #expect(Self.isDirect(asText, parts: 1))
    #expect(try asText.finish().frame.rows.map { $0[0] } == Self.texts(["10", "2", "9"]))
    let (wrong, _) = try Self.plan([Self.texts(["10", "x"])], type: .int)
    #expect(!Self.isDirect(wrong, parts: 1))
    #expect(throws: TableError.self) { try wrong.finish() }
  }
}
