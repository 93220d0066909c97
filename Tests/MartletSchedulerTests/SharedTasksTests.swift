import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

@Suite struct `Results that outlive who asked for them` {
  /// A scheduler with one worker that does at once what it is told.
  struct Cluster: ~Copyable {
    var core = SchedulerCore()
    /// What each client was told.
    var told: [[SchedulerToClient]] = [[], [], []]
    var released: [TaskHandle] = []

    init() {
      let registration = WorkerRegistration(
        name: "w", address: "a", host: "h", threads: 1, memoryLimit: 0, functions: [FunctionName(name: "f", version: 1)]
      )
      hand(.workerRegistered(WorkerID(rawValue: 0), registration))
      for client in 0..<3 { hand(.clientConnected(ClientID(rawValue: UInt32(client)))) }
    }

    mutating func say(_ client: Int, _ message: ClientToScheduler) {
      hand(.clientSaid(ClientID(rawValue: UInt32(client)), message))
    }

    mutating func hand(_ event: SchedulerEvent) {
      var events = [event]
      while let event = events.popLast() {
        var actions: [SchedulerAction] = []
        core.handle(event, at: Timestamp(nanoseconds: 0), &actions)
        core.flush(&actions)
        #expect(core.brokenInvariant() == nil)
        for action in actions {
          switch action {
          case .tellClient(let client, let message): told[Int(client.rawValue)].append(message)
          case .tellWorker(let worker, .compute(let tasks)):
            let ends = tasks.map {
              TaskEnd(task: $0.task, run: $0.run, nanoseconds: 1, byteCount: 1, type: "t", inline: [42])
            }
            events.append(.workerSaid(worker, .finished(ends)))
          case .tellWorker(_, .release(let handles)): released += handles
          default: break
          }
        }
      }
    }

    /// Client 0 computes a task.
    mutating func compute() -> TaskHandle? {
      var submission = Submission(graph: 1, isLast: true)
      submission.functions = [FunctionName(name: "f", version: 1)]
      submission.labels = ["l"]
      submission.tasks = [
        SubmittedTask(digest: Digest128(low: 1, high: 2), label: 0, work: .call(function: 0, arguments: []))
      ]
      submission.wanted = [0]
      say(0, .submit(submission))
      return told[0].lazy.compactMap { if case .accepted(_, let wanted) = $0 { wanted.first } else { nil } }.first
    }

    /// The inline results that a client was told of.
    func results(_ client: Int) -> [[UInt8]?] {
      told[client].flatMap { message -> [[UInt8]?] in
        if case .finished(let results) = message { results.map(\.inline) } else { [] }
      }
    }
  }

  @Test func `a published result stays until the name is taken back`() throws {
    var cluster = Cluster()
    let computed = cluster.compute()
    let task = try #require(computed)
    cluster.say(0, .publish(request: 1, name: "n", tasks: [task], overwrites: false))
    cluster.say(0, .publish(request: 2, name: "n", tasks: [task], overwrites: false))
    #expect(cluster.told[0].last == .denied(request: 2, reason: "the name n is published already: unpublish it first"))
    cluster.say(0, .publish(request: 3, name: "n", tasks: [task, task], overwrites: true))
    cluster.say(0, .release([task]))
    cluster.say(0, .goodbye)
    #expect(cluster.released.isEmpty)
    cluster.say(1, .ask(request: 1, .published))
    #expect(cluster.told[1].last == .answer(request: 1, text: "n"))
    cluster.say(1, .subscribe(request: 2, name: "n"))
    #expect(cluster.results(1) == [[42]])
    cluster.say(1, .unpublish(request: 3, name: "n"))
    #expect(cluster.released.isEmpty)
    cluster.say(1, .release([task]))
    #expect(cluster.released == [task])
    cluster.say(1, .subscribe(request: 4, name: "n"))
    #expect(cluster.told[1].last == .denied(request: 4, reason: "nothing is published as n"))
    #expect(cluster.core.leftover() == nil)
  }

  @Test func `a task in a queue is kept for who takes it`() throws {
    var cluster = Cluster()
    let computed = cluster.compute()
    let task = try #require(computed)
    let put = CoordinationRequest.put(queue: "q", value: .task(task), limit: 0, timeoutNanoseconds: 0)
    cluster.say(0, .coordinate(request: 1, put))
    cluster.say(0, .release([task]))
    #expect(cluster.released.isEmpty)
    cluster.say(0, .coordinate(request: 2, put))
    cluster.say(0, .goodbye)
    let take = CoordinationRequest.take(queue: "q", timeoutNanoseconds: 0)
    cluster.say(1, .coordinate(request: 1, take))
    #expect(cluster.results(1) == [[42]])
    cluster.say(2, .coordinate(request: 1, take))
    #expect(cluster.results(2) == [[42]])
    let named = NamedTask(task: task, digest: Digest128(low: 1, high: 2))
    #expect(cluster.told[2].first == .named(request: 1, tasks: [named]))
    cluster.say(1, .release([task]))
    #expect(cluster.released.isEmpty)
    cluster.say(2, .goodbye)
    #expect(cluster.released == [task])
    #expect(cluster.core.leftover() == nil)
    cluster.say(1, .coordinate(request: 2, put))
    guard case .coordinated(2, .denied)? = cluster.told[1].last else {
      Issue.record("a task that is not known was shared")
      return
    }
  }

  @Test func `nobody takes a task who waits no longer`() throws {
    var cluster = Cluster()
    let computed = cluster.compute()
    let task = try #require(computed)
    cluster.say(1, .coordinate(request: 5, .take(queue: "q", timeoutNanoseconds: .max)))
    cluster.say(1, .abandon(request: 5))
    #expect(cluster.told[1] == [.coordinated(request: 5, .timedOut)])
    let worker = WorkerID(rawValue: 0)
    cluster.hand(.workerSaid(worker, .coordinate(request: 6, .take(queue: "q", timeoutNanoseconds: .max))))
    cluster.hand(.workerSaid(worker, .abandon(request: 6)))
    cluster.say(0, .coordinate(request: 1, .put(queue: "q", value: .task(task), limit: 0, timeoutNanoseconds: 0)))
    cluster.say(0, .release([task]))
    cluster.say(2, .coordinate(request: 1, .take(queue: "q", timeoutNanoseconds: 0)))
    #expect(cluster.results(2) == [[42]])
    cluster.say(2, .release([task]))
    #expect(cluster.core.leftover() == nil)
  }

  @Test func `the places of a lost worker go to the next`() {
    var cluster = Cluster()
    let acquire = CoordinationRequest.acquire(
      semaphore: "s", places: 1, of: 1, leaseNanoseconds: 0, timeoutNanoseconds: .max)
    cluster.hand(.workerSaid(WorkerID(rawValue: 0), .coordinate(request: 1, acquire)))
    cluster.say(0, .coordinate(request: 2, acquire))
    #expect(cluster.told[0].isEmpty)
    let death = WorkerDeath(worker: "w", host: "h", cause: "signal 9")
    cluster.hand(.workerLost(WorkerID(rawValue: 0), death, started: []))
    #expect(cluster.told[0] == [.coordinated(request: 2, .lease(2, fence: 2))])
  }
}
