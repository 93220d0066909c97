import MartletBytes
import MartletProtocol
import Testing

@testable import MartletClient

/// A session and its schedulers, one after the other. Every action is expected.
@Suite struct ClientSessionTests: SessionSuite {
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

  /// A session whose future `one` has its value here, at another scheduler that knows nothing.
  private func heldElsewhere(_ change: (inout ClientSettings) -> Void = { _ in }) -> Fixture {
    var fixture = accepted(change)
    let result = FinishedResult(task: Self.task, type: "T", byteCount: 1, inline: [7], holders: [])
    #expect(fixture.feed(.schedulerSaid(.finished([result]))).contains(.value(Self.one, type: "T", .bytes([7]))))
    _ = fixture.feed(.schedulerLost(reason: "gone"))
    #expect(fixture.feed(.schedulerConnected(epoch: 2)) == [.tellScheduler(.want(request: 2, [Self.digest(1)]))])
    // What is here is not computed again for its own sake.
    #expect(fixture.feed(.schedulerSaid(.named(request: 2, tasks: []))) == [])
    return fixture
  }

  @Test func `a request that names a value which another scheduler does not know submits it again`() {
    var fixture = heldElsewhere()
    let publish = RequestID(rawValue: 5)
    let actions =
      fixture.feed(.request(publish, .publish(name: "n", [Self.one], overwrites: true))) + fixture.feed(.tick)
    #expect(
      actions.filter { if case .tellScheduler = $0 { true } else { false } }
        == [.tellScheduler(.submit(Self.piece([1], graph: 3)))])
    #expect(
      fixture.feed(.schedulerSaid(.accepted(graph: 3, wanted: [Self.other]))) == [
        .tellScheduler(.publish(request: 4, name: "n", tasks: [Self.other], overwrites: true))
      ])
    #expect(fixture.feed(.schedulerSaid(.answer(request: 4, text: ""))) == [.answered(publish, .text(""))])
    _ = fixture.feed(.release(Self.one))
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a request that names a value which nobody can give another scheduler is denied`() {
    // The graph of `one` has to make room for a later one.
    var fixture = heldElsewhere { $0.graphBudgetBytes = 3_000 }
    let large = Self.piece([2], argumentBytes: 2_800)
    #expect(fixture.feed(.submit(second, large)).first == .submitted(second, [Self.two]))
    let request = RequestID(rawValue: 5)
    let reason = "the scheduler does not know \(Self.digest(1)) any more, and its graph is no longer kept here"
    #expect(fixture.feed(.request(request, .whoHas([Self.one]))) == [.answered(request, .denied(reason))])
    _ = fixture.feed(.release(Self.one), .release(Self.two))
    _ = fixture.feed(.schedulerSaid(.accepted(graph: 3, wanted: [Self.other])))
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `data that was the input of a refused graph, and that another scheduler does not know, fails`() {
    var fixture = Fixture()
    let value = ScatteredValue(
      digest: Self.digest(1), label: "d", type: "T", byteCount: 9_000, holders: [], bytes: nil)
    let place = PeerRef(worker: WorkerID(rawValue: 4), address: "a:1")
    _ = fixture.feed(.scatter(first, [value], at: place))
    _ = fixture.feed(.workerConnected("a:1"), .workerSaid("a:1", .done(request: 1)))
    _ = fixture.feed(.schedulerSaid(.named(request: 2, tasks: [Self.named(1, Self.task)])))
    #expect(
      fixture.feed(.submit(second, Self.piece([2], needs: [1]))) == [
        .submitted(second, [Self.two]), .tellScheduler(.submit(Self.piece([2], needs: [1], graph: 3))),
      ])
    _ = fixture.feed(.schedulerLost(reason: "gone"))
    // The graph is not answered, so its own future is not asked for, the data is.
    #expect(fixture.feed(.schedulerConnected(epoch: 2)) == [.tellScheduler(.want(request: 4, [Self.digest(1)]))])
    #expect(
      fixture.feed(.schedulerSaid(.named(request: 4, tasks: []))) == [
        .tellScheduler(.submit(Self.piece([2], needs: [1], graph: 5)))
      ])
    let failure = FailureRecord(.lost, key: Self.digest(1), label: "", message: "not known here")
    let actions = fixture.feed(.schedulerSaid(.refused(graph: 5, failure)))
    var failures: [FutureID: FailureRecord] = [:]
    for case .failed(let future, let failure) in actions { failures[future] = failure }
    #expect(failures[Self.two] == failure)
    #expect(failures[Self.one]?.message.contains("the scheduler does not know it any more") == true, "\(actions)")
    _ = fixture.feed(.release(Self.one), .release(Self.two))
    #expect(fixture.core.leftover() == nil)
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

  @Test func `the end reaches all graphs, also behind those that go with their last use`() {
    var fixture = Fixture { $0.reconnectNanoseconds = 0 }
    let names = (1...4).map { SubmissionID(rawValue: UInt32($0)) }
    // The second needs what the first has begun to give; the third gives it too, and alone when the first is given up.
    _ = fixture.feed(.submit(names[0], Self.piece([1], isLast: false)))
    _ = fixture.feed(.submit(names[1], Self.piece([2], needs: [1])))
    _ = fixture.feed(.submit(names[2], Self.piece([1])))
    _ = fixture.feed(.submit(names[3], Self.piece([4])))
    _ = fixture.feed(.giveUp(names[0]))
    for (graph, task) in [(UInt32(1), Self.task), (2, Self.other), (3, Self.task)] {
      _ = fixture.feed(.schedulerSaid(.accepted(graph: graph, wanted: [task])))
    }
    _ = fixture.feed(.schedulerSaid(.accepted(graph: 4, wanted: [TaskHandle(slot: 44, generation: 0)])))
    _ = fixture.feed(.release(Self.one), .release(Self.one))
    #expect(fixture.feed(.schedulerLost(reason: "gone")).contains { if case .sessionLost = $0 { true } else { false } })
    _ = fixture.feed(.release(Self.two), .release(FutureID(slot: 2, generation: 0)))
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `the first scheduler is looked for as long as its own limit says`() {
    var fixture = Fixture(connected: false) {
      $0.reconnectNanoseconds = 0
      $0.connectNanoseconds = 1_000
    }
    _ = fixture.feed(.connect)
    let isLooking = { (actions: [ClientAction]) in
      actions.contains { if case .connectScheduler = $0 { true } else { false } }
    }
    #expect(isLooking(fixture.feed(.schedulerLost(reason: "refused"), after: 999)))
    #expect(!isLooking(fixture.feed(.schedulerLost(reason: "refused"))))
    var other = Fixture { $0.reconnectNanoseconds = 0 }
    #expect(!isLooking(other.feed(.schedulerLost(reason: "cut"))))
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
