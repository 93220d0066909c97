import MartletSimulation
import MartletSystem

/// A group of measurements.
protocol BenchSuite {
  /// What it is called on the command line.
  static var name: String { get }
  /// What it measures, in a line.
  static var summary: String { get }
  /// Whether names of files may follow.
  static var takesFiles: Bool { get }
  /// Measures and prints.
  static func run(_ options: BenchOptions) throws
}

extension BenchSuite {
  /// Most suites make their own input.
  static var takesFiles: Bool { false }
}

/// What the command line asks for.
struct BenchOptions {
  /// Threads of the pool.
  var threads = 2
  /// Measurements of each kind, after a warm-up.
  var rounds = 15
  /// The one line of the suite to measure; nil: all.
  var only: String?
  /// Sizes that take no time: to see that everything still runs.
  var isToy = false
  /// Files to work on.
  var files: [String] = []
  /// What is simulated; nil: what the suite thinks right.
  var seeds: Range<UInt64>?
  var workers: Int?
  var tasks: Int?
  var faults: [Fault]?
  var history: Int?
  /// Whether an order is written out.
  var printsOrder = false
}

/// Some measurements of one thing.
struct Timings {
  private let sorted: [Double]

  /// Measures `body` `rounds` times after a warm-up, in nanoseconds.
  init(rounds: Int, _ body: () throws -> Void) rethrows {
    try body()
    var all: [Double] = []
    for _ in 0..<rounds {
      let start = martlet_monotonic_nanoseconds()
      try body()
      all.append(Double(martlet_monotonic_nanoseconds() - start))
    }
    sorted = all.sorted()
  }

  var best: Double { sorted[0] }
  var median: Double { sorted[sorted.count / 2] }
}

/// `value` with `digits` decimals, right-aligned in `width` columns.
func padded(_ value: Double, _ width: Int, digits: Int = 1) -> String {
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let scaled = Int((value * scale).rounded())
  var text = "\(scaled / Int(scale))"
  if digits > 0 {
    let fraction = "\(scaled % Int(scale))"
    text += "." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
  return padded(text, width)
}

/// `text`, right-aligned in `width` columns.
func padded(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}
