import MartletBytes
import MartletProtocol
import Testing

@testable import MartletClient

/// Where a session has values from, and where it puts them. Every action is expected.
@Suite struct ClientFetchTests: SessionSuite {
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

  @Test func `who holds a result is what the scheduler says, also of one that is here`() {
    var fixture = accepted()
    _ = fixture.feed(finished(Self.task, holders: ["a:1"]), .want(Self.one), .workerConnected("a:1"))
    let request = RequestID(rawValue: 1)
    let workers = (0..<20).map { "w\($0):1" }
    func ask(_ wire: UInt32) -> [ClientAction] {
      #expect(
        fixture.feed(.request(request, .whoHas([Self.one]))) == [
          .tellScheduler(.ask(request: wire, .whoHas([Self.task])))
        ])
      return fixture.feed(
        .schedulerSaid(.holders([HeldResult(task: Self.task, holders: workers)])),
        .schedulerSaid(.answer(request: wire, text: "")))
    }
    let answer = ClientAction.answered(request, .holders([HeldFuture(future: Self.one, holders: workers)]))
    // While it is fetched, and when it is here.
    #expect(ask(3) == [answer])
    _ = fixture.feed(.workerSaid("a:1", .data(request: 2, task: Self.task, type: "T", byteCount: 4000)))
    _ = fixture.feed(.valueReceived(Self.one, from: "a:1"), .workerSaid("a:1", .done(request: 2)))
    #expect(ask(4) == [answer])
    // Dropped here, it is fetched from where it is now.
    _ = fixture.feed(.valueDropped(Self.one))
    #expect(fixture.feed(.want(Self.one)).contains(.connectWorker("w0:1")))
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

  @Test func `data that is put onto a worker while the scheduler is replaced is scattered anew, not told of`() {
    var fixture = Fixture()
    let value = ScatteredValue(digest: Self.digest(1), label: "d", type: "T", byteCount: 9_000, holders: [], bytes: nil)
    let place = PeerRef(worker: WorkerID(rawValue: 4), address: "a:1")
    _ = fixture.feed(.scatter(first, [value], at: place), .workerConnected("a:1"))
    _ = fixture.feed(.schedulerLost(reason: "gone"))
    let actions = fixture.feed(.schedulerConnected(epoch: 2))
    #expect(actions.contains { if case .failed(Self.one, let failure) = $0 { failure.kind == .lost } else { false } })
    _ = fixture.feed(.schedulerSaid(.named(request: 2, tasks: [])))
    // The number of the worker is that of another one there.
    #expect(fixture.feed(.workerSaid("a:1", .done(request: 1))) == [])
    #expect(fixture.feed(.release(Self.one)) == [.forgotten(Self.one)])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a transfer may take long while bytes flow; a put on an old connection has its time from the beginning`() {
    var fixture = accepted()
    let second: Int64 = 1_000_000_000
    _ = fixture.feed(finished(Self.task, holders: ["a:1"]), .want(Self.one), .workerConnected("a:1"))
    _ = fixture.feed(.workerSaid("a:1", .data(request: 2, task: Self.task, type: "T", byteCount: 1 << 33)))
    func isClosed(_ actions: [ClientAction]) -> Bool { actions.contains(.closeWorker("a:1")) }
    for _ in 0..<3 {
      #expect(!isClosed(fixture.feed(.schedulerSaid(.heartbeat), .workerActive("a:1"), .tick, after: 50 * second)))
    }
    _ = fixture.feed(.valueReceived(Self.one, from: "a:1"), .workerSaid("a:1", .done(request: 2)))
    _ = fixture.feed(.schedulerSaid(.heartbeat), .tick, after: 59 * second)
    let value = ScatteredValue(digest: Self.digest(7), label: "d", type: "T", byteCount: 9_000, holders: [], bytes: nil)
    let place = PeerRef(worker: WorkerID(rawValue: 4), address: "a:1")
    _ = fixture.feed(.scatter(self.second, [value], at: place))
    #expect(!isClosed(fixture.feed(.tick, after: 2 * second)))
    // Silence is silence.
    #expect(isClosed(fixture.feed(.schedulerSaid(.heartbeat), .tick, after: 61 * second)))
  }

  @Test func `a graph that needs data which no worker took fails with what happened to the data`() {
    var fixture = Fixture()
    let value = ScatteredValue(
      digest: Self.digest(1), label: "d", type: "T", byteCount: 9_000, holders: [], bytes: nil)
    let place = PeerRef(worker: WorkerID(rawValue: 4), address: "a:1")
    _ = fixture.feed(.scatter(first, [value], at: place))
    // It waits for the data.
    #expect(fixture.feed(.submit(second, Self.piece([2], needs: [1]))) == [.submitted(second, [Self.two])])
    let actions = fixture.feed(.workerConnected("a:1"), .workerSaid("a:1", .rejected(request: 1, reason: "no room")))
    var failures: [FutureID: FailureRecord] = [:]
    for case .failed(let future, let failure) in actions { failures[future] = failure }
    #expect(failures[Self.one]?.message.contains("no room") == true)
    #expect(failures[Self.two] == failures[Self.one])
    #expect(!actions.contains { if case .tellScheduler(.submit) = $0 { true } else { false } })
    _ = fixture.feed(.release(Self.one), .release(Self.two))
    #expect(fixture.core.leftover() == nil)
  }
}
