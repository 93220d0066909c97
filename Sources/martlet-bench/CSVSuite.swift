import Glibc

/// Times `martlet-csv` as its users do: the whole process, from start to exit, on a file in the page cache.
///
/// The data are `martlet-csv generate --kind groupby` and `--kind stations`, written once into a scratch folder. The
/// floor is a loop that only reads the file.
enum CSVSuite: BenchSuite {
  static let name = "csv"
  static let summary = "martlet-csv as a whole process, on 10 million records"

  /// A query and what it is called.
  struct Query {
    let name: String
    let file: String
    let arguments: [String]

    init(_ name: String, _ arguments: [String], file: String = "groupby.csv") {
      self.name = name
      self.file = file
      self.arguments = arguments
    }
  }

  static let queries = [
    Query("count", ["count"]),
    Query("q1 sum(v1) by id1", ["group", "--by", "id1", "--agg", "sum(v1)"]),
    Query("q2 sum(v1) by id1, id2", ["group", "--by", "id1,id2", "--agg", "sum(v1)"]),
    Query("q3 sum(v1), mean(v3) by id3", ["group", "--by", "id3", "--agg", "sum(v1), mean(v3)"]),
    Query("q4 mean(v1, v2, v3) by id4", ["group", "--by", "id4", "--agg", "mean(v1), mean(v2), mean(v3)"]),
    Query("q5 sum(v1, v2, v3) by id6", ["group", "--by", "id6", "--agg", "sum(v1), sum(v2), sum(v3)"]),
    Query("q6 median(v3), std(v3) by id4, id5", ["group", "--by", "id4,id5", "--agg", "median(v3), std(v3)"]),
    Query("q7 max(v1) - min(v2) by id3", ["group", "--by", "id3", "--agg", "max(v1) - min(v2)"]),
    Query("q8 top(v3, 2) by id6", ["group", "--by", "id6", "--agg", "top(v3, 2)"]),
    Query("q9 corr(v1, v2) by id2, id4", ["group", "--by", "id2,id4", "--agg", "corr(v1, v2)"]),
    Query("q10 sum(v3), count by six ids", ["group", "--by", "id1,id2,id3,id4,id5,id6", "--agg", "sum(v3), count(*)"]),
    Query("q10 unordered", ["group", "--by", "id1,id2,id3,id4,id5,id6", "--agg", "sum(v3), count(*)", "--unordered"]),
    Query("filter and count", ["count", "--where", "v1 > 3 AND id1 = 'id016'"]),
    Query("stats", ["stats"]),
    Query(
      "1BRC stations", ["group", "--by", "station", "--agg", "min(temperature), mean(temperature), max(temperature)"],
      file: "stations.csv"),
  ]

  static func run(_ options: BenchOptions) throws {
    let rows = options.isToy ? 20_000 : 10_000_000
    let folder = try scratchFolder()
    defer { removeScratch(folder) }
    for kind in ["groupby", "stations"] {
      let start = seconds()
      let run = try Child.run(
        martletCSV(),
        ["generate", "--kind", kind, "--rows", "\(rows)", "--seed", "1", "--output", "\(folder)/\(kind).csv"],
        output: "/dev/null")
      guard run.status == 0 else { throw BenchError("generate ended with status \(run.status)") }
      let megabytes = Double(fileBytes("\(folder)/\(kind).csv")) / 1e6
      print(
        "generate \(kind): \(padded(megabytes, 0, digits: 0)) MB at \(padded(megabytes / (seconds() - start), 0, digits: 0)) MB/s"
      )
    }
    print("floor, reading the file in one thread: \(padded(readFloor("\(folder)/groupby.csv"), 0, digits: 3)) s")
    print("")
    print(
      leading("query", 36) + padded("threads", 8) + padded("median s", 10) + padded("best s", 10)
        + padded("peak MB", 9) + "  checksum")
    for query in queries {
      for threads in options.isToy ? [options.threads] : [options.threads, 1] {
        try time(query, threads: threads, rounds: options.rounds, folder: folder)
      }
    }
  }

  private static func time(_ query: Query, threads: Int, rounds: Int, folder: String) throws {
    let arguments = query.arguments + ["--threads", "\(threads)", "\(folder)/\(query.file)"]
    let checked = try Child.run(martletCSV(), arguments, output: "\(folder)/result")
    guard checked.status == 0 else { throw BenchError("\(query.name) ended with status \(checked.status)") }
    let checksum = try fileChecksum("\(folder)/result")
    var times: [Double] = []
    var peak = 0
    for _ in 0..<rounds {
      let run = try Child.run(martletCSV(), arguments, output: "/dev/null")
      times.append(run.seconds)
      peak = max(peak, run.peakKilobytes)
    }
    times.sort()
    print(
      leading(query.name, 36) + padded("\(threads)", 8) + padded(times[times.count / 2], 10, digits: 3)
        + padded(times[0], 10, digits: 3) + padded("\(peak / 1024)", 9) + "  " + checksum)
  }
}
