import MartletProtocol
import Testing

@testable import MartletCluster

/// When a process is started again and when it is ended.
@Suite struct SupervisorCoreTests {
  private let second: UInt64 = 1_000_000_000

  /// A supervisor whose process runs, and what it does.
  private struct Fixture {
    var core: SupervisorCore
    var actions: [SupervisorAction] = []
    var lines: [String] = []

    init(_ adjust: (inout SupervisorSettings) -> Void = { _ in }) {
      var settings = SupervisorSettings()
      adjust(&settings)
      core = SupervisorCore(settings)
      core.begin(&actions)
      #expect(actions == [.start(nil)])
      #expect(feed(.started) == [])
    }

    /// What follows, without lines of the log, which are kept.
    mutating func feed(_ event: SupervisorEvent, at now: UInt64 = 0) -> [SupervisorAction] {
      actions = []
      core.handle(event, at: now, &actions)
      return actions.filter {
        guard case .log(_, let line) = $0 else { return true }
        lines.append(line)
        return false
      }
    }

    /// Crashes, waits as long as it is told, starts again. Gives the wait; nil when it is not started again.
    mutating func crash(at now: UInt64) -> UInt64? {
      let after = feed(.ended(ChildEnd(end: .signalled(11))), at: now)
      if after == [.finish(1)] { return nil }
      #expect(after == [])
      guard let deadline = core.deadline else {
        Issue.record("no deadline after a crash")
        return nil
      }
      if deadline > now { #expect(feed(.timePassed, at: deadline - 1) == []) }
      #expect(feed(.timePassed, at: deadline) == [.start(DeathReport(cause: "signal 11 (SEGV)"))])
      #expect(feed(.started, at: deadline) == [])
      return deadline - now
    }
  }

  @Test(arguments: [0, 2, 3, 4] as [Int32])
  func `an end that was meant is the supervisor's end`(status: Int32) {
    var fixture = Fixture()
    #expect(fixture.feed(.ended(ChildEnd(end: .exited(status)))) == [.finish(status)])
    #expect(fixture.lines.isEmpty)
  }

  @Test func `who ends to be started again is, at once, and it is no crash`() {
    var fixture = Fixture { $0.restartStatuses = [5] }
    for _ in 0..<100 {
      #expect(fixture.feed(.ended(ChildEnd(end: .exited(5)))) == [.start(nil)])
      #expect(fixture.feed(.started) == [])
    }
    #expect(fixture.feed(.signal(15)) == [.send(15)])
    #expect(fixture.feed(.ended(ChildEnd(end: .exited(5)))) == [.finish(5)])
  }

  @Test func `a status that is not meant starts it again, with a report`() {
    var fixture = Fixture()
    let end = ChildEnd(
      end: .exited(1), peakBytes: 5 << 20, lastLines: ["a", "b"], worker: .init(rawValue: 3), epoch: 8, tasks: [])
    #expect(fixture.feed(.ended(end), at: 10) == [])
    #expect(fixture.core.deadline == 10)
    let report = DeathReport(
      cause: "exit status 1", peakBytes: 5 << 20, lastLines: ["a", "b"], worker: .init(rawValue: 3), epoch: 8, tasks: []
    )
    #expect(fixture.feed(.timePassed, at: 10) == [.start(report)])
    #expect(
      fixture.lines == [
        "the worker has died: exit status 1, in 0 tasks, 5.0 MiB at most; it is started again now"
      ])
    // The next end has its own report.
    #expect(fixture.feed(.started) == [])
    #expect(fixture.feed(.ended(ChildEnd(end: .signalled(9))), at: 20) == [])
    #expect(fixture.feed(.timePassed, at: 20 + second) == [.start(DeathReport(cause: "signal 9 (KILL)"))])
  }

  @Test func `who has not said that it means to end has crashed, whatever its status`() {
    var fixture = Fixture()
    #expect(fixture.feed(.ended(ChildEnd(end: .exited(0), saidItLeaves: false))) == [])
    #expect(fixture.feed(.timePassed) == [.start(DeathReport(cause: "exit status 0"))])
    #expect(fixture.feed(.started) == [])
    #expect(fixture.feed(.ended(ChildEnd(end: .exited(0), saidItLeaves: true))) == [.finish(0)])
  }

  @Test func `crashes come to an end, with longer and longer pauses`() {
    var fixture = Fixture()
    #expect(fixture.crash(at: 0) == 0)
    #expect(fixture.crash(at: second) == second / 10)
    #expect(fixture.crash(at: 2 * second) == second / 5)
    #expect(fixture.crash(at: 4 * second) == second / 5 * 2)
    #expect(fixture.crash(at: 6 * second) == nil)
    #expect(fixture.lines.last == "the worker died 5 times within 60 s: it is not started again")
  }

  @Test func `old crashes are forgotten`() {
    var fixture = Fixture()
    for round in 0..<20 as Range<UInt64> {
      #expect(fixture.crash(at: round * 61 * second) == 0)
    }
    var busy = Fixture()
    // Four a minute are allowed for ever.
    for round in 0..<40 as Range<UInt64> {
      #expect(busy.crash(at: round * 21 * second) != nil)
    }
  }

  @Test func `a pause is never longer than the longest`() {
    var fixture = Fixture { $0.crashLimit = 100 }
    var pauses: [UInt64] = []
    for round in 0..<60 as Range<UInt64> { pauses.append(fixture.crash(at: round) ?? 0) }
    #expect(pauses == pauses.sorted())
    #expect(pauses.last == 5 * second)
  }

  @Test func `signals are passed on, the third one kills`() {
    var fixture = Fixture()
    #expect(fixture.feed(.signal(15)) == [.send(15)])
    #expect(fixture.feed(.signal(2)) == [.send(2)])
    #expect(fixture.feed(.signal(2)) == [.send(9)])
    #expect(fixture.feed(.ended(ChildEnd(end: .signalled(9)))) == [.finish(137)])
    #expect(fixture.feed(.signal(15)) == [])
  }

  @Test func `whoever was told to end is not started again, however it ends`() {
    for end in [ChildProcess.End.exited(0), .exited(1), .signalled(11)] {
      var fixture = Fixture()
      #expect(fixture.feed(.signal(15)) == [.send(15)])
      let status: Int32 =
        switch end {
        case .exited(let status): status
        case .signalled(let number): 128 + number
        }
      #expect(fixture.feed(.ended(ChildEnd(end: end, saidItLeaves: false))) == [.finish(status)])
    }
  }

  @Test func `a signal ends a pause`() {
    var fixture = Fixture()
    #expect(fixture.feed(.ended(ChildEnd(end: .signalled(11)))) == [])
    #expect(fixture.feed(.signal(15)) == [.finish(0)])
    #expect(fixture.feed(.timePassed, at: 99 * second) == [])
  }

  @Test func `a process beyond its share of memory is killed, once, and the report says so`() {
    var fixture = Fixture { $0.memoryLimit = 1 << 30 }
    #expect(fixture.core.watchesMemory)
    #expect(fixture.feed(.resident(1_020_054_732)) == [])
    #expect(fixture.feed(.resident(1_020_054_734)) == [.send(9)])
    #expect(!fixture.core.watchesMemory)
    #expect(fixture.feed(.resident(1 << 31)) == [])
    #expect(fixture.feed(.ended(ChildEnd(end: .signalled(9), peakBytes: 1 << 30))) == [])
    let cause = "it was ended with 973 MiB in memory, 95 % of its limit of 1.0 GiB are allowed"
    #expect(fixture.feed(.timePassed) == [.start(DeathReport(cause: cause, peakBytes: 1 << 30))])
    #expect(fixture.feed(.started) == [])
    #expect(fixture.core.watchesMemory)
    #expect(fixture.feed(.ended(ChildEnd(end: .signalled(9)))) == [])
    #expect(fixture.feed(.timePassed, at: second) == [.start(DeathReport(cause: "signal 9 (KILL)"))])
  }

  @Test func `without a limit memory is nobody's affair`() {
    var fixture = Fixture()
    #expect(!fixture.core.watchesMemory)
    #expect(fixture.feed(.resident(.max)) == [])
  }

  @Test func `what cannot be started the first time is not tried again`() {
    var core = SupervisorCore(SupervisorSettings())
    var actions: [SupervisorAction] = []
    core.handle(.notStarted("no such file"), at: 0, &actions)
    #expect(actions == [.log(.error, "no such file"), .finish(1)])
  }

  @Test func `what cannot be started again counts as a crash`() {
    var fixture = Fixture()
    #expect(fixture.feed(.ended(ChildEnd(end: .signalled(11)))) == [])
    for attempt in 2...4 as ClosedRange<UInt64> {
      #expect(fixture.feed(.timePassed, at: attempt * second) == [.start(DeathReport(cause: "signal 11 (SEGV)"))])
      #expect(fixture.feed(.notStarted("no memory"), at: attempt * second) == [])
    }
    #expect(fixture.feed(.timePassed, at: 10 * second) == [.start(DeathReport(cause: "signal 11 (SEGV)"))])
    #expect(fixture.feed(.notStarted("no memory"), at: 10 * second) == [.finish(1)])
  }
}
