/// Decides whether a thread that has nothing to do polls for a moment before it sleeps.
///
/// A sleep costs a wake-up, some 15 to 50 µs in a virtual machine; polling costs a processor that somebody else may need. So
/// the thread polls only while that pays:
/// - Polling that finds something earns credit, polling in vain costs it; without credit the thread sleeps at once.
/// - A wait that was short although the thread slept is a hint that polling would pay, and lets it try once. The
///   wait then includes the wake-up, so "short" is `hintFactor` times the limit.
/// - Each trial in vain doubles the number of hints that the next one needs, up to `mostHints`.
/// - Somebody else who wants the processor (giving it away took long) ends polling, and costs all credit. While others compute,
///   a thread that polls gets its turn after them, up to some milliseconds late; one that sleeps is put before them when
///   it is woken. So there is no trial for a while, twice as long each time, up to `longestPause`.
///
/// At worst the thread polls once in `mostHints` short waits and never in long ones. (Linux's own polling before a virtual
/// processor halts, Documentation/virt/kvm/halt-polling, grows and shrinks the time instead; a time that has to grow step
/// by step never gets past a wake-up that takes longer than the limit.)
package struct PollPolicy {

  static let hintFactor: UInt64 = 3
  static let mostCredit = 8
  static let mostHints = 64
  static let shortestPause: UInt64 = 4_000_000
  static let longestPause: UInt64 = 1_000_000_000
  /// A yield that nobody answers takes less than a microsecond, one to a process that has just been told something some tens.
  /// One that takes longer has let somebody compute. Nanoseconds.
  package static let crowdedNanoseconds: UInt64 = 100_000

  /// Nanoseconds to poll at most; 0 for never.
  package let limit: UInt64
  private var credit = 0
  private var hints = 0
  private var hintsNeeded = 1
  private var quietUntil: UInt64 = 0
  private var pause = PollPolicy.shortestPause

  package init(limitNanoseconds: UInt64) { limit = limitNanoseconds }

  /// Whether to poll now.
  package var polls: Bool { credit > 0 }

  /// Polling found something.
  package mutating func found() {
    credit = min(PollPolicy.mostCredit, credit + 2)
    hintsNeeded = 1
    pause = max(PollPolicy.shortestPause, pause / 2)
  }

  /// Polling ended in vain; the thread sleeps now.
  package mutating func pollingFailed() {
    credit -= 1
    if credit == 0 { doubleHints() }
  }

  /// Polling ended at `now`, in nanoseconds of any clock, because somebody else needs the processor.
  package mutating func crowded(at now: UInt64) {
    credit = 0
    doubleHints()
    quietUntil = now &+ pause
    pause = min(PollPolicy.longestPause, 2 * pause)
  }

  /// Something to do, not a timer, ended a sleep without polling, which lasted from `start` to `end`.
  package mutating func slept(from start: UInt64, to end: UInt64) {
    guard end &- start < limit &* PollPolicy.hintFactor, end >= quietUntil else { return }
    hints += 1
    if hints >= hintsNeeded {
      hints = 0
      credit = 1
    }
  }

  private mutating func doubleHints() {
    hints = 0
    hintsNeeded = min(PollPolicy.mostHints, hintsNeeded * 2)
  }
}
