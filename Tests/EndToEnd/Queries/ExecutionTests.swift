import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// How a query is executed never shows in its result.
@Suite struct ExecutionTests {
  @Test(
    arguments: sampled([
      ["count", "--where", "rating >= 4"],
      ["schema"],
      ["head", "-n", "400"],
      ["tail", "-n", "300"],
      ["sample", "-n", "50", "--seed", "4"],
      ["freq", "--columns", "city,bike,comment"],
      ["select", "--where", "comment IS NOT NULL", "--derive", "shout = upper(comment)"],
      ["select", "--sort", "-fare,trip_id", "--limit", "40"],
      [
        "group", "--by", "city,member", "--agg",
        "count(*) AS n, min(day), max(started_at), median(age), nunique(bike_id)",
      ],
      ["group", "--by", "comment", "--agg", "first(trip_id), last(trip_id), sum(rating)"],
    ]))
  func `threads and partitions do not change a byte`(words: [String]) {
    let sandbox = Sandbox()
    #expect(martlet("generate", "--rows", "600", "--seed", "5", "-o", "t.csv", in: sandbox).status == 0)
    let one = Command(words + ["t.csv", "--threads", "1"], in: sandbox).outcome()
    #expect(one.status == 0)
    #expect(one.errors.isEmpty, "\(one.errors)")
    for (threads, partition) in [("1", "4KiB"), ("2", "777B"), ("3", "10KiB"), ("2", "1GiB")] {
      let other = Command(words + ["t.csv", "--threads", threads, "--partition", partition], in: sandbox)
        .outcome()
      let isSame = other.output == one.output && other.status == 0
      #expect(isSame, "\(threads) threads, partitions of \(partition)")
    }
  }

  @Test func `an explained query is not run`() {
    let sandbox = Trips.sandbox()
    let outcome = martlet(
      "group", "--by", "city", "--agg", "sum(fare)", "--explain", "trips.csv", "-o", "trips.csv", in: sandbox)
    #expect(sandbox.text("trips.csv") == Trips.text)
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    #expect(outcome.output.contains("trips.csv") && !outcome.output.contains("Lyon"))
  }

  @Test func `the graph, the trace and the profile do not disturb the result`() {
    let sandbox = Trips.sandbox()
    let outcome = martlet(
      "count", "trips.csv", "--graph", "graph.dot", "--trace", "trace.json", "--profile", in: sandbox)
    #expect(outcome.status == 0)
    #expect(outcome.output == "4\n")
    #expect(outcome.errors.contains("wall ") && outcome.errors.contains("peak memory "))
    #expect(sandbox.files == ["graph.dot", "trace.json", "trips.csv"])
    #expect(sandbox.text("graph.dot")?.hasPrefix("digraph") == true)
    #expect(sandbox.text("trace.json")?.hasPrefix("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n") == true)
    #expect(sandbox.text("trace.json")?.contains("\"ph\":\"X\"") == true)
  }

  @Test func `a bar that is asked for writes no escape codes into a file`() {
    let outcome = martlet("count", Trips.sample, "--progress", "always")
    #expect(outcome.output == "4000\n")
    #expect(!outcome.errors.contains("\u{1B}"))
    #expect(!outcome.errors.contains("\r"))
  }

  @Test func `a reader that has seen enough ends a query quietly`() {
    let sandbox = Sandbox()
    #expect(martlet("generate", "--rows", "50000", "-o", "big.csv", in: sandbox).status == 0)
    let command = Command(["select", "big.csv"], in: sandbox, output: .pipe)
    var byte: UInt8 = 0
    #expect(read(command.outputEnd!, &byte, 1) == 1)
    close(command.outputEnd!)
    let outcome = command.outcome()
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
  }

  @Test func `a full standard output is told once`() {
    let outcome = Command(["select", Trips.sample], in: Sandbox(), output: .file("/dev/full")).outcome()
    #expect(outcome.status == 1)
    #expect(outcome.complaints.count == 1)
    #expect(outcome.errors.contains("standard output: cannot be written: No space left on device"))
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func `a signal ends a query that waits for its input, and leaves no file`(signal: Int32) {
    let sandbox = Sandbox()
    let command = Command(["select", "-", "--output", "out.csv"], in: sandbox, input: .pipe)
    // More than a pipe holds: when all of it is gone, the query is reading.
    let bytes = Array(("a,b\n" + String(repeating: "1,2\n", count: 100_000)).utf8)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { write(command.inputEnd!, $0.baseAddress! + done, $0.count - done) }
      guard count > 0 else { break }
      done += count
    }
    #expect(done == bytes.count)
    kill(command.process, signal)
    let outcome = command.outcome()
    close(command.inputEnd!)
    #expect(outcome.status == 128 + signal)
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(sandbox.files.isEmpty)
  }
}
