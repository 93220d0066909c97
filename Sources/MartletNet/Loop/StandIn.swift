/// Decides when the loop's own thread stands aside.
///
/// Threads that run very short pieces of work take a turn of the loop after nearly each. A message that comes meanwhile would wake
/// the loop's own thread, which takes longer than to handle it; they find it just as soon. So after some turns that were taken
/// one soon after the other, the loop's own thread waits for no events any more, only looks now and then whether turns are
/// still being taken. A message then waits until the end of a piece of work, or, when that one is longer than those before, for
/// up to twice `silenceNanoseconds`.
struct StandIn {
  /// So many turns in a row by threads that soon take the next.
  static let needed = 8
  /// Without any for so long, the loop's own thread goes back to its place.
  static let silenceNanoseconds: UInt64 = 1_000_000

  /// Turns that were taken so far.
  private(set) var taken: UInt64 = 0
  private var row = 0

  /// A turn was taken; whether the loop's own thread should stand aside from now on, or go on doing so.
  mutating func took(isSoonFollowed: Bool) -> Bool {
    taken &+= 1
    row = isSoonFollowed ? min(row + 1, StandIn.needed) : 0
    return row == StandIn.needed
  }

  /// The loop's own thread goes back to its place.
  mutating func reset() { row = 0 }
}
