import MartletProtocol
import Testing

@testable import MartletWorker

@Suite struct MemoryTests {
  let second: Int64 = 1_000_000_000

  func limited(_ change: (inout WorkerSettings) -> Void = { _ in }) -> WorkerFixture {
    WorkerFixture { settings in
      settings.memoryLimit = 1000
      change(&settings)
    }
  }

  func spilled(_ number: UInt32) -> WorkerEvent { .spillEnded(value(number), .done, bytesOnDisk: 50) }

  @Test
  func `above the target the least recently used results are written, some at one time, then forgotten in memory`() {
    var fixture = limited()
    for number in 0..<6 as Range<UInt32> { fixture.hold(number, bytes: 100) }
    let actions = fixture.hear(.compute([task(6, inputs: [input(0)])]))
    #expect(actions == [.run(execution(0), task(6, inputs: [input(0)]), inputs: [value(0)])])
    // Seven times 100: one too many. The first one is in use.
    let ended = fixture.handle(.taskEnded(execution(0), nanoseconds: 1, byteCount: 300, type: "T", inline: nil))
    #expect(
      ended.filter { $0 != finished(6, bytes: 300) && !$0.isLog && $0 != .tellScheduler(.paused(true)) } == [
        .hold(execution(0), value(6)), .spill(value(1)), .spill(value(2)),
      ])
    #expect(fixture.core.metrics.resultBytes == 900)
    #expect(fixture.handle(spilled(1)) == [.unload(value(1)), .spill(value(3))])
    let last = fixture.handle(spilled(2))
    #expect(last.first == .unload(value(2)))
    #expect(fixture.core.metrics.resultBytes == 700 && fixture.core.metrics.spilledBytes == 100)
    #expect(fixture.handle(spilled(3)) == [.unload(value(3))])
    #expect(fixture.core.metrics.resultBytes == 600)
  }

  @Test func `a spilled input is read back before its task runs, and its file serves the next time`() {
    var fixture = limited()
    fixture.hold(1, bytes: 400)
    fixture.hold(2, bytes: 300)
    #expect(fixture.handle(spilled(0)) == [.unload(value(0))])
    #expect(fixture.hear(.release([handle(2)])) == [.drop(value(1))])
    #expect(fixture.hear(.compute([task(3, inputs: [input(1)])])) == [.load(value(0))])
    #expect(fixture.core.metrics.incomingBytes == 400)
    #expect(fixture.handle(.loadEnded(value(0), .done)).contains { if case .run = $0 { true } else { false } })
    // While the body runs, the value stays; afterwards it is simply forgotten in memory: it has a file.
    let ended = fixture.handle(.taskEnded(execution(0), nanoseconds: 1, byteCount: 300, type: "T", inline: nil))
    #expect(ended.contains(.unload(value(0))))
    #expect(!ended.contains(.spill(value(0))))
    #expect(fixture.hear(.release([handle(1)])) == [.drop(value(0))])
    #expect(fixture.core.metrics.spilledBytes == 0)
  }

  @Test func `a spilled result is served from its file`() {
    var fixture = limited()
    fixture.hold(1, bytes: 700)
    _ = fixture.handle(spilled(0))
    #expect(
      fixture.handle(.dataRequested(requester(1), .get(request: 1, named(1)))) == [
        .sendData(
          requester(1), request: 1, [ServedValue(task: handle(1), value: value(0), type: "T", isFromFile: true)],
          missing: [])
      ])
    #expect(fixture.hear(.release([handle(1)])) == [])
    #expect(fixture.handle(.dataSent(requester(1), request: 1)) == [.drop(value(0))])
  }

  @Test func `a file that turns out to be damaged is not sent on`() {
    var fixture = limited()
    fixture.hold(1, bytes: 700)
    _ = fixture.handle(spilled(0))
    _ = fixture.handle(.dataRequested(requester(1), .get(request: 1, named(1))))
    #expect(fixture.hear(.compute([task(2, inputs: [input(1)])])) == [.load(value(0))])
    let actions = fixture.handle(.loadEnded(value(0), .failed(reason: "checksum")))
    #expect(actions.dropFirst().prefix(2) == [.stopSending(requester(1), request: 1), .drop(value(0))])
    _ = fixture.handle(.dataSent(requester(1), request: 1))
  }

  @Test func `a full disk keeps the data in memory, is told once, and is not tried again for a while`() {
    var fixture = limited()
    fixture.hold(1, bytes: 700)
    let failed = WorkerEvent.spillEnded(value(0), .failed(reason: "no space left"), bytesOnDisk: 0)
    let actions = fixture.handle(failed)
    #expect(actions.count == 1 && actions[0].isLog)
    #expect(fixture.core.metrics.resultBytes == 700)
    #expect(fixture.wait(20 * second) == [])
    #expect(fixture.wait(20 * second) == [.spill(value(0))])
    #expect(fixture.handle(failed) == [])
    #expect(fixture.wait(40 * second) == [.spill(value(0))])
    #expect(fixture.handle(spilled(0)) == [.unload(value(0))])
  }

  @Test func `no more is written than the quota of the disk`() {
    var fixture = limited { $0.diskLimit = 300 }
    fixture.hold(1, bytes: 350)
    fixture.hold(2, bytes: 350)
    #expect(fixture.core.metrics.spilledBytes == 0 && fixture.core.spillingCount == 0)
    #expect(fixture.core.hasComplainedOfDisk)
  }

  @Test func `a result that is released while it is written is dropped when that has ended`() {
    var fixture = limited()
    fixture.hold(1, bytes: 700)
    #expect(fixture.hear(.release([handle(1)])) == [])
    #expect(fixture.handle(spilled(0)) == [.drop(value(0))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a result that is used while it is written stays in memory`() {
    var fixture = limited()
    fixture.hold(1, bytes: 700)
    _ = fixture.hear(.compute([task(2, inputs: [input(1)])]))
    #expect(fixture.handle(spilled(0)) == [])
    #expect(fixture.core.metrics.resultBytes == 700 && fixture.core.metrics.spilledBytes == 50)
  }

  @Test func `a damaged file is a lost result: the scheduler is told, and asked for another copy`() {
    var fixture = limited()
    fixture.hold(1, bytes: 700)
    _ = fixture.handle(spilled(0))
    _ = fixture.hear(.compute([task(2, inputs: [input(1)])]))
    let actions = fixture.handle(.loadEnded(value(0), .failed(reason: "checksum"))).filter { !$0.isLog }
    #expect(
      actions == [
        .drop(value(0)), .tellScheduler(.dropped([handle(1)])),
        .tellScheduler(.missing(handle(1), from: worker(9), run: RunID(rawValue: 0))),
      ])
    _ = fixture.hear(.holders(handle(1), [peer(4)], run: RunID(rawValue: 0)))
    #expect(!fixture.handle(.peerConnected(worker(4))).isEmpty)
  }

  @Test func `above the pause threshold nothing is begun but one task, and the scheduler is told; below it goes on`() {
    var fixture = limited { settings in
      settings.threads = 4
      settings.leastSpillBytes = 1 << 20
    }
    fixture.hold(1, bytes: 500)
    fixture.hold(2, bytes: 350)
    #expect(fixture.core.isPaused)
    let tasks = (3...5).map { task($0) }
    #expect(fixture.hear(.compute(tasks)) == [.run(execution(0), tasks[0], inputs: [])])
    _ = fixture.hear(.release([handle(2)]))
    #expect(!fixture.core.isPaused)
    #expect(fixture.core.metrics.executing == 3)
    // A little below the threshold is not enough to go on: else it would be told again and again.
    fixture.hold(6, bytes: 310)
    _ = fixture.handle(.memory(residentBytes: 790))
    #expect(fixture.core.isPaused)
    #expect(fixture.handle(.memory(residentBytes: 0)).isEmpty)
  }

  @Test func `the process counts too: it pauses, and results are spilled by what it takes too much`() {
    var fixture = limited()
    for number in 0..<5 as Range<UInt32> { fixture.hold(number, bytes: 50) }
    let actions = fixture.handle(.memory(residentBytes: 850)).filter { !$0.isLog }
    #expect(actions == [.tellScheduler(.paused(true)), .spill(value(0)), .spill(value(1))])
    _ = fixture.handle(spilled(0))
    _ = fixture.handle(spilled(1))
    #expect(fixture.handle(spilled(2)) == [.unload(value(2))])
    #expect(fixture.core.metrics.resultBytes == 100)
    #expect(fixture.handle(.memory(residentBytes: 600)).filter { !$0.isLog } == [.tellScheduler(.paused(false))])
  }

  @Test func `inputs that have no room are not asked for, unless nothing else can go on`() {
    var fixture = limited { $0.leastSpillBytes = 1 << 20 }
    fixture.hold(1, bytes: 700)
    let tasks = [task(2), task(3, inputs: [input(8, bytes: 200, from: [1])])]
    _ = fixture.hear(.compute(tasks))
    #expect(fixture.handle(.peerConnected(worker(1))) == [])
    let actions = fixture.handle(.taskFailed(execution(0), failure(2)))
    #expect(
      actions.contains(.askPeer(worker(1), .get(request: 1, [NamedTask(task: handle(8), digest: digest(8))]))))
    let came = fixture.handle(
      .peerSaid(worker(1), .data(request: 1, task: handle(8), type: "T", byteCount: 200)))
    #expect(came.contains { if case .run = $0 { true } else { false } })
    #expect(fixture.core.isPaused)
  }

  @Test func `two inputs that have no room together are read back all the same, and are not spilled in between`() {
    var fixture = limited()
    fixture.hold(1, bytes: 620)
    _ = fixture.handle(spilled(0))
    fixture.hold(2, bytes: 620)
    _ = fixture.handle(spilled(1))
    #expect(fixture.core.metrics.resultBytes == 0)
    let both = task(3, inputs: [input(1), input(2)])
    #expect(fixture.hear(.compute([both])) == [.load(value(0)), .load(value(1))])
    _ = fixture.handle(.loadEnded(value(0), .done))
    let actions = fixture.handle(.loadEnded(value(1), .done))
    #expect(actions.contains(.run(execution(0), both, inputs: [value(0), value(1)])))
    #expect(!actions.contains { if case .unload = $0 { true } else { false } })
  }

  @Test func `small results are not written`() {
    var fixture = limited { $0.leastSpillBytes = 100 }
    for number in 0..<9 as Range<UInt32> { fixture.hold(number, bytes: 80) }
    #expect(fixture.core.spillingCount == 0)
  }
}
