import MartletBytes
import MartletProtocol
import MartletWorker
import Testing

@testable import MartletScheduler

/// Who gets what, when workers come and go, are full, or hold what others want. The numbers are those of Docs/Faults.md.
@Suite struct SchedulingScenarios {
  private func jobs(_ count: Int) -> [Stage.Job] { (0..<count).map { _ in Stage.Job() } }

  @Test func `14: the last worker does not retire before another one takes its results`() {
    let stage = Stage(workers: 1, jobs(2))
    stage.submit([0, 1], wanted: [0, 1])
    stage.settle(ends: false)
    stage.tell(0, .retireRequested)
    stage.settle()
    stage.pass(1_000_000_000)
    stage.settle()
    #expect(stage.members[0].isAlive)
    #expect(stage.holders(of: 0) == [0])
    stage.addWorker()
    for _ in 0..<10 {
      stage.pass(1_000_000_000)
      stage.settle()
    }
    #expect(!stage.members[0].isAlive)
    #expect(stage.holders(of: 0) == [1] && stage.holders(of: 1) == [1])
    #expect(stage.runs.reduce(0, +) <= 3)
  }

  @Test func `14: what is computed while its worker retires is handed over too`() {
    let stage = Stage(workers: 2, jobs(1))
    stage.submit([0], wanted: [0])
    stage.settle(ends: false)
    let worker = stage.runner(of: 0)!
    stage.tell(worker, .retireRequested)
    stage.settle(ends: false)
    stage.end(0)
    for _ in 0..<3 {
      stage.settle()
      stage.pass(100_000_000)
    }
    #expect(!stage.members[worker].isAlive)
    #expect(stage.holders(of: 0) == [1 - worker])
    #expect(stage.runs == [1])
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func `15: of 32 chains, each worker begins no more than it has threads`(seed: UInt64) {
    var random = seed
    func next(_ bound: Int) -> Int {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((random >> 33) % UInt64(bound))
    }
    let chains = (0..<128).map { $0 % 4 == 0 ? Stage.Job() : Stage.Job(inputs: [$0 - 1]) }
    let stage = Stage(workers: 4, threads: 2, chains) { $0.saturation = 1 }
    stage.submit(Array(0..<128), wanted: (0..<32).map { 4 * $0 + 3 })
    stage.settle(ends: false)
    while let member = (0..<4).filter({ !stage.members[$0].bodies.isEmpty }).randomized(next) {
      let job = stage.members[member].bodies.values.sorted()[next(stage.members[member].bodies.count)]
      stage.end(job, nanoseconds: 100_000_000)
      stage.settle(ends: false)
      for worker in 0..<4 {
        let roots = (0..<32).map { 4 * $0 }.filter {
          stage.holders(of: $0) == [worker] || stage.members[worker].bodies.values.contains($0)
        }
        #expect(roots.count <= 2)
      }
    }
    #expect(stage.runs == [Int](repeating: 1, count: 128))
  }

  @Test func `16: tasks that no worker has room for wait in the queue`() {
    let stage = Stage(workers: 2, threads: 2, jobs(10)) { $0.saturation = 1 }
    stage.submit(Array(0..<10), wanted: Array(0..<10))
    stage.settle(ends: false)
    #expect(stage.scheduler.count(.ready) == 6)
    stage.crash(1)
    stage.notice(1)
    stage.settle(ends: false)
    // Those that ran on it may have killed it, and run alone.
    #expect(stage.scheduler.count(.ready) == 8)
    stage.addWorker(threads: 2)
    stage.settle(ends: false)
    #expect(stage.scheduler.count(.ready) == 6 || stage.scheduler.count(.ready) == 7)
    stage.settle()
    #expect((0..<10).allSatisfy { stage.isFinished($0) })
  }

  /// Job 0 runs on worker 0, job 1 stands behind it, and worker 1 has nothing to do: the scheduler has asked for job 1.
  private func stealing() -> Stage {
    let stage = Stage(workers: 1, jobs(2))
    stage.submit([0, 1], wanted: [0, 1])
    stage.settle(ends: false)
    #expect(stage.runs == [1, 0])
    stage.addWorker()
    let isAsked = stage.members[0].hears.contains { if case .steal(stage.handles[1]!, _) = $0 { true } else { false } }
    #expect(isAsked)
    return stage
  }

  @Test func `17: what has begun before it was asked for stays`() {
    let stage = stealing()
    stage.end(0)
    #expect(stage.runs == [1, 1])
    stage.settle()
    #expect(stage.runs == [1, 1] && stage.isFinished(0) && stage.isFinished(1))
    stage.release([0, 1])
    stage.expectNothingLeft()
  }

  @Test func `17: the thief leaves`() {
    let stage = stealing()
    stage.crash(1)
    stage.notice(1)
    stage.settle()
    #expect(stage.runs == [1, 1] && stage.isFinished(1))
    stage.release([0, 1])
    stage.expectNothingLeft()
  }

  @Test func `17: nobody wants it any more`() {
    let stage = stealing()
    stage.release([1])
    stage.settle()
    #expect(stage.runs == [1, 0] && stage.isFinished(0))
    stage.release([0])
    stage.expectNothingLeft()
  }

  @Test func `17: the victim comes back under its old address, and an old answer changes nothing`() {
    let stage = stealing()
    let old = stage.members[0].id
    let run = RunID(rawValue: 1)
    stage.tell(0, .schedulerLost)
    stage.notice(0)
    stage.connect(0)
    stage.tell(.workerSaid(old, .stealAnswer(stage.handles[1]!, run, gave: true)))
    stage.settle()
    #expect(stage.runs[1] == 1 && stage.isFinished(0) && stage.isFinished(1))
    stage.release([0, 1])
    stage.expectNothingLeft()
  }

  @Test func `18: a task alone is not moved`() {
    let stage = Stage(workers: 1, jobs(1))
    stage.submit([0], wanted: [0])
    stage.settle(ends: false)
    stage.addWorker()
    stage.settle(ends: false)
    for _ in 0..<5 { stage.pass(100_000_000) }
    stage.settle(ends: false)
    #expect(stage.runner(of: 0) == 0)
    #expect(stage.scheduler.loads[1].processing == 0)
  }

  @Test(arguments: [2, 3, 21])
  func `18: a new worker gets some of what waits, and then nothing moves any more`(count: Int) {
    let stage = Stage(workers: 1, jobs(count + 1))
    // Once it is known that they are short, many are given out ahead.
    stage.submit([count], wanted: [count])
    stage.settle(ends: false)
    stage.end(count, nanoseconds: 1000)
    stage.settle()
    stage.submit(Array(0..<count), wanted: Array(0..<count))
    stage.settle(ends: false)
    #expect(stage.scheduler.loads[0].processing == count)
    stage.addWorker()
    stage.settle(ends: false)
    #expect(stage.scheduler.loads[1].processing >= 1)
    let before = stage.scheduler.transitionCount
    for _ in 0..<20 {
      stage.pass(100_000_000)
      stage.settle(ends: false)
    }
    #expect(stage.scheduler.transitionCount == before)
    stage.settle()
    #expect(stage.runs == [Int](repeating: 1, count: count + 1))
  }

  @Test func `19: a full worker ends what it runs, begins nothing, and is given nothing until it has room`() {
    let stage = Stage(workers: 1, threads: 2, memoryLimit: 1_000_000, jobs(5)) { $0.saturation = 1.5 }
    stage.submit([0, 1, 2], wanted: [0, 1, 2])
    stage.settle(ends: false)
    #expect(stage.runs == [1, 1, 0, 0, 0])
    stage.tell(0, .memory(residentBytes: 900_000))
    stage.settle(ends: false)
    stage.submit([3, 4], wanted: [3, 4])
    stage.end(0)
    stage.settle(ends: false)
    // What has ended can be had; what was queued there stays; what is new waits at the scheduler.
    #expect(stage.isFinished(0) && stage.holders(of: 0) == [0])
    #expect(stage.runs == [1, 1, 0, 0, 0])
    #expect(stage.scheduler.count(.ready) == 2)
    // A little less is not enough.
    stage.tell(0, .memory(residentBytes: 780_000))
    stage.settle(ends: false)
    #expect(stage.runs == [1, 1, 0, 0, 0])
    stage.tell(0, .memory(residentBytes: 10_000))
    stage.settle()
    #expect(stage.runs == [1, 1, 1, 1, 1])
  }

  @Test func `21: a resource is given to one task at a time, by priority, and comes back whatever becomes of the task`()
  {
    var scarce = WorkTraits()
    scarce.resources = [ResourceAmount(name: "R", amount: 1)]
    var urgent = scarce
    urgent.priority = 5
    let all = [Stage.Job(traits: scarce), Stage.Job(traits: scarce), Stage.Job(), Stage.Job(traits: urgent)]
    let stage = Stage(workers: 1, threads: 3, resources: [ResourceAmount(name: "R", amount: 1)], all)
    func free(_ stage: Stage) -> Int64 { 1 - stage.scheduler.workers[0].occupied[0] }
    stage.submit([0, 1, 2], wanted: [0, 1, 2])
    stage.settle(ends: false)
    // One of the two that need it, and the one that does not.
    #expect(stage.runs == [1, 0, 1, 0] && free(stage) == 0)
    stage.submit([3], wanted: [3])
    stage.fail(0)
    stage.settle(ends: false)
    #expect(stage.failure(of: 0) != nil)
    #expect(stage.runs == [1, 0, 1, 1] && free(stage) == 0)
    // Cancelled before it has begun, and again.
    stage.release([1])
    stage.submit([1], wanted: [1])
    stage.settle(ends: false)
    #expect(stage.runs == [1, 0, 1, 1])
    stage.end(3)
    stage.settle()
    #expect(stage.runs == [1, 1, 1, 1] && free(stage) == 1)
    stage.release([0, 1, 2, 3])
    stage.expectNothingLeft()
  }

  @Test func `22: the tasks of a silent worker run elsewhere, and are not blamed when it comes back`() {
    let stage = Stage(workers: 2, jobs(4)) { $0.silenceNanoseconds = 1_000_000_000 }
    stage.submit([0, 1], wanted: [0, 1])
    stage.settle(ends: false)
    #expect(stage.runner(of: 0) == 0 && stage.runner(of: 1) == 1)
    // Worker 0 is frozen: it has a connection, and says nothing.
    for _ in 0..<3 {
      stage.now += 600_000_000
      stage.say(.heartbeat)
      stage.tell(1, .tick)
      stage.tell(.workerSaid(stage.members[1].id, .heartbeat(stage.members[1].core.metrics)))
      stage.tell(.tick)
    }
    #expect(!stage.scheduler.loads[0].isAlive)
    stage.end(1)
    stage.deliver(from: 1)
    stage.deliver(to: 1)
    #expect(stage.runs == [2, 1, 0, 0])
    #expect(stage.deaths(of: 0) == 1)
    // It wakes up, notices that its session is over, and comes back: its process has not died of anything.
    stage.tell(0, .schedulerLost)
    stage.connect(0)
    #expect(stage.deaths(of: 0) == 0)
    stage.settle()
    #expect(stage.isFinished(0) && stage.isFinished(1))
    stage.release([0, 1])
    stage.expectNothingLeft()
  }

  @Test func `22: a worker whose connection breaks again and again is not the death of its tasks`() {
    let stage = Stage(workers: 1, jobs(1)) { $0.allowedFailures = 3 }
    stage.submit([0], wanted: [0])
    stage.settle(ends: false)
    for _ in 0..<6 {
      stage.tell(0, .schedulerLost)
      stage.notice(0)
      stage.connect(0)
      stage.settle(ends: false)
    }
    #expect(stage.failure(of: 0) == nil)
    stage.settle()
    #expect(stage.isFinished(0))
    #expect(stage.runs == [1])
  }

  @Test func `23: other work under a key that runs is refused, and harms nobody`() {
    let stage = Stage(workers: 1, clients: 2, [Stage.Job(), Stage.Job(inputs: [0])])
    stage.submit([0, 1], wanted: [1])
    stage.settle(ends: false)
    stage.submit(client: 1, [0], wanted: [0], arguments: [1])
    guard case .refused(_, let failure)? = stage.told[1].last else {
      Issue.record("\(stage.told[1])")
      return
    }
    #expect(failure.key == Stage.digest(0) && failure.kind == .cannotRun)
    stage.settle()
    #expect(stage.isFinished(1) && stage.runs == [1, 1])
    stage.release([1])
    stage.expectNothingLeft()
  }

  @Test func `23: equal tasks of two clients run once, and one client's leaving does not end the other's`() {
    let stage = Stage(workers: 1, clients: 2, jobs(1))
    stage.submit([0], wanted: [0])
    stage.submit(client: 1, [0], wanted: [0])
    stage.settle(ends: false)
    stage.say(.goodbye)
    stage.settle()
    #expect(stage.isFinished(0, client: 1) && stage.runs == [1])
    stage.release(client: 1, [0])
    stage.expectNothingLeft()
  }

  @Test func `25: whatever clients cancel, and whenever they leave, nothing is left, and the next graph runs`() {
    let all = (0..<60).map { Stage.Job(inputs: $0 < 20 ? [] : [$0 - 20, ($0 * 7) % 20]) }
    for round in 0..<10 {
      let stage = Stage(workers: 3, threads: 2, clients: 2, all)
      for attempt in 0..<5 {
        stage.submit(client: attempt % 2, Array(0..<60), wanted: Array(40..<60))
        stage.settle(ends: false)
        // Some have ended when it is cancelled: more with every round.
        for _ in 0..<(round * 6) {
          guard let member = stage.members.indices.first(where: { !stage.members[$0].bodies.isEmpty }),
            let job = stage.members[member].bodies.values.min()
          else { break }
          stage.end(job)
          stage.settle(ends: false)
        }
        let handles = (40..<60).compactMap { stage.handles[$0] }
        stage.say(client: attempt % 2, .cancel(handles, force: attempt == 3))
        if attempt == 2 { stage.settle(ends: false) }
      }
      stage.expectNothingLeft()
      stage.submit([0], wanted: [0])
      stage.settle()
      #expect(stage.isFinished(0))
      stage.say(.goodbye)
      stage.expectNothingLeft()
    }
  }
}

extension Array {
  fileprivate func randomized(_ next: (Int) -> Int) -> Element? { isEmpty ? nil : self[next(count)] }
}
