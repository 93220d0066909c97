import MartletProtocol
import Testing

@testable import MartletWorker

@Suite struct `Small results that workers push to each other` {
  private func expected(_ number: UInt32) -> InputRef {
    InputRef(task: handle(number), digest: digest(number), byteCount: 0, holders: [], delivery: .expected)
  }

  private func pushed(_ number: UInt32, _ bytes: [UInt8] = [7]) -> PushedResult {
    PushedResult(task: handle(number), digest: digest(number), type: "T", byteCount: 10, bytes: bytes)
  }

  @Test func `a task waits for what is expected, and runs when it is pushed`() {
    var fixture = WorkerFixture()
    #expect(fixture.hear(.compute([task(2, inputs: [expected(1)])])) == [])
    // Nobody is asked for it, however long it takes.
    #expect(fixture.wait(60_000_000_000).allSatisfy { if case .tellScheduler(.heartbeat) = $0 { true } else { false } })
    let actions = fixture.handle(.dataRequested(requester(1), .push([pushed(1)])))
    guard case .decode(_, "T", [7])? = actions.first, case .run(let run, _, _, _)? = actions.dropFirst().first else {
      Issue.record("\(actions)")
      return
    }
    // That it is there is no news then.
    #expect(fixture.hear(.inputs([input(1, from: [3], inline: [7])])) == [])
    let end = fixture.handle(.taskEnded(run, nanoseconds: 1, byteCount: 10, type: "T", inline: nil))
    #expect(end.contains(finished(2)) && end.contains { if case .drop = $0 { true } else { false } })
    _ = fixture.hear(.release([handle(2)]))
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `what was not pushed comes from the scheduler, or from who has it`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(3, inputs: [expected(1), expected(2)])]))
    let first = fixture.hear(.inputs([input(1, inline: [7])]))
    #expect(first.contains { if case .decode(_, "T", [7]) = $0 { true } else { false } })
    #expect(fixture.hear(.inputs([input(2, from: [4])])) == [.connectPeer(peer(4))])
    // Late, and not needed any more.
    #expect(fixture.handle(.dataRequested(requester(1), .push([pushed(1)]))) == [])
  }

  @Test func `a push that nobody waits for, of another key or too large is ignored`() {
    var fixture = WorkerFixture { $0.inlineBytes = 4 }
    _ = fixture.hear(.compute([task(2, inputs: [expected(1)]), task(4, inputs: [input(3, from: [5])])]))
    var wrong = pushed(1)
    wrong.digest = digest(9)
    for result in [pushed(8), wrong, pushed(1, [1, 2, 3, 4, 5]), pushed(3), pushed(2)] {
      #expect(fixture.handle(.dataRequested(requester(1), .push([result]))) == [])
    }
    #expect(!fixture.handle(.dataRequested(requester(1), .push([pushed(1)]))).isEmpty)
  }

  @Test func `a result is pushed to who waits for it before the scheduler is told`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1)]))
    #expect(fixture.hear(.push([PushOrder(task: handle(1), to: peer(3))])) == [.connectPeer(peer(3))])
    // Twice changes nothing.
    #expect(fixture.hear(.push([PushOrder(task: handle(1), to: peer(3))])) == [])
    _ = fixture.handle(.peerConnected(worker(3)))
    let actions = fixture.handle(.taskEnded(execution(0), nanoseconds: 1, byteCount: 10, type: "T", inline: [7]))
    let end = TaskEnd(
      task: handle(1), run: RunID(rawValue: 1), nanoseconds: 1, byteCount: 10, type: "T", inline: [7], isPushed: true)
    #expect(actions.suffix(2) == [.askPeer(worker(3), .push([pushed(1)])), .tellScheduler(.finished([end]))])
  }

  @Test func `nothing is pushed that is large, or to who cannot be reached`() {
    var fixture = WorkerFixture { $0.threads = 2 }
    _ = fixture.hear(.compute([task(1), task(2)]))
    _ = fixture.hear(.push([PushOrder(task: handle(1), to: peer(3)), PushOrder(task: handle(2), to: peer(3))]))
    #expect(
      fixture.handle(.taskEnded(execution(0), nanoseconds: 1, byteCount: 10, type: "T", inline: [7])).last
        == finished(1, inline: [7]))
    _ = fixture.handle(.peerConnected(worker(3)))
    #expect(
      fixture.handle(.taskEnded(execution(1), nanoseconds: 1, byteCount: 10, type: "T", inline: nil)).last
        == finished(2))
  }

  @Test func `a task that is cancelled takes what it expected with it`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(2, inputs: [expected(1)])]))
    _ = fixture.hear(.cancel([TaskRun(task: handle(2), run: RunID(rawValue: 1))]))
    #expect(fixture.core.leftover() == nil)
    #expect(fixture.handle(.dataRequested(requester(1), .push([pushed(1)]))) == [])
    #expect(fixture.hear(.inputs([input(1, inline: [7])])) == [])
    #expect(fixture.core.leftover() == nil)
  }
}
