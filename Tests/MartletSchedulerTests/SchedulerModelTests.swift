import MartletProtocol
import TestSupport
import Testing

@testable import MartletScheduler

@Suite struct SchedulerModelTests {
  private func jobs(_ random: inout SeededGenerator, count: Int, faults: Bool) -> [ModelCluster.Job] {
    var jobs: [ModelCluster.Job] = []
    for number in 0..<count {
      var job = ModelCluster.Job(inputs: [])
      if number > 0, random.chance(80) {
        job.inputs = (0...random.below(3)).map { _ in random.below(number) }.filter { !jobs[$0].isSignal }
      }
      if number > 0, random.chance(8) {
        job = ModelCluster.Job(inputs: [random.below(number)], isSignal: true)
      } else if random.chance(10) {
        job.inputs += jobs.indices.filter { jobs[$0].isSignal }.suffix(2)
      }
      if faults, random.chance(10), !job.isSignal {
        job.failsTimes = random.below(4)
        job.retries = random.below(4)
      }
      if random.chance(10), !job.isSignal { job.resource = "gpu" }
      jobs.append(job)
    }
    return jobs
  }

  /// What failed, directly or through its inputs.
  private func failing(_ jobs: [ModelCluster.Job]) -> [Bool] {
    var failing: [Bool] = []
    for job in jobs { failing.append(job.failsTimes > job.retries || job.inputs.contains { failing[$0] }) }
    return failing
  }

  private func run(seed: UInt64, crashes: Bool, faults: Bool) throws {
    var random = SeededGenerator(seed: seed)
    var settings = SchedulerSettings()
    settings.allowedFailures = 1000
    var cluster = ModelCluster(seed: seed, settings: settings)
    for _ in 0..<(2 + random.below(3)) { cluster.addWorker(threads: 1 + random.below(3)) }
    let jobs = jobs(&random, count: 1 + random.below(60), faults: faults)
    let wanted = Array(Set((0...random.below(4)).map { _ in random.below(jobs.count) })).sorted()
    cluster.addClient(jobs, wanted: wanted)
    if random.chance(40) {
      // A second client with a graph of its own, which may vanish.
      cluster.addClient(self.jobs(&random, count: 20, faults: false), wanted: [19])
    }
    var steps = 0
    var ticks = 0
    func isDone() -> Bool {
      let client = cluster.clients[0]
      return wanted.allSatisfy { client.results[$0] != nil || client.failures[$0] != nil }
        && (cluster.clients.count < 2 || !cluster.clients[1].isAlive || cluster.clients[1].results[19] != nil)
    }
    while !isDone() {
      steps += 1
      if steps > 60_000 { throw Broken(description: "no end after \(steps) steps: \(cluster.core.leftover() ?? "")") }
      if crashes, random.below(150) == 0 {
        let alive = cluster.workers.indices.filter { cluster.workers[$0].isAlive }
        if !alive.isEmpty { cluster.crash(random.pick(alive)) }
      }
      if cluster.clients.count > 1, random.below(2000) == 0 { cluster.vanish(client: 1) }
      if try !cluster.step() || steps % 50 == 0 {
        ticks += 1
        cluster.now += 1000
        // Resources are on every second worker: one of them has to live.
        let hasResource = cluster.workers.indices.contains { $0 % 2 == 0 && cluster.workers[$0].isAlive }
        if !hasResource { cluster.addWorker(threads: 1) }
        try cluster.flush()
      }
    }
    let expected = ModelCluster.expected(jobs)
    let failing = failing(jobs)
    for job in wanted {
      if failing[job] {
        #expect(cluster.clients[0].failures[job] != nil, "seed \(seed): job \(job) should fail")
      } else {
        #expect(cluster.clients[0].results[job] == expected[job], "seed \(seed): job \(job)")
      }
    }
    #expect(cluster.runs <= jobs.count + 20 + 3 * jobs.count + cluster.core.lostRuns, "seed \(seed)")
    // Nobody wants anything any more: nothing is left.
    for client in cluster.clients.indices { cluster.vanish(client: client) }
    while try cluster.step() {}
    try cluster.flush()
    #expect(cluster.core.leftover() == nil, "seed \(seed)")
    #expect(cluster.core.transitionCount < 60 * (jobs.count + 20) + 20 * cluster.core.lostRuns, "seed \(seed)")
  }

  @Test func `graphs are computed without faults`() throws {
    for seed in sampled(0..<150 as Range<UInt64>) {
      do { try run(seed: seed, crashes: false, faults: false) } catch {
        Issue.record(Comment(rawValue: "seed \(seed): \(error)"))
      }
    }
  }

  @Test func `failing tasks fail what needs them, and only that`() throws {
    for seed in sampled(1000..<1150 as Range<UInt64>) {
      do { try run(seed: seed, crashes: false, faults: true) } catch {
        Issue.record(Comment(rawValue: "seed \(seed): \(error)"))
      }
    }
  }

  @Test func `workers may die at any time`() throws {
    for seed in sampled(2000..<2200 as Range<UInt64>) {
      do { try run(seed: seed, crashes: true, faults: true) } catch {
        Issue.record(Comment(rawValue: "seed \(seed): \(error)"))
      }
    }
  }
}
