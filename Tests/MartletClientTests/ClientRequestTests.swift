import MartletBytes
import MartletProtocol
import Testing

@testable import MartletClient

/// Questions, names, and what is shared with other clients. Every action is expected.
@Suite struct ClientRequestTests: SessionSuite {
  private static let taking = CoordinationRequest.take(queue: "q", timeoutNanoseconds: .max)
  private static let acquiring = CoordinationRequest.acquire(
    semaphore: "s", places: 1, of: 1, leaseNanoseconds: 9, timeoutNanoseconds: .max)

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

  @Test func `a subscription that nobody waits for any more leaves nothing, and what is wanted otherwise stays`() {
    var fixture = accepted()
    let request = RequestID(rawValue: 7)
    #expect(
      fixture.feed(.request(request, .subscribe(name: "n"))) == [.tellScheduler(.subscribe(request: 2, name: "n"))])
    #expect(fixture.feed(.abandon(request)) == [])
    #expect(
      fixture.feed(
        .schedulerSaid(.named(request: 2, tasks: [Self.named(1, Self.task), Self.named(2, Self.other)]))) == [
          .tellScheduler(.release([Self.other]))
        ])
    _ = fixture.feed(.request(request, .subscribe(name: "n")), .abandon(request))
    _ = fixture.feed(.request(request, .subscribe(name: "m")))
    #expect(fixture.feed(.abandon(request), .schedulerSaid(.denied(request: 3, reason: "there is none"))) == [])
    #expect(fixture.feed(.release(Self.one)) == [.forgotten(Self.one), .tellScheduler(.release([Self.task]))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `the scheduler is told of waits that are given up, and gets back what it gave meanwhile`() {
    let request = RequestID(rawValue: 7)
    let bytes = SharedValue.bytes(type: "T", [1])
    let putBack = CoordinationRequest.put(queue: "q", value: bytes, limit: 0, timeoutNanoseconds: .max)
    let giveBack = CoordinationRequest.giveBack(semaphore: "s", lease: 4)
    let cases: [(CoordinationRequest, CoordinationReply, CoordinationRequest?)] = [
      (Self.taking, .timedOut, nil), (Self.taking, .value(bytes), putBack), (Self.taking, .denied(reason: "no"), nil),
      (Self.acquiring, .lease(4, fence: 4), giveBack), (Self.acquiring, .timedOut, nil),
      (.wait(event: "e", timeoutNanoseconds: .max), .done, nil),
      (.read(variable: "v", timeoutNanoseconds: .max), .value(bytes), nil),
      (.put(queue: "q", value: bytes, limit: 1, timeoutNanoseconds: .max), .done, nil),
    ]
    for (operation, reply, undone) in cases {
      var fixture = Fixture()
      #expect(
        fixture.feed(.request(request, .coordinate(operation, future: nil))) == [
          .tellScheduler(.coordinate(request: 1, operation))
        ])
      #expect(fixture.feed(.abandon(request)) == [.tellScheduler(.abandon(request: 1))])
      let actions = fixture.feed(.schedulerSaid(.coordinated(request: 1, reply)))
      #expect(actions == (undone.map { [.tellScheduler(.coordinate(request: 2, $0))] } ?? []))
      if undone != nil { #expect(fixture.feed(.schedulerSaid(.coordinated(request: 2, .done))) == []) }
      #expect(fixture.core.leftover() == nil)
    }
  }

  @Test func `what is released while a name is looked up is wanted again when it is found`() {
    var fixture = accepted()
    let request = RequestID(rawValue: 7)
    _ = fixture.feed(.request(request, .subscribe(name: "n")))
    #expect(fixture.feed(.release(Self.one)) == [.forgotten(Self.one), .tellScheduler(.release([Self.task]))])
    let again = FutureID(slot: 0, generation: 1)
    #expect(
      fixture.feed(.schedulerSaid(.named(request: 2, tasks: [Self.named(1, Self.task)]))) == [
        .tellScheduler(.want(request: 3, [Self.digest(1)])), .answered(request, .futures([again])),
      ])
    // It may be gone by then.
    let actions = fixture.feed(.schedulerSaid(.named(request: 3, tasks: [])))
    #expect(actions.contains { if case .failed(again, let failure) = $0 { failure.kind == .lost } else { false } })
    _ = fixture.feed(.release(again))
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a task in a queue becomes a future of whoever takes it, and goes back when he has given up`() {
    var fixture = accepted()
    let request = RequestID(rawValue: 7)
    _ = fixture.feed(.request(request, .coordinate(Self.taking, future: nil)))
    #expect(
      fixture.feed(.schedulerSaid(.named(request: 2, tasks: [Self.named(2, Self.other)]))) == [
        .answered(request, .future(Self.two))
      ])
    #expect(fixture.core.digest(of: Self.two) == Self.digest(2))
    _ = fixture.feed(.release(Self.two))
    _ = fixture.feed(.request(request, .coordinate(Self.taking, future: nil)))
    _ = fixture.feed(.abandon(request))
    let put = CoordinationRequest.put(queue: "q", value: .task(Self.other), limit: 0, timeoutNanoseconds: .max)
    #expect(
      fixture.feed(.schedulerSaid(.named(request: 3, tasks: [Self.named(2, Self.other)]))) == [
        .tellScheduler(.coordinate(request: 4, put)), .tellScheduler(.release([Self.other])),
      ])
    _ = fixture.feed(.schedulerSaid(.coordinated(request: 4, .done)), .release(Self.one))
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `leases are renewed until they are given back, and lost with the connection`() {
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
    let lost = fixture.feed(.schedulerSaid(.coordinated(request: 2, .done)), .schedulerLost(reason: "cut"))
    #expect(lost.contains(.leaseLost(semaphore: "s", 8)))
    #expect(fixture.feed(.schedulerConnected(epoch: 1)) == [])
    #expect(fixture.feed(.tick, after: 1_001) == [])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a lease that is given back is not renewed and not lost any more`() {
    var fixture = Fixture()
    let operation = CoordinationRequest.acquire(
      semaphore: "s", places: 1, of: 1, leaseNanoseconds: 3_000, timeoutNanoseconds: 0)
    _ = fixture.feed(.request(RequestID(rawValue: 1), .coordinate(operation, future: nil)))
    _ = fixture.feed(.schedulerSaid(.coordinated(request: 1, .lease(8, fence: 2))))
    let giveBack = CoordinationRequest.giveBack(semaphore: "s", lease: 8)
    _ = fixture.feed(.request(RequestID(rawValue: 2), .coordinate(giveBack, future: nil)))
    #expect(fixture.feed(.tick, after: 1_001) == [])
    let lost = fixture.feed(.schedulerLost(reason: "cut"))
    #expect(!lost.contains { if case .leaseLost = $0 { true } else { false } })
  }
}
