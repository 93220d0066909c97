import Glibc
import MartletEngine
import MartletTable
import TestSupport
import Testing

@testable import Martlet

/// Queries whose input goes with the tasks, for workers that have no files.
@Suite struct SentInputTests {
  @Test(arguments: 0..<SameAnswerTests.operations.count, [7, 8] as [UInt64])
  func `the answer is that of a file that everybody has`(operation: Int, seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let (query, format) = SameAnswerTests.operations[operation]
    let files = (0..<1 + generator.below(2)).map { _ in
      TemporaryTable(RandomTable(&generator, rows: 40).csv(&generator))
    }
    for (partitionBytes, blockBytes) in [(40, 300), (300, 128), (nil, 1 << 20)] as [(Int?, Int)] {
      func answer(_ executor: (any Executor)?) throws -> (text: String, notes: [String]) {
        try run(
          query, on: files.map(\.path), partitionBytes: partitionBytes, format: format, executor: executor,
          sentBlockBytes: blockBytes)
      }
      let expected = try answer(nil)
      let got = try answer(ShippingExecutor())
      #expect(
        got.text == expected.text && got.notes == expected.notes,
        "seed \(seed), \(query), \(partitionBytes ?? 0) and \(blockBytes) bytes")
    }
  }

  @Test func `a pipe is sent as it comes, in rounds`() throws {
    let rows = (0..<3000).map { "\($0 % 7),\($0),some text\n" }.joined()
    let text = Array(("a,b,c\n" + rows).utf8)
    let file = TemporaryTable(text)
    for query in [
      .count, .group(by: ["a"], aggregates: ["count(*), sum(b)"], sort: [], limit: nil),
      .select(sort: [], limit: nil), .tail(3), .head(3),
    ] as [TableQuery.Operation] {
      let expected = try run(query, on: [file.path], partitionBytes: 700).text
      var ends: [Int32] = [0, 0]
      pipe(&ends)
      defer { close(ends[0]) }
      // More than 64 KiB would block a pipe that nobody reads yet.
      #expect(text.withUnsafeBytes { write(ends[1], $0.baseAddress, $0.count) } == text.count)
      close(ends[1])
      let executor = try ShippingExecutor()
      let got = try run(
        query, on: ["/dev/fd/\(ends[0])"], partitionBytes: 700, executor: executor, sentBlockBytes: 256
      ).text
      #expect(got == expected)
      if case .count = query { #expect(executor.work.runs > 1) }
    }
  }

  @Test func `a selection of a sent file is not all in memory at once`() throws {
    let file = TemporaryTable("a,b\n" + String(repeating: "some,record\n", count: 20_000))
    let executor = try ShippingExecutor()
    let got = try run(.count, on: [file.path], partitionBytes: 100, executor: executor, sentBlockBytes: 1000)
    #expect(got.text == "20000\n")
    #expect(executor.work.runs == 3 && executor.work.mostOutputs == 1025)
  }

  @Test func `what is wrong with a record is said with its line`() throws {
    let rows = String(repeating: "1,2\n", count: 300)
    for text in ["a,b\n" + rows + "1,2,3\n" + rows, "a,b\n" + rows + "1,\"x" + rows] {
      let file = TemporaryTable(text)
      func failure(_ executor: (any Executor)?) -> String {
        do {
          return try run(.count, on: [file.path], partitionBytes: 100, executor: executor, sentBlockBytes: 4096).text
        } catch {
          return "\(type(of: error)) \(error)"
        }
      }
      let expected = failure(nil)
      #expect(expected.hasPrefix("TableError \(file.path):30"))
      #expect(try failure(ShippingExecutor()) == expected)
    }
  }

  @Test func `a record that reaches further than what was sent is an error that says so`() throws {
    let long = String(repeating: "x", count: 3000)
    let file = TemporaryTable("a,b\n1,2\n3,\"\(long)\n\"\n4,5\n")
    let executor = try ShippingExecutor()
    #expect {
      try run(.count, on: [file.path], partitionBytes: 100, executor: executor, sentBlockBytes: 200)
    } throws: {
      "\($0)".contains("a record goes on beyond byte") && "\($0)".contains("leave --send-data out")
    }
    #expect(
      try run(.count, on: [file.path], partitionBytes: 100, executor: executor, sentBlockBytes: 4000).text == "3\n")
  }
}
