import MartletProtocol
import Testing

@testable import MartletWorker

@Suite struct `A worker that starts anew` {
  @Test func `drops all that it has, asks what runs to stop, and comes back with nothing`() {
    var fixture = WorkerFixture()
    fixture.hold(1, bytes: 10)
    // One runs, one waits for its thread, one for its input.
    _ = fixture.hear(.compute([task(2), task(3), task(4, inputs: [input(5, from: [7])])]))
    let actions = fixture.hear(.restart(reason: "somebody"))
    #expect(actions.contains(.drop(value(0))) && actions.contains(.cancelRunning(execution(0))))
    #expect(actions.last == .restart(reason: "somebody"))
    // Nothing of before is heard or said, neither before nor after the connection is made again.
    #expect(fixture.hear(.compute([task(6)])) == [])
    #expect(fixture.handle(.schedulerLost) == [])
    let base = WorkerRegistration(name: "w", address: "a", host: "h", threads: 1, memoryLimit: 0, functions: [])
    #expect(fixture.core.registration(base: base).holdings == [])
    fixture.connect()
    let end = WorkerEvent.taskEnded(execution(0), nanoseconds: 1, byteCount: 10, type: "T", inline: nil)
    #expect(fixture.handle(end) == [.discard(execution(0))])
    fixture.hold(8, bytes: 5)
    _ = fixture.hear(.release([handle(8)]))
    #expect(fixture.core.leftover() == nil)
  }
}
