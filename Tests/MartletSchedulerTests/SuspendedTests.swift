import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

/// Tasks whose bodies wait, and tasks that have threads of their own: what they leave of their workers for others.
@Suite struct SuspendedTests {
  private func submission(
    _ tasks: Range<Int>, graph: UInt32, isBlocking: Bool = false, isSource: Bool = false, bytes: Int64 = 0
  ) -> Submission {
    var piece = Submission(graph: graph, isLast: true)
    piece.functions = [DirectCluster.function]
    piece.labels = ["task"]
    var traits = WorkTraits()
    traits.isBlocking = isBlocking
    traits.isSource = isSource
    traits.estimatedResultBytes = bytes
    piece.traits = [traits]
    piece.tasks = tasks.map {
      SubmittedTask(digest: DirectCluster.digest($0), label: 0, traits: 1, work: .call(function: 0, arguments: []))
    }
    piece.wanted = tasks.indices.map { UInt32($0 - tasks.lowerBound) }
    return piece
  }

  private func given(_ actions: [SchedulerAction]) -> [ComputeTask] {
    var tasks: [ComputeTask] = []
    for case .tellWorker(_, .compute(let list)) in actions { tasks += list }
    return tasks
  }

  private func run(_ task: ComputeTask) -> TaskRun { TaskRun(task: task.task, run: task.run) }

  private let worker = WorkerID(rawValue: 0)

  @Test func `a task that waits leaves its place to another one`() {
    var cluster = DirectCluster(workers: 1)
    let first = given(cluster.say(.submit(submission(0..<5, graph: 1))))
    #expect(first.count == 2)
    let next = given(cluster.hand(.workerSaid(worker, .suspended([run(first[0])]))))
    #expect(next.count == 1)
    // The same word twice is one.
    #expect(given(cluster.hand(.workerSaid(worker, .suspended([run(first[0])])))).isEmpty)
    #expect(given(cluster.hand(.workerSaid(worker, .suspended(next.map(run))))).count == 1)
    #expect(given(cluster.hand(.workerSaid(worker, .resumed([run(first[0])])))).isEmpty)
    // A word of another run, or of a task that nobody knows, means nothing.
    let strange = TaskRun(task: first[1].task, run: RunID(rawValue: 77))
    #expect(given(cluster.hand(.workerSaid(worker, .suspended([strange])))).isEmpty)
    // It ends while it waits, as far as one knows here.
    #expect(given(cluster.finish(next[0].task, on: worker, bytes: 10)).isEmpty)
    #expect(given(cluster.finish(first[0].task, on: worker, bytes: 10)).isEmpty)
    #expect(given(cluster.finish(first[1].task, on: worker, bytes: 10)).count == 1)
  }

  @Test func `a task that waits does not hold up a source for want of memory`() {
    var cluster = DirectCluster(workers: 1, memoryLimit: 1000)
    let first = given(cluster.say(.submit(submission(0..<1, graph: 1, isSource: true, bytes: 900))))
    #expect(first.count == 1)
    #expect(given(cluster.say(.submit(submission(1..<2, graph: 2, isSource: true, bytes: 900)))).isEmpty)
    #expect(given(cluster.hand(.workerSaid(worker, .suspended(first.map(run))))).count == 1)
  }

  @Test func `blocking tasks have places of their own`() {
    var settings = SchedulerSettings()
    settings.blockingTasks = 3
    var cluster = DirectCluster(workers: 1, settings: settings)
    let computing = given(cluster.say(.submit(submission(0..<4, graph: 1))))
    #expect(computing.count == 2)
    let blocking = given(cluster.say(.submit(submission(10..<15, graph: 2, isBlocking: true))))
    #expect(blocking.count == 3 && blocking.allSatisfy(\.isBlocking))
    let next = given(cluster.finish(blocking[0].task, on: worker, bytes: 10))
    #expect(next.count == 1 && next[0].isBlocking)
    let other = given(cluster.hand(.workerSaid(worker, .suspended([run(blocking[1])]))))
    #expect(other.count == 1 && other[0].isBlocking)
    #expect(given(cluster.finish(computing[0].task, on: worker, bytes: 10)).map(\.isBlocking) == [false])
  }

  @Test func `blocking tasks are spread, and wait for a worker that may run them`() {
    var cluster = DirectCluster(workers: 3)
    let actions = cluster.say(.submit(submission(0..<6, graph: 1, isBlocking: true)))
    var counts: [Int] = []
    for case .tellWorker(_, .compute(let tasks)) in actions { counts.append(tasks.count) }
    #expect(counts == [2, 2, 2])
    var empty = DirectCluster(workers: 0)
    #expect(given(empty.say(.submit(submission(0..<2, graph: 1, isBlocking: true)))).isEmpty)
    _ = empty.addWorker()
    #expect(given(empty.tick()).count + empty.core.loads[0].blocking >= 2)
  }

  @Test func `a blocking task that only one of many workers may run finds it`() {
    var cluster = DirectCluster(workers: 40)
    var piece = submission(0..<1, graph: 1, isBlocking: true)
    piece.traits[0].workers = ["w33"]
    let actions = cluster.say(.submit(piece))
    #expect(given(actions).count == 1)
    #expect(cluster.core.loads[33].blocking == 1)
  }

  @Test func `what tasks submit comes before what programs submit, the youngest first, when many wait`() {
    var cluster = DirectCluster(workers: 1)
    let first = given(cluster.say(.submit(submission(0..<6, graph: 1))))
    let inside = ClientID(rawValue: 1)
    _ = cluster.hand(.clientConnected(inside))
    _ = cluster.hand(.clientSaid(inside, .inside))
    _ = cluster.hand(.clientSaid(inside, .submit(submission(10..<11, graph: 1))))
    _ = cluster.hand(.clientSaid(inside, .submit(submission(20..<21, graph: 2))))
    let next = given(cluster.hand(.workerSaid(worker, .suspended(first.map(run)))))
    #expect(next.map(\.digest) == [DirectCluster.digest(20), DirectCluster.digest(10)])
    #expect(next.allSatisfy { inner in first.allSatisfy { inner.priority < $0.priority } })
  }

  @Test func `what tasks of a dead worker wanted is there for a while, for those that run again`() {
    var cluster = DirectCluster(workers: 1)
    let inside = ClientID(rawValue: 1)
    _ = cluster.hand(.clientConnected(inside))
    _ = cluster.hand(.clientSaid(inside, .inside))
    let tasks = given(cluster.hand(.clientSaid(inside, .submit(submission(0..<1, graph: 1)))))
    _ = cluster.finish(tasks[0].task, on: worker, bytes: 10)
    _ = cluster.hand(.clientLost(inside))
    #expect(cluster.core.taskCount == 1)
    cluster.now += cluster.core.settings.insideGraceNanoseconds
    _ = cluster.tick()
    #expect(cluster.core.leftover() == nil)
  }

  @Test func `a worker that retires waits for its tasks that wait`() {
    var cluster = DirectCluster(workers: 1)
    let first = given(cluster.say(.submit(submission(0..<1, graph: 1))))
    _ = cluster.hand(.workerSaid(worker, .suspended(first.map(run))))
    func isRetired(_ actions: [SchedulerAction]) -> Bool { actions.contains(.tellWorker(worker, .retired)) }
    #expect(!isRetired(cluster.hand(.workerSaid(worker, .retire))))
    let end = TaskEnd(
      task: first[0].task, run: first[0].run, nanoseconds: 1, byteCount: 1, type: "T", inline: [1])
    let actions = cluster.hand(.workerSaid(worker, .finished([end])))
    #expect(isRetired(actions) || isRetired(cluster.tick()))
  }

  @Test func `a worker that dies is not blamed on what waited there`() {
    var settings = SchedulerSettings()
    settings.allowedFailures = 0
    var cluster = DirectCluster(workers: 1, settings: settings)
    let first = given(cluster.say(.submit(submission(0..<2, graph: 1))))
    _ = cluster.hand(.workerSaid(worker, .suspended([run(first[0])])))
    let actions = cluster.hand(
      .workerLost(worker, WorkerDeath(worker: "w0", host: "h", cause: "signal 9"), started: nil))
    var failed: [TaskHandle] = []
    for case .tellClient(_, .failed(let task, _)) in actions { failed.append(task) }
    #expect(failed == [first[1].task])
  }
}
