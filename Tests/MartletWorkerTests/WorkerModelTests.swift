import MartletProtocol
import TestSupport
import Testing

@testable import MartletWorker

#if canImport(Glibc)
  import Glibc
#endif

/// How many times as many seeds: `MARTLET_WORLDS=20 swift test --filter WorkerModelTests`.
private let worlds = getenv("MARTLET_WORLDS").flatMap { UInt64(String(cString: $0)) } ?? 1

/// A worker in a random world, from many seeds. A failing seed is named, and replays exactly.
@Suite struct WorkerModelTests {
  private func run(_ seeds: Range<UInt64>, _ faults: ModelWorld.Faults) {
    var answered = 0
    for seed in (0..<worlds).flatMap({ world in seeds.map { $0 + world * 1_000_000 } }) {
      var world = ModelWorld(seed: seed, faults: faults)
      do {
        try world.connect()
        for _ in 0..<250 { try world.step() }
        try world.finish()
      } catch {
        Issue.record("seed \(seed): \(error)")
        return
      }
      answered += world.answered
    }
    #expect(answered > seeds.count * 4, "hardly anything was computed")
  }

  @Test func `all work is answered, and nothing is left`() { run(0..<301, ModelWorld.Faults()) }

  @Test func `all work is answered while peers, files and tasks fail and messages come twice or are wrong`() {
    run(1000..<1300, ModelWorld.Faults(percent: 15))
  }

  @Test func `all work is answered with too little memory`() {
    run(2000..<2250, ModelWorld.Faults(memoryLimit: 500))
    run(2500..<2550, ModelWorld.Faults(memoryLimit: 60))
  }

  @Test func `all work is answered with too little memory, and disks that are full or damaged`() {
    run(3000..<3250, ModelWorld.Faults(percent: 15, memoryLimit: 500))
    run(3500..<3550, ModelWorld.Faults(percent: 40, memoryLimit: 200))
  }

  @Test func `results outlive sessions, and handles mean what they mean in the session`() {
    run(4000..<4250, ModelWorld.Faults(percent: 10, losesScheduler: true, memoryLimit: 500))
    run(4500..<4600, ModelWorld.Faults(percent: 0, losesScheduler: true))
  }
}
