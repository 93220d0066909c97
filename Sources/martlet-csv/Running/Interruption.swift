import Martlet
import MartletSystem
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// What happens on Ctrl-C, TERM and HUP.
///
/// The signals are held back from all threads, and one thread waits for them. The first one asks the run to stop; a
/// second one, or a run that has not stopped after most of a second (it may hang in a system call), ends the process
/// there. A temporary file is removed in each case.
final class Interruption: Sendable {
  private static let patienceMilliseconds: Int32 = 800

  private let progress: RunProgress
  private let received = Atomic<Int32>(0)

  private init(_ progress: RunProgress) { self.progress = progress }

  /// The exit status that shells expect of a process that a signal ended; nil while none came.
  var exitStatus: Int32? {
    let number = received.load(ordering: .relaxed)
    return number == 0 ? nil : 128 + number
  }

  /// Begins to wait. Has to be called before any other thread is started: threads inherit what is held back.
  static func watch(_ progress: RunProgress) -> Interruption {
    let interruption = Interruption(progress)
    martlet_ignore_write_signals()
    guard martlet_hold_signals() > 0 else { return interruption }
    var thread = pthread_t()
    let context = Unmanaged.passRetained(interruption)
    let failure = pthread_create(
      &thread, nil,
      { context in
        Unmanaged<Interruption>.fromOpaque(context!).takeRetainedValue().wait()
        return nil
      }, context.toOpaque())
    if failure != 0 {
      // Nobody would receive them: let them end the process as ever.
      martlet_release_signals()
      context.release()
    }
    return interruption
  }

  private func wait() {
    let number = martlet_wait_for_signal(-1)
    guard number > 0 else { return }
    received.store(number, ordering: .relaxed)
    progress.cancel()
    let second = martlet_wait_for_signal(Self.patienceMilliseconds)
    TemporaryFile.remove()
    _exit(128 + (second > 0 ? second : number))
  }
}
