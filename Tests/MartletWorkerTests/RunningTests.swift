import MartletProtocol
import Testing

@testable import MartletWorker

@Suite struct RunningTests {
  func end(_ number: UInt32, bytes: Int64 = 10, inline: [UInt8]? = nil) -> WorkerEvent {
    .taskEnded(execution(number), nanoseconds: 1, byteCount: bytes, type: "T", inline: inline)
  }

  @Test func `a task without inputs is run at once, its result is held and told until the scheduler releases it`() {
    var fixture = WorkerFixture()
    #expect(fixture.hear(.compute([task(1)])) == [.run(execution(0), task(1), inputs: [])])
    #expect(fixture.handle(end(0, inline: [7])) == [.hold(execution(0), value(0)), finished(1, inline: [7])])
    #expect(fixture.core.metrics.resultBytes == 10)
    #expect(fixture.hear(.release([handle(1)])) == [.drop(value(0))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `what happened between two flushes is told by one message`() {
    var fixture = WorkerFixture { $0.threads = 2 }
    _ = fixture.hear(.compute([task(1), task(2)]))
    _ = fixture.handle(end(0), isFlushed: false)
    let actions = fixture.handle(end(1))
    guard case .tellScheduler(.finished(let ends))? = actions.last else { return #expect(Bool(false), "\(actions)") }
    #expect(ends.map(\.task) == [handle(1), handle(2)])
  }

  @Test func `a result larger than the limit is not sent inline`() {
    var fixture = WorkerFixture { $0.inlineBytes = 2 }
    _ = fixture.hear(.compute([task(1)]))
    #expect(fixture.handle(end(0, inline: [1, 2, 3])).last == finished(1))
  }

  @Test func `as many bodies run as there are threads, by priority`() {
    var fixture = WorkerFixture { $0.threads = 2 }
    let started = fixture.hear(.compute([task(3), task(4), task(1), task(2)]))
    #expect(started == [.run(execution(0), task(1), inputs: []), .run(execution(1), task(2), inputs: [])])
    #expect(fixture.core.metrics.ready == 2)
    #expect(fixture.handle(end(1)).contains(.run(execution(1), task(3), inputs: [])))
  }

  @Test func `short bodies are begun ahead of a free thread, but for those whose time runs`() {
    var fixture = WorkerFixture()
    fixture.core.ahead = 2
    let limited = task(3, timeout: 1_000_000)
    let started = fixture.hear(.compute([task(1), task(2), limited, task(4)]))
    #expect(started == [.run(execution(0), task(1), inputs: []), .run(execution(1), task(2), inputs: [])])
    _ = fixture.handle(end(0))
    #expect(fixture.handle(end(1)).contains(.run(execution(1), limited, inputs: [])))
  }

  @Test func `a body that was begun ahead in vain is given back, and its inputs are free again`() {
    var fixture = WorkerFixture()
    fixture.core.ahead = 1
    _ = fixture.hear(.compute([task(1), task(2, inputs: [input(9, inline: [1])])]))
    let actions = fixture.handle(.taskReturned(execution(1)))
    #expect(actions.contains(.tellScheduler(.stealAnswer(handle(2), RunID(rawValue: 1), gave: true))))
    #expect(actions.contains(.drop(value(2))))
    #expect(fixture.handle(.taskReturned(execution(1))) == [])
    // One that was cancelled meanwhile is nobody's.
    _ = fixture.hear(.compute([task(3)]))
    _ = fixture.hear(.cancel([TaskRun(task: handle(3), run: RunID(rawValue: 1))]))
    #expect(fixture.handle(.taskReturned(execution(1))) == [])
    _ = fixture.handle(end(0))
    _ = fixture.hear(.release([handle(1)]))
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `blocking tasks take no thread of the others, and have a bound of their own`() {
    var fixture = WorkerFixture { $0.blockingTasks = 2 }
    let blocking = (1...3).map { task($0, isBlocking: true) }
    let started = fixture.hear(.compute(blocking + [task(9)]))
    #expect(
      started == [
        .run(execution(0), task(9), inputs: []), .run(execution(1), blocking[0], inputs: []),
        .run(execution(2), blocking[1], inputs: []),
      ])
    #expect(fixture.handle(end(1)).contains(.run(execution(1), blocking[2], inputs: [])))
  }

  @Test func `a failure is told once, and nothing of the task is left`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1)]))
    #expect(
      fixture.handle(.taskFailed(execution(0), failure(1))) == [
        .tellScheduler(.failed(handle(1), RunID(rawValue: 1), failure(1)))
      ])
    #expect(fixture.handle(.taskFailed(execution(0), failure(1))) == [])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a task that takes too long fails, and its late answer is dropped`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1, timeout: 1000)]))
    #expect(fixture.wait(900) == [])
    let actions = fixture.wait(200)
    #expect(actions.first == .cancelRunning(execution(0)))
    guard case .tellScheduler(.failed(handle(1), RunID(rawValue: 1), let record))? = actions.last else {
      return #expect(Bool(false), "\(actions)")
    }
    #expect(record.kind == .timedOut && record.label == "t1")
    #expect(fixture.handle(end(0)) == [.discard(execution(0))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a timeout at the end of time is none`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1, timeout: .max)]))
    #expect(fixture.wait(1 << 60) == [])
  }

  @Test func `a cancelled task that has not begun is forgotten, with its inputs`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1), task(2, inputs: [input(5, from: [3])])]))
    #expect(fixture.hear(.cancel([TaskRun(task: handle(2), run: RunID(rawValue: 1))])) == [])
    _ = fixture.handle(end(0))
    _ = fixture.hear(.release([handle(1)]))
    _ = fixture.handle(.peerLost(worker(3)))
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a cancelled task that runs goes on, is told so, and its answer is dropped`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1), task(2)]))
    let run = TaskRun(task: handle(1), run: RunID(rawValue: 1))
    #expect(fixture.hear(.cancel([run])) == [.cancelRunning(execution(0))])
    #expect(fixture.hear(.cancel([run])) == [])
    #expect(fixture.handle(end(0)) == [.discard(execution(0)), .run(execution(0), task(2), inputs: [])])
  }

  @Test func `a run that was cancelled and is assigned again runs beside its old body`() {
    var fixture = WorkerFixture { $0.threads = 2 }
    _ = fixture.hear(.compute([task(1)]))
    _ = fixture.hear(.cancel([TaskRun(task: handle(1), run: RunID(rawValue: 1))]))
    let again = task(1, run: 2)
    #expect(fixture.hear(.compute([again])) == [.run(execution(1), again, inputs: [])])
    #expect(fixture.handle(end(0)) == [.discard(execution(0))])
    #expect(fixture.handle(end(1)) == [.hold(execution(1), value(0)), finished(1, run: 2)])
  }

  @Test func `a cancellation or a steal of another run changes nothing`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1), task(2, run: 5)]))
    #expect(fixture.hear(.cancel([TaskRun(task: handle(2), run: RunID(rawValue: 4))])) == [])
    #expect(
      fixture.hear(.steal(handle(2), RunID(rawValue: 4))) == [
        .tellScheduler(.stealAnswer(handle(2), RunID(rawValue: 4), gave: false))
      ])
    #expect(fixture.handle(end(0)).contains(.run(execution(0), task(2, run: 5), inputs: [])))
  }

  @Test func `a task is given back if and only if it has not begun`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1), task(2)]))
    func answer(_ number: UInt32, _ gave: Bool) -> [WorkerAction] {
      [.tellScheduler(.stealAnswer(handle(number), RunID(rawValue: 1), gave: gave))]
    }
    #expect(fixture.hear(.steal(handle(1), RunID(rawValue: 1))) == answer(1, false))
    #expect(fixture.hear(.steal(handle(2), RunID(rawValue: 1))) == answer(2, true))
    #expect(fixture.hear(.steal(handle(2), RunID(rawValue: 1))) == answer(2, false))
    #expect(fixture.hear(.steal(handle(77), RunID(rawValue: 1))) == answer(77, false))
    #expect(fixture.handle(end(0)) == [.hold(execution(0), value(0)), finished(1)])
  }

  @Test func `a repeated assignment is run once, a newer one is the one that counts`() {
    var fixture = WorkerFixture()
    _ = fixture.hear(.compute([task(1), task(2), task(2), task(2, run: 3), task(2, run: 2)]))
    let actions = fixture.handle(end(0))
    #expect(actions == [.hold(execution(0), value(0)), .run(execution(0), task(2, run: 3), inputs: []), finished(1)])
    // The newer run takes over the body that runs.
    #expect(fixture.hear(.compute([task(2, run: 4)])) == [])
    #expect(fixture.handle(end(0)).last == finished(2, run: 4))
  }

  @Test func `an assignment whose result is held is answered at once`() {
    var fixture = WorkerFixture()
    fixture.hold(1, bytes: 10)
    #expect(fixture.hear(.compute([task(1, run: 2)])) == [finished(1, run: 2, took: 0)])
  }

  @Test func `inputs in memory are given in the order of the arguments, also twice`() {
    var fixture = WorkerFixture()
    fixture.hold(1, bytes: 10)
    fixture.hold(2, bytes: 10)
    let both = task(3, inputs: [input(2), input(1), input(2)])
    #expect(fixture.hear(.compute([both])) == [.run(execution(0), both, inputs: [value(1), value(0), value(1)])])
  }

  @Test func `a result that is released while a body uses it is dropped when the body has ended`() {
    var fixture = WorkerFixture()
    fixture.hold(1, bytes: 10)
    _ = fixture.hear(.compute([task(2, inputs: [input(1)])]))
    #expect(fixture.hear(.release([handle(1)])) == [])
    #expect(fixture.handle(end(0)) == [.drop(value(0)), .hold(execution(0), value(1)), finished(2)])
  }

  @Test func `a small input comes with the task, and goes with the last task that needs it`() {
    var fixture = WorkerFixture()
    let tasks = [task(2, inputs: [input(1, inline: [5])]), task(3, inputs: [input(1, inline: [5])])]
    #expect(
      fixture.hear(.compute(tasks)) == [
        .decode(value(1), type: "T", bytes: [5]), .run(execution(0), tasks[0], inputs: [value(1)]),
      ])
    _ = fixture.handle(end(0))
    #expect(fixture.handle(end(0)) == [.drop(value(1)), .hold(execution(0), value(2)), finished(3)])
  }

  @Test func `a task whose handle or input has two keys fails, and others do not`() {
    var fixture = WorkerFixture()
    fixture.hold(1, bytes: 10)
    let wrong = task(1, key: 50, run: 2)
    var crookedInput = input(1)
    crookedInput.digest = digest(51)
    let crooked = task(4, inputs: [input(6, from: [1]), crookedInput])
    let actions = fixture.hear(.compute([wrong, crooked, task(5)]))
    let failed = actions.compactMap { action -> TaskHandle? in
      if case .tellScheduler(.failed(let task, _, let record)) = action, record.kind == .undecodable {
        task
      } else {
        nil
      }
    }
    #expect(failed == [handle(1), handle(4)])
    #expect(actions.last == .run(execution(0), task(5), inputs: []))
    _ = fixture.handle(end(0))
    #expect(fixture.hear(.release([handle(1), handle(5)])) == [.drop(value(0)), .drop(value(1))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `messages about unknown tasks do nothing`() {
    var fixture = WorkerFixture()
    #expect(fixture.hear(.release([handle(8), handle(8)])) == [])
    #expect(fixture.hear(.cancel([TaskRun(task: handle(8), run: RunID(rawValue: 1))])) == [])
    #expect(fixture.hear(.holders(handle(8), [peer(1)], run: RunID(rawValue: 0))) == [])
    #expect(fixture.hear(.peerLost(worker(8))) == [])
    #expect(fixture.handle(end(33)) == [])
    #expect(fixture.handle(.taskSuspended(execution(33), holdsThread: true)) == [])
    #expect(fixture.handle(.spillEnded(value(33), .done, bytesOnDisk: 1)) == [])
    #expect(fixture.handle(.loadEnded(value(33), .done)) == [])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a task that needs itself never runs, and goes when it is cancelled`() {
    var fixture = WorkerFixture()
    #expect(fixture.hear(.compute([task(1, inputs: [input(1)])])) == [])
    _ = fixture.hear(.cancel([TaskRun(task: handle(1), run: RunID(rawValue: 1))]))
    #expect(fixture.core.leftover() == nil)
  }
}
