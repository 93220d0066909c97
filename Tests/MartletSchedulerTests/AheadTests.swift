import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

@Suite struct `Tasks given out ahead of their inputs` {
  /// What a worker was told.
  private struct Told {
    var computed: [[TaskHandle]] = [[], []]
    var cancelled: [[TaskHandle]] = [[], []]
    var failed: [TaskHandle] = []
    var finished: [TaskHandle] = []

    init(_ actions: [SchedulerAction]) {
      for action in actions {
        switch action {
        case .tellWorker(let worker, .compute(let list)):
          computed[Int(worker.rawValue)] += list.map(\.task)
        case .tellWorker(let worker, .cancel(let list)):
          cancelled[Int(worker.rawValue)] += list.map(\.task)
        case .tellClient(_, .failed(let task, _)): failed.append(task)
        case .tellClient(_, .finished(let list)): finished += list.map(\.task)
        default: break
        }
      }
    }
  }

  /// Makes a cluster know that tasks are short, and sends a graph: what each task needs, by distances backwards.
  private func submit(_ inputs: [[UInt32]], _ wanted: [UInt32], to cluster: inout DirectCluster) -> [SchedulerAction] {
    let first = cluster.compute(0..<4, bytes: 8)
    var piece = Submission(graph: 9, isLast: true)
    piece.functions = [DirectCluster.function]
    piece.labels = ["task"]
    piece.tasks = inputs.enumerated().map { place, needed in
      SubmittedTask(
        digest: DirectCluster.digest(100 + place), label: 0,
        work: .call(function: 0, arguments: []),
        dependencies: needed.map { .back($0) })
    }
    piece.wanted = wanted
    let actions = cluster.say(.submit(piece))
    // Not before: what is known of a label goes with its last task.
    _ = cluster.say(.release(first))
    return actions
  }

  private let chain: [[UInt32]] = [[], [1], [1], [1]]
  private let zero = WorkerID(rawValue: 0)

  @Test func `a worker is given a chain as a whole`() {
    var cluster = DirectCluster(workers: 2)
    var actions = submit(chain, [3], to: &cluster)
    let told = Told(actions)
    let worker = told.computed[0].isEmpty ? 1 : 0
    #expect(told.computed[1 - worker].isEmpty)
    guard told.computed[worker].count == 4 else {
      Issue.record("\(told.computed[worker].count) tasks were given out, not 4")
      return
    }
    let ends = told.computed[worker].map {
      TaskEnd(task: $0, run: RunID(rawValue: 1), nanoseconds: 1000, byteCount: 8, type: "T")
    }
    // The first two, then the others.
    actions = cluster.hand(
      .workerSaid(WorkerID(rawValue: UInt32(worker)), .finished(Array(ends[..<2]))))
    #expect(Told(actions).computed == [[], []])
    actions = cluster.hand(
      .workerSaid(WorkerID(rawValue: UInt32(worker)), .finished(Array(ends[2...]))))
    #expect(Told(actions).finished == [told.computed[worker][3]])
    _ = cluster.say(.release([told.computed[worker][3]]))
    #expect(cluster.core.leftover() == nil)
  }

  /// Two workers with a task each, and one of them with a third task that needs both.
  private struct Crossing {
    let actions: [SchedulerAction]
    /// What each worker computes, and what one of them computes of the two results.
    let own: TaskHandle
    let other: TaskHandle
    let both: TaskHandle
    let giver: WorkerID
    let taker: WorkerID
  }

  private func cross(_ pair: inout DirectCluster) throws -> Crossing {
    let actions = submit([[], [], [1, 2]], [2], to: &pair)
    let told = Told(actions)
    let taker = try #require((0..<2).first { told.computed[$0].count == 2 && told.computed[1 - $0].count == 1 })
    return Crossing(
      actions: actions, own: told.computed[taker][0], other: told.computed[1 - taker][0],
      both: told.computed[taker][1], giver: WorkerID(rawValue: UInt32(1 - taker)),
      taker: WorkerID(rawValue: UInt32(taker)))
  }

  @Test func `what waits for two workers is given to one, and the other is told to push`() throws {
    var pair = DirectCluster(workers: 2)
    let crossing = try cross(&pair)
    let (own, other, both) = (crossing.own, crossing.other, crossing.both)
    let (giver, taker) = (crossing.giver, crossing.taker)
    let orders = crossing.actions.compactMap { action -> [PushOrder]? in
      guard case .tellWorker(giver, .push(let orders)) = action else { return nil }
      return orders
    }
    #expect(orders.joined().map(\.task) == [other] && orders.joined().map(\.to.worker) == [taker])
    let deliveries = crossing.actions.compactMap { action -> [InputDelivery]? in
      guard case .tellWorker(taker, .compute(let tasks)) = action else { return nil }
      return tasks.first { $0.task == both }?.inputs.map(\.delivery)
    }
    #expect(Set(deliveries.joined()) == [.fetched, .expected])
    // What was pushed is said once more.
    let actions = pair.finish(other, on: giver, bytes: 8, inline: [1], isPushed: true)
    let inputs = actions.compactMap { action -> [InputRef]? in
      guard case .tellWorker(taker, .inputs(let inputs)) = action else { return nil }
      return inputs
    }
    #expect(inputs.joined().map(\.delivery) == [.pushed] && inputs.joined().map(\.inline) == [[1]])
    #expect(Told(pair.finish(own, on: taker, bytes: 8)).computed == [[], []])
    #expect(Told(pair.finish(both, on: taker, bytes: 8)).finished == [both])
    _ = pair.say(.release([both]))
    #expect(pair.core.leftover() == nil)
  }

  @Test func `when a worker is lost, others give back what waits for it`() throws {
    var pair = DirectCluster(workers: 2)
    let crossing = try cross(&pair)
    let (own, other, both) = (crossing.own, crossing.other, crossing.both)
    let (giver, taker) = (crossing.giver, crossing.taker)
    let actions = pair.hand(.workerLost(giver, WorkerDeath(worker: "w", host: "h", cause: "test"), started: []))
    let told = Told(actions)
    #expect(told.cancelled[Int(taker.rawValue)] == [both])
    // All of it is the other's now.
    #expect(told.computed[Int(taker.rawValue)] == [other, both])
    _ = pair.finish(own, on: taker, bytes: 8)
    _ = pair.finish(other, run: 2, on: taker, bytes: 8)
    #expect(Told(pair.finish(both, run: 2, on: taker, bytes: 8)).finished == [both])
  }

  @Test func `a worker that has less in hand is given more at once`() {
    // Two chains, side by side: more than a worker is given at first.
    let length = 40
    var settings = SchedulerSettings()
    // Tasks are known to take a microsecond.
    settings.aheadNanoseconds = 10_000
    var cluster = DirectCluster(workers: 1, settings: settings)
    var actions = submit([[]] + [[UInt32]](repeating: [1], count: length), [UInt32(length)], to: &cluster)
    var messages: [Int] = []
    var done = 0
    while !actions.isEmpty, done < 1000 {
      let given = Told(actions).computed[0]
      if !given.isEmpty { messages.append(given.count) }
      actions = []
      for task in given {
        actions += cluster.finish(task, on: zero, bytes: 8)
        done += 1
      }
    }
    #expect(done == length + 1)
    #expect(messages.count <= 9 && messages.allSatisfy { $0 <= 11 }, "\(messages)")
  }

  @Test func `what waits for two workers waits, where that was chosen`() {
    var settings = SchedulerSettings()
    settings.givesAheadAcross = false
    var pair = DirectCluster(workers: 2, settings: settings)
    let told = Told(submit([[], [], [1, 2], [1]], [3], to: &pair))
    #expect(told.computed.map(\.count) == [1, 1])
    let first = pair.finish(told.computed[0][0], on: zero, bytes: 8)
    // What is missing now is on the other worker, which is not told before it has room for a look at it.
    let second = pair.finish(told.computed[1][0], on: WorkerID(rawValue: 1), bytes: 8)
    #expect(Told(first + second).computed.joined().count == 2)
  }

  @Test func `what is not known to be short waits`() {
    var unknown = DirectCluster(workers: 1)
    var piece = Submission(graph: 1, isLast: true)
    piece.functions = [DirectCluster.function]
    piece.labels = ["never seen"]
    piece.tasks = (0..<2).map {
      SubmittedTask(
        digest: DirectCluster.digest($0), label: 0, work: .call(function: 0, arguments: []),
        dependencies: $0 == 0 ? [] : [.back(1)])
    }
    piece.wanted = [1]
    #expect(Told(unknown.say(.submit(piece))).computed[0].count == 1)
  }

  @Test func `when an input fails, what was given out ahead is cancelled and fails`() {
    var cluster = DirectCluster(workers: 1)
    var actions = submit(chain, [3], to: &cluster)
    let tasks = Told(actions).computed[0]
    #expect(tasks.count == 4)
    let failure = FailureRecord(
      .threw, key: DirectCluster.digest(100), label: "task", message: "no")
    actions = cluster.hand(.workerSaid(zero, .failed(tasks[0], RunID(rawValue: 1), failure)))
    let told = Told(actions)
    #expect(Set(told.cancelled[0]) == Set(tasks[1...]) && told.failed == [tasks[3]])
    _ = cluster.say(.release([tasks[3]]))
    #expect(cluster.core.leftover() == nil)
  }

  @Test func `when an input is given back, what was given out ahead is taken back`() {
    var cluster = DirectCluster(workers: 1)
    var actions = submit(chain, [3], to: &cluster)
    let tasks = Told(actions).computed[0]
    actions = cluster.hand(
      .workerSaid(zero, .stealAnswer(tasks[0], RunID(rawValue: 1), gave: true)))
    let told = Told(actions)
    // There is nobody else: it gets all of them again, as newer runs.
    #expect(Set(told.cancelled[0]) == Set(tasks[1...]) && told.computed[0] == tasks)
    for task in tasks { actions = cluster.finish(task, run: 2, on: zero, bytes: 8) }
    #expect(Told(actions).finished == [tasks[3]])
  }

  @Test func `when the worker is lost, another one gets all of it`() {
    var cluster = DirectCluster(workers: 2)
    var actions = submit(chain, [3], to: &cluster)
    let before = Told(actions)
    let worker = before.computed[0].isEmpty ? 1 : 0
    let tasks = before.computed[worker]
    _ = cluster.finish(tasks[0], on: WorkerID(rawValue: UInt32(worker)), bytes: 8)
    let death = WorkerDeath(worker: "w", host: "h", cause: "test")
    actions = cluster.hand(.workerLost(WorkerID(rawValue: UInt32(worker)), death, started: []))
    #expect(Told(actions).computed[1 - worker] == tasks)
  }

  @Test func `an input that is lost takes back what was given out ahead because of another one`() {
    // The third needs the first, which is done, and the second, which is not.
    var cluster = DirectCluster(workers: 1)
    var actions = submit([[], [], [1, 2]], [0, 2], to: &cluster)
    let tasks = Told(actions).computed[0]
    #expect(tasks.count == 3)
    _ = cluster.finish(tasks[0], on: zero, bytes: 8)
    actions = cluster.hand(.workerSaid(zero, .dropped([tasks[0]])))
    let told = Told(actions)
    #expect(told.cancelled[0] == [tasks[2]])
    // The first is computed anew, and what needs both may follow it again.
    #expect(told.computed[0] == [tasks[0], tasks[2]])
  }
}
