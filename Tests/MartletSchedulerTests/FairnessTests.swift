import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

/// How clients share what there is not enough of.
@Suite struct FairnessTests {
  /// Clients that all want more than one worker can do.
  private struct Crowd: ~Copyable {
    var cluster = DirectCluster(workers: 1)
    var due: [ComputeTask] = []

    mutating func come(_ number: UInt32, weight: UInt32 = 1, tasks: Int) {
      let client = ClientID(rawValue: number)
      if client != cluster.client { take(cluster.hand(.clientConnected(client))) }
      if weight != 1 { take(cluster.hand(.clientSaid(client, .weight(weight)))) }
      var piece = Submission(graph: 1, isLast: true)
      piece.functions = [DirectCluster.function]
      piece.labels = ["of \(number)"]
      piece.tasks = (0..<tasks).map {
        SubmittedTask(
          digest: DirectCluster.digest(Int(number) * 10_000 + $0), label: 0, work: .call(function: 0, arguments: []))
      }
      piece.wanted = (0..<UInt32(tasks)).map { $0 }
      take(cluster.hand(.clientSaid(client, .submit(piece))))
    }

    private mutating func take(_ actions: [SchedulerAction]) {
      for case .tellWorker(_, .compute(let list)) in actions { due += list }
    }

    /// Whose tasks the worker has computed, one after the other, each of them for a second.
    mutating func compute(_ count: Int) -> [String: Int] {
      var done: [String: Int] = [:]
      for _ in 0..<count {
        let task = due.removeFirst()
        done[task.label, default: 0] += 1
        let end = TaskEnd(task: task.task, run: task.run, nanoseconds: 1_000_000_000, byteCount: 8, type: "T")
        take(cluster.hand(.workerSaid(WorkerID(rawValue: 0), .finished([end]))))
      }
      return done
    }
  }

  @Test func `clients share a worker evenly, whoever came first with however much`() {
    var crowd = Crowd()
    crowd.come(0, tasks: 1000)
    crowd.come(1, tasks: 100)
    let done = crowd.compute(100)
    #expect(done["of 0", default: 0] <= 52 && done["of 1", default: 0] >= 48, "\(done)")
    // Who comes later begins level with the others.
    crowd.come(2, tasks: 100)
    let later = crowd.compute(90)
    for client in 0..<3 { #expect((26...34).contains(later["of \(client)", default: 0]), "\(later)") }
  }

  @Test func `a client of three times the weight gets three times as much`() {
    var crowd = Crowd()
    crowd.come(0, tasks: 1000)
    crowd.come(1, weight: 3, tasks: 1000)
    let done = crowd.compute(200)
    #expect((45...55).contains(done["of 0", default: 0]), "\(done)")
    // Alone it gets everything.
    var alone = Crowd()
    alone.come(0, weight: 7, tasks: 50)
    #expect(alone.compute(50) == ["of 0": 50])
  }
}
