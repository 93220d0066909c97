import Testing

@testable import Martlet

@Suite struct ProfileTests {
  /// Two threads for 10 ms: three scans, one merge that failed.
  static let record: RunRecord = {
    var record = RunRecord()
    for label in ["merge", "scan", "never run"] { _ = record.number(ofLabel: label) }
    record.threads = 2
    record.begin = 1_000_000
    record.wallNanoseconds = 10_000_000
    func span(_ label: Int, _ thread: Int, _ begin: UInt64, _ end: UInt64, _ bytesIn: Int, _ bytesOut: Int) {
      var span = RunRecord.Span(label: label, thread: thread, begin: 1_000_000 + begin, end: 1_000_000 + end)
      span.bytesIn = bytesIn
      span.bytesOut = bytesOut
      span.hasFailed = label == 0
      record.add(span)
    }
    span(1, 0, 0, 4_000_000, 1 << 20, 0)
    span(1, 0, 4_000_000, 8_000_000, 1 << 20, 0)
    span(1, 1, 1_000_000, 7_000_500, 1 << 20, 0)
    span(0, 1, 8_000_000, 8_500_000, 0, 100)
    return record
  }()

  @Test func `a row a label that ran, the most time first`() {
    let rows = Profile(Self.record, usage: Profile.Usage()).rows
    #expect(
      rows == [
        Profile.Row(
          label: "scan", tasks: 3, totalNanoseconds: 14_000_500, longestNanoseconds: 6_000_500, bytesIn: 3 << 20),
        Profile.Row(
          label: "merge", tasks: 1, failed: 1, totalNanoseconds: 500_000, longestNanoseconds: 500_000, bytesIn: 0,
          bytesOut: 100),
      ])
  }

  @Test func `the table says where the time went`() {
    var usage = Profile.Usage()
    usage.userMicroseconds = 13_000
    usage.systemMicroseconds = 1500
    usage.peakBytes = 200 << 20
    #expect(
      Profile(Self.record, usage: usage).text() == """
        task   tasks    total     mean  longest  share       in    out
        scan       3  14.0 ms  4.67 ms  6.00 ms  96.6%  3.0 MiB      -
        merge      1   500 µs   500 µs   500 µs   3.4%        -  100 B
        wall 10.0 ms, processor 14.5 ms (system 1.50 ms), peak memory 200 MiB
        2 threads, busy 72.5% of the time
        1 task failed

        """)
  }

  @Test func `lost events are told`() {
    var record = Self.record
    record.droppedEvents = 3
    #expect(
      Profile(record, usage: Profile.Usage()).text().hasSuffix(
        "3 events found no place: the figures above are too low\n"))
  }

  @Test func `a run without tasks has a profile`() {
    let profile = Profile(RunRecord(), usage: Profile.Usage())
    #expect(profile.rows.isEmpty && profile.busyShare == 0)
    #expect(profile.text().contains("wall 0 ns"))
  }
}
