import Glibc
import MartletSystem

/// Starts a process and watches it: starts it again after a crash, a bounded number of times; ends it when it takes too much
/// memory; passes TERM, INT and HUP on; passes on what it writes to standard error and keeps the last lines; tells the next
/// one how the last one ended. The process dies with its supervisor, however that ends.
package struct Supervisor {
  fileprivate let arguments: [String]
  fileprivate let program: String
  fileprivate let settings: SupervisorSettings
  fileprivate let logLevel: LogLevel
  fileprivate let logFormat: LogFormat

  /// - Parameters:
  ///   - program: The path of what is started; nil: this program.
  ///   - arguments: Its arguments, without its name.
  ///   - logLevel: Of its own lines, which go to standard error between those of the process.
  package init(
    program: String? = nil, arguments: [String], settings: SupervisorSettings = SupervisorSettings(),
    logLevel: LogLevel = .info, logFormat: LogFormat = .text
  ) {
    self.program = program ?? ChildProcess.ownProgram ?? CommandLine.arguments.first ?? ""
    self.arguments = arguments
    self.settings = settings
    self.logLevel = logLevel
    self.logFormat = logFormat
  }

  /// Runs until the process has ended for good; returns the exit status of this one. Blocks; to be called before another thread is
  /// started, on the first, because signals are held back from it.
  package func run() -> Int32 {
    martlet_ignore_write_signals()
    let signals = martlet_open_signals()
    guard signals >= 0 else {
      Log(level: logLevel, format: logFormat).error("cannot receive signals: \(String(cString: strerror(-signals)))")
      return 1
    }
    defer { close(signals) }
    var watch = SupervisorWatch(self, signals: signals, page: RunningTasksPage())
    return watch.run()
  }
}

/// The state of a run: one thread, which waits for whatever comes next.
private struct SupervisorWatch {
  private let supervisor: Supervisor
  private let signals: Int32
  private let page: RunningTasksPage?
  private var core: SupervisorCore
  private var actions: [SupervisorAction] = []
  private var child: ChildProcess?
  private var status: Int32?
  private var nextLook: UInt64 = 0
  private var pipe: ErrorPipe

  init(_ supervisor: Supervisor, signals: Int32, page: RunningTasksPage?) {
    self.supervisor = supervisor
    self.signals = signals
    self.page = page
    core = SupervisorCore(supervisor.settings)
    pipe = ErrorPipe()
  }

  mutating func run() -> Int32 {
    core.begin(&actions)
    carryOut()
    while status == nil {
      wait()
      while true {
        let signal = martlet_next_signal(signals)
        if signal == 0 { break }
        if signal != SIGCHLD { feed(.signal(signal)) }
      }
      pipe.move()
      lookForEnd()
      lookAtMemory()
      if let deadline = core.deadline, deadline <= martlet_monotonic_nanoseconds() { feed(.timePassed) }
    }
    pipe.finish()
    return status ?? 1
  }

  /// Until there is something to do.
  private func wait() {
    var until = core.deadline ?? .max
    if child != nil, core.watchesMemory { until = min(until, nextLook) }
    let now = martlet_monotonic_nanoseconds()
    // A look each second costs nothing. Rounded up, so as not to come back too early again and again.
    let milliseconds = until <= now ? 0 : min((until - now) / 1_000_000 + 1, 1000)
    var events = [pollfd(fd: signals, events: Int16(POLLIN), revents: 0)]
    pipe.addWaits(to: &events)
    poll(&events, nfds_t(events.count), Int32(milliseconds))
  }

  private mutating func lookForEnd() {
    guard var process = child, process.hasEnded else { return }
    // What its tasks have started belongs to nobody now. Its number is not another's before it is waited for.
    if page?.saidItLeaves != true { process.killGroup() }
    guard let end = process.wait(blocks: true) else { return }
    child = nil
    pipe.drain()
    feed(
      .ended(
        ChildEnd(
          end: end, peakBytes: process.peakBytes, lastLines: pipe.lastLines, worker: page?.registration?.worker,
          epoch: page?.registration?.epoch ?? 0, tasks: page?.running(), saidItLeaves: page?.saidItLeaves)))
  }

  private mutating func lookAtMemory() {
    guard core.watchesMemory, let child else { return }
    let now = martlet_monotonic_nanoseconds()
    guard now >= nextLook else { return }
    nextLook = now &+ UInt64(max(1_000_000, supervisor.settings.lookEvery / .nanoseconds(1)))
    if let bytes = child.residentBytes { feed(.resident(bytes)) }
  }

  private mutating func feed(_ event: SupervisorEvent) {
    core.handle(event, at: martlet_monotonic_nanoseconds(), &actions)
    carryOut()
  }

  private mutating func carryOut() {
    while !actions.isEmpty {
      let due = actions
      actions = []
      for action in due {
        switch action {
        case .start(let report): start(report)
        case .send(let signal): child?.send(signal)
        case .log(let level, let text): note(level, text)
        case .finish(let status): self.status = status
        }
      }
    }
  }

  /// Through the pipe: a log that nobody reads must not stop the watch either.
  private mutating func note(_ level: LogLevel, _ text: String) {
    guard level >= supervisor.logLevel else { return }
    pipe.say(Log.line(level, text, [], format: supervisor.logFormat, at: Log.time()))
  }

  private mutating func start(_ report: DeathReport?) {
    page?.prepare(report)
    var plan = ChildProcess.Plan(
      program: supervisor.program, arguments: [CommandLine.arguments.first ?? supervisor.program])
    plan.arguments += supervisor.arguments
    plan.environment.removeAll { $0.hasPrefix(RunningTasksPage.variable + "=") }
    // A trace of a crash takes a second in which the worker seems to live, and its last lines say nothing then.
    if getenv("SWIFT_BACKTRACE") == nil { plan.environment.append("SWIFT_BACKTRACE=enable=no") }
    if let page {
      plan.inherited = page.descriptor
      plan.environment.append("\(RunningTasksPage.variable)=\(page.descriptor)")
    }
    let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { if input >= 0 { close(input) } }
    plan.input = input
    plan.errors = pipe.open()
    defer { pipe.closeWritingEnd() }
    do throws(ChildProcessError) {
      child = try ChildProcess(plan)
      nextLook = 0
      core.handle(.started, at: martlet_monotonic_nanoseconds(), &actions)
    } catch {
      core.handle(.notStarted("\(error)"), at: martlet_monotonic_nanoseconds(), &actions)
    }
  }
}
