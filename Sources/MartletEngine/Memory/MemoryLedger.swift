import MartletGraph
import Synchronization

/// What the live results of a run take in memory.
final class MemoryLedger: @unchecked Sendable {
  // Sendable: `bytes` is written by the task's thread before the result is published, and read by who drops it.

  let budget: Int
  private let bytes: UnsafeMutablePointer<Int>
  /// Bytes of all live results.
  private let live = Atomic<Int>(0)
  private let peak = Atomic<Int>(0)

  init(budget: Int, tasks: Int) {
    self.budget = budget
    bytes = .allocate(capacity: max(1, tasks))
  }

  deinit { bytes.deallocate() }

  var liveBytes: Int { live.load(ordering: .relaxed) }
  var peakBytes: Int { peak.load(ordering: .relaxed) }

  /// A result has come alive.
  func add(_ task: Int, bytes count: Int) {
    bytes[task] = count
    let now = live.wrappingAdd(count, ordering: .relaxed).newValue
    var known = peak.load(ordering: .relaxed)
    while now > known {
      let attempt = peak.compareExchange(expected: known, desired: now, ordering: .relaxed)
      if attempt.exchanged { return }
      known = attempt.original
    }
  }

  /// A result was dropped.
  func drop(_ task: Int) { live.wrappingSubtract(bytes[task], ordering: .relaxed) }
}
