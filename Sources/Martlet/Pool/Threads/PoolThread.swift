import Glibc
import MartletSystem

/// What a pool knows about a thread that runs its tasks: a worker, or for a while the caller of a blocking `map`.
final class PoolThread: @unchecked Sendable {
  // Sendable: used by its own thread, but for `parker`, which is made for others.

  /// The pool that started the thread; nil for a caller.
  let core: PoolCore?
  /// The number of the worker in its pool, from 0; numbers of threads that have ended are used again.
  let index: Int
  /// What the thread sleeps on while it has nothing to do.
  let parker = Parker()
  /// The synchronous task that the thread is inside of.
  @exclusivity(unchecked) var task: AnyFuture?
  /// An address near the beginning of the stack.
  private let stackStart: UInt

  init(core: PoolCore?, index: Int) {
    self.core = core
    self.index = index
    stackStart = martlet_stack_address()
  }

  /// The bytes of stack that are in use since the thread was made one of the pool's.
  var stackBytes: Int { Int(bitPattern: stackStart &- martlet_stack_address()) }

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }()

  /// The calling thread's, if a pool knows it.
  static var current: PoolThread? {
    guard let address = pthread_getspecific(key) else { return nil }
    return Unmanaged<PoolThread>.fromOpaque(address).takeUnretainedValue()
  }

  /// Makes this the calling thread's while `body` runs.
  func enter<Result>(_ body: () throws -> Result) rethrows -> Result {
    let before = pthread_getspecific(PoolThread.key)
    pthread_setspecific(PoolThread.key, Unmanaged.passUnretained(self).toOpaque())
    defer { pthread_setspecific(PoolThread.key, before) }
    return try withExtendedLifetime(self) { try body() }
  }
}
