import MartletProtocol

/// How soon the scheduler has to hear that tasks have ended.
///
/// A message costs the scheduler and the worker as much as a short task. So while the worker has plenty in hand, ends may wait
/// for the next message that has to leave, or a millisecond: nothing is idle because of it here, and what becomes ready elsewhere
/// becomes so that much later. The scheduler hears at once when half of what was in hand is done, so that it can give more, and
/// once in half a millisecond, so that tasks of that length and more are told one by one.
package struct EndPace: Sendable {
  private static let patience: Int64 = 500_000
  /// The most that was in hand since the scheduler was last told at once.
  private var most = 0
  private var lastTold = Timestamp(nanoseconds: 0)
  /// Whether the ends that were last judged have to be told at once. Stored: the shell asks it of a core that lies in an object, and
  /// a function of such a core would be given a copy of it.
  package private(set) var isUrgent = true

  /// Tasks have ended; so many are left, on so many threads.
  mutating func judge(inHand: Int, threads: Int, at now: Timestamp) {
    isUrgent = inHand <= threads || 2 * inHand <= most || now.nanoseconds - lastTold.nanoseconds > EndPace.patience
    guard isUrgent else { return }
    most = inHand
    lastTold = now
  }

  /// A turn is over with so many tasks in hand.
  mutating func note(inHand: Int) { most = max(most, inHand) }
}
