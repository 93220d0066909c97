import Testing

@testable import Martlet

@Suite struct TraceWriterTests {
  private func trace(_ record: RunRecord) -> String {
    var bytes: [UInt8] = []
    var writer = TraceWriter(record, program: "martlet-csv")
    writer.write { bytes += $0 }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `a trace has names, tasks and counters`() {
    var record = ProfileTests.record
    record.spans.removeFirst(2)
    record.labels[1] = "scan \"a\\b\"\n"
    #expect(
      trace(record) == #"""
        {"displayTimeUnit":"ms","traceEvents":[
        {"ph":"M","pid":1,"name":"process_name","args":{"name":"martlet-csv"}},
        {"ph":"M","pid":1,"tid":1,"name":"thread_name","args":{"name":"thread 0"}},
        {"ph":"M","pid":1,"tid":2,"name":"thread_name","args":{"name":"thread 1"}},
        {"ph":"X","pid":1,"tid":2,"name":"scan \"a\\b\"\n","ts":1000.000,"dur":6000.500,"args":{"bytes in":1048576,"bytes out":0}},
        {"ph":"X","pid":1,"tid":2,"name":"merge","ts":8000.000,"dur":500.000,"args":{"bytes in":0,"bytes out":100,"failed":true}},
        {"ph":"C","pid":1,"name":"running tasks","ts":1000.000,"args":{"tasks":1}},
        {"ph":"C","pid":1,"name":"running tasks","ts":7000.500,"args":{"tasks":0}},
        {"ph":"C","pid":1,"name":"bytes","ts":7000.500,"args":{"read":1048576,"written":0}},
        {"ph":"C","pid":1,"name":"running tasks","ts":8000.000,"args":{"tasks":1}},
        {"ph":"C","pid":1,"name":"running tasks","ts":8500.000,"args":{"tasks":0}},
        {"ph":"C","pid":1,"name":"bytes","ts":8500.000,"args":{"read":1048576,"written":100}}
        ]}

        """#)
  }

  @Test func `the number of running tasks does not twitch between two of them`() {
    let counts = trace(ProfileTests.record).split(separator: "\n").filter { $0.contains("running tasks") }
      .map { line in line.last { $0.isNumber }! }
    #expect(String(counts) == "1210")
  }

  @Test func `a trace of nothing is a trace`() {
    #expect(trace(RunRecord()).hasSuffix("\n]}\n"))
  }
}
