import MartletTable
import TestSupport
import Testing

@testable import Martlet

/// The first promise of `martlet-csv`: the same bytes for any number of threads and any partition size.
@Suite struct SameAnswerTests {
  static let operations: [(TableQuery.Operation, OutputFormat)] = [
    (.count, .csv), (.schema, .csv), (.head(7), .json), (.tail(9), .csv), (.sample(5, seed: 3), .csv),
    (.statistics, .csv), (.frequencies(top: 4), .csv), (.select(sort: [], limit: nil), .csv),
    (.select(sort: [], limit: nil), .json), (.select(sort: [], limit: nil), .table),
    (.select(sort: [], limit: 11), .jsonl), (.select(sort: SortKey.parse("-i,t"), limit: 6), .csv),
    (
      .group(
        by: ["k", "t"],
        aggregates: ["count(*), sum(i) AS s, min(t), max(d), median(i), nunique(day), first(t), mode(t)"],
        sort: [], limit: nil), .csv
    ),
    (
      .group(by: ["d"], aggregates: ["count(i), last(m)"], sort: SortKey.parse("-count(i)"), limit: 5),
      .csv
    ),
    (
      .group(by: [], aggregates: ["count(*), max(t), any(i > 990), top(i, 3)"], sort: [], limit: nil),
      .csv
    ),
    (.group(by: ["m"], aggregates: ["sum(i) + count(*) AS x"], sort: [], limit: nil), .csv),
  ]

  @Test(arguments: 0..<operations.count, [1, 2] as [UInt64])
  func `threads and partitions do not show`(operation: Int, seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let table = RandomTable(&generator, rows: 40)
    let file = TemporaryTable(table.csv(&generator))
    let (query, format) = Self.operations[operation]
    for filter in [nil, "i > -500 OR t = 'x'", "length(t) >= 1 AND i IS NOT NULL"] {
      func answer(threads: Int, partitionBytes: Int?) throws -> String {
        try run(query, on: [file.path], threads: threads, partitionBytes: partitionBytes, format: format) {
          $0.filter = filter
          $0.derived = ["twice = i * 2"]
        }.text
      }
      let expected = try answer(threads: 1, partitionBytes: nil)
      // Moments of doubles may differ in their last bits with the partitions, never with the threads.
      if case .statistics = query {
        for partitionBytes in [20, 300] {
          #expect(
            try answer(threads: 3, partitionBytes: partitionBytes)
              == answer(threads: 1, partitionBytes: partitionBytes),
            "seed \(seed), where \(filter ?? "all"), \(partitionBytes) bytes")
        }
        continue
      }
      for (threads, partitionBytes) in [(2, filter == nil ? 1 : 17), (2, 41), (3, 300), (1, 1000)] {
        let got = try answer(threads: threads, partitionBytes: partitionBytes)
        #expect(
          got == expected,
          "seed \(seed), \(query), where \(filter ?? "all"), \(threads) threads, \(partitionBytes) bytes")
      }
    }
  }

  @Test func `one giant record that spans many partitions is one record`() throws {
    let long = String(repeating: "a,\n\"\"", count: 3000)
    let file = TemporaryTable("k,t\n1,x\n2,\"\(long)\"\n3,y\n")
    for partitionBytes in [1, 100, 1000, 4096] {
      #expect(try run(.count, on: [file.path], partitionBytes: partitionBytes).text == "3\n")
    }
  }

  @Test func `a column is widened over the whole input`() throws {
    // The sample sees whole numbers; far behind stand a real number and then a word.
    var text = "k,v\n"
    for row in 0..<60_000 { text += "\(row % 3),\(row % 100)\n" }
    let whole = TemporaryTable(text)
    let real = TemporaryTable(text + "0,0.5\n")
    let word = TemporaryTable(text + "0,0.5\n1,none\n")
    func schema(_ file: TemporaryTable) throws -> [String] {
      try run(.schema, on: [file.path], partitionBytes: 100_000).text.split(separator: "\n").map(String.init)
    }
    #expect(try schema(whole)[2] == "v,int,0,0")
    #expect(try schema(real)[2] == "v,double,0,0")
    #expect(try schema(word)[2] == "v,text,0,0")
    let sums = TableQuery.Operation.group(by: ["k"], aggregates: ["sum(v) AS s"], sort: [], limit: 1)
    #expect(try run(sums, on: [whole.path]).text == "k,s\n0,990000\n")
    #expect(try run(sums, on: [real.path]).text == "k,s\n0,990000.5\n")
    #expect { try run(sums, on: [word.path]) } throws: { "\($0)".contains("v is text") }
    // A selection is held back until its types are known, and says nothing that it would have to take back.
    let twice = try run(.select(sort: [], limit: nil), on: [real.path], partitionBytes: 50_000) {
      $0.derived = ["w = v * 2"]
      $0.columns = ["w"]
    }.text
    #expect(twice.hasPrefix("w\n0.0\n2.0\n") && twice.hasSuffix("\n1.0\n"))
  }
}
