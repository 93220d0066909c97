import Glibc
import Martlet

/// Counts primes, shows how far it is, and leaves pictures of the run in a folder: `report.html`, `trace.json`, `graph.svg`
/// and `graph.dot`.
///
///     swift run run-report FOLDER
@main
struct RunReportSample {
  static func main() {
    do {
      try run(folder: CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : ".")
    } catch {
      print("run-report: \(error)")
      exit(1)
    }
  }

  private static func run(folder: String) throws {
    let (graph, total) = primes(below: 20_000_000, pieces: 32)
    let pool = ThreadPoolExecutor.shared

    let recorder = RunRecorder()
    let count = try recorder.observing {
      try withProgress("primes") {
        try pool.run(graph, output: total)
      }
    }
    let record = recorder.record()

    print("\(count) primes")
    print(Profile(record).text())
    print(ResourceProfile(record).text())

    try RunReport(record, title: "Primes below 20 million").write(toFile: "\(folder)/report.html")
    try TraceWriter(record, program: "run-report").write(toFile: "\(folder)/trace.json")

    let picture = graph.svg(coloring: .order)
    try write(picture, to: "\(folder)/graph.svg")
    try write(graph.dot(), to: "\(folder)/graph.dot")
  }

  /// Pieces of the numbers side by side, each against the small primes, then their counts in a tree of sums.
  private static func primes(below limit: Int, pieces: Int) -> (TaskGraph, Node<Int>) {
    var builder = GraphBuilder()
    let small = builder.task("small primes") { sieve(below: Int(Double(limit).squareRoot()) + 1) }
    var counts = (0..<pieces).map { piece in
      let range = piece * limit / pieces..<(piece + 1) * limit / pieces
      let marks = builder.task("sieve", small) { sieve(range, by: $0) }
      return builder.task("count", marks) { $0.count { $0 } }
    }
    while counts.count > 1 {
      counts = stride(from: 0, to: counts.count, by: 4).map { first in
        builder.task("add", all: Array(counts[first..<min(first + 4, counts.count)])) { $0.reduce(0, +) }
      }
    }
    return (builder.build(), counts[0])
  }

  private static func sieve(below limit: Int) -> [Int] {
    var primes: [Int] = []
    for number in 2..<limit where !primes.contains(where: { $0 * $0 <= number && number % $0 == 0 }) {
      primes.append(number)
    }
    return primes
  }

  /// Whether each number of a range is prime.
  private static func sieve(_ range: Range<Int>, by primes: [Int]) -> [Bool] {
    var marks = range.map { $0 > 1 }
    for prime in primes {
      var multiple = max(prime * prime, (range.lowerBound + prime - 1) / prime * prime)
      while multiple < range.upperBound {
        marks[multiple - range.lowerBound] = false
        multiple += prime
      }
    }
    return marks
  }

  private static func write(_ text: String, to path: String) throws {
    guard let file = fopen(path, "w") else { throw Unwritable(path: path) }
    defer { fclose(file) }
    fputs(text, file)
  }
}

/// A file that cannot be written.
struct Unwritable: Error, CustomStringConvertible {
  let path: String

  var description: String { "\(path) cannot be written" }
}
