import Glibc

/// Runs `body`, which may block, on a thread of its own, and waits for it without blocking.
///
/// Tests run on Swift's few threads, synchronous ones too. Those threads are what ends a `Task.sleep`, a `Task.yield` or a
/// timeout: tests that block all of them until such a thing happens wait for ever.
package func aside<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    startThread { continuation.resume(with: Result { try body() }) }
  }
}

/// The same, one at a time in the whole process: for tests that look at what the process has, such as its threads.
package func asideAlone<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await aside {
    pthread_mutex_lock(Turn.shared.mutex)
    defer { pthread_mutex_unlock(Turn.shared.mutex) }
    return try body()
  }
}

private final class Turn: @unchecked Sendable {
  // Sendable: constant.
  static let shared = Turn()
  let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

  init() { pthread_mutex_init(mutex, nil) }
}

/// Starts a thread that runs `body` and ends; nobody waits for it.
private func startThread(_ body: @escaping @Sendable () -> Void) {
  final class Start: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  pthread_attr_setstacksize(&attributes, 8 << 20)
  var thread = pthread_t()
  let status = pthread_create(
    &thread, &attributes,
    { argument in
      Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue().body()
      return nil
    }, Unmanaged.passRetained(Start(body)).toOpaque())
  precondition(status == 0, "the system refuses another thread (error \(status))")
}
