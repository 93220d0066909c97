import MartletProtocol
import Testing

@testable import MartletWorker

@Suite struct FetchingTests {
  let millisecond: Int64 = 1_000_000

  func get(_ peer: UInt32, _ request: UInt32, _ numbers: UInt32...) -> WorkerAction {
    .askPeer(
      worker(peer),
      .get(request: request, numbers.map { NamedTask(task: handle($0), digest: digest($0)) }))
  }

  func data(_ peer: UInt32, _ request: UInt32, _ number: UInt32, bytes: Int64 = 100) -> WorkerEvent {
    .peerSaid(worker(peer), .data(request: request, task: handle(number), type: "T", byteCount: bytes))
  }

  func missing(_ number: UInt32, from peer: UInt32) -> WorkerAction {
    .tellScheduler(.missing(handle(number), from: worker(peer), run: RunID(rawValue: 0)))
  }

  /// A worker that was given the tasks and is connected to the peers.
  func started(
    _ tasks: [ComputeTask], peers: [UInt32], _ change: (inout WorkerSettings) -> Void = { _ in }
  ) -> (WorkerFixture, [WorkerAction]) {
    var fixture = WorkerFixture(change)
    var actions = fixture.hear(.compute(tasks))
    for peer in peers { actions += fixture.handle(.peerConnected(worker(peer))) }
    return (fixture, actions)
  }

  @Test func `inputs are asked for together, and the task runs when the last one is here`() {
    let both = task(3, inputs: [input(1, from: [1]), input(2, from: [1])])
    var (fixture, actions) = started([both], peers: [1])
    #expect(actions == [.connectPeer(peer(1)), get(1, 1, 1, 2)])
    #expect(fixture.core.mayReceive(worker(1), request: 1, handle(1), byteCount: 120))
    #expect(
      fixture.handle(data(1, 1, 1)) == [
        .holdReceived(worker(1), request: 1, handle(1), value(1)), .tellScheduler(.fetched([handle(1)])),
      ])
    #expect(
      fixture.handle(data(1, 1, 2)) == [
        .holdReceived(worker(1), request: 1, handle(2), value(2)),
        .run(execution(0), both, inputs: [value(1), value(2)]), .tellScheduler(.fetched([handle(2)])),
      ])
    #expect(fixture.handle(.peerSaid(worker(1), .done(request: 1))) == [])
    #expect(fixture.core.metrics.resultBytes == 200)
  }

  @Test func `a result that several tasks need is fetched once, and stays until the scheduler releases it`() {
    let tasks = [task(3, inputs: [input(1, from: [1])]), task(4, inputs: [input(1, from: [1, 2])])]
    var (fixture, actions) = started(tasks, peers: [1, 2])
    #expect(actions.count { if case .askPeer = $0 { true } else { false } } == 1)
    _ = fixture.handle(data(1, 1, 1))
    for _ in 0..<2 {
      _ = fixture.handle(.taskEnded(execution(0), nanoseconds: 1, byteCount: 1, type: "T", inline: nil))
    }
    #expect(fixture.core.metrics.resultBytes == 102)
    #expect(fixture.hear(.release([handle(1)])) == [.drop(value(1))])
  }

  @Test func `one request is open for a peer, the most urgent inputs go first`() {
    let tasks = [
      task(9, inputs: [input(1, from: [1])]), task(8, inputs: [input(2, from: [1])]),
      task(7, inputs: [input(3, from: [1])]),
    ]
    var (fixture, actions) = started(tasks, peers: [1]) { $0.requestResults = 2 }
    #expect(actions.last == get(1, 1, 3, 2))
    _ = fixture.handle(data(1, 1, 3))
    #expect(!fixture.handle(data(1, 1, 2)).contains(get(1, 2, 1)))
    #expect(fixture.handle(.peerSaid(worker(1), .done(request: 1))) == [get(1, 2, 1)])
  }

  @Test func `no more than so many bytes are in flight, but a single larger result comes`() {
    let tasks = [
      task(1, inputs: [input(11, bytes: 900, from: [1])]), task(2, inputs: [input(12, bytes: 60, from: [2])]),
      task(3, inputs: [input(13, bytes: 60, from: [3])]),
    ]
    var (fixture, actions) = started(tasks, peers: [1, 2, 3]) { $0.incomingBytes = 100 }
    #expect(actions.filter { if case .askPeer = $0 { true } else { false } } == [get(1, 1, 11)])
    #expect(fixture.core.metrics.incomingBytes == 900)
    #expect(fixture.handle(data(1, 1, 11, bytes: 900)).contains(get(2, 2, 12)))
    #expect(fixture.handle(data(2, 2, 12, bytes: 60)).contains(get(3, 3, 13)))
  }

  @Test func `a busy peer is asked again later, and another holder at once`() {
    var (fixture, _) = started([task(3, inputs: [input(1, from: [1])])], peers: [1])
    let busy = WorkerEvent.peerSaid(worker(1), .busy(request: 1, retryAfterNanoseconds: 30 * millisecond))
    #expect(fixture.handle(busy) == [])
    #expect(fixture.wait(20 * millisecond) == [])
    #expect(fixture.wait(20 * millisecond) == [get(1, 2, 1)])

    (fixture, _) = started([task(3, inputs: [input(1, from: [1, 2])])], peers: [1, 2])
    #expect(fixture.handle(busy) == [get(2, 2, 1)])
  }

  @Test func `the wait for a busy peer grows, and has a bound`() {
    var (fixture, _) = started([task(3, inputs: [input(1, from: [1])])], peers: [1])
    var waits: [Int64] = []
    for request in 1...12 as ClosedRange<UInt32> {
      _ = fixture.handle(.peerSaid(worker(1), .busy(request: request, retryAfterNanoseconds: .max / 2)))
      var waited: Int64 = 0
      while fixture.wait(10 * millisecond).isEmpty { waited += 10 }
      waits.append(waited)
    }
    #expect(waits.allSatisfy { $0 <= 2000 })
    (fixture, _) = started([task(3, inputs: [input(1, from: [1])])], peers: [1])
    waits = []
    for request in 1...9 as ClosedRange<UInt32> {
      _ = fixture.handle(.peerSaid(worker(1), .busy(request: request, retryAfterNanoseconds: 0)))
      var waited: Int64 = 0
      while fixture.wait(10 * millisecond).isEmpty { waited += 10 }
      waits.append(waited)
    }
    #expect(waits == waits.sorted() && waits[0] < 30 && waits[8] > 1900 && waits[8] <= 2000)
  }

  @Test func `a peer that has it not is reported, and the next holder asked`() {
    var (fixture, _) = started([task(3, inputs: [input(1, from: [1, 2])])], peers: [1, 2])
    #expect(
      fixture.handle(.peerSaid(worker(1), .missing(request: 1, task: handle(1)))) == [
        missing(1, from: 1), get(2, 2, 1),
      ])
    // What a request does not answer at all is missing too.
    #expect(fixture.handle(.peerSaid(worker(2), .done(request: 2))) == [missing(1, from: 2)])
    #expect(fixture.hear(.holders(handle(1), [], run: RunID(rawValue: 0))) == [])
    #expect(fixture.hear(.holders(handle(1), [peer(9), peer(2)], run: RunID(rawValue: 0))) == [get(2, 3, 1)])
  }

  @Test func `when nobody has it the scheduler is asked again and again, and the task is given back in the end`() {
    var (fixture, actions) = started([task(3, inputs: [input(1)]), task(4, inputs: [input(1)])], peers: []) {
      $0.giveBackNanoseconds = 1000 * 1_000_000
    }
    #expect(actions == [missing(1, from: 9)])
    #expect(fixture.wait(100 * millisecond) == [])
    #expect(fixture.wait(150 * millisecond) == [missing(1, from: 9)])
    let given = fixture.wait(1000 * millisecond)
    #expect(
      given == [3, 4].map { .tellScheduler(.stealAnswer(handle($0), RunID(rawValue: 1), gave: true)) })
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a peer whose connection is lost is tried again, then reported`() {
    var (fixture, _) = started([task(3, inputs: [input(1, from: [1])])], peers: [1])
    #expect(fixture.handle(.peerLost(worker(1))) == [])
    #expect(fixture.wait(25 * millisecond) == [.connectPeer(peer(1))])
    #expect(fixture.handle(.peerConnected(worker(1))) == [get(1, 2, 1)])
    #expect(fixture.handle(.peerLost(worker(1))) == [])
    #expect(fixture.wait(50 * millisecond) == [.connectPeer(peer(1))])
    #expect(fixture.handle(.peerLost(worker(1))) == [missing(1, from: 1)])
  }

  @Test func `what a peer of whom the scheduler says that it is gone has, is asked of others`() {
    var (fixture, actions) = started([task(3, inputs: [input(1, from: [1, 2])])], peers: [1, 2])
    #expect(actions.contains(get(1, 1, 1)))
    #expect(fixture.hear(.peerLost(worker(1))) == [.disconnectPeer(worker(1)), get(2, 2, 1)])
    // Its late answer means nothing.
    #expect(fixture.handle(data(1, 1, 1)) == [.discardReceived(worker(1), request: 1, handle(1))])
    #expect(fixture.hear(.peerLost(worker(2))) == [.disconnectPeer(worker(2)), missing(1, from: 9)])
  }

  @Test func `answers to no request are dropped`() {
    var (fixture, _) = started([task(3, inputs: [input(1, from: [1])])], peers: [1])
    #expect(!fixture.core.mayReceive(worker(1), request: 2, handle(1), byteCount: 1))
    #expect(!fixture.core.mayReceive(worker(2), request: 1, handle(1), byteCount: 1))
    #expect(!fixture.core.mayReceive(worker(1), request: 1, handle(2), byteCount: 1))
    #expect(!fixture.core.mayReceive(worker(1), request: 1, handle(1), byteCount: 4 << 20))
    #expect(fixture.handle(.peerSaid(worker(1), .done(request: 2))) == [])
    #expect(fixture.handle(.peerSaid(worker(1), .missing(request: 1, task: handle(5)))) == [])
    #expect(fixture.handle(data(1, 1, 1)).contains(.holdReceived(worker(1), request: 1, handle(1), value(1))))
    #expect(fixture.handle(data(1, 1, 1)) == [.discardReceived(worker(1), request: 1, handle(1))])
  }

  @Test func `data that comes for a task that was cancelled is dropped, and the request taken back`() {
    var (fixture, _) = started([task(3, inputs: [input(1, from: [1]), input(2, from: [1])])], peers: [1])
    _ = fixture.hear(.cancel([TaskRun(task: handle(3), run: RunID(rawValue: 1))]))
    #expect(fixture.handle(data(1, 1, 1)) == [.discardReceived(worker(1), request: 1, handle(1))])
    #expect(fixture.handle(.tick) == [.askPeer(worker(1), .abandon(request: 1))])
    #expect(fixture.handle(.tick) == [])
    #expect(fixture.handle(.peerSaid(worker(1), .done(request: 1))) == [])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a damaged copy is asked of another holder, and too many of them fail the tasks`() {
    var (fixture, _) = started([task(3, inputs: [input(1, from: [1, 2])])], peers: [1, 2]) { $0.damagedCopies = 2 }
    func damaged(_ peer: UInt32, _ request: UInt32) -> WorkerEvent {
      .peerSentNonsense(worker(peer), request: request, handle(1), reason: "no such type")
    }
    let first = fixture.handle(damaged(1, 1)).filter { !$0.isLog }
    #expect(first == [missing(1, from: 1), get(2, 2, 1)])
    let second = fixture.handle(damaged(2, 2)).filter { !$0.isLog }
    guard case .tellScheduler(.failed(handle(3), RunID(rawValue: 1), let failure))? = second.first else {
      return #expect(Bool(false), "\(second)")
    }
    #expect(failure.kind == .undecodable && failure.label == "t3" && failure.message.contains("no such type"))
  }

  @Test func `a result that comes while it waits to be computed here answers its own task`() {
    // The task 4 needs 3, which a peer has; meanwhile the worker is told to compute 3 too.
    var (fixture, _) = started([task(4, inputs: [input(3, from: [1])])], peers: [1])
    #expect(fixture.hear(.compute([task(3, inputs: [input(2, from: [5])])])) == [.connectPeer(peer(5))])
    let actions = fixture.handle(data(1, 1, 3))
    #expect(actions.contains(finished(3, took: 0, bytes: 100)))
    #expect(actions.contains { if case .run(_, let run, _, _) = $0 { run.task == handle(4) } else { false } })
  }

  @Test func `a copy for the scheduler is fetched, told, and kept`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.fetch([input(1, from: [1])]))
    #expect(fixture.handle(.peerConnected(worker(1))) == [get(1, 1, 1)])
    #expect(fixture.handle(data(1, 1, 1)).last == .tellScheduler(.fetched([handle(1)])))
    // It is here already: nothing needs to be said.
    #expect(fixture.hear(.fetch([input(1, from: [1])])) == [])
    _ = fixture.hear(.fetch([input(2, inline: [1])]))
    #expect(fixture.core.metrics.resultBytes == 200)
  }

  @Test func `a copy that is no longer wanted is not asked for`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.fetch([input(1, from: [1])]))
    #expect(fixture.hear(.release([handle(1)])) == [])
    #expect(fixture.handle(.peerConnected(worker(1))) == [])
    #expect(fixture.core.leftover() == nil)
  }

  // MARK: Serving

  @Test func `results are served from memory while they are computed with, and stay until they are sent`() {
    var fixture = WorkerFixture()
    fixture.hold(1, bytes: 10)
    #expect(
      fixture.handle(.dataRequested(requester(1), .get(request: 7, named(1, 2)))) == [
        .sendData(
          requester(1), request: 7,
          [ServedValue(task: handle(1), value: value(0), type: "T", isFromFile: false)], missing: [handle(2)])
      ])
    #expect(fixture.hear(.release([handle(1)])) == [])
    #expect(fixture.handle(.dataSent(requester(1), request: 8)) == [])
    #expect(fixture.handle(.dataSent(requester(1), request: 7)) == [.drop(value(0))])
  }

  @Test func `a key is checked, not only the handle`() {
    var fixture = WorkerFixture()
    fixture.hold(1, bytes: 10)
    #expect(
      fixture.handle(
        .dataRequested(requester(1), .get(request: 7, [NamedTask(task: handle(1), digest: digest(2))]))) == [
          .sendData(requester(1), request: 7, [], missing: [handle(1)])
        ])
  }

  @Test func `beyond so many transfers it is busy, and a lost requester gives its places back`() {
    var fixture = WorkerFixture { $0.outgoingTransfers = 2 }
    fixture.hold(1, bytes: 10)
    for request in 1...2 as ClosedRange<UInt32> {
      _ = fixture.handle(.dataRequested(requester(1), .get(request: request, named(1))))
    }
    let third = WorkerEvent.dataRequested(requester(2), .get(request: 1, named(1)))
    #expect(
      fixture.handle(third) == [
        .refuseData(requester(2), request: 1, .busy(retryAfterNanoseconds: 20 * millisecond))
      ])
    #expect(
      fixture.handle(.dataRequested(requester(1), .abandon(request: 2))) == [.stopSending(requester(1), request: 2)])
    #expect(fixture.handle(.requesterLost(requester(1))) == [])
    #expect(fixture.handle(third).count == 1)
    #expect(fixture.core.transfers.count == 1)
  }
}
