import Glibc
import MartletSystem
import Synchronization

/// Shows on a descriptor how far something is, from a thread of its own, ten times a second.
///
/// On a terminal one line is redrawn and removed at the end; elsewhere a plain line is written every second.
///
/// `@unchecked Sendable`: constant, but for `isShown`, which is the thread's until it has ended.
package final class ProgressBar: @unchecked Sendable {
  private let line: @Sendable (_ elapsedSeconds: Double, _ width: Int) -> String
  private let descriptor: Int32
  private let isTerminal: Bool
  private let delayMilliseconds: Int32
  private let begin = ContinuousClock.now
  private var isShown = false
  private let thread = TickThread()

  /// - Parameters:
  ///   - delayMilliseconds: Nothing is shown of what is over before.
  ///   - line: What there is to say after so many seconds, at most `width` columns wide. Called on a thread of the bar.
  package init(
    descriptor: Int32, delayMilliseconds: Int,
    line: @escaping @Sendable (_ elapsedSeconds: Double, _ width: Int) -> String
  ) {
    self.line = line
    self.descriptor = descriptor
    self.delayMilliseconds = Int32(clamping: delayMilliseconds)
    isTerminal = isatty(descriptor) == 1
  }

  /// Starts the thread. Without one (the system has no more) nothing is shown.
  package func start() {
    thread.start(name: "martlet-bar", afterMilliseconds: delayMilliseconds) { [self] in
      show()
      return isTerminal ? 100 : 1000
    }
  }

  /// Removes the line and waits until that is done. May be called from any thread and more than once.
  package func stop() {
    thread.stop { [self] in if isShown { put("\r\u{1B}[K") } }
  }

  private func show() {
    let elapsed = (ContinuousClock.now - begin).components
    let seconds = Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
    if isTerminal {
      let columns = Int(martlet_terminal_columns(descriptor))
      // The last column stays free: some terminals wrap when it is filled.
      put("\r" + line(seconds, (columns > 0 ? columns : 80) - 1) + "\u{1B}[K")
      isShown = true
    } else {
      put(line(seconds, 200) + "\n")
    }
  }

  /// A bar that cannot be drawn is no reason to stop the run, so failures are left alone.
  private func put(_ text: String) {
    var text = text
    text.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
  }
}
