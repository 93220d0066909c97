import MartletTable
import TestSupport
import Testing

@testable import Martlet

/// Queries beside a twin that goes through the rows one after the other.
@Suite struct QueryModelTests {
  private struct Condition: Sendable {
    let text: String
    let holds: @Sendable ([String?]) -> Bool
  }

  private static let conditions: [Condition] = [
    Condition(text: "true") { _ in true },
    Condition(text: "i > 100") { $0[2].map { Int($0)! > 100 } ?? false },
    Condition(text: "t = 'x' OR i <= 0") { $0[1] == "x" || ($0[2].map { Int($0)! <= 0 } ?? false) },
    Condition(text: "NOT (d < 50.0) AND t IS NOT NULL") { row in
      (row[3].map { Double($0)! >= 50 } ?? false) && row[1] != nil
    },
    Condition(text: "day BETWEEN '2024-03-01' AND '2024-06-30'") { row in
      row[4].map { $0 >= "2024-03-01" && $0 <= "2024-06-30" } ?? false
    },
    Condition(text: "t IN ('y', 'a,b', 'zürich')") { row in row[1].map { ["y", "a,b", "zürich"].contains($0) } ?? false
    },
    Condition(text: "m LIKE 'w%'") { $0[5]?.hasPrefix("w") ?? false },
  ]

  @Test(arguments: 0..<conditions.count, (1...4).map { UInt64($0) })
  func `groups are those of a loop over the rows`(condition: Int, seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed &* 977)
    let table = RandomTable(&generator, rows: 150)
    let file = TemporaryTable(table.csv(&generator))
    let condition = Self.conditions[condition]
    var groups: [String: [[String?]]] = [:]
    for row in table.rows where condition.holds(row) { groups[row[0]!, default: []].append(row) }
    var expected = "k,n,c,s,lo,hi,first,texts\n"
    for key in groups.keys.sorted(by: { Int($0)! < Int($1)! }) {
      let rows = groups[key]!
      let numbers = rows.compactMap { $0[2].map { Int($0)! } }
      let texts = rows.compactMap { $0[1] }
      let cells: [String?] = [
        key, "\(rows.count)", "\(numbers.count)", numbers.isEmpty ? nil : "\(numbers.reduce(0, +))",
        numbers.min().map { "\($0)" }, numbers.max().map { "\($0)" }, texts.first, "\(Set(texts).count)",
      ]
      expected += cells.map(Self.written).joined(separator: ",") + "\n"
    }
    let got = try run(
      .group(
        by: ["k"],
        aggregates: [
          "count(*) AS n, count(i) AS c, sum(i) AS s, min(i) AS lo, max(i) AS hi",
          "first(t) AS first, count(DISTINCT t) AS texts",
        ],
        sort: [], limit: nil), on: [file.path], partitionBytes: 200
    ) { $0.filter = condition.text }
    #expect(got.text == expected, "seed \(seed), where \(condition.text)")
  }

  @Test(arguments: 0..<conditions.count, (1...4).map { UInt64($0) })
  func `a selection gives the cells as they were`(condition: Int, seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed &* 31)
    let table = RandomTable(&generator, rows: 100)
    let file = TemporaryTable(table.csv(&generator, lineEnds: ["\n", "\r\n", "\r"]))
    let condition = Self.conditions[condition]
    let kept = table.rows.filter(condition.holds)
    let expected =
      "d,t,k\n" + kept.map { [$0[3], $0[1], $0[0]].map(Self.written).joined(separator: ",") + "\n" }.joined()
    let got = try run(.select(sort: [], limit: nil), on: [file.path], partitionBytes: 90) {
      $0.filter = condition.text
      $0.columns = ["d", "t", "k"]
    }
    #expect(got.text == expected, "seed \(seed), where \(condition.text)")
    let count = try run(.count, on: [file.path], partitionBytes: 50) { $0.filter = condition.text }
    #expect(count.text == "\(kept.count)\n", "seed \(seed)")
  }

  private static func written(_ cell: String?) -> String {
    guard let cell else { return "" }
    if cell.isEmpty || cell.unicodeScalars.contains(where: { ",\"\n\r".unicodeScalars.contains($0) }) {
      return "\"" + cell.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
    return cell
  }
}
