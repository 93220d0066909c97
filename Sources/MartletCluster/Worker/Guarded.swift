import MartletEngine

/// A value behind a lock.
final class Guarded<Value>: @unchecked Sendable {
  // Sendable: the lock guards the value.
  private let lock = Lock()
  private var value: Value

  init(_ value: Value) { self.value = value }

  func withLock<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&value) } }
}
