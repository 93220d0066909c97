import MartletSystem
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Shows on a descriptor how far a run is, from a thread of its own, ten times a second.
///
/// On a terminal one line is redrawn and removed at the end; elsewhere (when it is asked for) a plain line is written
/// every second. The run itself pays nothing but the counters that it keeps in any case.
///
/// `@unchecked Sendable`: all properties are constant or atomic, except `thread`, which `start` sets before any other
/// thread can have this object.
package final class ProgressBar: @unchecked Sendable {
  private let line: @Sendable (_ elapsedSeconds: Double, _ width: Int) -> String
  private let descriptor: Int32
  private let isTerminal: Bool
  private let delayMilliseconds: Int32
  /// The thread sleeps in `poll` on the reading end; a byte in the other one ends it at once.
  private var wakeRead: Int32 = -1
  private var wakeWrite: Int32 = -1
  private var thread = pthread_t()
  private let isRunning = Atomic<Bool>(false)

  /// - Parameters:
  ///   - delayMilliseconds: Nothing is shown of a run that is over before.
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

  /// Starts the thread. Without one (the system has no more) the run goes on unwatched.
  package func start() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    (wakeRead, wakeWrite) = (ends[0], ends[1])
    isRunning.store(true, ordering: .relaxed)
    let context = Unmanaged.passRetained(self)
    let failure = pthread_create(
      &thread, nil,
      { context in
        Unmanaged<ProgressBar>.fromOpaque(context!).takeRetainedValue().watch()
        return nil
      }, context.toOpaque())
    if failure != 0 {
      isRunning.store(false, ordering: .relaxed)
      context.release()
      close(wakeRead)
      close(wakeWrite)
    }
  }

  /// Removes the line and waits until that is done. May be called from any thread and more than once; only the first
  /// call that finds the bar running does something.
  package func stop() {
    // Acquiring: sees the thread that start() made.
    guard isRunning.exchange(false, ordering: .acquiring) else { return }
    var byte: UInt8 = 0
    _ = write(wakeWrite, &byte, 1)
    pthread_join(thread, nil)
    close(wakeRead)
    close(wakeWrite)
  }

  private func watch() {
    let begin = ContinuousClock.now
    var isShown = false
    var pause = delayMilliseconds
    while !isWoken(after: pause) {
      pause = isTerminal ? 100 : 1000
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
    if isShown { put("\r\u{1B}[K") }
  }

  private func isWoken(after milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, milliseconds) > 0
  }

  /// A bar that cannot be drawn is no reason to stop the run, so failures are left alone.
  private func put(_ text: String) {
    var text = text
    text.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
  }
}
