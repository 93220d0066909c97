import MartletEngine
import MartletSystem
import Synchronization

/// How long it takes until a thread sees what another one wrote: what no scheduler can go below when it passes a task on.
enum Handoff {
  /// Prints it.
  static func report() {
    print("  floor: a word goes to another processor and back in \(padded(roundTripNanoseconds(), 0, digits: 0)) ns")
  }

  private final class Word: Sendable {
    let value = Atomic<Int>(0)
  }

  /// Nanoseconds for a word to go from one thread to another and back, both spinning; the best of some tries. On the
  /// virtual machines measured it is some 55 or some 340, by where the host has put the processors, and changes by the
  /// minute: whoever compares figures of small tasks on several threads needs it beside them.
  private static func roundTripNanoseconds() -> Double {
    let rounds = 20_000
    var best = Double.infinity
    for _ in 0..<5 {
      let word = Word()
      startThread(named: "handoff") {
        for round in 0..<rounds {
          while word.value.load(ordering: .acquiring) != 2 * round + 1 {}
          word.value.store(2 * round + 2, ordering: .releasing)
        }
      }
      let start = martlet_monotonic_nanoseconds()
      for round in 0..<rounds {
        word.value.store(2 * round + 1, ordering: .releasing)
        while word.value.load(ordering: .acquiring) != 2 * round + 2 {}
      }
      best = min(best, Double(martlet_monotonic_nanoseconds() - start) / Double(rounds))
    }
    return best
  }
}
