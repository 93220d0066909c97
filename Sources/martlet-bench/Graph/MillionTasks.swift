import Martlet
import MartletSystem

/// A million tasks from `Delayed` to the end of the run, phase by phase, each shape in a process of its own so that its
/// memory can be told.
enum MillionTasks {
  static func report(_ options: BenchOptions) throws {
    print("a million tasks: µs a task by phase; bytes a task at the peak of the resident set")
    print("  shape          tasks     make    lower  optimise+order    run     free    total   bytes")
    for name in ["flat", "chain", "tree", "wavefront", "layers"] {
      let child = try Child.run(
        "/proc/self/exe",
        ["graph", "--only", "million-\(name)", "--threads", "\(options.threads)"]
          + (options.isToy ? ["--toy"] : []), output: nil)
      if child.status != 0 { throw BenchError("the measurement of \(name) ended with status \(child.status)") }
    }
  }

  /// Measures one shape once: the first run of a process is what a program has that computes one graph.
  static func measure(_ name: String, _ options: BenchOptions) throws {
    let shapes = DelayedShape.all(tasks: options.isToy ? 1000 : 1_000_000)
    guard let (engine, shape) = shapes.first(where: { $0.delayed.name == name }) else {
      throw BenchError("no shape \(name)")
    }
    let expected = engine.floor()
    let pool = ThreadPoolExecutor(threads: options.threads)
    let before = martlet_resident_bytes()
    var clock = Phases()
    var root: Delayed<Int>? = shape.make()
    clock.next()
    guard var plan = root.map({ PhasedComputation($0) }) else { return }
    let count = plan.writtenTasks
    clock.next()
    plan.optimize()
    clock.next()
    try GraphSuite.check(plan.run(on: pool), expected, shape)
    clock.next()
    plan.free()
    root = nil
    clock.next()
    let peak = martlet_process_usage().peak_resident_bytes - before
    let times = clock.nanoseconds.map { $0 / 1000 / Double(count) }
    print(
      "  \(name)" + padded("\(count)", 18 - name.count) + padded(times[0], 9, digits: 3)
        + padded(times[1], 9, digits: 3)
        + padded(times[2], 12, digits: 3) + padded(times[3], 11, digits: 3) + padded(times[4], 9, digits: 3)
        + padded(times.reduce(0, +), 9, digits: 3) + padded("\(Int(peak) / count)", 8))
  }

  /// Times of one phase after the other.
  private struct Phases {
    private(set) var nanoseconds: [Double] = []
    private var start = martlet_monotonic_nanoseconds()

    mutating func next() {
      let now = martlet_monotonic_nanoseconds()
      nanoseconds.append(Double(now - start))
      start = now
    }
  }
}
