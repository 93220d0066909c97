import MartletProtocol
import Testing

@testable import MartletScheduler

@Suite struct `Functions that no worker knows` {
  @Test func `a task fails when no worker has known its function for a while, and not while there are no workers`() {
    var cluster = DirectCluster(workers: 0)
    var piece = Submission(graph: 1, isLast: true)
    piece.functions = [FunctionName(name: "g", version: 4), DirectCluster.function]
    piece.labels = ["task"]
    piece.tasks = [
      SubmittedTask(digest: DirectCluster.digest(0), label: 0, work: .call(function: 0, arguments: [])),
      SubmittedTask(
        digest: DirectCluster.digest(1), label: 0, work: .call(function: 1, arguments: []), dependencies: [.back(1)]),
    ]
    piece.wanted = [1]
    _ = cluster.say(.submit(piece))
    func failure(after nanoseconds: Int64) -> FailureRecord? {
      cluster.now += nanoseconds
      for case .tellClient(_, .failed(_, let failure)) in cluster.tick() { return failure }
      return nil
    }
    for _ in 0..<20 { #expect(failure(after: 1_000_000_000) == nil) }
    _ = cluster.addWorker()
    #expect(failure(after: 1_000_000_000) == nil)
    // One that knows it comes and goes: the time begins anew.
    let other = cluster.addWorker(functions: [FunctionName(name: "g", version: 4)])
    #expect(failure(after: 1_000_000_000) == nil)
    _ = cluster.hand(.workerLost(other, WorkerDeath(worker: "w", host: "h", cause: "test"), started: []))
    #expect(failure(after: 1_000_000_000) == nil)
    #expect(failure(after: 4_000_000_000) == nil)
    let record = failure(after: 2_000_000_000)
    #expect(record?.kind == .cannotRun && record?.key == DirectCluster.digest(0))
    #expect(record?.message.contains("no worker knows the function g version 4, 1 are there") == true)
    let handle = cluster.core.slot(of: DirectCluster.digest(1)).map { cluster.core.handle(of: $0) }
    _ = cluster.say(.release([handle].compactMap { $0 }))
    let leftover = cluster.core.leftover()
    #expect(leftover == nil)
  }
}
