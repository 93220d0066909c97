import MartletProtocol
import Testing

@testable import MartletWorker

@Suite struct SessionTests {
  let base = WorkerRegistration(name: "w", address: "a", host: "h", threads: 1, memoryLimit: 0, functions: [])

  func holding(_ number: UInt32, as name: TaskHandle? = nil, bytes: Int64 = 10) -> Holding {
    Holding(task: name ?? handle(number), digest: digest(number), type: "T", byteCount: bytes)
  }

  func end(_ number: UInt32) -> WorkerEvent {
    .taskEnded(execution(number), nanoseconds: 1, byteCount: 10, type: "T", inline: nil)
  }

  @Test func `a new worker holds nothing, and says nothing before it is welcome`() {
    var fixture = WorkerFixture(isConnected: false)
    #expect(fixture.core.registration(base: base) == base)
    #expect(fixture.hear(.compute([task(1)])) == [])
    _ = fixture.handle(.schedulerConnected)
    #expect(fixture.hear(.compute([task(1)])) == [])
    #expect(fixture.handle(.tick) == [])
  }

  @Test func `without a scheduler results stay, what runs goes on, and all of it is registered`() {
    var fixture = WorkerFixture()
    fixture.hold(1, bytes: 10)
    _ = fixture.hear(.compute([task(2), task(3)]))
    #expect(fixture.handle(.schedulerLost) == [])
    #expect(fixture.handle(end(0)) == [.hold(execution(0), value(1))])
    var expected = base
    expected.epoch = 1
    expected.holdings = [holding(1), holding(2)]
    #expect(fixture.core.registration(base: base) == expected)
    _ = fixture.handle(.schedulerConnected)
    // What is not kept is dropped.
    #expect(
      fixture.hear(.welcome(worker(10), epoch: 1, heartbeatNanoseconds: .max, keep: [holding(2)])) == [.drop(value(0))])
    #expect(fixture.core.worker == worker(10))
    #expect(fixture.hear(.release([handle(2)])) == [.drop(value(1))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `another scheduler's handles mean what it says`() {
    var fixture = WorkerFixture()
    fixture.hold(1, bytes: 10)
    fixture.hold(2, bytes: 20)
    _ = fixture.handle(.schedulerLost)
    // What was 2 is 1 now.
    fixture.connect(epoch: 2, keep: [holding(1, as: handle(2)), holding(2, as: handle(1), bytes: 20)])
    #expect(fixture.core.registration(base: base).epoch == 2)
    #expect(fixture.hear(.release([handle(1)])) == [.drop(value(1))])
    #expect(fixture.core.metrics.resultBytes == 10)
  }

  @Test func `another scheduler's numbers of workers mean others`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1, inputs: [input(2, from: [5])])]))
    _ = fixture.handle(.peerConnected(worker(5)))
    _ = fixture.handle(.schedulerLost)
    _ = fixture.handle(.schedulerConnected)
    let actions = fixture.hear(
      .welcome(WorkerID(rawValue: 9), epoch: 2, heartbeatNanoseconds: .max, keep: []))
    #expect(actions.contains(.disconnectPeer(worker(5))))
    // The new number five is somewhere else.
    var elsewhere = input(2, from: [])
    elsewhere.holders = [PeerRef(worker: worker(5), address: "elsewhere")]
    #expect(
      fixture.hear(.compute([task(1, run: 2, inputs: [elsewhere])])).contains(
        .connectPeer(PeerRef(worker: worker(5), address: "elsewhere"))))
  }

  @Test func `what the scheduler keeps and the worker does not hold is told as dropped`() {
    var fixture = WorkerFixture(isConnected: false)
    _ = fixture.handle(.schedulerConnected)
    #expect(
      fixture.hear(.welcome(worker(9), epoch: 1, heartbeatNanoseconds: .max, keep: [holding(4)])) == [
        .tellScheduler(.dropped([handle(4)]))
      ])
  }

  @Test func `a body that runs since an older session answers the new assignment of its key`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1)]))
    _ = fixture.handle(.schedulerLost)
    fixture.connect(epoch: 2)
    #expect(fixture.hear(.compute([task(7, key: 1, run: 4)])) == [])
    #expect(fixture.handle(end(0)) == [.hold(execution(0), value(0)), finished(7, run: 4)])
  }

  @Test func `a body that runs since an older session, and that nobody needs, ends for nobody`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1)]))
    _ = fixture.handle(.schedulerLost)
    fixture.connect()
    #expect(fixture.handle(end(0)) == [.discard(execution(0))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `pauses and the wish to retire are told again in a new session`() {
    var fixture = WorkerFixture { settings in
      settings.memoryLimit = 1000
      settings.leastSpillBytes = 1 << 20
    }
    fixture.hold(1, bytes: 900)
    _ = fixture.handle(.retireRequested)
    _ = fixture.handle(.schedulerLost)
    _ = fixture.handle(.schedulerConnected)
    #expect(
      fixture.hear(.welcome(worker(9), epoch: 1, heartbeatNanoseconds: .max, keep: [holding(1, bytes: 900)])) == [
        .tellScheduler(.paused(true)), .tellScheduler(.retire),
      ])
  }

  @Test func `who retires gives back what has not begun, takes nothing new, and stops when the scheduler says so`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1), task(2)]))
    func back(_ number: UInt32) -> WorkerAction {
      .tellScheduler(.stealAnswer(handle(number), RunID(rawValue: 1), gave: true))
    }
    #expect(fixture.handle(.retireRequested) == [.tellScheduler(.retire), back(2)])
    #expect(fixture.handle(.retireRequested) == [])
    #expect(fixture.hear(.compute([task(3, inputs: [input(4, from: [1])])])) == [back(3)])
    #expect(fixture.handle(end(0)).last == finished(1))
    let actions = fixture.hear(.retired)
    #expect(actions == [.stop(reason: "all results are held elsewhere")])
  }

  @Test func `a worker that is refused stops, with the reason`() {
    var fixture = WorkerFixture(isConnected: false)
    _ = fixture.handle(.schedulerConnected)
    #expect(
      fixture.hear(.refused(reason: "too old")) == [.stop(reason: "the scheduler does not take this worker: too old")])
  }

  @Test func `heartbeats come as often as the scheduler wants them, with what the worker does`() {
    var fixture = WorkerFixture(isConnected: false)
    _ = fixture.handle(.schedulerConnected)
    _ = fixture.hear(.welcome(worker(1), epoch: 1, heartbeatNanoseconds: 1000, keep: []))
    _ = fixture.hear(.compute([task(1), task(2)]))
    _ = fixture.handle(.memory(residentBytes: 77, processorPercent: 150))
    #expect(fixture.wait(500) == [])
    var metrics = WorkerMetrics()
    metrics.executing = 1
    metrics.ready = 1
    metrics.residentBytes = 77
    metrics.processorPercent = 150
    #expect(fixture.wait(600) == [.tellScheduler(.heartbeat(metrics))])
    #expect(fixture.wait(500) == [])
  }

  @Test func `the same events give the same actions`() throws {
    var worlds = [ModelWorld(seed: 5, faults: .init(percent: 15)), ModelWorld(seed: 5, faults: .init(percent: 15))]
    var stories: [[String]] = [[], []]
    for place in worlds.indices {
      try worlds[place].connect()
      for _ in 0..<500 {
        try worlds[place].step()
        stories[place].append("\(worlds[place].toScheduler) \(worlds[place].pending)")
      }
    }
    #expect(stories[0] == stories[1])
  }
}
