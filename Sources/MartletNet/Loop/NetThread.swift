import Glibc
import MartletSystem

/// Starts a detached thread that runs `body`, signals blocked; 0 or a negative errno.
func startNetThread(_ name: String, _ body: @escaping @Sendable () -> Void) -> Int32 {
  final class Start: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  let start = Unmanaged.passRetained(Start(body))
  let status = martlet_start_thread(
    name, { Unmanaged<Start>.fromOpaque($0!).takeRetainedValue().body() }, start.toOpaque())
  if status != 0 { start.release() }
  return status
}

/// A mutex for a few lines at a time. A pthread mutex, because the thread sanitizer understands it; the engine's
/// `Lock` lives in a room that this one may not import.
final class NetLock: @unchecked Sendable {
  // Sendable: the mutex is made to be used by all threads, and its address never changes.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  init() {
    mutex = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  func lock() { pthread_mutex_lock(mutex) }

  func unlock() { pthread_mutex_unlock(mutex) }

  /// Takes the lock if nobody has it.
  func tryLock() -> Bool { pthread_mutex_trylock(mutex) == 0 }

  @inline(__always)
  func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }
}
