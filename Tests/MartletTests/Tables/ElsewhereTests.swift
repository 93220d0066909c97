import Glibc
import MartletBytes
import MartletEngine
import MartletGraph
import MartletTable
import Synchronization
import TestSupport
import Testing

@testable import Martlet

/// Queries whose tasks run in other processes, of which nothing is known but bytes.
@Suite struct ElsewhereTests {
  @Test(arguments: sampled(0..<SameAnswerTests.operations.count), [5, 6] as [UInt64])
  func `the answer is that of the threads of this process, to the last byte`(operation: Int, seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let (query, format) = SameAnswerTests.operations[operation]
    let files = (0..<1 + generator.below(2)).map { _ in
      TemporaryTable(RandomTable(&generator, rows: 40).csv(&generator))
    }
    for filter in [nil, "i > -500 OR t = 'x'"] {
      for partitionBytes in [40, 300, nil] as [Int?] {
        let executor = try ShippingExecutor()
        func answer(_ executor: (any Executor)?) throws -> (text: String, notes: [String]) {
          try run(
            query, on: files.map(\.path), threads: 2, partitionBytes: partitionBytes, format: format, executor: executor
          ) {
            $0.filter = filter
            $0.derived = ["twice = i * 2", "\"o'hara\" = CAST(m AS int)"]
          }
        }
        let expected = try answer(nil)
        let got = try answer(executor)
        #expect(
          got.text == expected.text && got.notes == expected.notes,
          "seed \(seed), \(query), where \(filter ?? "all"), \(partitionBytes ?? 0) bytes")
        #expect(executor.work.tasks > 0)
      }
    }
  }

  @Test func `types are widened over the whole input, and what was held back is repeated`() throws {
    var text = "k,v\n"
    for row in 0..<60_000 { text += "\(row % 3),\(row % 100)\n" }
    let file = TemporaryTable(text + "0,0.5\n")
    let executor = try ShippingExecutor()
    for query in [
      .schema, .group(by: ["k"], aggregates: ["sum(v), mean(v)"], sort: [], limit: nil), .head(2),
      .select(sort: [], limit: nil),
    ] as [TableQuery.Operation] {
      func answer(_ executor: (any Executor)?) throws -> String {
        try run(query, on: [file.path], partitionBytes: 50_000, executor: executor) { $0.derived = ["w = v * 2"] }.text
      }
      #expect(try answer(executor) == answer(nil))
    }
  }

  @Test func `a selection is written in rounds, with results that fit into memory`() throws {
    let file = TemporaryTable("a,b\n" + String(repeating: "some,record\n", count: 20_000))
    let executor = try ShippingExecutor()
    let progress = RunProgress()
    let got = try run(
      .select(sort: [], limit: nil), on: [file.path], partitionBytes: 100, executor: executor, progress: progress
    ) {
      $0.columns = ["b"]
    }
    #expect(got.text == "b\n" + String(repeating: "record\n", count: 20_000))
    #expect(executor.work.runs == 3 && executor.work.mostOutputs == 1025)
    #expect(progress.partitions.load(ordering: .relaxed) == 2400)
    #expect(progress.bytes.load(ordering: .relaxed) == 240_000)
  }

  @Test func `a limit is approached with growing rounds`() throws {
    let file = TemporaryTable("a,b\n" + String(repeating: "some,record\n", count: 5000))
    let executor = try ShippingExecutor()
    let got = try run(.head(30), on: [file.path], partitionBytes: 100, executor: executor)
    #expect(got.text == "a,b\n" + String(repeating: "some,record\n", count: 30))
    #expect(executor.work.runs == 3)
  }

  @Test func `what is wrong with a record is said in the same words`() throws {
    let rows = String(repeating: "1,2\n", count: 300)
    for (text, operation) in [
      ("a,b\n" + rows + "1,2,3\n" + rows, .count), ("a,b\n" + rows + "1,\"2\n" + rows, .select(sort: [], limit: nil)),
      ("a,b\n" + rows, .group(by: ["a"], aggregates: ["sum(b * 9223372036854775807)"], sort: [], limit: nil)),
      ("a,b\n" + rows + "1,x\n", .statistics),
      ("a,b\n" + rows, .group(by: ["a"], aggregates: ["sum(z)"], sort: [], limit: nil)),
    ] as [(String, TableQuery.Operation)] {
      let file = TemporaryTable(text)
      func failure(_ executor: (any Executor)?) -> String {
        do {
          return try run(operation, on: [file.path], partitionBytes: 100, executor: executor) {
            if case .statistics = operation { $0.input.types = ["b": .int] }
          }.text
        } catch {
          return "\(type(of: error)) \(error)"
        }
      }
      let expected = failure(nil)
      #expect(expected.hasPrefix("TableError"))
      #expect(try failure(ShippingExecutor()) == expected)
    }
  }

  @Test func `a file that is not the same elsewhere is an error that names both versions`() throws {
    let file = TemporaryTable("a,b\n1,2\n3,4\n")
    let message = { (change: @escaping @Sendable () -> Void) throws -> String in
      let isFirst = Atomic(true)
      let executor = try ShippingExecutor { label in
        if label == "scan", isFirst.exchange(false, ordering: .relaxed) { change() }
      }
      do {
        return try run(.count, on: [file.path], executor: executor).text
      } catch {
        #expect((error as? TableError)?.code == .unreadable)
        return "\(error)"
      }
    }
    let path = file.path
    #expect(try message {} == "2\n")
    var host = [CChar](repeating: 0, count: 256)
    gethostname(&host, 255)
    let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // Under a new time: this process had the file open before, and sees that it changed.
    let touched = try message {
      var times = [timespec(tv_sec: 1_000_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000_000, tv_nsec: 0)]
      utimensat(AT_FDCWD, path, &times, 0)
    }
    #expect(touched.hasPrefix("\(path): ") && touched.contains("changed"))
    let other = TemporaryTable("a,b\n1,2\n")
    let otherPath = other.path
    var version = try FileSource(path: otherPath).version
    version.byteCount = 99
    #expect {
      try version.open()
    } throws: {
      let text = "\($0)"
      return text.contains("on \(name), ") && text.contains("is another file: 8 bytes of ")
        && text.contains(", 99 bytes of ")
    }
    version.path += "-gone"
    #expect { try version.open() } throws: { "\($0)".contains("on \(name), a worker cannot open \(otherPath)-gone") }
  }

  @Test func `files are opened once, and not too many are kept`() throws {
    let files = (0..<5).map { TemporaryTable("a\n\($0)\n") }
    let versions = try files.map { try FileSource(path: $0.path).version }
    let open = OpenFiles(limit: 3)
    let first = try open.source(of: versions[0])
    #expect(try open.source(of: versions[0]) === first)
    for version in versions.dropFirst() {
      _ = try open.source(of: version)
      _ = try open.source(of: versions[0])
    }
    #expect(open.count == 3)
    #expect(try open.source(of: versions[0]) === first)
  }

  @Test func `standard input and pipes are refused in a line`() throws {
    var ends: [Int32] = [0, 0]
    pipe(&ends)
    close(ends[1])
    defer { close(ends[0]) }
    let executor = try ShippingExecutor()
    #expect {
      try run(.count, on: ["/dev/fd/\(ends[0])"], executor: executor)
    } throws: {
      "\($0)".contains("a pipe cannot be read by the workers of a cluster")
    }
  }

  @Test func `a run that is cancelled ends`() throws {
    let file = TemporaryTable("a,b\n" + String(repeating: "some,record\n", count: 5000))
    let progress = RunProgress()
    let executor = try ShippingExecutor { label in if label == "link" { progress.cancel() } }
    #expect(throws: RunCancelled.self) {
      try run(.count, on: [file.path], partitionBytes: 100, executor: executor, progress: progress)
    }
  }

  @Test func `the plan is sent once, not with each task`() throws {
    let file = TemporaryTable("a,b\n" + String(repeating: "some,record\n", count: 5000))
    final class Counter: Executor, @unchecked Sendable {
      // Unchecked: one run at a time.
      var bytes = 0
      var calls = 0
      func run(_ graph: TaskGraph, outputs: [AnyNode], options: RunOptions) throws -> RunResults {
        for task in 0..<graph.count {
          if case .call(let function) = graph.content(of: TaskID(rawValue: UInt32(task))) {
            bytes += (function as! any PortableTaskFunction).portableBytes().count
            calls += 1
          }
        }
        throw CancellationError()
      }
    }
    let counter = Counter()
    _ = try? run(.count, on: [file.path], partitionBytes: 100, executor: counter) {
      $0.filter = (0..<200).map { "a <> 'text \($0)'" }.joined(separator: " AND ")
    }
    #expect(counter.calls > 2000)
    #expect(counter.bytes < 5 * counter.calls)
  }

  @Test(arguments: sampled(0..<4))
  func `spoilt arguments and values of tasks are an error, never a trap`(seed: Int) throws {
    let file = TemporaryTable("a,b\n1,2\n3,4\n")
    var random = SeededGenerator(seed: UInt64(seed))
    let version = try FileSource(path: file.path).version
    let plan = ScanPlan(
      dialect: CSVDialect(), columns: [ScanColumn(name: "a", seen: .int), ScanColumn(name: "b", seen: .int)],
      derived: [], filter: nil, typedColumns: [0], sink: .count)
    let pass = ScanPass(plan: plan, files: [.known(version)], services: .elsewhere)
    let target = ScanTarget(pass: nil, file: 0, range: 4..<12)
    func spoil<Value: PortableValue>(_ value: Value) {
      for _ in 0..<200 {
        var bytes = value.portableBytes()
        if bytes.isEmpty { bytes = [0] }
        bytes[random.below(bytes.count)] ^= UInt8(truncatingIfNeeded: random.next())
        if random.chance(30) { bytes.removeLast(random.below(bytes.count)) }
        guard let other = try? Value(portableBytes: bytes) else { continue }
        _ = other.portableBytes()
        if let pass = other as? ScanPass { _ = try? pass.source(of: random.below(3)) }
      }
    }
    spoil(pass)
    spoil(ScanPartition(target: target, isStartKnown: true))
    var sent = target
    sent.sent = SentRange(start: 0, blockCount: 2, totalBytes: 12)
    spoil(ScanPartition(target: sent, isStartKnown: false))
    spoil(LinkPartition(target: target, isFirstOfFile: false))
    spoil(ChainEnd(end: 7, rowCount: 2, isOver: false))
    let result = ScanResult(begin: 4, end: 12, contradictions: [.int])
    spoil(ScanOutcome(begin: 4, result: .success(result)))
    spoil(ScanOutcome(begin: 4, result: .failure(TableError(.unreadable, "no", remedy: "yes"))))
    spoil(LinkedScan(result: result, end: ChainEnd(end: 12, rowCount: 2, isOver: true)))
  }
}
