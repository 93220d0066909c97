import MartletBytes
import MartletProtocol
import TestSupport
import Testing

@testable import MartletScheduler
@testable import MartletWorker

/// Messages that can be read, and that nobody honest would send: true ones of which some bytes were changed, said by clients,
/// workers, schedulers and peers. No core traps, and its tables agree, whatever it hears.
@Suite struct HostileMessages {
  /// What is still a message after some of its bytes were changed.
  private func changed<Message: PortableValue>(_ message: Message, _ random: inout SeededGenerator) -> Message? {
    var bytes = message.portableBytes()
    for _ in 0...random.below(3) where !bytes.isEmpty {
      let place = random.below(bytes.count)
      switch random.below(5) {
      case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
      case 1: bytes[place] ^= 1 << UInt8(random.below(8))
      // Small numbers name something else that is there.
      case 2: bytes[place] = UInt8(random.below(6))
      case 3: bytes[place] = 255
      default: bytes.remove(at: place)
      }
    }
    return try? Message(portableBytes: bytes)
  }

  private static let jobs = (0..<12).map { Stage.Job(inputs: $0 < 4 ? [] : [$0 - 4, $0 - 3]) }

  /// What clients and workers say in an honest run.
  private func trueMessages() -> (clients: [ClientToScheduler], workers: [WorkerToScheduler]) {
    var piece = Submission(graph: 1, isLast: true)
    piece.functions = [FunctionName(name: "f", version: 1)]
    piece.labels = ["job"]
    piece.types = ["T"]
    var traits = WorkTraits()
    traits.retries = 2
    traits.timeoutNanoseconds = 1000
    traits.resources = [ResourceAmount(name: "R", amount: 1)]
    piece.traits = [traits]
    for (number, job) in Self.jobs.enumerated() {
      piece.tasks.append(
        SubmittedTask(
          digest: Stage.digest(number), label: 0, traits: number == 2 ? 1 : 0,
          work: number == 3 ? .literal(type: 0, bytes: [1]) : .call(function: 0, arguments: []),
          dependencies: job.inputs.map { .back(UInt32(number - $0)) }))
    }
    piece.wanted = [11, 5]
    let task = TaskHandle(slot: 1, generation: 0)
    let other = TaskHandle(slot: 4, generation: 0)
    let run = RunID(rawValue: 1)
    let data = ScatteredValue(
      digest: Stage.digest(77), label: "data", type: "T", byteCount: 9, holders: [WorkerID(rawValue: 0)], bytes: [1])
    let call = WorkersCall(
      digest: Stage.digest(99), label: "all", function: FunctionName(name: "f", version: 1), arguments: [])
    let clients: [ClientToScheduler] = [
      .submit(piece), .release([task, other]), .cancel([other], force: true), .retry([task]), .scatter([data]),
      .publish(request: 1, name: "n", tasks: [task], overwrites: true), .unpublish(request: 2, name: "n"),
      .subscribe(request: 3, name: "n"), .ask(request: 4, .whoHas([task, other])),
      .ask(request: 5, .story(Stage.digest(1))), .want(request: 6, [Stage.digest(1), Stage.digest(11)]),
      .missing([task], from: "w0"), .replicate(request: 7, [task], copies: 2), .rebalance(request: 8, []),
      .runOnWorkers(request: 9, call), .heartbeat,
      .coordinate(request: 10, .put(queue: "q", value: .task(task), limit: 2, timeoutNanoseconds: 5)),
      .coordinate(request: 11, .take(queue: "q", timeoutNanoseconds: 5)),
      .coordinate(
        request: 12, .acquire(semaphore: "s", places: 1, of: 2, leaseNanoseconds: 5, timeoutNanoseconds: 5)),
      .abandon(request: 11), .abandon(request: 12),
    ]
    let failure = FailureRecord(.threw, key: Stage.digest(1), label: "job", message: "no")
    let workers: [WorkerToScheduler] = [
      .heartbeat(WorkerMetrics()),
      .finished([TaskEnd(task: task, run: run, nanoseconds: 1, byteCount: 5000, type: "T", inline: [1])]),
      .finished([TaskEnd(task: other, run: run, nanoseconds: 1 << 40, byteCount: 1 << 30, type: "T", inline: nil)]),
      .failed(task, run, failure), .fetched([task, other]), .missing(task, from: WorkerID(rawValue: 0), run: run),
      .dropped([task]), .stealAnswer(task, run, gave: true), .paused(true), .paused(false), .retire,
      .coordinate(request: 3, .set(variable: "v", value: .task(other))),
    ]
    return (clients, workers)
  }

  @Test(arguments: 0..<8 as Range<UInt64>) func `the scheduler hears anything`(block: UInt64) {
    let (clients, workers) = trueMessages()
    for seed in (block * 10)..<(block * 10 + 10) {
      var random = SeededGenerator(seed: seed)
      let stage = Stage(
        workers: 2, resources: [ResourceAmount(name: "R", amount: 1)], clients: 2, Self.jobs)
      stage.submit(Array(0..<12), wanted: [11])
      for _ in 0..<150 {
        if random.chance(50) {
          guard let message = changed(random.pick(clients), &random) else { continue }
          stage.say(client: random.below(2), message)
        } else {
          guard let message = changed(random.pick(workers), &random) else { continue }
          stage.tell(.workerSaid(stage.members[random.below(2)].id, message))
        }
        if random.chance(10) { stage.pass(Int64(random.below(1 << 30))) }
        if stage.scheduler.brokenInvariant() != nil {
          Issue.record("seed \(seed)")
          return
        }
      }
    }
  }

  @Test(arguments: 0..<8 as Range<UInt64>) func `a worker hears anything`(block: UInt64) {
    func input(_ slot: UInt32, _ holders: [UInt32], inline: [UInt8]? = nil) -> InputRef {
      InputRef(
        task: TaskHandle(slot: slot, generation: 0), digest: Stage.digest(Int(slot)), byteCount: 100,
        holders: holders.map { PeerRef(worker: WorkerID(rawValue: $0), address: "p\($0)") }, inline: inline,
        type: inline == nil ? "" : "T")
    }
    func work(_ slot: UInt32, _ inputs: [InputRef]) -> ComputeTask {
      ComputeTask(
        task: TaskHandle(slot: slot, generation: 0), run: RunID(rawValue: 1), digest: Stage.digest(Int(slot)),
        label: "job", priority: UInt64(slot), work: .alias, timeoutNanoseconds: 1000, inputs: inputs)
    }
    let one = TaskHandle(slot: 1, generation: 0)
    let run = TaskRun(task: one, run: RunID(rawValue: 1))
    let scheduler: [SchedulerToWorker] = [
      .compute([work(1, [input(2, [3]), input(4, [], inline: [1])]), work(5, [input(1, [])])]), .cancel([run]),
      .release([one]), .fetch([input(6, [3, 4])]), .steal(one, run.run),
      .holders(
        TaskHandle(slot: 2, generation: 0), [PeerRef(worker: WorkerID(rawValue: 4), address: "p4")], run: run.run),
      .peerLost(WorkerID(rawValue: 3)), .heartbeat,
      .named([NamedTask(task: TaskHandle(slot: 8, generation: 0), digest: Stage.digest(8))]),
      .welcome(WorkerID(rawValue: 9), epoch: 2, heartbeatNanoseconds: 5, keep: []),
    ]
    let requests: [PeerRequest] = [
      .get(request: 1, [NamedTask(task: one, digest: Stage.digest(1))]),
      .put(request: 2, [PutValue(digest: Stage.digest(8), type: "T", byteCount: 100)]), .abandon(request: 1),
    ]
    let replies: [PeerReply] = [
      .data(request: 1, task: TaskHandle(slot: 2, generation: 0), type: "T", byteCount: 100),
      .missing(request: 1, task: TaskHandle(slot: 2, generation: 0)), .busy(request: 1, retryAfterNanoseconds: 50),
      .done(request: 1), .rejected(request: 2, reason: "no"),
    ]
    for seed in (block * 10)..<(block * 10 + 10) {
      var random = SeededGenerator(seed: seed)
      var settings = WorkerSettings()
      settings.memoryLimit = 1 << 20
      var core = WorkerCore(settings: settings)
      var now: Int64 = 0
      var running: [ExecutionID] = []
      func tell(_ event: WorkerEvent) {
        now += Int64(random.below(1 << 24))
        var actions: [WorkerAction] = []
        core.handle(event, at: Timestamp(nanoseconds: now), &actions)
        core.flush(&actions)
        for case .run(let execution, _, _, _) in actions { running.append(execution) }
        if let broken = core.brokenInvariant() { Issue.record("seed \(seed), after \(event): \(broken)") }
      }
      tell(.schedulerConnected)
      tell(.schedulerSaid(.welcome(WorkerID(rawValue: 9), epoch: 1, heartbeatNanoseconds: 1 << 40, keep: [])))
      for _ in 0..<150 {
        let peer = WorkerID(rawValue: 3 + UInt32(random.below(2)))
        switch random.below(8) {
        case 0, 1, 2: if let message = changed(random.pick(scheduler), &random) { tell(.schedulerSaid(message)) }
        case 3:
          if let request = changed(random.pick(requests), &random) {
            tell(.dataRequested(RequesterID(rawValue: 1), request))
          }
        case 4:
          guard let reply = changed(random.pick(replies), &random) else { continue }
          if case .data(let request, let task, _, let bytes) = reply {
            guard core.mayReceive(peer, request: request, task, byteCount: bytes) else { continue }
          }
          tell(.peerSaid(peer, reply))
        case 5: tell(random.chance(70) ? .peerConnected(peer) : .peerLost(peer))
        case 6:
          guard let execution = running.popLast() else { continue }
          tell(.taskEnded(execution, nanoseconds: 1, byteCount: 100, type: "T", inline: nil))
        default: tell(.tick)
        }
      }
    }
  }
}
