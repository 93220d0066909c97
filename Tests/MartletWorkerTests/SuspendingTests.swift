import MartletProtocol
import Testing

@testable import MartletWorker

@Suite struct SuspendingTests {
  private func end(_ number: UInt32) -> WorkerEvent {
    .taskEnded(execution(number), nanoseconds: 1, byteCount: 10, type: "T", inline: nil)
  }

  private func suspended(_ number: UInt32, holdsThread: Bool = false) -> WorkerEvent {
    .taskSuspended(execution(number), holdsThread: holdsThread)
  }

  private func awake(_ number: UInt32) -> WorkerEvent { .taskAwake(execution(number)) }

  private func run(_ number: UInt32, run: UInt32 = 1) -> TaskRun {
    TaskRun(task: handle(number), run: RunID(rawValue: run))
  }

  @Test func `a body that waits gives its thread to others, and gets one back before anything is begun`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1), task(2), task(3)]))
    #expect(
      fixture.handle(suspended(0)) == [
        .run(execution(1), task(2), inputs: []), .tellScheduler(.suspended([run(1)])),
      ])
    #expect(fixture.handle(suspended(0)) == [])
    // Its thread's room is taken: it waits for it.
    #expect(fixture.handle(awake(0)) == [])
    #expect(fixture.handle(awake(0)) == [])
    #expect(
      fixture.handle(end(1)) == [
        .hold(execution(1), value(1)), .resume(execution(0)), .tellScheduler(.resumed([run(1)])), finished(2),
      ])
    #expect(fixture.handle(end(0)).contains(.run(execution(0), task(3), inputs: [])))
  }

  @Test func `of several bodies that could go on the most urgent one does`() {
    var fixture = WorkerFixture { $0.threads = 1 }
    _ = fixture.hear(.compute([task(1), task(2), task(3), task(4)]))
    for number in 0..<3 as Range<UInt32> { _ = fixture.handle(suspended(number)) }
    for number in [2, 0, 1] as [UInt32] { #expect(fixture.handle(awake(number)) == []) }
    #expect(fixture.handle(end(3)).contains(.resume(execution(0))))
    #expect(fixture.handle(end(0)).contains(.resume(execution(1))))
    #expect(fixture.handle(end(1)).contains(.resume(execution(2))))
  }

  @Test func `a short wait is not told`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1)]))
    #expect(fixture.handle(suspended(0), isFlushed: false) == [])
    #expect(fixture.handle(awake(0)) == [.resume(execution(0))])
  }

  @Test func `nothing is begun ahead while a body waits for its thread`() {
    var fixture = WorkerFixture()
    fixture.core.ahead = 1
    _ = fixture.hear(.compute([task(1), task(2), task(3)]))
    #expect(fixture.handle(suspended(0)).first == .run(execution(2), task(3), inputs: []))
    _ = fixture.hear(.compute([task(4)]))
    #expect(fixture.handle(awake(0)) == [])
    #expect(fixture.handle(end(1)) == [.hold(execution(1), value(1)), finished(2)])
    #expect(fixture.handle(end(2)).contains(.resume(execution(0))))
  }

  @Test func `with as many bodies suspended as there may be, only one computes at a time`() {
    for holdsThread in [false, true] {
      var fixture = WorkerFixture {
        $0.threads = 2
        if holdsThread { $0.sleepingThreads = 1 } else { $0.suspendedTasks = 1 }
      }
      _ = fixture.hear(.compute([task(1), task(2), task(3), task(4)]))
      #expect(
        fixture.handle(suspended(0, holdsThread: holdsThread)) == [.tellScheduler(.suspended([run(1)]))])
      #expect(fixture.handle(end(1)).contains(.run(execution(1), task(3), inputs: [])))
      #expect(fixture.handle(awake(0)).first == .resume(execution(0)))
      #expect(fixture.handle(end(1)).contains(.run(execution(1), task(4), inputs: [])))
    }
  }

  @Test func `a blocking body that waits makes room for another blocking one`() {
    var fixture = WorkerFixture { $0.blockingTasks = 1 }
    let tasks = [task(1, isBlocking: true), task(2, isBlocking: true)]
    _ = fixture.hear(.compute(tasks))
    #expect(fixture.handle(suspended(0, holdsThread: true)).first == .run(execution(1), tasks[1], inputs: []))
    #expect(fixture.handle(awake(0)) == [])
    #expect(fixture.handle(end(1)).contains(.resume(execution(0))))
  }

  @Test func `a suspended task is not given back, keeps its inputs, and can be cancelled`() {
    var fixture = WorkerFixture()
    fixture.hold(1, bytes: 10)
    _ = fixture.hear(.compute([task(2, inputs: [input(1)])]))
    _ = fixture.handle(suspended(0))
    #expect(
      fixture.hear(.steal(handle(2), RunID(rawValue: 1))) == [
        .tellScheduler(.stealAnswer(handle(2), RunID(rawValue: 1), gave: false))
      ])
    #expect(fixture.hear(.release([handle(1)])) == [])
    #expect(fixture.hear(.cancel([run(2)])) == [.cancelRunning(execution(0))])
    // The body hears of it, goes on, and ends; nobody is told of it.
    #expect(fixture.handle(awake(0)) == [.resume(execution(0))])
    #expect(fixture.handle(.taskFailed(execution(0), failure(2))) == [.drop(value(0))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `the time of a suspended task runs`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1, timeout: 1000)]))
    _ = fixture.handle(suspended(0))
    #expect(fixture.wait(2000).first == .cancelRunning(execution(0)))
    _ = fixture.handle(awake(0))
    _ = fixture.handle(.taskFailed(execution(0), failure(1)))
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a newer run of a suspended task is told to wait as well`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1)]))
    _ = fixture.handle(suspended(0))
    #expect(fixture.hear(.compute([task(1)])) == [])
    #expect(fixture.hear(.compute([task(1, run: 2)])) == [.tellScheduler(.suspended([run(1, run: 2)]))])
    _ = fixture.handle(awake(0))
    #expect(fixture.handle(end(0)).last == finished(1, run: 2))
  }

  @Test func `a body that waits outlives the session, and the next scheduler hears that it waits`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1)]))
    _ = fixture.handle(suspended(0))
    _ = fixture.handle(.schedulerLost)
    fixture.connect(epoch: 2)
    #expect(fixture.hear(.compute([task(1, run: 7)])) == [.tellScheduler(.suspended([run(1, run: 7)]))])
    #expect(fixture.handle(awake(0)) == [.resume(execution(0)), .tellScheduler(.resumed([run(1, run: 7)]))])
    #expect(fixture.handle(end(0)).last == finished(1, run: 7))
  }

  @Test func `a paused worker whose bodies all wait takes work, and begins one at a time`() {
    var fixture = WorkerFixture {
      $0.threads = 2
      $0.memoryLimit = 1000
    }
    _ = fixture.hear(.compute([task(1)]))
    #expect(fixture.handle(.memory(residentBytes: 900)).contains(.tellScheduler(.paused(true))))
    #expect(
      fixture.handle(suspended(0)) == [.tellScheduler(.suspended([run(1)])), .tellScheduler(.paused(false))])
    let actions = fixture.hear(.compute([task(2), task(3)]))
    #expect(actions.contains(.run(execution(1), task(2), inputs: [])))
    #expect(!actions.contains(.run(execution(2), task(3), inputs: [])))
  }
}
