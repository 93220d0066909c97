/// Resumes one suspended Swift task, once, whichever comes first: the suspension or the reason to go on.
final class ContinuationGate: @unchecked Sendable {
  // Sendable: the state is used under the lock.
  private let lock = ShortLock()
  private var continuation: UnsafeContinuation<Void, Never>?
  private var isOpen = false

  deinit { lock.destroy() }

  func suspend(_ continuation: UnsafeContinuation<Void, Never>) {
    let resumes = lock.withLock {
      if isOpen { return true }
      self.continuation = continuation
      return false
    }
    if resumes { continuation.resume() }
  }

  func open() {
    let waiting = lock.withLock {
      isOpen = true
      defer { continuation = nil }
      return continuation
    }
    waiting?.resume()
  }
}
