import MartletProtocol
import Testing

@testable import MartletScheduler

@Suite struct `Where results lie` {
  @Test func `a replicated result has as many copies as are wanted, also after a worker is lost`() {
    var cluster = DirectCluster(workers: 3)
    let task = cluster.compute(0..<1, bytes: 10_000)[0]
    let answer = cluster.say(.replicate(request: 9, [task], copies: 2))
    #expect(answer == [.tellClient(cluster.client, .answer(request: 9, text: ""))])
    let copied = cluster.copy(cluster.tick())
    #expect(copied.fetched == [task] && copied.released == [])
    let holders = cluster.holders(of: task)
    #expect(holders.count == 2)
    #expect(cluster.copy(cluster.tick()).fetched == [])
    let worker = WorkerID(rawValue: holders[0])
    _ = cluster.hand(.workerLost(worker, WorkerDeath(worker: "w", host: "h", cause: "test"), started: []))
    #expect(cluster.holders(of: task).count == 1)
    #expect(cluster.copy(cluster.tick()).fetched == [task])
    #expect(cluster.holders(of: task).count == 2)
    _ = cluster.say(.release([task]))
    _ = cluster.tick()
    let leftover = cluster.core.leftover()
    #expect(leftover == nil)
  }

  @Test func `more copies than workers come when workers come`() {
    var cluster = DirectCluster(workers: 1)
    let task = cluster.compute(0..<1, bytes: 10_000)[0]
    _ = cluster.say(.replicate(request: 1, [task], copies: 3))
    #expect(cluster.copy(cluster.tick()).fetched == [])
    _ = cluster.addWorker()
    #expect(cluster.copy(cluster.tick()).fetched == [task])
    _ = cluster.addWorker()
    #expect(cluster.copy(cluster.tick()).fetched == [task])
    #expect(cluster.holders(of: task) == [0, 1, 2])
  }

  @Test func `a copy that does not come is asked for again, elsewhere if its worker is gone`() {
    var settings = SchedulerSettings()
    settings.moveNanoseconds = 5_000_000
    var cluster = DirectCluster(workers: 2, settings: settings)
    let task = cluster.compute(0..<1, bytes: 10_000)[0]
    _ = cluster.say(.replicate(request: 1, [task], copies: 2))
    func fetches(_ actions: [SchedulerAction]) -> Int {
      actions.count { if case .tellWorker(_, .fetch) = $0 { true } else { false } }
    }
    #expect(fetches(cluster.tick()) == 1)
    var again = 0
    for _ in 0..<12 { again += fetches(cluster.tick()) }
    #expect(again == 2)
  }

  @Test func `rebalancing moves results to empty workers and never drops the last copy`() {
    var cluster = DirectCluster(workers: 1)
    let tasks = cluster.compute(0..<12, bytes: 10_000)
    _ = cluster.addWorker()
    _ = cluster.addWorker()
    #expect(
      cluster.say(.rebalance(request: 2, [])) == [.tellClient(cluster.client, .answer(request: 2, text: "12"))])
    let actions = cluster.tick()
    // Until the copies are there, the old ones stay.
    for task in tasks { #expect(cluster.holders(of: task) == [0]) }
    let copied = cluster.copy(actions)
    #expect(copied.fetched.count == 8 && copied.released.count == 8)
    for task in tasks { #expect(cluster.holders(of: task).count == 1) }
    for worker in UInt32(0)..<3 {
      let held = tasks.count { cluster.holders(of: $0) == [worker] }
      #expect(held == 4)
    }
  }

  @Test func `what is released while it moves is dropped where it arrives`() {
    var cluster = DirectCluster(workers: 1)
    let tasks = cluster.compute(0..<2, bytes: 10_000)
    let other = cluster.addWorker()
    _ = cluster.say(.rebalance(request: 2, []))
    _ = cluster.tick()
    #expect(cluster.say(.release(tasks)).count == 1)
    let late = cluster.hand(.workerSaid(other, .fetched([tasks[1]])))
    #expect(late == [.tellWorker(other, .release([tasks[1]]))])
    _ = cluster.tick()
    let leftover = cluster.core.leftover()
    #expect(leftover == nil)
  }

  @Test func `a worker above its share gives results away, and no more than it has to`() {
    var cluster = DirectCluster(workers: 1, memoryLimit: 100_000)
    let tasks = cluster.compute(0..<8, bytes: 10_000)
    _ = cluster.addWorker(memoryLimit: 100_000)
    let copied = cluster.copy(cluster.tick())
    #expect(copied.fetched.count == 2 && copied.released == copied.fetched)
    #expect(tasks.count { cluster.holders(of: $0) == [0] } == 6)
    #expect(cluster.copy(cluster.tick()).fetched == [])
  }
}

@Suite struct `Calls on workers` {
  private func call(_ key: Int, on workers: [String] = []) -> WorkersCall {
    WorkersCall(
      digest: DirectCluster.digest(1000 + key), label: "call", function: DirectCluster.function, arguments: [1],
      workers: workers)
  }

  private func tasks(_ actions: [SchedulerAction]) -> [WorkersTask] {
    for case .tellClient(_, .onWorkers(_, let tasks)) in actions { return tasks }
    return []
  }

  @Test func `each worker gets the call once, and the client what came of it`() {
    var cluster = DirectCluster(workers: 3)
    let actions = cluster.say(.runOnWorkers(request: 1, call(1)))
    let named = tasks(actions)
    #expect(named.map(\.worker) == ["a0", "a1", "a2"])
    var given: [UInt32] = []
    var told = 0
    for case .tellWorker(let worker, .compute(let list)) in actions {
      given.append(worker.rawValue)
      #expect(list.map(\.task) == [named[Int(worker.rawValue)].task])
      for case .tellClient(_, .finished) in cluster.finish(list[0].task, on: worker, bytes: 8) { told += 1 }
    }
    #expect(given == [0, 1, 2] && told == 3)
    _ = cluster.say(.release(named.map(\.task)))
    let leftover = cluster.core.leftover()
    #expect(leftover == nil)
  }

  @Test func `where the worker ends, the call fails and runs nowhere else`() {
    var cluster = DirectCluster(workers: 2)
    let named = tasks(cluster.say(.runOnWorkers(request: 1, call(1, on: ["w1"]))))
    #expect(named.map(\.worker) == ["a1"])
    let lost = cluster.hand(
      .workerLost(WorkerID(rawValue: 1), WorkerDeath(worker: "w1", host: "h", cause: "test"), started: []))
    var failures = 0
    for action in lost {
      switch action {
      case .tellClient(_, .failed(named[0].task, _)): failures += 1
      case .tellWorker(_, .compute): Issue.record("it runs elsewhere")
      default: break
      }
    }
    #expect(failures == 1)
    _ = cluster.say(.release(named.map(\.task)))
    let leftover = cluster.core.leftover()
    #expect(leftover == nil)
  }

  @Test func `a result that is lost is not computed again`() {
    var cluster = DirectCluster(workers: 2)
    let named = tasks(cluster.say(.runOnWorkers(request: 1, call(1, on: ["a1"]))))
    let worker = WorkerID(rawValue: 1)
    _ = cluster.finish(named[0].task, on: worker, bytes: 10_000)
    let lost = cluster.hand(.workerSaid(worker, .dropped([named[0].task])))
    #expect(lost.contains { if case .tellClient(_, .failed(named[0].task, _)) = $0 { true } else { false } })
    #expect(!lost.contains { if case .tellWorker(_, .compute) = $0 { true } else { false } })
  }

  @Test func `unknown workers, functions that a worker does not have and keys in use are named`() {
    var cluster = DirectCluster(workers: 1)
    func denial(_ actions: [SchedulerAction]) -> String? {
      for case .tellClient(_, .denied(_, let reason)) in actions { return reason }
      return nil
    }
    #expect(denial(cluster.say(.runOnWorkers(request: 1, call(1, on: ["nobody"]))))?.contains("nobody") == true)
    _ = cluster.say(.runOnWorkers(request: 2, call(2)))
    #expect(denial(cluster.say(.runOnWorkers(request: 3, call(2))))?.contains("in use") == true)
    var other = call(3)
    other.function = FunctionName(name: "g", version: 1)
    let actions = cluster.say(.runOnWorkers(request: 4, other))
    #expect(actions.contains { if case .tellClient(_, .failed) = $0 { true } else { false } })
  }
}
