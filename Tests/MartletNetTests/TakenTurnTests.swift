import Glibc
import MartletSystem
import Synchronization
import TestSupport
import Testing

@testable import MartletNet

extension NetworkTests {
  /// Turns that other threads take in the loop's place.
  @Suite struct TakenTurnTests {
    @Test func `who takes a turn is on the loop, and what it asks for is done by the end of the turn`() throws {
      let loop = try EventLoop(name: "test")
      defer { loop.end() }
      let ended = Shared(0)
      let turnEnd = TurnEnd(loop: loop) { ended.with { $0 += 1 } }
      #expect(!loop.isOnLoop)
      // The loop may just be in its first turn.
      #expect(eventually { loop.takeTurn { turnEnd.request() } })
      #expect(ended.now == 1)
      #expect(!loop.isOnLoop)
      let wasOnLoop = Shared(false)
      #expect(eventually { loop.takeTurn { wasOnLoop.with { $0 = loop.isOnLoop } } })
      #expect(wasOnLoop.now)
    }

    @Test func `nobody takes a turn while the loop is in one`() throws {
      let loop = try EventLoop(name: "test")
      defer { loop.end() }
      let isInside = Shared(false)
      let mayGoOn = Shared(false)
      loop.execute {
        isInside.with { $0 = true }
        while !mayGoOn.now { sched_yield() }
      }
      while !isInside.now { sched_yield() }
      #expect(!loop.takeTurn { Issue.record("a turn in the middle of another one") })
      mayGoOn.with { $0 = true }
      #expect(eventually { loop.takeTurn {} })
    }

    @Test func `a timer that is armed in a taken turn wakes the sleeping loop in time`() throws {
      var settings = LoopSettings()
      settings.pollLimit = .zero
      let loop = try EventLoop(name: "test", settings: settings)
      defer { loop.end() }
      let fired = Shared<[String]>([])
      _ = loop.sync { loop.schedule(after: .seconds(3600)) { fired.with { $0.append("late") } } }
      let turn = { loop.takeTurn { loop.schedule(after: .milliseconds(5)) { fired.with { $0.append("soon") } } } }
      #expect(eventually { turn() })
      #expect(eventually { fired.now == ["soon"] })
    }

    @Test func `what four rounds at the end of a taken turn do not end, the loop goes on with`() throws {
      let loop = try EventLoop(name: "test")
      defer { loop.end() }
      final class Rounds: Sendable {
        let count = Atomic<Int>(0)
        let end = Mutex<TurnEnd?>(nil)
      }
      let rounds = Rounds()
      let turnEnd = TurnEnd(loop: loop) {
        if rounds.count.wrappingAdd(1, ordering: .relaxed).newValue < 100 { rounds.end.withLock { $0 }?.request() }
      }
      rounds.end.withLock { $0 = turnEnd }
      #expect(eventually { loop.takeTurn { turnEnd.request() } })
      #expect(eventually { rounds.count.load(ordering: .relaxed) == 100 })
      rounds.end.withLock { $0 = nil }
    }

    @Test func `a loop that was shut down gives no turns`() throws {
      let loop = try EventLoop(name: "test")
      loop.shutdown()
      loop.waitUntilStopped()
      #expect(!loop.takeTurn { Issue.record("a turn of a loop that has ended") })
      LoopSignal(loop: loop) { Issue.record("a call of a loop that has ended") }.callOrNotify()
    }

    @Test(arguments: [Duration.zero, .microseconds(50)])
    func `turns never overlap, whoever takes them, and no call is lost`(poll: Duration) throws {
      var settings = LoopSettings()
      settings.pollLimit = poll
      let loop = try EventLoop(name: "test", settings: settings)
      defer { loop.end() }
      let watch = TurnWatch()
      let (put, seen) = (Count(), Count())
      let signal = LoopSignal(loop: loop) { watch.turn(of: loop) { seen.value = put.value } }
      for thread in 0..<4 {
        _ = startNetThread("notifier") {
          for number in 0..<3000 {
            put.add(1)
            if thread == 0, number % 3 == 0 { signal.notify() } else { signal.callOrNotify() }
            if number % 64 == 0 { sched_yield() }
          }
        }
      }
      #expect(eventually { seen.value == 12_000 })
      #expect(watch.overlaps.value == 0)
    }
  }
}
