import MartletSimulation
import Testing

/// Scenarios in which many things go wrong for a while, in simulated clusters. The numbers are those of Docs/Faults.md.
///
/// Each run ends with the exact result, empty tables, explained runs and a bounded number of transitions, or is a failure.
@Suite struct ChaosScenarios {
  private func run(
    _ seeds: Range<UInt64>, workers: Int, tasks: Int, shape: GraphShape, faults: [Fault],
    _ change: (inout SimulationOptions) -> Void = { _ in }, check: (SimulationReport) -> Void = { _ in }
  ) {
    var options = SimulationOptions()
    options.leastWorkers = workers
    options.workers = workers
    options.leastTasks = tasks
    options.tasks = tasks
    options.shape = shape
    options.faults = faults
    options.clients = 1
    change(&options)
    for seed in seeds {
      do throws(SimulationFailure) {
        check(try Simulation.run(seed: seed, options: options))
      } catch {
        Issue.record(Comment(rawValue: "\(error)"))
        return
      }
    }
  }

  @Test func `11: twenty workers that come and go under an array of four hundred blocks`() {
    run(0..<2, workers: 20, tasks: 800, shape: .blocks, faults: [.crash, .retire]) {
      $0.faultNanoseconds = 10_000_000
      $0.checksEveryEvent = false
    } check: {
      #expect($0.faults > 5)
    }
    run(2..<5, workers: 6, tasks: 100, shape: .blocks, faults: [.crash, .retire]) { $0.faultNanoseconds = 5_000_000 }
  }

  @Test func `12: six workers that are killed under an exchange of all with all`() {
    run(0..<5, workers: 6, tasks: 130, shape: .allToAll, faults: [.crash]) { $0.faultNanoseconds = 10_000_000 }
  }

  @Test func `13: all connections of some worker are broken, again and again`() {
    run(0..<5, workers: 4, tasks: 200, shape: .allToAll, faults: [.cut, .halfOpen]) {
      $0.faultNanoseconds = 3_000_000
    }
  }

  @Test func `14: nine of ten workers retire, and what they held is computed again only where it was lost`() {
    run(0..<5, workers: 10, tasks: 120, shape: .blocks, faults: [.retire]) {
      $0.replacesWorkers = false
      $0.faultNanoseconds = 5_000_000
      $0.taskNanoseconds = 20_000_000
    } check: {
      #expect($0.openWorkers == 1)
    }
  }

  @Test func `25: clients that cancel, vanish and share, while schedulers are replaced`() {
    run(0..<30, workers: 3, tasks: 40, shape: .random, faults: [.cancel, .vanish, .restart, .failure]) {
      $0.clients = 4
    }
  }
}
