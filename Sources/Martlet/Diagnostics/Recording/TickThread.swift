import Glibc
import MartletSystem
import Synchronization

/// A thread that does something again and again, with pauses, until it is stopped.
///
/// `@unchecked Sendable`: all properties are constant or atomic, except those that `start` sets before any other thread can
/// see `isRunning`.
final class TickThread: @unchecked Sendable {
  private var wakeWrite: Int32 = -1
  private var wakeRead: Int32 = -1
  private var thread = pthread_t()
  private let isRunning = Atomic<Bool>(false)

  /// What the thread has; it does not hold the `TickThread`, so that nothing holds itself.
  private final class Loop: Sendable {
    let name: String
    let wake: Int32
    let firstPause: Int32
    let body: @Sendable () -> Int32

    init(name: String, wake: Int32, firstPause: Int32, body: @escaping @Sendable () -> Int32) {
      self.name = name
      self.wake = wake
      self.firstPause = firstPause
      self.body = body
    }

    func run() {
      martlet_name_thread(name)
      var pause = firstPause
      while true {
        // Sleeps on the reading end of a pipe; a byte in it ends the thread at once.
        var entry = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
        if poll(&entry, 1, pause) > 0 { return }
        pause = body()
      }
    }
  }

  /// Starts the thread, once. Without one (the system has no more) nothing happens: what watches must not stop what is
  /// watched.
  ///
  /// - Parameter body: Is called after each pause; gives the length of the next one, in milliseconds.
  func start(name: String, afterMilliseconds pause: Int32, _ body: @escaping @Sendable () -> Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    (wakeRead, wakeWrite) = (ends[0], ends[1])
    // Signals from outside are for threads of the program; those that a fault raises come here all the same.
    var blocked = sigset_t()
    var before = sigset_t()
    sigfillset(&blocked)
    for signal in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] { sigdelset(&blocked, signal) }
    pthread_sigmask(SIG_SETMASK, &blocked, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    isRunning.store(true, ordering: .relaxed)
    let context = Unmanaged.passRetained(Loop(name: name, wake: wakeRead, firstPause: pause, body: body))
    let failure = pthread_create(
      &thread, nil,
      { context in
        Unmanaged<Loop>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, context.toOpaque())
    if failure != 0 {
      isRunning.store(false, ordering: .relaxed)
      context.release()
      close(wakeRead)
      close(wakeWrite)
    }
  }

  /// Ends the thread, waits for its end, and calls `then`. May be called from any other thread and more than once; only the
  /// first call that finds it running does something.
  func stop(_ then: () -> Void = {}) {
    // Acquiring: sees what start() wrote.
    guard isRunning.exchange(false, ordering: .acquiring) else { return }
    var byte: UInt8 = 0
    _ = write(wakeWrite, &byte, 1)
    pthread_join(thread, nil)
    close(wakeRead)
    close(wakeWrite)
    then()
  }
}
