import Glibc
import TestSupport
import Testing

@testable import Martlet

@Suite struct RunReportTests {
  /// Spans one after the other on some threads, with gaps.
  private func record(spans: Int, threads: Int, labels: [String], seed: UInt64 = 1) -> RunRecord {
    var random = SeededGenerator(seed: seed)
    var record = RunRecord()
    for label in labels { _ = record.number(ofLabel: label) }
    record.threads = threads
    record.begin = 1_000_000
    var ends = [UInt64](repeating: record.begin, count: threads)
    for index in 0..<spans {
      let thread = random.below(threads)
      let begin = ends[thread] + UInt64(random.below(50))
      var span = RunRecord.Span(
        label: random.below(record.labels.count), thread: thread, begin: begin, end: begin + UInt64(random.below(1000)))
      span.task = TaskID(rawValue: UInt32(index))
      span.hasFailed = index % 1000 == 999
      ends[thread] = span.end
      record.add(span)
    }
    record.wallNanoseconds = (ends.max() ?? 0) - record.begin
    return record
  }

  /// The numbers of each row of a timeline.
  private func rows(of json: String) -> [[Int]] {
    json.components(separatedBy: "\"spans\":[").dropFirst().map { row in
      row.prefix { $0 != "]" }.split(separator: ",").map { Int($0)! }
    }
  }

  @Test func `a page is well-formed and has everything in it`() throws {
    var builder = GraphBuilder()
    let parts = (0..<10).map { index in builder.task("part <\(index % 3)> & \"co\"") { [index] } }
    let sum = builder.task("sum", all: parts) { $0.reduce(0) { $0 + $1[0] } }
    let graph = builder.build()
    let recorder = RunRecorder()
    _ = try recorder.observing { try ThreadPoolExecutor(threads: 2).run(graph, output: sum) }
    let page = RunReport(recorder.record(), title: "A <title>").html()
    let names = try MarkupTags.names(of: page)
    for name in ["header", "canvas", "table", "svg", "figure", "script", "style"] { #expect(names.contains(name)) }
    #expect(names.count { $0 == "script" } == 2)
    for label in 0..<3 { #expect(page.contains("part &lt;\(label)&gt; &amp; &quot;co&quot;</td>")) }
    #expect(page.contains("<title>A &lt;title&gt;</title>") && page.contains("sum</td>"))
    // Nothing from elsewhere.
    #expect(!page.contains("http") || !page.replacing("http://www.w3.org/2000/svg", with: "").contains("http"))
    #expect(page == RunReport(recorder.record(), title: "A <title>").html() || !recorder.record().samples.isEmpty)
  }

  @Test func `hostile labels, titles and messages stay text`() throws {
    let hostile = ["</script><script>alert(1)</script>", "<!--", "\u{0}\u{1}\u{2028}\u{202e}", "\"'\\", "]]>", ""]
    var record = record(spans: 100, threads: 2, labels: hostile)
    record.runs = [
      RunRecord.Run(
        number: 1, graph: 1, tasks: 3, outputs: [], begin: record.begin, end: record.begin + 10,
        failure: RunRecord.Failure(message: "broken\n</pre><script>", path: ["</ol>"]))
    ]
    let page = RunReport(record, title: hostile[0]).html()
    #expect(try MarkupTags.names(of: page).count { $0 == "script" } == 2)
    #expect(!page.contains("<script>alert") && !page.contains("<!--"))
    #expect(page.contains("broken\n&lt;/pre&gt;&lt;script&gt;"))
    #expect(
      page.unicodeScalars.allSatisfy { $0 == "\n" || ($0.value >= 0x20 && $0.value != 0x2028 && $0.value != 0x202e) })
  }

  @Test func `the same record gives the same page`() {
    let record = record(spans: 5000, threads: 3, labels: ["a", "b", "c"])
    #expect(RunReport(record).html() == RunReport(record).html())
  }

  @Test func `a page of nothing is a page`() throws {
    _ = try MarkupTags.names(of: RunReport(RunRecord()).html())
  }

  @Test(arguments: [1, 2, 5])
  func `a timeline has each span`(threads: Int) {
    let record = record(spans: 2000, threads: threads, labels: ["a", "b"])
    let data = TimelineData(record, colors: [.neutral, .neutral], limit: 5000)
    #expect(!data.isAggregated && data.omitted == 0)
    var found: [[Int]] = []
    for (thread, row) in rows(of: data.json).enumerated() {
      var time = 0
      for place in stride(from: 0, to: row.count, by: 5) {
        let begin = time + row[place + 1]
        time = begin + row[place + 2]
        found.append([row[place + 3], row[place], thread, begin, time, row[place + 4]])
      }
    }
    let expected = record.spans.map { span in
      [
        span.task.index, span.label, span.thread, Int(span.begin - record.begin), Int(span.end - record.begin),
        span.hasFailed ? -1 : 1000,
      ]
    }
    #expect(found.sorted { $0[0] < $1[0] } == expected.sorted { $0[0] < $1[0] })
  }

  @Test(arguments: [1, 3], [1000, 3000])
  func `a timeline of too many spans is bounded and loses no task`(threads: Int, limit: Int) {
    let record = record(spans: 30_000, threads: threads, labels: ["a", "b"])
    let data = TimelineData(record, colors: [.neutral, .neutral], limit: limit)
    #expect(data.isAggregated)
    let failed = record.failedTasks
    var (blocks, tasks, failures) = (0, 0, 0)
    for row in rows(of: data.json) {
      for place in stride(from: 0, to: row.count, by: 5) {
        blocks += 1
        tasks += row[place + 3] < 0 ? -row[place + 3] : 1
        failures += row[place + 4] == -1 ? 1 : 0
      }
    }
    // A failure is always shown, and may part a block.
    #expect(blocks <= limit + 2 * failed && tasks == 30_000 && failures == failed)
  }

  @Test func `pages stay small`() {
    let labels = (0..<20_000).map { "label \($0)" }
    let record = record(spans: 400_000, threads: 4, labels: labels)
    #expect(RunReport(record, spanLimit: 10_000).html().utf8.count < 2_000_000)
  }

  @Test(arguments: sampled(0..<20 as Range<UInt64>))
  func `spans of a row do not overlap, and each span has a row`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let spans = (0..<60).map { _ -> RunRecord.Span in
      let begin = UInt64(random.below(100))
      return RunRecord.Span(label: 0, thread: random.below(3), begin: begin, end: begin + UInt64(random.below(10)))
    }
    let rows = SpanRows(spans, threads: 4)
    #expect(
      rows.rows.map(\.thread) == rows.rows.map(\.thread).sorted() && Set(rows.rows.map(\.thread)) == [0, 1, 2, 3])
    #expect(rows.rows.flatMap(\.spans).count + rows.omitted == 60, "seed \(seed)")
    for row in rows.rows {
      for (first, second) in zip(row.spans, row.spans.dropFirst()) {
        #expect(spans[first].end <= spans[second].begin, "seed \(seed)")
        #expect(spans[first].thread == row.thread)
      }
    }
  }

  @Test func `a file is written, or the error says why not`() throws {
    let record = record(spans: 10, threads: 1, labels: ["a"])
    let path = "/tmp/martlet-report-test-\(getpid()).html"
    defer { unlink(path) }
    try RunReport(record).write(toFile: path)
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    #expect(fread(&bytes, 1, bytes.count, file) == RunReport(record).html().utf8.count)
    let error = #expect(throws: DiagnosticsFileError.self) {
      try TraceWriter(record).write(toFile: "/nowhere/at/all.json")
    }
    #expect(error?.description == "/nowhere/at/all.json cannot be written: No such file or directory")
  }

  @Test(arguments: [
    (0, "1970-01-01 00:00:00 UTC"), (951_782_400, "2000-02-29 00:00:00 UTC"),
    (1_709_251_199, "2024-02-29 23:59:59 UTC"),
    (4_102_444_800, "2100-01-01 00:00:00 UTC"),
  ])
  func `moments are written as dates`(seconds: Int, text: String) {
    #expect(UTCTime.text(seconds) == text)
  }
}

extension String {
  /// Pieces between a separator; the standard library has it for characters only.
  fileprivate func components(separatedBy separator: String) -> [Substring] {
    var pieces: [Substring] = []
    var rest = self[...]
    while let range = rest.firstRange(of: separator) {
      pieces.append(rest[..<range.lowerBound])
      rest = rest[range.upperBound...]
    }
    return pieces + [rest]
  }
}
