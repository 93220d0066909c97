import MartletProtocol
import MartletWorker
import Testing

@testable import MartletScheduler

/// Results that are gone, on their way, or not where they should be. The numbers are those of Docs/Faults.md.
@Suite struct LostDataScenarios {
  /// x and z, on workers 0 and 1; y needs both and goes where z is, which is large.
  private static let pair: [Stage.Job] = [Stage.Job(), Stage.Job(bytes: 1_000_000), Stage.Job(inputs: [0, 1])]

  /// Both inputs are there, and the worker of z has asked that of x for it.
  private func asking(workers: Int = 2, wanted: [Int] = [2]) -> Stage {
    let stage = Stage(workers: workers, Self.pair)
    stage.submit([0, 1, 2], wanted: wanted)
    stage.settle(ends: false)
    #expect(stage.runner(of: 0) == 0 && stage.runner(of: 1) == 1)
    stage.end(0)
    stage.end(1)
    stage.deliver(from: 0)
    stage.deliver(from: 1)
    stage.deliver(to: 1)
    #expect(stage.members[0].requests.count == 1)
    return stage
  }

  @Test func `1: only what was lost is computed again`() {
    let stage = Stage(workers: 2, (0..<10).map { _ in Stage.Job() } + [Stage.Job(inputs: Array(0..<10))])
    stage.submit(Array(0..<10), wanted: Array(0..<10))
    stage.settle()
    let lost = (0..<10).filter { stage.holders(of: $0) == [1] }
    #expect(!lost.isEmpty && lost.count < 10)
    stage.crash(1)
    stage.notice(1)
    stage.submit([10], wanted: [10])
    stage.settle()
    #expect(stage.isFinished(10))
    #expect(stage.runs == (0..<10).map { lost.contains($0) ? 2 : 1 } + [1])
    stage.release(Array(0...10))
    stage.expectNothingLeft()
  }

  @Test func `4: a holder dies while it is asked, and the asker computes the input itself, once`() {
    let stage = asking()
    stage.crash(0)
    stage.notice(0)
    stage.deliver(to: 1)
    // Only now does it learn that its connection is gone.
    stage.breakLink(of: 1, to: 0)
    stage.settle()
    #expect(stage.isFinished(2))
    #expect(stage.runs == [2, 1, 1])
    #expect(stage.finishes == [2, 1, 1])
    stage.release([2])
    stage.expectNothingLeft()
  }

  @Test func `4: the asker notices first`() {
    let stage = asking()
    stage.crash(0)
    for _ in 0..<5 {
      stage.breakLink(of: 1, to: 0)
      stage.pass(3_000_000_000)
    }
    stage.deliver(from: 1)
    stage.notice(0)
    stage.settle()
    #expect(stage.isFinished(2))
    #expect(stage.runs == [2, 1, 1])
    stage.release([2])
    stage.expectNothingLeft()
  }

  @Test func `5: late data arrives after all, and nothing is computed for it`() {
    let stage = Stage(workers: 1, Self.pair + [Stage.Job()])
    // The worker has one thread, which job 3 occupies; x is assigned to it, and is on its way from elsewhere.
    let x = TaskHandle(slot: 90, generation: 0)
    let elsewhere = PeerRef(worker: WorkerID(rawValue: 7), address: "p")
    stage.strangers = [elsewhere.worker]
    let input = InputRef(task: x, digest: Stage.digest(0), byteCount: 5000, holders: [elsewhere])
    func work(_ slot: UInt32, _ job: Int, _ inputs: [InputRef] = []) -> ComputeTask {
      ComputeTask(
        task: TaskHandle(slot: slot, generation: 0), run: RunID(rawValue: 1), digest: Stage.digest(job), label: "job",
        priority: UInt64(slot), work: .alias, inputs: inputs)
    }
    stage.members[0].hears = [.compute([work(80, 3), work(91, 2, [input])])]
    stage.deliver(to: 0)
    #expect(stage.runs == [0, 0, 0, 1])
    stage.members[0].hears = [.compute([work(90, 0)])]
    stage.deliver(to: 0)
    stage.members[0].says = []
    stage.members[0].replies = [(elsewhere.worker, .data(request: 1, task: x, type: "T", byteCount: 5000))]
    stage.receive(0)
    let end = TaskEnd(task: x, run: RunID(rawValue: 1), nanoseconds: 0, byteCount: 5000, type: "T", inline: nil)
    #expect(stage.members[0].says.contains(.finished([end])))
    stage.end(3)
    #expect(stage.runs == [0, 0, 1, 1])
  }

  @Test(arguments: [true, false])
  func `6: what is cancelled while it runs, and then fetched, is fetched`(throwsAtLast: Bool) {
    let stage = Stage(workers: 1, [Stage.Job()])
    stage.submit([0], wanted: [0])
    stage.settle(ends: false)
    #expect(stage.runner(of: 0) == 0)
    let task = stage.handles[0]!
    let elsewhere = PeerRef(worker: WorkerID(rawValue: 7), address: "p")
    stage.strangers = [elsewhere.worker]
    stage.members[0].says = []
    stage.tell(0, .schedulerSaid(.cancel([TaskRun(task: task, run: RunID(rawValue: 1))])))
    stage.tell(
      0,
      .schedulerSaid(.fetch([InputRef(task: task, digest: Stage.digest(0), byteCount: 5000, holders: [elsewhere])])))
    if throwsAtLast { stage.fail(0) } else { stage.end(0) }
    // Neither the failure nor the result of a run that nobody waits for is told.
    for message in stage.members[0].says {
      if case .failed = message { Issue.record("the failure of a cancelled run was told") }
    }
    stage.tell(0, .peerSaid(elsewhere.worker, .data(request: 1, task: task, type: "T", byteCount: 5000)))
    #expect(stage.members[0].says.contains(.fetched([task])))
    #expect(stage.runs == [1])
  }

  @Test(arguments: [true, false])
  func `7: what is released while it travels is forgotten everywhere`(hasBeenSent: Bool) {
    let stage = asking()
    if hasBeenSent { stage.serve(0) }
    stage.release([2])
    stage.deliver(to: 0)
    stage.deliver(to: 1)
    stage.serve(0)
    stage.receive(1)
    stage.expectNothingLeft()
    #expect(stage.runs == [1, 1, 0])
  }

  /// x on workers 0 and 2, z on 1, where y has asked one of them for x; that one.
  private func replicated() -> (Stage, Int) {
    let stage = Stage(workers: 3, Self.pair)
    stage.submit([0, 1], wanted: [0, 1])
    stage.settle()
    stage.say(.replicate(request: 1, [stage.handles[0]!], copies: 2))
    stage.pass(1_000_000)
    stage.settle()
    #expect(stage.holders(of: 0) == [0, 2] && stage.holders(of: 1) == [1])
    stage.submit([2], wanted: [2])
    stage.deliver(to: 1)
    let asked = [0, 2].first { !stage.members[$0].requests.isEmpty }
    #expect(asked != nil)
    return (stage, asked ?? 0)
  }

  @Test func `8: another copy is fetched where its first holder dies`() {
    let (stage, asked) = replicated()
    stage.crash(asked)
    stage.notice(asked)
    stage.deliver(to: 1)
    stage.settle()
    #expect(stage.isFinished(2))
    #expect(stage.runs == [1, 1, 1])
  }

  @Test func `9: a holder that lacks a result is passed over`() {
    let (stage, asked) = replicated()
    // It forgets it, and nobody knows.
    stage.tell(asked, .schedulerSaid(.release([stage.handles[0]!])))
    stage.settle()
    #expect(stage.isFinished(2))
    #expect(stage.runs == [1, 1, 1])
  }

  @Test func `9: what its only holder lacks is computed again`() {
    let stage = asking(wanted: [0, 2])
    stage.tell(0, .schedulerSaid(.release([stage.handles[0]!])))
    stage.settle()
    // The asker asks again where it is, until it is somewhere.
    stage.pass(300_000_000)
    stage.settle()
    #expect(stage.isFinished(2))
    #expect(stage.runs == [2, 1, 1])
    stage.release([0, 2])
    stage.expectNothingLeft()
  }

  @Test func `data that clients brought is lost with its only holder, and all that needs it fails`() {
    let stage = Stage(workers: 2, [Stage.Job(inputs: [1]), Stage.Job(), Stage.Job(inputs: [0])])
    let data = ScatteredValue(
      digest: Stage.digest(1), label: "data", type: "T", byteCount: 1_000_000, holders: [WorkerID(rawValue: 0)],
      bytes: nil)
    stage.say(.scatter([data]))
    stage.submit([0, 2], wanted: [0, 2])
    // The task is at its worker, and its input goes before it is fetched.
    let worker = Int(stage.scheduler.tasks[Int(stage.handles[0]!.slot)].worker)
    stage.tell(.workerSaid(WorkerID(rawValue: 0), .dropped([handle(of: 1, in: stage)])))
    #expect(stage.state(of: 1) == .failed)
    stage.crash(worker)
    stage.notice(worker)
    stage.settle()
    #expect(stage.failure(of: 0)?.kind == .lost && stage.failure(of: 2)?.kind == .lost)
    #expect(stage.runs == [0, 0, 0])
  }

  private func handle(of job: Int, in stage: Stage) -> TaskHandle {
    stage.scheduler.slot(of: Stage.digest(job)).map { stage.scheduler.handle(of: $0) }!
  }

  @Test func `data that was put onto a worker that is gone is lost at once`() {
    let stage = Stage(workers: 1, [Stage.Job()])
    stage.crash(0)
    stage.notice(0)
    let data = ScatteredValue(
      digest: Stage.digest(0), label: "data", type: "T", byteCount: 9000, holders: [WorkerID(rawValue: 0)], bytes: nil)
    stage.say(.scatter([data]))
    stage.say(.want(request: 1, [Stage.digest(0)]))
    let isLost = stage.told[0].contains {
      if case .failed(_, let failure) = $0 { failure.kind == .lost } else { false }
    }
    #expect(isLost)
  }

  @Test func `a copy that comes after the result seemed lost has the result's type`() {
    let stage = asking(workers: 3, wanted: [0, 2])
    stage.serve(0)
    stage.crash(0)
    // The data is there before the worker hears that its sender is gone.
    stage.receive(1)
    stage.notice(0)
    stage.settle()
    #expect(stage.isFinished(2))
    for case .finished(let results) in stage.told[0] {
      #expect(results.allSatisfy { $0.type == "T" })
    }
    #expect(stage.runs[0] <= 2)
  }

  @Test func `a copy that nobody needs any more is not asked for for ever`() {
    let stage = Stage(workers: 2, [Stage.Job()])
    stage.submit([0], wanted: [0])
    stage.settle()
    stage.say(.replicate(request: 1, [stage.handles[0]!], copies: 2))
    stage.pass(1_000_000)
    stage.deliver(to: 1)
    // The copy is released before it has begun to move.
    stage.release([0])
    stage.deliver(to: 0)
    stage.serve(0)
    stage.receive(1)
    for _ in 0..<10 {
      stage.pass(300_000_000)
      stage.settle()
    }
    stage.expectNothingLeft()
  }

  @Test func `what is lost and comes back within one turn is not told to be lost at last`() {
    let stage = Stage(workers: 1, [Stage.Job()])
    stage.submit([0], wanted: [0])
    stage.settle()
    var actions: [SchedulerAction] = []
    let holding = Holding(task: stage.handles[0]!, digest: Stage.digest(0), type: "T", byteCount: 5000)
    let death = WorkerDeath(worker: "w0", host: "h", cause: "connection lost")
    let registration = WorkerRegistration(
      name: "w0", address: "w0", host: "h", threads: 1, memoryLimit: 0,
      functions: [FunctionName(name: "f", version: 1)], epoch: 1, holdings: [holding])
    stage.scheduler.handle(
      .workerLost(WorkerID(rawValue: 0), death, started: nil), at: Timestamp(nanoseconds: 1), &actions)
    stage.scheduler.handle(
      .workerRegistered(WorkerID(rawValue: 1), registration), at: Timestamp(nanoseconds: 1), &actions)
    stage.scheduler.flush(&actions)
    let toClient = actions.compactMap { if case .tellClient(_, let message) = $0 { message } else { nil } }
    guard case .finished? = toClient.last else {
      Issue.record("\(toClient)")
      return
    }
  }
}
