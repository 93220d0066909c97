import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Queries whose input is read by the workers of a cluster.
@Suite struct ClusterTests {
  @Test func `a cluster does not change a byte of any command`() {
    let sandbox = Sandbox()
    let cluster = ClusterProcesses(workers: 2)
    #expect(martlet("generate", "--rows", "3000", "--seed", "5", "-o", "t.csv", in: sandbox).status == 0)
    let commands = [
      ["count", "--where", "rating >= 4"], ["schema"], ["head", "-n", "400"], ["tail", "-n", "300"],
      ["sample", "-n", "50", "--seed", "4"], ["freq", "--columns", "city,bike,comment"], ["stats"],
      ["select", "--where", "comment IS NOT NULL", "--derive", "shout = upper(comment)"],
      ["select", "--sort", "-fare,trip_id", "--limit", "40"],
      [
        "group", "--by", "city,member", "--agg",
        "count(*) AS n, min(day), max(started_at), median(age), nunique(bike_id), mean(fare)",
      ],
      ["group", "--by", "comment", "--agg", "first(trip_id), last(trip_id), sum(rating)", "--format", "json"],
    ]
    for words in sampled(commands) {
      for flags in [["--partition", "20KiB"], [], ["--partition", "50KiB", "--send-data"]] {
        let partition = flags.filter { $0 != "--send-data" }
        let here = Command(words + ["t.csv"] + partition, in: sandbox).outcome()
        let there = Command(words + ["t.csv", "--cluster", cluster.address] + flags, in: sandbox).outcome()
        #expect(there.errors == here.errors && there.status == 0, "\(words) \(flags): \(there.errors)")
        #expect(there.output == here.output, "\(words) \(flags)")
      }
    }
    let text = sandbox.text("t.csv")!
    let sent = martlet("count", "--cluster", cluster.address, "--send-data", in: sandbox, input: .text(text))
    #expect(sent.output == "3000\n", "\(sent.errors)")
    // Standard input that is a pipe cannot be opened elsewhere.
    let piped = Command(["count", "-", "--cluster", cluster.address], in: sandbox, input: .pipe)
    _ = close(piped.inputEnd!)
    #expect(
      piped.outcome().complaints == [
        "martlet-csv: -: standard input cannot be read by the workers of a cluster (send it to them: --send-data)"
      ])
    // What is wrong with the input is said as ever.
    sandbox.write("bad.csv", "a,b\n1,2\n3\n")
    let here = martlet("count", "bad.csv", in: sandbox)
    let there = martlet("count", "bad.csv", "--cluster", cluster.address, in: sandbox)
    #expect(there.errors == here.errors && there.status == here.status && here.status == 1)
  }

  @Test func `processes that are started for a query do not change a byte, and end with it`() {
    let sandbox = Sandbox()
    #expect(martlet("generate", "--rows", "2000", "--seed", "6", "-o", "t.csv", in: sandbox).status == 0)
    for words in [
      ["group", "--by", "city", "--agg", "mean(fare), median(age)"], ["select", "--where", "rating = 5"],
    ] {
      let here = Command(words + ["t.csv", "--partition", "20KiB"], in: sandbox).outcome()
      let there = Command(words + ["t.csv", "--partition", "20KiB", "--local-cluster", "2"], in: sandbox).outcome()
      #expect(there.errors.isEmpty && there.status == 0, "\(there.errors)")
      #expect(there.output == here.output, "\(words)")
    }
  }

  @Test func `a cluster that is not there is told in a line`() {
    let sandbox = Trips.sandbox()
    for (address, status, part) in [
      ("tcp://127.0.0.1:1", 1, "no scheduler answers at 127.0.0.1:1"), ("tcp://no:such:address", 2, "is no address"),
    ] {
      let outcome = martlet("count", "trips.csv", "--cluster", address, in: sandbox)
      #expect(outcome.status == Int32(status))
      #expect(outcome.complaints.count == 1 && outcome.errors.contains(part), "\(outcome.errors)")
      #expect(outcome.output.isEmpty)
    }
    let missing = martlet(
      "count", "trips.csv", "--cluster", "tcp://127.0.0.1:1", "--secret-file", "none", in: sandbox)
    #expect(missing.status == 2)
    #expect(missing.complaints.count == 1 && missing.errors.contains("cannot open the secret file 'none'"))
    // The plan needs no cluster.
    let plan = martlet("count", "trips.csv", "--cluster", "tcp://127.0.0.1:1", "--explain", in: sandbox)
    #expect(plan.status == 0 && plan.output.contains("on the workers of a cluster"))
  }
}
