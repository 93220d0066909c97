import MartletBytes
import MartletProtocol
import Testing

@testable import MartletClient

@Suite struct `A session whose cluster is restarted`: SessionSuite {
  private let one = Self.one
  private let two = Self.two
  private let task = Self.task
  private let other = Self.other
  private let request = RequestID(rawValue: 5)

  private static func failures(_ actions: [ClientAction]) -> [FutureID] {
    actions.compactMap {
      if case .failed(let future, let failure) = $0, failure.kind == .restarted { future } else { nil }
    }
  }

  private func result(_ task: TaskHandle, inline: [UInt8]? = nil) -> ClientEvent {
    .schedulerSaid(
      .finished([
        FinishedResult(
          task: task, type: "T", byteCount: 5000, inline: inline, holders: inline == nil ? ["a:1"] : [])
      ]))
  }

  /// Futures 1 and 2, accepted; of 2 the value is here if wanted so.
  private func acceptedTwo(holdsTwo: Bool = false) -> Fixture {
    var fixture = Fixture()
    _ = fixture.feed(.submit(first, Self.piece([1, 2])))
    _ = fixture.feed(.schedulerSaid(.accepted(graph: 1, wanted: [task, other])))
    if holdsTwo { _ = fixture.feed(result(other, inline: [2])) }
    return fixture
  }

  @Test func `what waits and what was not fetched fails with the reason, what is here stays`() {
    var fixture = acceptedTwo(holdsTwo: true)
    _ = fixture.feed(result(task), .want(one))
    _ = fixture.feed(.request(request, .gather([one, two])))
    let actions = fixture.feed(.schedulerSaid(.restarted(by: "client 3, me")))
    #expect(actions.contains(.restarted(by: "client 3, me")))
    #expect(Self.failures(actions) == [one])
    guard
      case .answered(request, .failed(one, let failure))? = actions.first(where: {
        if case .answered = $0 { true } else { false }
      })
    else {
      Issue.record("\(actions)")
      return
    }
    #expect(failure.message.contains("restarted by client 3, me"))
    // What comes of the time before means nothing.
    #expect(fixture.feed(result(task)) == [])
    #expect(fixture.feed(.want(two)) == [])
    // The scheduler knows neither of them: there is nothing to release.
    #expect(fixture.feed(.release(one), .release(two)) == [.forgotten(one), .forgotten(two)])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `it is computed again when it is retried, submitted again, or needed`() {
    var fixture = acceptedTwo(holdsTwo: true)
    _ = fixture.feed(.schedulerSaid(.restarted(by: "x")))
    func sent(_ actions: [ClientAction]) -> [Submission] {
      actions.compactMap { if case .tellScheduler(.submit(let piece)) = $0 { piece } else { nil } }
    }
    let again = sent(fixture.feed(.retry([one])))
    #expect(again.map(\.wanted) == [[0]])
    let graph = again.first?.graph ?? 0
    _ = fixture.feed(.schedulerSaid(.accepted(graph: graph, wanted: [task])))
    _ = fixture.feed(.schedulerSaid(.restarted(by: "y")))
    let actions = fixture.feed(.submit(second, Self.piece([1])))
    #expect(actions.contains(.recomputing(one)) && sent(actions).count == 1)
    // The value of 2 is here, and the scheduler does not know it any more: its graph goes first.
    let needing = sent(fixture.feed(.submit(SubmissionID(rawValue: 3), Self.piece([3], needs: [2]))))
    #expect(needing.map { $0.tasks.map(\.digest) }.first == [1, 2].map { Self.digest($0) })
  }

  @Test func `a graph that was on its way is taken by the new cluster, or refused there`() {
    var fixture = Fixture()
    _ = fixture.feed(.submit(first, Self.piece([1])))
    _ = fixture.feed(.submit(second, Self.piece([2])))
    #expect(Self.failures(fixture.feed(.schedulerSaid(.restarted(by: "x")))) == [])
    #expect(fixture.feed(.schedulerSaid(.accepted(graph: 1, wanted: [task]))) == [])
    let failure = FailureRecord(.restarted, key: Self.digest(2), label: "", message: "m")
    let refused = fixture.feed(.schedulerSaid(.refused(graph: 2, failure)))
    #expect(Self.failures(refused) == [two])
    let actions = fixture.feed(result(task, inline: [1]))
    #expect(actions.contains(.value(one, type: "T", .bytes([1]))))
    _ = fixture.feed(.release(one), .release(two))
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a graph on its way whose input was forgotten is refused with the reason`() {
    var fixture = acceptedTwo()
    _ = fixture.feed(.submit(second, Self.piece([3], needs: [1])))
    _ = fixture.feed(.release(one), .schedulerSaid(.restarted(by: "x")))
    let lost = FailureRecord(.lost, key: Self.digest(1), label: "job", message: "it needs the task, send it along")
    let refused = fixture.feed(.schedulerSaid(.refused(graph: 2, lost)))
    let three = FutureID(slot: 2, generation: 0)
    #expect(Self.failures(refused) == [three])
    guard case .refused(second, let failure)? = refused.first else {
      Issue.record("\(refused)")
      return
    }
    #expect(failure.kind == .restarted && failure.message.contains("restarted by x"))
  }

  @Test func `a result that another graph on its way wants too is waited for`() {
    var fixture = acceptedTwo()
    _ = fixture.feed(.submit(second, Self.piece([1])))
    let actions = fixture.feed(.schedulerSaid(.restarted(by: "x")))
    #expect(Self.failures(actions) == [two])
    _ = fixture.feed(.schedulerSaid(.accepted(graph: 2, wanted: [task])))
    #expect(fixture.feed(result(task, inline: [1])).contains(.value(one, type: "T", .bytes([1]))))
  }

  @Test func `who restarts is answered with the workers that are missing`() {
    var fixture = acceptedTwo()
    #expect(
      fixture.feed(.request(request, .restart(name: "me", timeoutNanoseconds: 7))) == [
        .tellScheduler(.restart(request: 2, name: "me", timeoutNanoseconds: 7))
      ])
    #expect(Self.failures(fixture.feed(.schedulerSaid(.restarted(by: "me")))) == [one, two])
    #expect(
      fixture.feed(.schedulerSaid(.answer(request: 2, text: "w on h"))) == [.answered(request, .text("w on h"))])
    // Nobody knows whether it was carried out.
    _ = fixture.feed(.request(request, .restart(name: "me", timeoutNanoseconds: 7)))
    let lost = fixture.feed(.schedulerLost(reason: "r"))
    let isDenied = lost.contains { if case .answered(request, .denied) = $0 { true } else { false } }
    #expect(isDenied)
  }
}
