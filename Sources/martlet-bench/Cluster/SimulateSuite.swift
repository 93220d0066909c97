import MartletSimulation
import MartletSystem

/// Simulated clusters from seeds: any that the tests do not run, and the one that a failing test has named.
enum SimulateSuite: BenchSuite {
  static let name = "simulate"
  static let summary =
    "whole clusters in one process: --seeds A..B [--workers N] [--tasks N] [--faults LIST] [--history LINES]; the seeds that fail"

  static func run(_ options: BenchOptions) throws {
    var simulated = SimulationOptions()
    if let workers = options.workers { simulated.workers = workers }
    if let tasks = options.tasks { simulated.tasks = tasks }
    if let faults = options.faults { simulated.faults = faults }
    if let history = options.history { simulated.historyLines = history }
    // Recomputing all tables of a large cluster after every event would take for ever.
    simulated.checksEveryEvent = simulated.tasks * simulated.workers <= 20_000
    let seeds = options.seeds ?? 0..<(options.isToy ? 50 : 1000)
    var total = SimulationReport()
    var failures: [String] = []
    let start = martlet_monotonic_nanoseconds()
    for seed in seeds {
      do throws(SimulationFailure) {
        total.add(try Simulation.run(seed: seed, options: simulated))
      } catch {
        failures.append(error.description)
        if failures.count == 3 { break }
      }
    }
    let seconds = Double(martlet_monotonic_nanoseconds() - start) / 1e9
    let faults = simulated.faults.map(\.rawValue).joined(separator: ",")
    print("simulate: seeds \(seeds.lowerBound)..\(seeds.upperBound), faults \(faults.isEmpty ? "none" : faults)")
    print(
      "  \(total.tasks) tasks, \(total.runs) runs (\(total.thrown) threw, \(total.lostRuns) lost), \(total.faults) faults,"
        + " \(total.transfers) transfers, \(total.spills) spills")
    print(
      "  \(total.events) events, \(total.transitions) transitions,\(padded(seconds, 0)) s here,"
        + "\(padded(Double(total.nanoseconds) / 1e9, 0)) s in the clusters")
    if !failures.isEmpty { throw BenchError(failures.joined(separator: "\n")) }
  }
}

extension SimulationReport {
  fileprivate mutating func add(_ other: SimulationReport) {
    events += other.events
    tasks += other.tasks
    runs += other.runs
    thrown += other.thrown
    lostRuns += other.lostRuns
    transitions += other.transitions
    faults += other.faults
    transfers += other.transfers
    spills += other.spills
    nanoseconds += other.nanoseconds
  }
}
