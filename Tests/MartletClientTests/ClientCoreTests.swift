import MartletBytes
import MartletProtocol
import Testing

@testable import MartletClient

/// What a session does, event by event: every action is expected.
@Suite struct ClientCoreTests {
  /// A session, connected or not.
  struct Fixture {
    var core: ClientCore
    var now: Int64 = 0

    init(connected: Bool = true, _ change: (inout ClientSettings) -> Void = { _ in }) {
      var settings = ClientSettings()
      change(&settings)
      core = ClientCore(settings: settings)
      guard connected else { return }
      #expect(feed(.connect) == [.connectScheduler(afterNanoseconds: 0)])
      #expect(feed(.schedulerConnected(epoch: 1)) == [])
    }

    mutating func feed(_ events: ClientEvent..., after nanoseconds: Int64 = 1) -> [ClientAction] {
      now += nanoseconds
      var actions: [ClientAction] = []
      for event in events {
        core.handle(event, at: Timestamp(nanoseconds: now), &actions)
        #expect(core.brokenInvariant() == nil, "after \(event)")
      }
      core.flush(&actions)
      #expect(core.brokenInvariant() == nil)
      return actions.filter { if case .log = $0 { false } else { true } }
    }
  }

  static func digest(_ number: Int) -> Digest128 { Digest128(low: 5, high: 6).member(UInt64(number)) }

  /// A graph of one task a number; all are wanted.
  static func piece(
    _ numbers: [Int], needs: [Int] = [], argumentBytes: Int = 0, isLast: Bool = true, graph: UInt32 = 0
  ) -> Submission {
    var piece = Submission(graph: graph, isLast: isLast)
    piece.functions = [FunctionName(name: "f", version: 1)]
    piece.labels = ["job"]
    piece.tasks = numbers.map {
      SubmittedTask(
        digest: digest($0), label: 0,
        work: .call(function: 0, arguments: [UInt8](repeating: 0, count: argumentBytes)),
        dependencies: needs.map { .known(digest($0)) })
    }
    piece.wanted = Array(0..<UInt32(numbers.count))
    return piece
  }

  static let one = FutureID(slot: 0, generation: 0)
  static let two = FutureID(slot: 1, generation: 0)
  static let task = TaskHandle(slot: 40, generation: 2)
  static let other = TaskHandle(slot: 41, generation: 0)
  static func named(_ number: Int, _ task: TaskHandle) -> NamedTask { NamedTask(task: task, digest: digest(number)) }

  private let first = SubmissionID(rawValue: 1)
  private let second = SubmissionID(rawValue: 2)

  private func finished(_ task: TaskHandle, holders: [String], bytes: Int64 = 5000) -> ClientEvent {
    .schedulerSaid(
      .finished([FinishedResult(task: task, type: "T", byteCount: bytes, inline: nil, holders: holders)]))
  }

  /// A session with the accepted future `one`.
  private func accepted(_ change: (inout ClientSettings) -> Void = { _ in }) -> Fixture {
    var fixture = Fixture(change)
    _ = fixture.feed(.submit(first, Self.piece([1])))
    #expect(fixture.feed(.schedulerSaid(.accepted(graph: 1, wanted: [Self.task]))) == [])
    return fixture
  }

  @Test func `a graph is sent, accepted, and its small result is a value at once`() {
    var fixture = Fixture()
    #expect(
      fixture.feed(.submit(first, Self.piece([1]))) == [
        .submitted(first, [Self.one]), .tellScheduler(.submit(Self.piece([1], graph: 1))),
      ])
    #expect(fixture.feed(.schedulerSaid(.accepted(graph: 1, wanted: [Self.task]))) == [])
    let result = FinishedResult(task: Self.task, type: "T", byteCount: 1, inline: [7], holders: ["a:1"])
    var progress = ClientProgress()
    progress.total = 1
    progress.finished = 1
    #expect(
      fixture.feed(.schedulerSaid(.finished([result]))) == [
        .resolved(Self.one, type: "T", byteCount: 1), .value(Self.one, type: "T", .bytes([7])),
        .progress(first, progress),
      ])
    #expect(
      fixture.feed(.release(Self.one)) == [.forgotten(Self.one), .tellScheduler(.release([Self.task]))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `equal keys are one future, released with its last handle`() {
    var fixture = accepted()
    _ = fixture.feed(.submit(second, Self.piece([1])))
    #expect(fixture.feed(.retain(Self.one), .release(Self.one), .release(Self.one)) == [])
    // The second graph is on its way: a release now would take away what it asks for.
    #expect(fixture.feed(.release(Self.one)) == [.forgotten(Self.one)])
    #expect(
      fixture.feed(.schedulerSaid(.accepted(graph: 2, wanted: [Self.task]))) == [
        .tellScheduler(.release([Self.task]))
      ])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a future is an input of a later graph; a key without future is refused`() {
    var fixture = accepted()
    #expect(
      fixture.feed(.submit(second, Self.piece([2], needs: [1]))) == [
        .submitted(second, [Self.two]), .tellScheduler(.submit(Self.piece([2], needs: [1], graph: 2))),
      ])
    let actions = fixture.feed(.submit(SubmissionID(rawValue: 3), Self.piece([3], needs: [9])))
    guard case .refused(_, let failure)? = actions.first, actions.count == 1 else {
      Issue.record("\(actions)")
      return
    }
    #expect(failure.kind == .lost && failure.key == Self.digest(9))
  }

  @Test func `a value is fetched from a holder`() {
    var fixture = accepted()
    _ = fixture.feed(finished(Self.task, holders: ["a:1", "b:1"]))
    #expect(fixture.feed(.want(Self.one)) == [.connectWorker("a:1")])
    #expect(
      fixture.feed(.workerConnected("a:1")) == [.askWorker("a:1", .get(request: 2, [Self.named(1, Self.task)]))])
    #expect(
      fixture.feed(.workerSaid("a:1", .data(request: 2, task: Self.task, type: "T", byteCount: 4000))) == [
        .value(Self.one, type: "T", .frame(from: "a:1", byteCount: 4000))
      ])
    #expect(fixture.feed(.valueReceived(Self.one, from: "a:1"), .workerSaid("a:1", .done(request: 2))) == [])
    #expect(fixture.core.bytesInFlight == 0)
    // Nobody needs the connection any more.
    #expect(fixture.feed(.schedulerSaid(.heartbeat), .tick, after: 61_000_000_000).contains(.closeWorker("a:1")))
  }

  @Test func `a holder that misses it is reported, the next one is asked, then the scheduler`() {
    var fixture = accepted()
    _ = fixture.feed(finished(Self.task, holders: ["a:1", "b:1"]), .want(Self.one), .workerConnected("a:1"))
    #expect(
      fixture.feed(.workerSaid("a:1", .missing(request: 2, task: Self.task))) == [
        .connectWorker("b:1"), .tellScheduler(.missing([Self.task], from: "a:1")),
      ])
    #expect(
      fixture.feed(.workerLost("b:1")) == [.tellScheduler(.want(request: 3, [Self.digest(1)]))])
    #expect(fixture.feed(.schedulerSaid(.named(request: 3, tasks: [Self.named(1, Self.task)]))) == [])
    // It is computed again.
    #expect(
      fixture.feed(.schedulerSaid(.recomputing([Self.task])))
        .contains(.recomputing(Self.one)))
    #expect(fixture.feed(finished(Self.task, holders: ["c:1"])).contains(.connectWorker("c:1")))
  }

  @Test func `a busy holder is asked again later`() {
    var fixture = accepted()
    _ = fixture.feed(finished(Self.task, holders: ["a:1"]), .want(Self.one), .workerConnected("a:1"))
    #expect(fixture.feed(.workerSaid("a:1", .busy(request: 2, retryAfterNanoseconds: 60_000_000))) == [])
    #expect(fixture.feed(.tick, after: 50_000_000) == [])
    #expect(
      fixture.feed(.tick, after: 10_000_001) == [.askWorker("a:1", .get(request: 3, [Self.named(1, Self.task)]))])
  }

  @Test func `bytes in flight have a ceiling`() {
    var fixture = Fixture { $0.bytesInFlight = 12_000 }
    _ = fixture.feed(.submit(first, Self.piece([1, 2, 3])))
    let tasks = (0..<3).map { TaskHandle(slot: $0, generation: 0) }
    _ = fixture.feed(.schedulerSaid(.accepted(graph: 1, wanted: tasks)))
    for task in tasks { _ = fixture.feed(finished(task, holders: ["a:1"])) }
    let futures = (0..<3).map { FutureID(slot: $0, generation: 0) }
    let gather = RequestID(rawValue: 1)
    #expect(fixture.feed(.request(gather, .gather(futures))) == [.connectWorker("a:1")])
    #expect(
      fixture.feed(.workerConnected("a:1")) == [
        .askWorker("a:1", .get(request: 2, [Self.named(1, tasks[0]), Self.named(2, tasks[1])]))
      ])
    for place in 0..<2 {
      _ = fixture.feed(
        .workerSaid("a:1", .data(request: 2, task: tasks[place], type: "T", byteCount: 5000)),
        .valueReceived(futures[place], from: "a:1"))
    }
    #expect(
      fixture.feed(.workerSaid("a:1", .done(request: 2))) == [
        .askWorker("a:1", .get(request: 3, [Self.named(3, tasks[2])]))
      ])
    #expect(
      fixture.feed(
        .workerSaid("a:1", .data(request: 3, task: tasks[2], type: "T", byteCount: 5000)),
        .valueReceived(futures[2], from: "a:1")
      ).contains(.answered(gather, .gathered)))
  }

  @Test func `what is released while it is fetched is abandoned, and its data dropped`() {
    var fixture = accepted()
    _ = fixture.feed(finished(Self.task, holders: ["a:1"]), .want(Self.one), .workerConnected("a:1"))
    #expect(
      fixture.feed(.release(Self.one)) == [
        .askWorker("a:1", .abandon(request: 2)), .forgotten(Self.one), .tellScheduler(.release([Self.task])),
      ])
    #expect(
      fixture.feed(.workerSaid("a:1", .data(request: 2, task: Self.task, type: "T", byteCount: 5000))) == [
        .discard(from: "a:1")
      ])
    #expect(fixture.feed(.workerSaid("a:1", .done(request: 2))) == [])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `the same scheduler names what it still knows`() {
    var fixture = accepted()
    #expect(fixture.feed(.schedulerLost(reason: "cut")) == [.connectScheduler(afterNanoseconds: 50_000_000)])
    #expect(
      fixture.feed(.schedulerConnected(epoch: 1)) == [.tellScheduler(.want(request: 2, [Self.digest(1)]))])
    #expect(fixture.feed(.schedulerSaid(.named(request: 2, tasks: [Self.named(1, Self.task)]))) == [])
  }

  @Test func `another scheduler gets what is not done, with its inputs, and in order`() {
    var fixture = accepted()
    _ = fixture.feed(.submit(second, Self.piece([2], needs: [1])))
    _ = fixture.feed(.schedulerSaid(.accepted(graph: 2, wanted: [Self.other])))
    #expect(fixture.feed(.release(Self.one)) == [.forgotten(Self.one), .tellScheduler(.release([Self.task]))])
    _ = fixture.feed(.schedulerLost(reason: "gone"))
    #expect(
      fixture.feed(.schedulerConnected(epoch: 2)) == [.tellScheduler(.want(request: 3, [Self.digest(2)]))])
    #expect(
      fixture.feed(.schedulerSaid(.named(request: 3, tasks: []))) == [
        .tellScheduler(.submit(Self.piece([1], graph: 4))),
        .tellScheduler(.submit(Self.piece([2], needs: [1], graph: 5))),
      ])
    // The input is wanted only until the graph that needs it is there.
    #expect(
      fixture.feed(
        .schedulerSaid(.accepted(graph: 4, wanted: [Self.task])),
        .schedulerSaid(.accepted(graph: 5, wanted: [Self.other]))) == [.tellScheduler(.release([Self.task]))])
  }

  @Test func `the session ends when no scheduler is found in time`() {
    var fixture = accepted { $0.reconnectNanoseconds = 1_000 }
    let gather = RequestID(rawValue: 9)
    _ = fixture.feed(.request(gather, .gather([Self.one])))
    _ = fixture.feed(.schedulerLost(reason: "cut"))
    let actions = fixture.feed(.schedulerLost(reason: "refused"), after: 1_001)
    #expect(actions.contains { if case .failed(Self.one, let failure) = $0 { failure.kind == .lost } else { false } })
    #expect(actions.contains { if case .answered(gather, .denied) = $0 { true } else { false } })
    #expect(actions.contains { if case .sessionLost = $0 { true } else { false } })
    let late = fixture.feed(.submit(second, Self.piece([2])))
    #expect(late.contains { if case .refused = $0 { true } else { false } })
    _ = fixture.feed(.release(Self.one))
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `graphs that are kept have a budget: finished ones go first, then the program has to wait`() {
    var fixture = Fixture { $0.graphBudgetBytes = 3_000 }
    _ = fixture.feed(.submit(first, Self.piece([1], argumentBytes: 2_000)))
    let actions = fixture.feed(.submit(second, Self.piece([2], argumentBytes: 2_000)))
    #expect(actions.contains { if case .refused(second, _) = $0 { true } else { false } })
    let result = FinishedResult(task: Self.task, type: "T", byteCount: 1, inline: [7], holders: [])
    _ = fixture.feed(
      .schedulerSaid(.accepted(graph: 1, wanted: [Self.task])), .schedulerSaid(.finished([result])))
    let again = fixture.feed(.submit(second, Self.piece([2], argumentBytes: 2_000)))
    #expect(again.first == .submitted(second, [Self.two]))
  }

  @Test func `cancelled futures fail at once, and can be submitted again`() {
    var fixture = accepted()
    let actions = fixture.feed(.cancel([Self.one], force: true))
    #expect(actions.contains(.tellScheduler(.cancel([Self.task], force: true))))
    #expect(
      actions.contains { if case .failed(Self.one, let failure) = $0 { failure.kind == .cancelled } else { false } })
    #expect(
      fixture.feed(.submit(second, Self.piece([1]))).contains(.tellScheduler(.submit(Self.piece([1], graph: 2)))))
  }

  @Test func `a failure can be retried`() {
    var fixture = accepted()
    let failure = FailureRecord(.threw, key: Self.digest(1), label: "job", message: "no")
    #expect(fixture.feed(.schedulerSaid(.failed(Self.task, failure))).first == .failed(Self.one, failure))
    #expect(fixture.feed(.retry([Self.one])).contains(.tellScheduler(.retry([Self.task]))))
    #expect(
      fixture.feed(finished(Self.task, holders: ["a:1"])).first == .resolved(Self.one, type: "T", byteCount: 5000))
  }

  @Test func `requests wait for a connection; what was sent and cannot be repeated is denied when it breaks`() {
    var fixture = Fixture(connected: false)
    let read = RequestID(rawValue: 1)
    let take = RequestID(rawValue: 2)
    _ = fixture.feed(.connect)
    let reading = CoordinationRequest.read(variable: "v", timeoutNanoseconds: 5)
    let taking = CoordinationRequest.take(queue: "q", timeoutNanoseconds: 5)
    #expect(
      fixture.feed(
        .request(read, .coordinate(reading, future: nil)), .request(take, .coordinate(taking, future: nil))) == [])
    #expect(
      fixture.feed(.schedulerConnected(epoch: 1)) == [
        .tellScheduler(.coordinate(request: 1, reading)), .tellScheduler(.coordinate(request: 2, taking)),
      ])
    let lost = fixture.feed(.schedulerLost(reason: "cut"))
    #expect(lost.contains { if case .answered(take, .denied) = $0 { true } else { false } })
    #expect(
      fixture.feed(.schedulerConnected(epoch: 1)) == [.tellScheduler(.coordinate(request: 3, reading))])
    #expect(
      fixture.feed(.schedulerSaid(.coordinated(request: 3, .value(.bytes(type: "T", [1]))))) == [
        .answered(read, .value(type: "T", [1]))
      ])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `leases are renewed until they are given back, and lost with the scheduler`() {
    var fixture = Fixture()
    let acquire = RequestID(rawValue: 1)
    let operation = CoordinationRequest.acquire(
      semaphore: "s", places: 1, of: 1, leaseNanoseconds: 3_000, timeoutNanoseconds: 0)
    _ = fixture.feed(.request(acquire, .coordinate(operation, future: nil)))
    #expect(
      fixture.feed(.schedulerSaid(.coordinated(request: 1, .lease(8, fence: 2)))) == [
        .answered(acquire, .lease(8, fence: 2))
      ])
    #expect(
      fixture.feed(.tick, after: 1_001) == [.tellScheduler(.coordinate(request: 2, .renew(semaphore: "s", lease: 8)))])
    _ = fixture.feed(.schedulerSaid(.coordinated(request: 2, .done)), .schedulerLost(reason: "cut"))
    #expect(fixture.feed(.schedulerConnected(epoch: 2)) == [.leaseLost(semaphore: "s", 8)])
  }

  @Test func `small data is scattered, and named by the scheduler`() {
    var fixture = Fixture()
    let value = ScatteredValue(
      digest: Self.digest(1), label: "d", type: "T", byteCount: 1, holders: [], bytes: [3])
    #expect(
      fixture.feed(.scatter(first, [value], at: nil)) == [
        .submitted(first, [Self.one]), .tellScheduler(.scatter([value])),
        .tellScheduler(.want(request: 1, [Self.digest(1)])),
      ])
    #expect(fixture.feed(.schedulerSaid(.named(request: 1, tasks: [Self.named(1, Self.task)]))) == [])
    #expect(fixture.feed(.release(Self.one)) == [.forgotten(Self.one), .tellScheduler(.release([Self.task]))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `large data goes to a worker first`() {
    var fixture = Fixture()
    let value = ScatteredValue(
      digest: Self.digest(1), label: "d", type: "T", byteCount: 9_000, holders: [], bytes: nil)
    let put = PutValue(digest: Self.digest(1), type: "T", byteCount: 9_000)
    let place = PeerRef(worker: WorkerID(rawValue: 4), address: "a:1")
    #expect(
      fixture.feed(.scatter(first, [value], at: place)) == [
        .submitted(first, [Self.one]), .connectWorker("a:1"), .askWorker("a:1", .put(request: 1, [put])),
      ])
    var told = value
    told.holders = [WorkerID(rawValue: 4)]
    #expect(
      fixture.feed(.workerConnected("a:1"), .workerSaid("a:1", .done(request: 1))) == [
        .tellScheduler(.scatter([told])), .tellScheduler(.want(request: 2, [Self.digest(1)])),
      ])
  }

  @Test func `a scheduler that contradicts itself ends the session`() {
    for wrong in [
      SchedulerToClient.accepted(graph: 9, wanted: []), .named(request: 9, tasks: []),
      .refused(graph: 9, FailureRecord(.lost, key: Self.digest(1), label: "", message: "")),
    ] {
      var fixture = accepted()
      #expect(fixture.feed(.schedulerSaid(wrong)).contains(.sessionLost(reason: "the scheduler contradicts itself")))
    }
    var fixture = accepted()
    _ = fixture.feed(.submit(second, Self.piece([2])))
    // The handle of another future.
    #expect(
      fixture.feed(.schedulerSaid(.accepted(graph: 2, wanted: [Self.task])))
        .contains(.sessionLost(reason: "the scheduler contradicts itself")))
  }

  @Test func `what nobody asked for is ignored`() {
    var fixture = accepted()
    let failure = FailureRecord(.threw, key: Self.digest(1), label: "", message: "")
    #expect(
      fixture.feed(
        finished(Self.other, holders: ["x"]), .schedulerSaid(.failed(Self.other, failure)),
        .schedulerSaid(.recomputing([Self.other, Self.task])), .schedulerSaid(.answer(request: 77, text: "")),
        .schedulerSaid(.denied(request: 77, reason: "")), .schedulerSaid(.coordinated(request: 77, .done)),
        .workerSaid("x", .done(request: 3)), .workerConnected("x"), .workerLost("x"),
        .release(FutureID(slot: 9, generation: 9)), .valueReceived(Self.one, from: "x")) == [])
    #expect(
      fixture.feed(.workerSaid("x", .data(request: 1, task: Self.task, type: "T", byteCount: 1))) == [
        .discard(from: "x")
      ])
  }
}
