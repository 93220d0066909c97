import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

/// A client that comes back, and a client that finds no data where it was told.
@Suite struct ClientReturnTests {
  private let digest = Digest128(low: 1, high: 2)
  private let one = ClientID(rawValue: 0)
  private let two = ClientID(rawValue: 1)
  private let worker = WorkerID(rawValue: 0)

  private func feed(_ core: inout SchedulerCore, _ events: [SchedulerEvent], at time: Int64) -> [SchedulerAction] {
    var actions: [SchedulerAction] = []
    for event in events {
      core.handle(event, at: Timestamp(nanoseconds: time), &actions)
      #expect(core.brokenInvariant() == nil)
    }
    core.flush(&actions)
    return actions
  }

  /// A scheduler that keeps for a while what lost clients wanted.
  private func graciousCore() -> SchedulerCore {
    var settings = SchedulerSettings()
    settings.clientGraceNanoseconds = 1000
    return SchedulerCore(settings: settings)
  }

  /// Has a worker compute the one task of the first client.
  private func finish(in core: inout SchedulerCore) -> TaskHandle {
    var piece = Submission(graph: 1, isLast: true)
    piece.functions = [FunctionName(name: "f", version: 1)]
    piece.labels = ["a"]
    piece.tasks = [SubmittedTask(digest: digest, label: 0, work: .call(function: 0, arguments: []))]
    piece.wanted = [0]
    let registration = WorkerRegistration(
      name: "w", address: "a:1", host: "h", threads: 1, memoryLimit: 0, functions: piece.functions)
    _ = feed(
      &core, [.clientConnected(one), .workerRegistered(worker, registration), .clientSaid(one, .submit(piece))], at: 0)
    let task = core.handle(of: 0)
    let end = TaskEnd(task: task, run: RunID(rawValue: 1), nanoseconds: 1, byteCount: 5000, type: "T")
    let actions = feed(&core, [.workerSaid(worker, .finished([end]))], at: 1)
    let result = FinishedResult(task: task, type: "T", byteCount: 5000, inline: nil, holders: ["a:1"])
    #expect(actions == [.tellClient(one, .finished([result]))])
    return task
  }

  @Test func `what a lost client wanted is kept for a while, and named to it when it is back`() {
    var core = graciousCore()
    let task = finish(in: &core)
    #expect(feed(&core, [.clientLost(one), .tick], at: 900) == [])
    #expect(core.taskCount == 1)
    let other = Digest128(low: 3, high: 4)
    let actions = feed(
      &core, [.clientConnected(two), .clientSaid(two, .want(request: 7, [other, digest]))], at: 1000)
    let result = FinishedResult(task: task, type: "T", byteCount: 5000, inline: nil, holders: ["a:1"])
    #expect(
      actions == [
        .tellClient(two, .named(request: 7, tasks: [NamedTask(task: task, digest: digest)])),
        .tellClient(two, .finished([result])),
      ])
    #expect(feed(&core, [.tick], at: 5000) == [])
    #expect(core.taskCount == 1)
    #expect(
      feed(&core, [.clientSaid(two, .release([task]))], at: 5001) == [.tellWorker(worker, .release([task]))])
    #expect(core.leftover() == nil)
  }

  @Test func `nobody comes back: the results are dropped after the grace`() {
    var core = graciousCore()
    let task = finish(in: &core)
    _ = feed(&core, [.clientLost(one)], at: 900)
    #expect(feed(&core, [.tick], at: 1900) == [.tellWorker(worker, .release([task]))])
    #expect(core.leftover() == nil)
  }

  @Test func `a goodbye drops at once`() {
    var core = graciousCore()
    let task = finish(in: &core)
    #expect(
      feed(&core, [.clientSaid(one, .goodbye)], at: 900) == [.closeClient(one), .tellWorker(worker, .release([task]))])
    #expect(core.leftover() == nil)
  }

  @Test func `the rest of a refused graph is ignored`() {
    var core = SchedulerCore()
    var first = Submission(graph: 1, isLast: false)
    first.labels = ["a"]
    first.tasks = [
      SubmittedTask(digest: digest, label: 0, work: .alias, dependencies: [.known(Digest128(low: 9, high: 9))])
    ]
    var last = Submission(graph: 1, isLast: true)
    last.labels = ["b"]
    last.types = ["T"]
    last.tasks = [SubmittedTask(digest: digest, label: 0, work: .literal(type: 0, bytes: [1]))]
    last.wanted = [0]
    let refused = feed(&core, [.clientConnected(one), .clientSaid(one, .submit(first))], at: 0)
    #expect(refused.count == 1)
    #expect(feed(&core, [.clientSaid(one, .submit(last))], at: 1) == [])
    #expect(core.leftover() == nil)
    // The number of the graph is free again.
    #expect(feed(&core, [.clientSaid(one, .submit(last))], at: 2).count == 2)
  }

  @Test func `a result that its only holder misses is computed again`() {
    var core = graciousCore()
    let task = finish(in: &core)
    #expect(feed(&core, [.clientSaid(one, .missing([task], from: "nobody:1"))], at: 2) == [])
    let actions = feed(&core, [.clientSaid(one, .missing([task], from: "a:1"))], at: 2)
    #expect(actions.contains(.tellClient(one, .recomputing([task]))))
    #expect(core.tasks[0].state == .processing)
  }

  @Test func `clients that come and go leave nothing behind, and get the numbers of those before them`() {
    var core = graciousCore()
    var numbers: Set<ClientID> = []
    for round in 0..<1000 {
      let client = core.takeClientNumber()
      numbers.insert(client)
      _ = feed(&core, [.clientConnected(client)], at: Int64(round) * 10)
      if round.isMultiple(of: 2) {
        _ = feed(&core, [.clientSaid(client, .goodbye)], at: Int64(round) * 10)
      } else {
        _ = feed(&core, [.clientLost(client)], at: Int64(round) * 10)
      }
    }
    #expect(numbers.count == 1)
  }

  @Test func `a client that may come back keeps its number, and who has another one gets nothing of it`() {
    var core = graciousCore()
    let first = core.takeClientNumber()
    #expect(first == one)
    _ = finish(in: &core)
    _ = feed(&core, [.clientLost(one), .tick], at: 900)
    let next = core.takeClientNumber()
    #expect(next == two)
    #expect(feed(&core, [.clientConnected(next), .tick], at: 950) == [])
    // Its time is over, and what it wanted is given up.
    _ = feed(&core, [.tick], at: 5000)
    #expect(core.taskCount == 0)
    #expect(core.takeClientNumber() == one)
    #expect(feed(&core, [.clientConnected(one), .tick], at: 5010) == [])
  }
}
