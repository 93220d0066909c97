import Glibc
public import MartletEngine
import MartletSystem

/// How progress is shown.
public struct ProgressStyle: Sendable {
  /// Where it is written; standard error by default.
  public var descriptor: Int32
  /// Nothing is shown of what is over before.
  public var delay: Duration
  /// Whether it is shown at all: always, never, or on terminals only.
  public var visibility: Visibility
  /// How often a line is written to what is no terminal.
  public var plainInterval: Duration
  /// Whether a line that says how much was done remains, when something was shown.
  public var keepsSummary: Bool

  /// When progress is shown.
  public enum Visibility: Sendable { case always, never, onTerminals }

  /// How progress is shown.
  public init(
    descriptor: Int32 = 2, delay: Duration = .milliseconds(500), visibility: Visibility = .always,
    plainInterval: Duration = .seconds(2), keepsSummary: Bool = true
  ) {
    self.descriptor = descriptor
    self.delay = delay
    self.visibility = visibility
    self.plainInterval = plainInterval
    self.keepsSummary = keepsSummary
  }
}

/// Shows how far runs are: on a terminal as one line that is redrawn, elsewhere as a line now and then.
///
/// Runs that go on inside a run (its tasks started them) or beside it are shown behind it on the same line. A display reads the
/// events of the runs, on a thread of its own: a run pays for its events and nothing else.
///
/// `withProgress` is the simple way to have one. Two displays on one terminal would write over each other; `withProgress` sees to
/// it that there is one.
public final class ProgressDisplay: Sendable {
  private let watch: RunWatch
  private let reader: ProgressReader
  private let style: ProgressStyle
  private let isTerminal: Bool
  private let thread = TickThread()
  private let painter: Painter

  /// What the thread has done.
  private final class Painter: @unchecked Sendable {
    // Sendable: used by the thread, and when that has ended by who ended it.
    var hasShown = false
  }

  /// Begins to show runs that write to `events`.
  public convenience init(_ title: String = "", style: ProgressStyle = ProgressStyle()) {
    self.init(title, style, RunWatch())
  }

  init(_ title: String, _ style: ProgressStyle, _ watch: RunWatch) {
    self.watch = watch
    self.style = style
    reader = ProgressReader(title: title)
    isTerminal = isatty(style.descriptor) == 1
    let (reader, descriptor, isTerminal) = (reader, style.descriptor, isTerminal)
    let painter = Painter()
    self.painter = painter
    watch.attach(reader)
    if style.visibility == .never || style.visibility == .onTerminals && !isTerminal { return }
    let pause = isTerminal ? 100 : Self.milliseconds(style.plainInterval)
    thread.start(name: "martlet-bar", afterMilliseconds: Self.milliseconds(style.delay)) {
      Self.paint(reader.line().text(width: Self.width(descriptor, isTerminal)), on: descriptor, isTerminal)
      painter.hasShown = true
      return pause
    }
  }

  deinit { stop() }

  /// A log to give to runs in their options; they are shown.
  public var events: EventLog { watch.log }

  /// How far it is, as a line of at most so many columns: for programs that show it in their own way.
  public func line(width: Int) -> String {
    watch.read()
    return reader.line().text(width: width)
  }

  /// Ends the display. May be called more than once.
  public func stop() {
    thread.stop {
      guard painter.hasShown else { return }
      watch.read()
      if isTerminal { Self.put("\r\u{1B}[K", to: style.descriptor) }
      if style.keepsSummary {
        Self.put(reader.line().summary(width: Self.width(style.descriptor, isTerminal)) + "\n", to: style.descriptor)
      }
    }
    watch.detach(reader)
  }

  private static func milliseconds(_ duration: Duration) -> Int32 {
    let (seconds, attoseconds) = duration.components
    guard seconds < 1_000_000 else { return 1_000_000_000 }
    return Int32(clamping: max(0, seconds * 1000 + attoseconds / 1_000_000_000_000_000))
  }

  private static func width(_ descriptor: Int32, _ isTerminal: Bool) -> Int {
    guard isTerminal else { return 200 }
    let columns = Int(martlet_terminal_columns(descriptor))
    // The last column stays free: some terminals wrap when it is filled.
    return (columns > 0 ? columns : 80) - 1
  }

  private static func paint(_ line: String, on descriptor: Int32, _ isTerminal: Bool) {
    put(isTerminal ? "\r" + line + "\u{1B}[K" : line + "\n", to: descriptor)
  }

  /// What cannot be shown is no reason to stop a run, so failures are left alone.
  private static func put(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
  }
}

/// Shows how far the runs are that begin in `body`, also those that its tasks start, unless they are given another log.
///
/// Inside the scope of another display no second one is made: the runs of `body` are shown there, with `title`.
public func withProgress<Result>(
  _ title: String = "", style: ProgressStyle = ProgressStyle(), _ body: () throws -> Result
) rethrows -> Result {
  let scope = ProgressScope(title, style)
  defer { scope.end() }
  return try EventLog.$current.withValue(scope.log, operation: body)
}

/// Shows how far the runs are that begin in `body`, which may await.
public func withProgress<Result>(
  _ title: String = "", style: ProgressStyle = ProgressStyle(), isolation: isolated (any Actor)? = #isolation,
  _ body: () async throws -> Result
) async rethrows -> Result {
  let scope = ProgressScope(title, style)
  defer { scope.end() }
  return try await EventLog.$current.withValue(scope.log, operation: body)
}

/// A display of its own, or a title on the one that is there.
private struct ProgressScope {
  let log: EventLog
  private let display: ProgressDisplay?
  private let outer: ProgressReader?

  init(_ title: String, _ style: ProgressStyle) {
    let watch = RunWatch.current ?? RunWatch()
    log = watch.log
    outer = watch.reader(ProgressReader.self)
    outer?.push(title)
    display = outer == nil ? ProgressDisplay(title, style, watch) : nil
  }

  func end() {
    outer?.pop()
    display?.stop()
  }
}
