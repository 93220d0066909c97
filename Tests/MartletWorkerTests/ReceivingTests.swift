import MartletProtocol
import Testing

@testable import MartletWorker

@Suite struct ReceivingTests {
  func put(_ request: UInt32, _ numbers: UInt32..., bytes: Int64 = 100) -> WorkerEvent {
    .dataRequested(
      requester(1),
      .put(request: request, numbers.map { PutValue(digest: digest($0), type: "T", byteCount: bytes) }))
  }

  func came(_ request: UInt32, _ number: UInt32, bytes: Int64 = 100) -> WorkerEvent {
    .dataPut(requester(1), request: request, digest(number), type: "T", byteCount: bytes)
  }

  func refusal(_ actions: [WorkerAction]) -> String? {
    if case .refuseData(_, _, .rejected(let reason))? = actions.first { reason } else { nil }
  }

  @Test func `values of a client are let in, confirmed, named, and then held as results`() {
    var fixture = WorkerFixture()
    let values = [1, 2].map { PutValue(digest: digest($0), type: "T", byteCount: 100) }
    #expect(fixture.handle(put(5, 1, 2)) == [.acceptData(requester(1), request: 5, values)])
    #expect(fixture.core.metrics.incomingBytes == 200)
    #expect(fixture.core.mayReceive(requester(1), request: 5, digest(2), byteCount: 90))
    #expect(!fixture.core.mayReceive(requester(1), request: 5, digest(3), byteCount: 90))
    #expect(!fixture.core.mayReceive(requester(1), request: 5, digest(2), byteCount: 2 << 20))
    #expect(fixture.handle(came(5, 2)) == [.holdPut(requester(1), request: 5, digest(2), value(0))])
    #expect(
      fixture.handle(came(5, 1)) == [
        .holdPut(requester(1), request: 5, digest(1), value(1)), .confirmData(requester(1), request: 5),
      ])
    #expect(fixture.core.metrics.incomingBytes == 0 && fixture.core.metrics.resultBytes == 200)
    #expect(fixture.hear(.named(named(1, 2))) == [])
    #expect(fixture.hear(.compute([task(3, inputs: [input(1)])])).count == 1)
    #expect(fixture.hear(.release([handle(2)])) == [.drop(value(0))])
  }

  @Test func `what nobody names goes after a while`() {
    var fixture = WorkerFixture { $0.unnamedNanoseconds = 1000 }
    _ = fixture.handle(put(5, 1))
    _ = fixture.handle(came(5, 1))
    #expect(fixture.wait(500) == [])
    #expect(fixture.wait(600) == [.drop(value(0))])
    // The scheduler learns that its name came too late.
    #expect(fixture.hear(.named(named(1))) == [.tellScheduler(.dropped([handle(1)]))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a value for which a task waits already goes to it`() {
    var fixture = WorkerFixture()
    let waiting = task(3, inputs: [input(1)])
    _ = fixture.hear(.compute([waiting]))
    _ = fixture.handle(put(5, 1))
    _ = fixture.handle(came(5, 1))
    #expect(
      fixture.hear(.named(named(1))) == [
        .move(value(2), to: value(1)), .run(execution(0), waiting, inputs: [value(1)]),
      ])
  }

  @Test func `a value that is held already is held once`() {
    var fixture = WorkerFixture()
    fixture.hold(1, bytes: 100)
    _ = fixture.handle(put(5, 1))
    _ = fixture.handle(came(5, 1))
    #expect(fixture.hear(.named(named(1))) == [.drop(value(1))])
    #expect(fixture.core.metrics.resultBytes == 100)
  }

  @Test func `what has no room, or is too much, or comes to who retires, is rejected with the reason`() {
    var fixture = WorkerFixture { settings in
      settings.memoryLimit = 1000
      settings.unnamedValues = 2
    }
    #expect(refusal(fixture.handle(put(1, 1, bytes: 900)))?.contains("have no room") == true)
    #expect(refusal(fixture.handle(put(2, 1, 2, 3)))?.contains("not announced") == true)
    #expect(refusal(fixture.handle(put(3, 1, bytes: .max))) != nil)
    _ = fixture.handle(.retireRequested)
    #expect(refusal(fixture.handle(put(4, 1))) == "this worker takes no data now")
  }

  @Test func `room that was promised to a client that is gone, or gives up, is free again`() {
    var fixture = WorkerFixture { $0.memoryLimit = 1000 }
    _ = fixture.handle(put(1, 1, bytes: 400))
    _ = fixture.handle(put(2, 2, bytes: 400))
    #expect(refusal(fixture.handle(put(3, 3, bytes: 100))) != nil)
    #expect(fixture.handle(.dataRequested(requester(1), .abandon(request: 1))) == [])
    #expect(fixture.core.metrics.incomingBytes == 400)
    #expect(fixture.handle(.requesterLost(requester(1))) == [])
    #expect(fixture.core.metrics.incomingBytes == 0)
    #expect(fixture.handle(came(2, 2)) == [.discardPut(requester(1), request: 2, digest(2))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `an empty put is confirmed`() {
    var fixture = WorkerFixture()
    #expect(
      fixture.handle(put(1)) == [
        .acceptData(requester(1), request: 1, []), .confirmData(requester(1), request: 1),
      ])
  }
}
