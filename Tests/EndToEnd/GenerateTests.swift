import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// `generate` as its users see it; the rows themselves are tested where they are made.
@Suite struct GenerateTests {
  @Test(arguments: ["trips", "groupby", "stations"])
  func `the same seed gives the same bytes on any number of threads`(kind: String) {
    let words = ["generate", "--kind", kind, "--rows", "30000", "--seed", "7"]
    let one = Command(words + ["--threads", "1"], in: Sandbox()).outcome()
    #expect(one.status == 0)
    #expect(one.errors.isEmpty)
    for threads in ["2", "3", "8"] {
      let isSame = Command(words + ["--threads", threads], in: Sandbox()).outcome().output == one.output
      #expect(isSame, "\(threads) threads")
    }
    let isOther = martlet("generate", "--kind", kind, "--rows", "30000", "--seed", "8").output != one.output
    #expect(isOther)
  }

  @Test func `no rows are a header`() {
    #expect(martlet("generate", "--kind", "stations", "--rows", "0").output == "station,temperature\n")
  }

  @Test func `a trace and a profile tell where the time went`() {
    let sandbox = Sandbox()
    let outcome = martlet(
      "generate", "--rows", "20000", "-o", "t.csv", "--trace", "t.json", "--profile", "--threads", "2", in: sandbox)
    #expect(outcome.status == 0)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.contains("\ngenerate ") && outcome.errors.contains("\nwrite "))
    #expect(outcome.errors.contains("\n2 threads, busy "))
    #expect(sandbox.files == ["t.csv", "t.json"])
    let trace = sandbox.text("t.json") ?? ""
    #expect(trace.hasPrefix("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n") && trace.hasSuffix("\n]}\n"))
    #expect(trace.contains("\"name\":\"generate\",\"ts\":"))
  }

  @Test func `a bar that is asked for writes no escape codes into a file`() {
    let command = Command(
      ["generate", "--rows", "1000000000000", "--progress", "always"], in: Sandbox(), output: .pipe)
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    while !command.hasComplained, read(command.outputEnd!, &piece, piece.count) > 0 {}
    close(command.outputEnd!)
    let outcome = command.outcome()
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("/s"))
    #expect(!outcome.errors.contains("\u{1B}") && !outcome.errors.contains("\r"))
  }
}
