import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

/// Who is blamed when a worker is lost that has a supervisor.
@Suite struct InquestTests {
  /// A scheduler with a client's four tasks and a supervised worker of two threads, which has got some of them.
  private struct Cluster: ~Copyable {
    var core: SchedulerCore
    var actions: [SchedulerAction] = []
    var now: Int64 = 0
    var nextWorker: UInt32 = 0

    init(allowedFailures: Int = 3) {
      var settings = SchedulerSettings()
      settings.allowedFailures = allowedFailures
      settings.reportNanoseconds = 1000
      core = SchedulerCore(settings: settings)
      hand(.clientConnected(ClientID(rawValue: 0)))
    }

    mutating func hand(_ event: SchedulerEvent) {
      actions = []
      core.handle(event, at: Timestamp(nanoseconds: now), &actions)
      core.flush(&actions)
      #expect(core.brokenInvariant() == nil)
    }

    mutating func register(_ death: PastDeath? = nil) {
      let number = nextWorker
      nextWorker += 1
      hand(
        .workerRegistered(
          WorkerID(rawValue: number),
          WorkerRegistration(
            name: "w\(number)", address: "a:\(number)", host: "h", threads: 2, memoryLimit: 0,
            functions: [FunctionName(name: "f", version: 1)], isSupervised: true, lastDeath: death)))
    }

    /// Three tasks, all wanted; what the workers were told to compute.
    mutating func submit() -> [ComputeTask] {
      var submission = Submission(graph: 1, isLast: true)
      submission.functions = [FunctionName(name: "f", version: 1)]
      submission.labels = ["l"]
      submission.tasks = (0..<3).map {
        SubmittedTask(digest: Digest128(low: $0, high: 2), label: 0, work: .call(function: 0, arguments: []))
      }
      submission.wanted = [0, 1, 2]
      hand(.clientSaid(ClientID(rawValue: 0), .submit(submission)))
      return computed
    }

    var computed: [ComputeTask] {
      actions.flatMap { action -> [ComputeTask] in
        if case .tellWorker(_, .compute(let tasks)) = action { tasks } else { [] }
      }
    }

    var failures: [FailureRecord] {
      actions.compactMap { if case .tellClient(_, .failed(_, let failure)) = $0 { failure } else { nil } }
    }

    mutating func lose() {
      let death = WorkerDeath(worker: "w0", host: "h", cause: "connection lost")
      hand(.workerLost(WorkerID(rawValue: 0), death, started: nil))
    }

    func report(_ running: [ComputeTask]?, epoch: UInt64 = 1) -> PastDeath {
      PastDeath(
        worker: WorkerID(rawValue: 0), epoch: epoch,
        death: WorkerDeath(worker: "w0", host: "h", cause: "signal 9", peakBytes: 7, lastLines: ["last"]),
        running: running?.map { TaskRun(task: $0.task, run: $0.run) })
    }

    /// What the tasks are blamed for.
    func causes(_ tasks: [ComputeTask]) -> [[String]] {
      tasks.map { core.deathsByTask[$0.task.slot]?.map(\.cause) ?? [] }
    }
  }

  @Test func `who has run is blamed, and nobody else`() {
    var cluster = Cluster()
    cluster.register()
    let tasks = cluster.submit()
    #expect(tasks.count == 3)
    cluster.lose()
    #expect(cluster.computed.isEmpty)
    #expect(cluster.causes(tasks) == [[], [], []])
    cluster.register(cluster.report([tasks[1]]))
    #expect(cluster.causes(tasks) == [[], ["signal 9"], []])
    #expect(cluster.core.inquests.isEmpty)
    // It runs alone, after the others or before them.
    let given = cluster.computed.map(\.task.slot)
    #expect(given == [tasks[0].task.slot, tasks[2].task.slot] || given == [tasks[1].task.slot])
    cluster.now = 5000
    cluster.hand(.tick)
    #expect(cluster.causes(tasks) == [[], ["signal 9"], []])
  }

  @Test func `who may have run waits for the report, others do not`() {
    var cluster = Cluster()
    cluster.register()
    let tasks = cluster.submit()
    cluster.lose()
    cluster.register()
    #expect(cluster.computed.map(\.task) == [tasks[2].task])
    cluster.now = 999
    cluster.hand(.tick)
    #expect(cluster.computed.isEmpty)
    #expect(cluster.causes(tasks) == [[], [], []])
    cluster.now = 1000
    cluster.hand(.tick)
    #expect(cluster.causes(tasks) == [["connection lost"], ["connection lost"], []])
    #expect(cluster.core.inquests.isEmpty)
    // Too late.
    cluster.register(cluster.report([tasks[2]]))
    #expect(cluster.causes(tasks) == [["connection lost"], ["connection lost"], []])
  }

  @Test func `a report that does not know who ran blames those that may have`() {
    var cluster = Cluster()
    cluster.register()
    let tasks = cluster.submit()
    cluster.lose()
    cluster.register(cluster.report(nil))
    #expect(cluster.causes(tasks) == [["signal 9"], ["signal 9"], []])
  }

  @Test func `a report may come before the loss is seen`() {
    var cluster = Cluster()
    cluster.register()
    let tasks = cluster.submit()
    cluster.register(cluster.report([tasks[0]]))
    #expect(cluster.causes(tasks) == [["signal 9"], [], []])
    #expect(cluster.actions.contains(.closeWorker(WorkerID(rawValue: 0))))
    cluster.lose()
    #expect(cluster.causes(tasks) == [["signal 9"], [], []])
  }

  @Test func `the report is the failure's story`() {
    var cluster = Cluster(allowedFailures: 0)
    cluster.register()
    let tasks = cluster.submit()
    cluster.lose()
    #expect(cluster.failures.isEmpty)
    cluster.register(cluster.report([tasks[1]]))
    #expect(cluster.failures.map(\.key) == [tasks[1].digest])
    #expect(cluster.failures.first?.deaths == [cluster.report(nil).death])
  }

  @Test func `a report for another scheduler, or of nobody, changes nothing`() {
    var cluster = Cluster()
    cluster.register()
    let tasks = cluster.submit()
    cluster.register(cluster.report([tasks[0]], epoch: 2))
    var stranger = cluster.report([tasks[0]])
    stranger.worker = WorkerID(rawValue: 900)
    cluster.register(stranger)
    #expect(cluster.causes(tasks) == [[], [], []])
    #expect(cluster.core.loads[0].isAlive)
  }

  @Test func `what is cancelled while it waits for the report is forgotten`() {
    var cluster = Cluster()
    cluster.register()
    let tasks = cluster.submit()
    cluster.lose()
    cluster.hand(.clientLost(ClientID(rawValue: 0)))
    cluster.register(cluster.report(tasks))
    #expect(cluster.core.leftover() == nil)
  }
}
