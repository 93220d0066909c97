import MartletBytes
import MartletEngine

/// The results that a cache holds in memory.
final class MemoryResults: @unchecked Sendable {
  // Sendable: `kept` is used under the lock.
  private let lock = Lock()
  private var kept: GreedyDualSize<AnyResult>

  /// What the cache itself needs for a result, about.
  static let bytesPerResult = 128

  init(budget: Int) { kept = GreedyDualSize(budget: budget) }

  func value<T: Sendable>(for key: Digest128, as type: T.Type) -> T? {
    // Not `as? T`, which also takes what can be converted to it.
    (lock.withLock { kept.use(key) } as? KeptResult<T>)?.value
  }

  func store<T: Sendable>(_ value: T, for key: Digest128, bytes: Int, seconds: Double) {
    let result = KeptResult(value)
    let (bytes, isTooMuch) = max(0, bytes).addingReportingOverflow(MemoryResults.bytesPerResult)
    let dropped = lock.withLock {
      kept.insert(result, for: key, bytes: isTooMuch ? .max : bytes, seconds: seconds)
    }
    // Their values may be anything, and take long to free: not under the lock.
    withExtendedLifetime(dropped) {}
  }

  func removeAll() {
    let dropped = lock.withLock { kept.removeAll() }
    withExtendedLifetime(dropped) {}
  }

  func report(to counters: inout ResultCache.Counters) {
    lock.withLock {
      counters.evictions = kept.evictions
      counters.resultsInMemory = kept.count
      counters.bytesInMemory = kept.bytes
    }
  }
}

/// A result of some type.
class AnyResult: @unchecked Sendable {
  // Sendable: `KeptResult` is the only kind.
}

private final class KeptResult<T: Sendable>: AnyResult, @unchecked Sendable {
  // Sendable: constant.
  let value: T

  init(_ value: T) { self.value = value }
}
