import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

@Suite struct `How far graphs are` {
  private func piece(_ tasks: Range<Int>, graph: UInt32, isWatched: Bool) -> Submission {
    var piece = Submission(graph: graph, isLast: true)
    piece.isWatched = isWatched
    piece.functions = [DirectCluster.function]
    piece.labels = ["even", "odd"]
    piece.tasks = tasks.map {
      SubmittedTask(
        digest: DirectCluster.digest($0), label: UInt32($0 % 2), work: .call(function: 0, arguments: []))
    }
    piece.wanted = Array(0..<UInt32(tasks.count))
    return piece
  }

  private func told(_ actions: [SchedulerAction]) -> [(UInt32, [LabelProgress])] {
    actions.compactMap {
      if case .tellClient(_, .progress(let graph, let labels)) = $0 { (graph, labels) } else { nil }
    }
  }

  private func assigned(_ actions: [SchedulerAction]) -> [(WorkerID, ComputeTask)] {
    actions.flatMap { action -> [(WorkerID, ComputeTask)] in
      if case .tellWorker(let worker, .compute(let list)) = action { list.map { (worker, $0) } } else { [] }
    }
  }

  @Test func `counts by label are told some times a second, and only of graphs that are watched`() {
    var cluster = DirectCluster(workers: 1)
    cluster.now = 1_000_000_000
    var actions = cluster.say(.submit(piece(0..<10, graph: 3, isWatched: true)))
    actions += cluster.say(.submit(piece(10..<20, graph: 4, isWatched: false)))
    var messages = 0
    var last: [LabelProgress] = []
    while true {
      var next: [SchedulerAction] = []
      for (worker, task) in assigned(actions) {
        next += cluster.finish(task.task, run: task.run.rawValue, on: worker, bytes: 100)
        for (graph, labels) in told(cluster.tick()) {
          #expect(graph == 3)
          messages += 1
          last = labels
        }
      }
      if next.isEmpty { break }
      actions = next
    }
    // Twenty ticks of a millisecond: one word at once, none since.
    #expect(messages == 1)
    cluster.now += 100_000_000
    for (_, labels) in told(cluster.tick()) { last = labels }
    #expect(
      last.sorted { $0.label < $1.label } == [
        LabelProgress(label: "even", finished: 5), LabelProgress(label: "odd", finished: 5),
      ])
    cluster.now += 100_000_000
    #expect(told(cluster.tick()).isEmpty)
    let handles = (0..<20).compactMap { cluster.core.slot(of: DirectCluster.digest($0)) }.map {
      cluster.core.handle(of: $0)
    }
    _ = cluster.say(.release(handles))
    let leftover = cluster.core.leftover()
    #expect(leftover == nil)
  }

  @Test func `clients that go, refused graphs and very many graphs leave no watch`() {
    var cluster = DirectCluster(workers: 0)
    var refused = piece(0..<2, graph: 1, isWatched: true)
    refused.tasks[0].dependencies = [.known(DirectCluster.digest(99))]
    _ = cluster.say(.submit(refused))
    #expect(cluster.core.watches.isEmpty)
    for graph in 0..<300 {
      _ = cluster.say(.submit(piece(graph * 2..<graph * 2 + 2, graph: UInt32(graph) + 5, isWatched: true)))
    }
    #expect(cluster.core.watches.count == GraphWatches.limit)
    _ = cluster.say(.goodbye)
    #expect(cluster.core.watches.isEmpty)
    let leftover = cluster.core.leftover()
    #expect(leftover == nil)
  }

  @Test func `a client lets workers retire by name`() {
    var cluster = DirectCluster(workers: 2)
    let denied = cluster.say(.retireWorkers(request: 1, ["w0", "w7"]))
    #expect(denied == [.tellClient(cluster.client, .denied(request: 1, reason: "there is no worker w7"))])
    let task = cluster.compute(0..<1, bytes: 10_000)[0]
    let holder = cluster.holders(of: task)[0]
    let actions = cluster.say(.retireWorkers(request: 2, ["w\(holder)", "a\(holder)"]))
    #expect(actions.contains(.tellClient(cluster.client, .answer(request: 2, text: "1"))))
    let other = WorkerID(rawValue: 1 - holder)
    #expect(
      actions.contains { if case .tellWorker(other, .fetch(let inputs)) = $0 { inputs[0].task == task } else { false } }
    )
    let gone = cluster.hand(.workerSaid(other, .fetched([task])))
    #expect(gone.contains(.tellWorker(WorkerID(rawValue: holder), .retired)))
  }
}
