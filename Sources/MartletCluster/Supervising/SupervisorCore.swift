import MartletGraph
import MartletProtocol

/// What a supervisor learns of its process.
enum SupervisorEvent: Equatable {
  /// It was started, or could not be.
  case started
  case notStarted(String)
  /// So many bytes it holds in memory.
  case resident(Int64)
  case ended(ChildEnd)
  /// The supervisor got TERM, INT or HUP.
  case signal(Int32)
  case timePassed
}

/// How a process ended, and what is known of its last moments.
struct ChildEnd: Equatable {
  var end: ChildProcess.End
  var peakBytes: Int64 = 0
  var lastLines: [String] = []
  var worker: WorkerID?
  var epoch: UInt64 = 0
  var tasks: [RunningTask]?
  /// Whether it said that it means to end; nil when it says nothing of that kind.
  var saidItLeaves: Bool?
}

/// What a supervisor does.
enum SupervisorAction: Equatable {
  /// Start the process, and tell it how the last one ended.
  case start(DeathReport?)
  case send(Int32)
  case log(LogLevel, String)
  /// End with this status.
  case finish(Int32)
}

/// When a process is started again and when it is ended: events in, actions out. Times are nanoseconds of a clock that never
/// goes back.
struct SupervisorCore {
  private enum Phase {
    /// Nothing was started yet, or the start is under way.
    case starting
    case running
    /// It crashed; the next one starts then.
    case pausing(until: UInt64)
    case finished
  }

  private let settings: SupervisorSettings
  private var phase = Phase.starting
  /// TERM, INT and HUP that came.
  private var signals = 0
  /// The crashes within the window, the oldest first.
  private var crashes: [UInt64] = []
  private var hasRun = false
  private var lastDeath: DeathReport?
  /// Why the process was ended from here.
  private var reason: String?

  init(_ settings: SupervisorSettings) { self.settings = settings }

  /// When `timePassed` has something to do; nil: never.
  var deadline: UInt64? {
    if case .pausing(let until) = phase { until } else { nil }
  }

  /// Whether the process's memory has to be looked at.
  var watchesMemory: Bool { settings.memoryLimit > 0 && reason == nil }

  /// The first action.
  func begin(_ actions: inout [SupervisorAction]) { actions.append(.start(nil)) }

  mutating func handle(_ event: SupervisorEvent, at now: UInt64, _ actions: inout [SupervisorAction]) {
    switch event {
    case .started:
      hasRun = true
      reason = nil
      phase = .running
      if signals > 0 { actions.append(.send(15)) }
    case .notStarted(let message):
      // The first time nothing says that it can ever work.
      guard hasRun else {
        actions.append(.log(.error, message))
        return finish(1, &actions)
      }
      crashed(message, at: now, &actions)
    case .resident(let bytes):
      guard case .running = phase, watchesMemory else { return }
      let limit = Int64(settings.memoryLimit)
      guard Double(bytes) > settings.memoryShare * Double(limit) else { return }
      let text =
        "it was ended with \(FigureText.bytes(UInt64(max(0, bytes)))) in memory, \(Int(settings.memoryShare * 100)) % of its limit of "
        + "\(FigureText.bytes(UInt64(limit))) are allowed"
      reason = text
      // TERM would ask it to hand its results over, for which it needs memory and time.
      actions.append(.send(9))
    case .signal(let number):
      signals += 1
      switch phase {
      case .starting: break  // passed on once there is somebody
      case .running: actions.append(.send(signals < 3 ? number : 9))
      case .pausing: finish(0, &actions)
      case .finished: break
      }
    case .ended(let end):
      guard case .running = phase else { return }
      ended(end, at: now, &actions)
    case .timePassed:
      guard case .pausing(let until) = phase, until <= now else { return }
      phase = .starting
      actions.append(.start(lastDeath))
    }
  }

  private mutating func ended(_ end: ChildEnd, at now: UInt64, _ actions: inout [SupervisorAction]) {
    let cause = reason ?? Self.text(of: end.end)
    if signals > 0 {
      switch end.end {
      case .exited(let status): return finish(status, &actions)
      case .signalled(let number):
        actions.append(.log(.warning, "\(settings.name) was told to end, and did by \(cause)"))
        return finish(128 + number, &actions)
      }
    }
    if case .exited(let status) = end.end, settings.finalStatuses.contains(status), end.saidItLeaves != false {
      return finish(status, &actions)
    }
    if case .exited(let status) = end.end, settings.restartStatuses.contains(status), end.saidItLeaves != false {
      actions.append(.log(.info, "\(settings.name) has ended to be started again"))
      phase = .starting
      actions.append(.start(nil))
      return
    }
    lastDeath = DeathReport(
      cause: cause, peakBytes: end.peakBytes, lastLines: end.lastLines, worker: end.worker, epoch: end.epoch,
      tasks: end.tasks)
    let tasks =
      switch end.tasks?.count {
      case nil: ""
      case 1?: ", in 1 task"
      case let count?: ", in \(count) tasks"
      }
    crashed(
      "\(settings.name) has died: \(cause)\(tasks), \(FigureText.bytes(UInt64(max(0, end.peakBytes)))) at most",
      at: now, &actions)
  }

  private mutating func crashed(_ text: String, at now: UInt64, _ actions: inout [SupervisorAction]) {
    let window = UInt64(max(0, settings.crashWindow / .nanoseconds(1)))
    crashes.append(now)
    crashes.removeAll { now - $0 > window }
    guard crashes.count < settings.crashLimit else {
      actions.append(.log(.error, text))
      actions.append(
        .log(
          .error,
          "\(settings.name) died \(crashes.count) times within \(settings.crashWindow.seconds) s: it is not started again"
        ))
      return finish(1, &actions)
    }
    let wait = pause(after: crashes.count)
    let next = wait == 0 ? "now" : "in \(wait / 1_000_000) ms"
    actions.append(.log(.warning, "\(text); it is started again \(next)"))
    phase = .pausing(until: now &+ wait)
  }

  /// Nanoseconds between the last of so many crashes and the next start.
  private func pause(after count: Int) -> UInt64 {
    guard count > 1 else { return 0 }
    let first = max(0, settings.backoff / .nanoseconds(1))
    let longest = max(0, settings.longestBackoff / .nanoseconds(1))
    return UInt64(min(longest, first * Double(1 << min(count - 2, 30))))
  }

  private mutating func finish(_ status: Int32, _ actions: inout [SupervisorAction]) {
    phase = .finished
    actions.append(.finish(status))
  }

  /// `exit status 1`, `signal 9 (KILL)`.
  static func text(of end: ChildProcess.End) -> String {
    switch end {
    case .exited(let status): "exit status \(status)"
    case .signalled(let number):
      names[number].map { "signal \(number) (\($0))" } ?? "signal \(number)"
    }
  }

  private static let names: [Int32: String] = [
    1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL", 11: "SEGV",
    13: "PIPE",
    14: "ALRM", 15: "TERM", 24: "XCPU", 25: "XFSZ", 31: "SYS",
  ]
}

extension Duration {
  /// Whole seconds.
  fileprivate var seconds: Int64 { components.seconds }
}
