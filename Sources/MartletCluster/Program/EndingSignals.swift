import Glibc
import MartletSystem

/// What happens on TERM, INT and HUP: they are held back from all threads, and one thread waits for them.
package enum EndingSignals {
  /// The first signal calls `first` with its name, on that thread; the second ends the process at once, and so does the time
  /// after the first. Has to be called before any other thread is started: threads inherit what is held back.
  package static func watch(
    patience: Duration, _ first: @escaping @Sendable (String) -> Void, last: @escaping @Sendable () -> Void
  ) {
    final class Watch: Sendable {
      let milliseconds: Int32
      let first: @Sendable (String) -> Void
      let last: @Sendable () -> Void
      init(
        _ milliseconds: Int32, _ first: @escaping @Sendable (String) -> Void, _ last: @escaping @Sendable () -> Void
      ) {
        self.milliseconds = milliseconds
        self.first = first
        self.last = last
      }
      func wait() {
        let number = martlet_wait_for_signal(-1)
        guard number > 0 else { return }
        first(number == SIGINT ? "INT" : number == SIGTERM ? "TERM" : "HUP")
        let second = martlet_wait_for_signal(milliseconds)
        last()
        _exit(128 + (second > 0 ? second : number))
      }
    }
    martlet_ignore_write_signals()
    guard martlet_hold_signals() > 0 else { return }
    let context = Unmanaged.passRetained(Watch(Int32(clamping: Int(patience / .milliseconds(1))), first, last))
    var thread = pthread_t()
    let failure = pthread_create(
      &thread, nil,
      { context in
        Unmanaged<Watch>.fromOpaque(context!).takeRetainedValue().wait()
        return nil
      }, context.toOpaque())
    if failure != 0 {
      // Nobody would receive them: let them end the process as ever.
      martlet_release_signals()
      context.release()
    }
  }
}
