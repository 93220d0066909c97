/// The smallest task that still uses half of the machine: METG(50 %) of Task Bench (Slaughter et al., "Task Bench: A
/// Parameterized Benchmark for Evaluating Parallel Runtime Performance", SC 2020).
///
/// A graph is run with shorter and shorter kernels. Granularity is wall time × processors / tasks; efficiency is the time that a
/// plain loop on one thread takes for all kernels, divided by wall time × processors; METG is the granularity at which efficiency
/// falls through 50 % for the last time: a single slow point above is none.
struct GranularitySweep {
  /// A granularity in µs, and the efficiency at it.
  private typealias Point = (granularity: Double, efficiency: Double)
  private var points: [(median: Point, best: Point)] = []

  /// Measures until efficiency is far below one half.
  ///
  /// - Parameters:
  ///   - iterations: The length of the first kernels.
  ///   - wall: Runs the graph some times with kernels of so many iterations.
  init(
    tasks: Int, processors: Int, iterations: Double, rounds: Int, wall: (_ iterations: Int) throws -> Timings
  ) rethrows {
    var iterations = iterations
    // A part of the kernels does as well where all would take long.
    let sample = min(tasks, max(1, Int(20_000_000 / iterations)))
    while iterations >= 1 {
      let size = Int(iterations)
      let times = try wall(size)
      let serial = Timings(rounds: rounds) {
        var sum = 0
        for task in 0..<sample { sum &+= kernel(task, size) }
        _ = opaque(sum)
      }
      let work = serial.best * Double(tasks) / Double(sample)
      let point = { (time: Double) -> Point in
        (time * Double(processors) / Double(tasks) / 1000, work / (time * Double(processors)))
      }
      points.append((point(times.median), point(times.best)))
      if point(times.best).efficiency < 0.3 { return }
      iterations /= 1.25
    }
  }

  /// METG in µs: from the medians, and from the best times.
  var text: String { padded(metg(points.map(\.median)), 14) + " (" + metg(points.map(\.best)) + ")" }

  /// Between two points by their line.
  private func metg(_ points: [Point]) -> String {
    guard let last = points.lastIndex(where: { $0.efficiency >= 0.5 }) else {
      return "above " + padded(points[0].granularity, 0, digits: 2)
    }
    guard last + 1 < points.count else { return "below " + padded(points[last].granularity, 0, digits: 2) }
    let (above, below) = (points[last], points[last + 1])
    let share = (above.efficiency - 0.5) / (above.efficiency - below.efficiency)
    return padded(above.granularity + (below.granularity - above.granularity) * share, 0, digits: 2)
  }
}
