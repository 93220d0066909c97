import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

@Suite struct `A cluster that is restarted` {
  private static let other = ClientID(rawValue: 1)

  private static func restart(_ request: UInt32, seconds: Int64 = 10) -> ClientToScheduler {
    .restart(request: request, name: "tester", timeoutNanoseconds: seconds * 1_000_000_000)
  }

  private static func registration(_ name: String, address: String, host: String = "h") -> WorkerRegistration {
    WorkerRegistration(
      name: name, address: address, host: host, threads: 1, memoryLimit: 0, functions: [DirectCluster.function])
  }

  /// What a client is answered: the missing workers.
  private static func answers(_ actions: [SchedulerAction]) -> [String] {
    actions.compactMap { if case .tellClient(_, .answer(_, let text)) = $0 { text } else { nil } }
  }

  @Test func `nothing is left of anybody's work, all are told, and the asker when the workers are back`() {
    var cluster = DirectCluster(workers: 2)
    _ = cluster.hand(.clientConnected(Self.other))
    // Results, one of them published, tasks under way, one that waits, and one in a queue.
    let done = cluster.compute(0..<3, bytes: 5000)
    _ = cluster.say(.publish(request: 1, name: "n", tasks: [done[0]], overwrites: false))
    _ = cluster.say(
      .coordinate(request: 2, .put(queue: "q", value: .task(done[1]), limit: 1, timeoutNanoseconds: .max)))
    _ = cluster.say(
      .coordinate(request: 3, .put(queue: "q", value: .task(done[2]), limit: 1, timeoutNanoseconds: .max)))
    _ = cluster.say(.coordinate(request: 4, .set(variable: "v", value: .bytes(type: "Int", [1]))))
    _ = cluster.say(.replicate(request: 5, [done[0]], copies: 2))
    var piece = Submission(graph: 7, isLast: true)
    piece.functions = [DirectCluster.function]
    piece.labels = ["task"]
    piece.tasks = (10..<20).map {
      SubmittedTask(
        digest: DirectCluster.digest($0), label: 0, work: .call(function: 0, arguments: []),
        dependencies: $0 == 10 ? [] : [.back(1)])
    }
    piece.wanted = [9]
    _ = cluster.hand(.clientSaid(Self.other, .submit(piece)))
    var open = piece
    open.graph = 8
    open.isLast = false
    _ = cluster.hand(.clientSaid(Self.other, .submit(open)))

    let actions = cluster.say(Self.restart(9))
    for client in [cluster.client, Self.other] {
      #expect(actions.contains(.tellClient(client, .restarted(by: "client 0, tester"))))
    }
    let refused = actions.contains {
      if case .tellClient(Self.other, .refused(graph: 8, let failure)) = $0 {
        failure.kind == .restarted
      } else {
        false
      }
    }
    #expect(refused)
    // Who waits to put a task into a queue learns that it is gone.
    let denied = actions.contains {
      if case .tellClient(cluster.client, .coordinated(request: 3, .denied)) = $0 { true } else { false }
    }
    #expect(denied)
    for worker in 0..<2 as Range<UInt32> {
      let id = WorkerID(rawValue: worker)
      let told = actions.filter { if case .tellWorker(id, _) = $0 { true } else { false } }
      guard case .tellWorker(_, .restart)? = told.last else {
        Issue.record("worker \(worker) is told \(told)")
        continue
      }
      #expect(actions.last { $0 == .closeWorker(id) } != nil)
    }
    #expect(Self.answers(actions) == [])
    #expect(cluster.core.taskCount == 0 && cluster.core.livingWorkerCount == 0)
    // The rest of the open graph means nothing.
    open.isLast = true
    #expect(cluster.hand(.clientSaid(Self.other, .submit(open))) == [])
    // A name that is free again; a value that is not a task's is still there.
    #expect(cluster.core.published.isEmpty)
    let read = cluster.say(.coordinate(request: 11, .read(variable: "v", timeoutNanoseconds: 0)))
    #expect(read == [.tellClient(cluster.client, .coordinated(request: 11, .value(.bytes(type: "Int", [1]))))])

    let first = cluster.hand(.workerRegistered(WorkerID(rawValue: 2), Self.registration("w1", address: "b1")))
    #expect(Self.answers(first) == [])
    let second = cluster.hand(.workerRegistered(WorkerID(rawValue: 3), Self.registration("w0", address: "b0")))
    #expect(Self.answers(second) == [""])
    // It works as ever.
    #expect(cluster.compute(0..<3, bytes: 100).count == 3)
    let unset = cluster.say(.coordinate(request: 12, .unset(variable: "v")))
    #expect(!unset.isEmpty)
    _ = cluster.say(.goodbye)
    let leftover = cluster.core.leftover()
    #expect(leftover == nil)
  }

  @Test func `workers that do not come back are named when the time is over, and a second restart waits for them too`()
  {
    var cluster = DirectCluster(workers: 0)
    _ = cluster.hand(.workerRegistered(WorkerID(rawValue: 0), Self.registration("w0", address: "a0")))
    // Without a name of its own it is called by its address, which is another one afterwards.
    _ = cluster.hand(.workerRegistered(WorkerID(rawValue: 1), Self.registration("a1", address: "a1", host: "far")))
    #expect(Self.answers(cluster.say(Self.restart(1))) == [])
    _ = cluster.hand(.workerRegistered(WorkerID(rawValue: 2), Self.registration("b1", address: "b1", host: "far")))
    cluster.now += 5_000_000_000
    #expect(Self.answers(cluster.tick()) == [])
    #expect(Self.answers(cluster.say(Self.restart(2, seconds: 20))) == [])
    cluster.now += 6_000_000_000
    #expect(Self.answers(cluster.tick()) == ["w0 on h\nb1 on far"])
    _ = cluster.hand(.workerRegistered(WorkerID(rawValue: 3), Self.registration("w0", address: "c0")))
    let last = cluster.hand(
      .workerRegistered(WorkerID(rawValue: 4), Self.registration("c1", address: "c1", host: "far")))
    #expect(Self.answers(last) == [""])
    // Who does not wait hears at once who is not there; without workers there is nobody to wait for.
    #expect(Self.answers(cluster.say(Self.restart(3, seconds: 0))) == ["w0 on h\nc1 on far"])
    _ = cluster.tick()
    #expect(Self.answers(cluster.say(Self.restart(4))) == [""])
  }

  @Test func `an asker that leaves is not answered, and a worker that retires is let go`() {
    var cluster = DirectCluster(workers: 2)
    _ = cluster.hand(.clientConnected(Self.other))
    _ = cluster.compute(0..<8, bytes: 5000)
    // It has to hand over first.
    _ = cluster.hand(.workerSaid(WorkerID(rawValue: 1), .retire))
    let actions = cluster.hand(.clientSaid(Self.other, Self.restart(1)))
    #expect(actions.contains(.tellWorker(WorkerID(rawValue: 1), .retired)))
    #expect(cluster.core.restarts.awaited.map(\.name) == ["w0"])
    _ = cluster.hand(.clientLost(Self.other))
    let back = cluster.hand(.workerRegistered(WorkerID(rawValue: 2), Self.registration("w0", address: "a0")))
    #expect(Self.answers(back) == [])
    // What comes late of the time before means nothing.
    let late = cluster.finish(TaskHandle(slot: 0, generation: 0), on: WorkerID(rawValue: 2), bytes: 10)
    #expect(late == [.tellWorker(WorkerID(rawValue: 2), .release([TaskHandle(slot: 0, generation: 0)]))])
  }
}
