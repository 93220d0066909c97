/// Decides whether a loop without events polls for a moment before it sleeps.
///
/// A sleep costs a wake-up, some 50 µs in a virtual machine; polling costs a processor that somebody else may need. So
/// the loop polls only while that pays:
/// - Polling that finds an event earns credit, polling in vain costs it; without credit the loop sleeps at once.
/// - A wait that was short although the loop slept is a hint that polling would pay, and lets the loop try once. The
///   wait then includes the wake-up, so "short" is `hintFactor` times the limit.
/// - Each trial in vain doubles the number of hints that the next one needs, up to `mostHints`.
/// - Somebody else who wants the processor (giving it away took long) ends polling, and costs all credit.
///
/// At worst the loop polls once in `mostHints` short waits and never in long ones. (Linux's own polling before a virtual
/// processor halts, Documentation/virt/kvm/halt-polling, grows and shrinks the time instead; a time that has to grow step
/// by step never gets past a wake-up that takes longer than the limit.)
struct PollPolicy {
  static let hintFactor: UInt64 = 4
  static let mostCredit = 8
  static let mostHints = 64

  /// Nanoseconds to poll at most; 0 for never.
  let limit: UInt64
  private var credit = 0
  private var hints = 0
  private var hintsNeeded = 1

  init(limitNanoseconds: UInt64) { limit = limitNanoseconds }

  /// Whether to poll now.
  var polls: Bool { credit > 0 }

  /// Polling found an event.
  mutating func found() {
    credit = min(PollPolicy.mostCredit, credit + 2)
    hintsNeeded = 1
  }

  /// Polling ended without an event; the loop sleeps now.
  mutating func pollingFailed() {
    credit -= 1
    if credit == 0 { doubleHints() }
  }

  /// Polling ended because somebody else needs the processor.
  mutating func crowded() {
    credit = 0
    doubleHints()
  }

  /// An event, not a timer, ended a sleep without polling after `nanoseconds`.
  mutating func slept(_ nanoseconds: UInt64) {
    guard nanoseconds < limit &* PollPolicy.hintFactor else { return }
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
