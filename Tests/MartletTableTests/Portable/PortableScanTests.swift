import MartletBytes
import TestSupport
import Testing

@testable import MartletTable

/// Plans, and what scans give, on their way to other processes.
@Suite struct PortableScanTests {
  /// A table of all types, with nulls, quotes and long texts.
  private static func source(_ random: inout SeededGenerator, rows: Int) -> MemorySource {
    var text = "t,i,d,day,at,b,none\n"
    for _ in 0..<rows {
      let cells = [
        random.pick(["x", "", "\"\"", "\"a,b\"", "a text of more than sixteen bytes", "zürich"]),
        random.pick(["7", "-3", "1000000007", ""]), random.pick(["0.5", "-0.0", "1e300", "nan", ""]),
        random.pick(["2024-02-29", "1969-12-31", ""]), random.pick(["2024-02-29T12:34:56.5", "2001-01-01", ""]),
        random.pick(["true", "false", ""]), "",
      ]
      text += cells.joined(separator: ",") + "\n"
    }
    return MemorySource(Array(text.utf8), name: "t.csv")
  }

  private static let columns: [ScanColumn] = [
    ScanColumn(name: "t", seen: .text), ScanColumn(name: "i", seen: .int),
    ScanColumn(name: "d", seen: [.int, .double]),
    ScanColumn(name: "day", seen: .date), ScanColumn(name: "at", seen: [], givenType: .timestamp),
    ScanColumn(name: "b", seen: .bool), ScanColumn(name: "none", seen: []),
  ]

  /// Made anew each time: the leak sanitizer does not see what enumerations point to.
  private static var sinks: [SinkPlan] {
    [
      .count, .types, .stream(slots: [0, 3, 7], format: .csv), .stream(slots: [8, 2], format: .json),
      .collect(slots: [8, 0, 7], limit: 5), .tail(slots: [1, 2, 8], count: 4),
      .sample(slots: [0, 7], count: 6, seed: 9),
      .top(
        slots: [0, 1], keys: [SlotOrder(slot: 0, isDescending: true), SlotOrder(slot: 2, isDescending: false)], count: 7
      ),
      .top(slots: [3], keys: [], count: 2), .schema(slots: [0, 1, 6, 8]), .statistics(slots: [0, 1, 2, 3, 4, 5, 6, 7]),
      .frequencies(slots: [0, 5, 8]), .group(keys: [0, 8], calls: calls), .group(keys: [1], calls: calls),
      .group(keys: [], calls: calls),
    ]
  }

  private static var calls: [AggregateCall] {
    let text = """
      count(*), count(DISTINCT t), sum(i), mean(d), quantile(d, 0.1), min(t), max(day), first(t), last(at), mode(t), \
      corr(i, d), any(b), std(twice), top(i, 3)
      """
    return try! OutputColumn.parse(list: text).map {
      guard case .aggregate(let call) = $0.expression else { preconditionFailure("\($0)") }
      return call
    }
  }

  private static func plan(_ sink: Int, _ random: inout SeededGenerator) throws -> ScanPlan {
    var dialect = CSVDialect()
    dialect.nullTexts = [Array("none".utf8)]
    dialect.comment = UInt8(ascii: "#")
    let filters = [nil, "i > 0 OR b", "t LIKE '%x%' AND day >= '1970-01-01'", "shout IS NOT NULL"]
    return ScanPlan(
      dialect: dialect, columns: columns,
      derived: [
        try .parse(derivation: "twice = i * 2.5"), try .parse(derivation: "\"shout\" = upper(t) || '''\"é'"),
      ],
      filter: try random.pick(filters).map { try Expression.parse($0) }, typedColumns: Array(0..<7), sink: sinks[sink])
  }

  private static func scan(_ plan: ScanPlan, _ source: MemorySource, _ range: Range<Int>) throws -> ScanResult {
    let reader = RecordReader(
      source: source, dialect: plan.dialect, columnCount: plan.columns.count, range: range,
      start: .known, blockBytes: 1 << 12)
    return try PartitionScan(plan, sourceName: source.name).run(reader) { _ in }
  }

  /// What a result says, as text.
  private static func shown(_ result: ScanResult) throws -> String {
    switch result.partial {
    case .text(let text): "\(text.rowCount) " + text.buffer.string
    case .statistics(let columns): "\(columns.map { $0.summary() })"
    case .frequencies(let columns): "\(columns.map { $0.mostFrequent(9) })"
    case .group(let part):
      "\(try GroupPlan([part], options: part.spec.options(), reader: TestCellReader()).finish().frame.bits)"
    case .schema(let columns): "\(columns)"
    case .count(let count): "\(count)"
    case let partial: "\(partial?.frame?.bits ?? [])"
    }
  }

  private static let header = "t,i,d,day,at,b,none\n".utf8.count

  @Test(arguments: 0..<sinks.count, 0..<4)
  func `what a plan that was sent gives is the same, and stays the same when it is sent`(sink: Int, seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed * 100 + sink))
    let source = Self.source(&random, rows: random.pick([0, 1, 60]))
    let plan = try Self.plan(sink, &random)
    let copy = try plan.sent()
    #expect(copy == plan, "seed \(seed)")
    let range = Self.header..<max(Self.header + 1, source.bytes.count)
    let result = try Self.scan(plan, source, range)
    let sent = try Self.scan(copy, source, range).sent()
    #expect(try Self.shown(sent) == Self.shown(result), "seed \(seed)")
    #expect(try sent.checkedPortableBytes() == result.checkedPortableBytes(), "seed \(seed)")
    #expect(sent.records == result.records && sent.begin == result.begin && sent.end == result.end)
    #expect(ScanResult.areMergeable([result, sent], sink: plan.sink))
    if case .stream = plan.sink { return }
    let merged = try ScanResult.merge([result, result], sink: plan.sink)
    #expect(try Self.shown(ScanResult.merge([sent, sent], sink: copy.sink)) == Self.shown(merged), "seed \(seed)")
  }

  @Test(arguments: 0..<sinks.count)
  func `spoilt plans are an error or plans that can be carried out`(sink: Int) throws {
    var random = SeededGenerator(seed: UInt64(sink))
    var damage = Damage(seed: UInt64(sink))
    let source = Self.source(&random, rows: 5)
    var readable = 0
    for _ in 0..<3 {
      let bytes = try Self.plan(sink, &random).checkedPortableBytes()
      for _ in 0..<80 {
        guard let plan = try? ScanPlan(portableBytes: damage.damaged(bytes)) else { continue }
        readable += 1
        _ = try? Self.scan(plan, source, Self.header..<source.bytes.count)
        _ = try? plan.sent()
      }
    }
    #expect(readable > 5)
  }

  @Test(arguments: 0..<sinks.count)
  func `spoilt results are an error or results that can be merged and shown`(sink: Int) throws {
    var random = SeededGenerator(seed: UInt64(sink))
    var damage = Damage(seed: UInt64(sink) + 50)
    let source = Self.source(&random, rows: 12)
    for _ in 0..<3 {
      let plan = try Self.plan(sink, &random)
      let result = try Self.scan(plan, source, Self.header..<source.bytes.count)
      let bytes = try result.checkedPortableBytes()
      for _ in 0..<80 {
        guard let other = try? ScanResult(portableBytes: damage.damaged(bytes)) else { continue }
        _ = try? Self.shown(other)
        guard ScanResult.areMergeable([result, other], sink: plan.sink) else { continue }
        if case .stream = plan.sink { continue }
        let merged = try? ScanResult.merge([result, other, other], sink: plan.sink)
        _ = try merged.map { try Self.shown($0) }
      }
    }
  }

  @Test func `results of other plans are not merged`() throws {
    var random = SeededGenerator(seed: 1)
    let source = Self.source(&random, rows: 5)
    var results: [(SinkPlan, ScanResult)] = []
    for sink in Self.sinks.indices {
      let plan = try Self.plan(sink, &random)
      results.append((plan.sink, try Self.scan(plan, source, Self.header..<source.bytes.count)))
    }
    for (place, (sink, result)) in results.enumerated() {
      for (other, (_, second)) in results.enumerated() where other != place {
        let isAlike = [[0, 1], [2, 3], [4, 5]].contains { $0.contains(place) && $0.contains(other) }
        if !isAlike { #expect(!ScanResult.areMergeable([result, second], sink: sink), "\(place), \(other)") }
      }
    }
  }

  @Test func `an expression that is too deep, and a plan that names no column, are refused`() throws {
    var random = SeededGenerator(seed: 1)
    var plan = try Self.plan(0, &random)
    var writer = ByteWriter()
    plan.dialect.write(to: &writer)
    plan.columns.write(to: &writer)
    [Int]().write(to: &writer)
    true.write(to: &writer)
    writer.write(String(repeating: "-(", count: 5000) + "i" + String(repeating: ")", count: 5000))
    plan.typedColumns.write(to: &writer)
    plan.sink.write(to: &writer)
    #expect {
      try ScanPlan(portableBytes: writer.bytes)
    } throws: {
      "\($0)".contains("no expression: ")
    }
    plan.filter = nil
    plan.sink = .statistics(slots: [99])
    #expect(throws: ByteError.self) { try plan.sent() }
    plan.sink = .statistics(slots: [1])
    plan.typedColumns = [0]
    #expect(throws: ByteError.self) { try plan.sent() }
    plan.columns = []
    plan.typedColumns = []
    plan.sink = .count
    #expect(throws: ByteError.self) { try plan.sent() }
  }

  @Test func `errors keep all they say`() throws {
    for code in [
      TableError.Code.invalidQuery, .unreadable, .malformedData, .memoryExceeded, .unwritable,
    ] {
      let error = TableError(code, file: "a.csv", line: 7, offset: 9, "what", remedy: "do")
      let sent = try error.sent()
      #expect(sent.code == error.code && sent.description == error.description && sent.offset == 9)
    }
    let bare = try TableError(.unreadable, "what", remedy: "do").sent()
    #expect(bare.file == nil && bare.line == nil && bare.offset == nil)
  }
}
