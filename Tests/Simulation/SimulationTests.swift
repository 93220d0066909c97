import MartletSimulation
import Testing

@Suite struct `Whole clusters in one process, from seeds` {
  private func run(_ seeds: Range<UInt64>, faults: [Fault]) {
    var options = SimulationOptions()
    options.faults = faults
    for seed in seeds {
      do throws(SimulationFailure) {
        _ = try Simulation.run(seed: seed, options: options)
      } catch {
        Issue.record(Comment(rawValue: "\(error)"))
        return
      }
    }
  }

  @Test func `without faults`() { run(0..<40, faults: []) }

  @Test(arguments: Fault.allCases) func `one kind of fault`(fault: Fault) { run(0..<15, faults: [fault]) }

  @Test(arguments: 0..<4 as Range<UInt64>) func `all kinds of faults`(block: UInt64) {
    run((block * 25)..<(block * 25 + 25), faults: Fault.allCases)
  }

  /// A graph that waits for data which no worker takes is refused while the next one is submitted.
  @Test(arguments: [26_260, 30_110] as [UInt64]) func `seeds that were judged wrongly`(seed: UInt64) {
    run(seed..<seed + 1, faults: Fault.allCases)
  }

  @Test func `a seed does the same again`() throws {
    for seed in 500..<530 as Range<UInt64> {
      let first = try Simulation.run(seed: seed)
      let second = try Simulation.run(seed: seed)
      #expect(first == second, "seed \(seed)")
    }
  }
}
