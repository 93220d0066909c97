import Glibc
import Synchronization
import TestSupport
import Testing

@testable import MartletNet

extension NetworkTests {
  @Suite struct LoopTests {
    @Test func `timers fire in the order of their deadlines, and of arming where these are equal`() throws {
      let loop = try EventLoop(name: "test")
      defer { loop.end() }
      let fired = Shared<[Int]>([])
      _ = loop.sync {
        let start = loop.now
        for (number, delay) in [30, 10, 20, 10, 0, 20].enumerated() {
          LoopTimer(loop: loop) { fired.with { $0.append(number) } }.arm(at: start + UInt64(delay) * 1_000_000)
        }
      }
      #expect(eventually { fired.now.count == 6 })
      #expect(fired.now == [4, 1, 3, 2, 5, 0])
    }

    @Test func `a timer fires once for its last order, and not when disarmed`() throws {
      let loop = try EventLoop(name: "test")
      defer { loop.end() }
      let fired = Shared<[String]>([])
      _ = loop.sync {
        let moved = LoopTimer(loop: loop) { fired.with { $0.append("moved") } }
        moved.arm(after: .milliseconds(1))
        moved.arm(after: .milliseconds(30))
        let dropped = LoopTimer(loop: loop) { fired.with { $0.append("dropped") } }
        dropped.arm(after: .milliseconds(5))
        dropped.disarm()
        dropped.disarm()
        loop.schedule(after: .milliseconds(10)) { fired.with { $0.append("first") } }
        loop.schedule(after: .milliseconds(60)) { fired.with { $0.append("last") } }
      }
      #expect(eventually { fired.now.last == "last" })
      #expect(fired.now == ["first", "moved", "last"])
    }

    @Test func `a timer that arms itself again does not keep the loop from other work`() throws {
      let loop = try EventLoop(name: "test")
      defer { loop.end() }
      let rounds = Shared(0)
      _ = loop.sync {
        @Sendable func again() {
          rounds.with { $0 += 1 }
          loop.schedule(after: .zero) { again() }
        }
        again()
      }
      for _ in 0..<20 { #expect(loop.sync { 1 } == 1) }
      #expect(eventually { rounds.now > 20 })
    }

    @Test(arguments: sampled(0..<20 as Range<UInt64>))
    func `the heap of timers gives what a sorted list gives`(seed: UInt64) throws {
      let loop = try EventLoop(name: "test")
      defer { loop.end() }
      var random = SeededGenerator(seed: seed)
      var heap = TimerHeap()
      let timers = (0..<40).map { _ in LoopTimer(loop: loop) {} }
      var model: [(deadline: UInt64, order: Int, timer: Int)] = []
      for order in 0..<600 {
        let timer = random.below(timers.count)
        model.removeAll { $0.timer == timer }
        if random.chance(60) {
          let deadline = UInt64(random.below(50))
          heap.arm(timers[timer], at: deadline)
          model.append((deadline, order, timer))
        } else if random.chance(50) {
          heap.disarm(timers[timer])
        } else {
          heap.disarm(timers[timer])
          model.sort { ($0.deadline, $0.order) < ($1.deadline, $1.order) }
          let due = heap.popDue(now: 25, sequence: heap.sequence)
          if let first = model.first, first.deadline <= 25 {
            #expect(due === timers[first.timer], "seed \(seed)")
            model.removeFirst()
          } else {
            #expect(due == nil, "seed \(seed)")
          }
        }
        #expect(heap.next == model.map(\.deadline).min() && heap.count == model.count, "seed \(seed)")
        #expect(timers.filter(\.isArmed).count == model.count)
      }
    }

    @Test(arguments: [Duration.zero, .microseconds(50)])
    func `work from many threads runs once each, in the order of its thread`(poll: Duration) throws {
      var settings = LoopSettings()
      settings.pollLimit = poll
      let loop = try EventLoop(name: "test", settings: settings)
      defer { loop.end() }
      let seen = Shared<[[Int]]>(Array(repeating: [], count: 8))
      for thread in 0..<8 {
        _ = startNetThread("submitter") {
          for number in 0..<2000 {
            loop.execute { seen.with { $0[thread].append(number) } }
            if number % 64 == 0 { sched_yield() }
          }
        }
      }
      #expect(eventually { seen.now.allSatisfy { $0.count >= 2000 } })
      #expect(seen.now.allSatisfy { $0 == Array(0..<2000) })
    }

    @Test func `a sleeping loop is woken each time`() throws {
      var settings = LoopSettings()
      settings.pollLimit = .zero
      let first = try EventLoop(name: "ping", settings: settings)
      let second = try EventLoop(name: "pong", settings: settings)
      defer {
        first.end()
        second.end()
      }
      final class Ball: Sendable {
        let rounds = Atomic<Int>(0)
        let loops: [EventLoop]
        init(_ loops: [EventLoop]) { self.loops = loops }
        @Sendable func hit() {
          let round = rounds.wrappingAdd(1, ordering: .relaxed).newValue
          if round < 5000 { loops[round % 2].execute(hit) }
        }
      }
      let ball = Ball([first, second])
      first.execute(ball.hit)
      #expect(eventually { ball.rounds.load(ordering: .relaxed) == 5000 })
    }

    @Test func `many notifications make one call, and none is lost`() throws {
      let loop = try EventLoop(name: "test")
      defer { loop.end() }
      final class Counts: Sendable {
        let put = Atomic<Int>(0)
        let seen = Atomic<Int>(0)
        let calls = Atomic<Int>(0)
      }
      let counts = Counts()
      let signal = LoopSignal(loop: loop) {
        counts.calls.wrappingAdd(1, ordering: .relaxed)
        counts.seen.store(counts.put.load(ordering: .relaxed), ordering: .relaxed)
      }
      for _ in 0..<4 {
        _ = startNetThread("notifier") {
          for _ in 0..<5000 {
            counts.put.wrappingAdd(1, ordering: .relaxed)
            signal.notify()
          }
        }
      }
      #expect(eventually { counts.seen.load(ordering: .relaxed) == 20_000 })
      #expect(counts.calls.load(ordering: .relaxed) <= 20_000)
    }

    @Test func `a loop that was shut down refuses work and has run what it accepted`() throws {
      let loop = try EventLoop(name: "test")
      let ran = Shared(0)
      var accepted = 0
      for _ in 0..<100 where loop.execute({ ran.with { $0 += 1 } }) { accepted += 1 }
      loop.shutdown()
      for _ in 0..<100 where loop.execute({ ran.with { $0 += 1 } }) { accepted += 1 }
      loop.waitUntilStopped()
      #expect(ran.now == accepted && accepted >= 100)
      #expect(!loop.execute {})
      #expect(LoopSignal(loop: loop) {}.notify() == false)
      #expect(throws: NetworkError.self) { try TCPListener(host: "127.0.0.1", port: 0, on: loop) { _ in nil } }
      #expect(throws: NetworkError.self) {
        try Connection.connect(host: "127.0.0.1", port: 1, on: loop, delegate: Recorder())
      }
      loop.shutdown()
      loop.waitUntilStopped()
    }

    @Test func `a loop that was shut down is not held by what it refused`() throws {
      weak var gone: EventLoop?
      func refuse() throws {
        let loop = try EventLoop(name: "test")
        gone = loop
        loop.shutdown()
        loop.waitUntilStopped()
        var settings = TCPListener.Settings()
        settings.takesLocalConnections = true
        #expect(throws: NetworkError.self) {
          try TCPListener(host: "127.0.0.1", port: 0, on: loop, settings: settings) { _ in nil }
        }
        #expect(throws: NetworkError.self) {
          try Connection.connect(host: "127.0.0.1", port: 1, on: loop, delegate: Recorder())
        }
        #expect(!loop.execute { _ = loop })
      }
      try refuse()
      // The loop's own thread holds it a moment longer.
      #expect(eventually { gone == nil })
    }
  }
}

@Suite struct PollPolicyTests {
  @Test func `short waits make the loop poll, and long ones do not`() {
    var policy = PollPolicy(limitNanoseconds: 50_000)
    #expect(!policy.polls)
    policy.slept(from: 5, to: 10_000_005)
    #expect(!policy.polls)
    policy.slept(from: 0, to: 60_000)
    #expect(policy.polls)
  }

  @Test func `polling goes on while it finds events and ends soon after`() {
    var policy = PollPolicy(limitNanoseconds: 50_000)
    policy.slept(from: 0, to: 60_000)
    for _ in 0..<100 { policy.found() }
    var vain = 0
    while policy.polls {
      policy.pollingFailed()
      vain += 1
    }
    #expect(vain == PollPolicy.mostCredit)
  }

  @Test func `trials in vain become rare`() {
    var policy = PollPolicy(limitNanoseconds: 50_000)
    var trials = 0
    for _ in 0..<10_000 {
      if policy.polls {
        trials += 1
        policy.pollingFailed()
      } else {
        policy.slept(from: 0, to: 80_000)
      }
    }
    #expect(trials < 200 && trials > 50)
  }

  @Test func `a processor that others need ends polling`() {
    var policy = PollPolicy(limitNanoseconds: 50_000)
    policy.slept(from: 0, to: 1)
    for _ in 0..<10 { policy.found() }
    policy.crowded(at: 100)
    #expect(!policy.polls)
    // Short waits are no hints for a while, then two of them are needed.
    for time in [UInt64(101), 200, 100 + PollPolicy.shortestPause - 1] { policy.slept(from: time - 1, to: time) }
    #expect(!policy.polls)
    policy.slept(from: 0 + PollPolicy.shortestPause, to: 100 + PollPolicy.shortestPause)
    #expect(!policy.polls)
    policy.slept(from: 100 + PollPolicy.shortestPause, to: 101 + PollPolicy.shortestPause)
    #expect(policy.polls)
  }

  @Test func `trials among others that compute become rare`() {
    var policy = PollPolicy(limitNanoseconds: 200_000)
    var time: UInt64 = 0
    var trials = 0
    while time < 60_000_000_000 {
      if policy.polls {
        trials += 1
        time += 3_000_000
        policy.crowded(at: time)
      } else {
        policy.slept(from: time, to: time + 10_000)
        time += 10_000
      }
    }
    // Eight while the pauses grow, then one a second.
    #expect(trials > 60 && trials < 75)
  }

  @Test func `a limit of zero never polls`() {
    var policy = PollPolicy(limitNanoseconds: 0)
    for _ in 0..<100 { policy.slept(from: 0, to: 0) }
    #expect(!policy.polls)
  }
}
