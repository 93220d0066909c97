import Synchronization

/// A bounded work-stealing deque of task numbers (Chase and Lev, SPAA 2005; orderings after Lê et al., PPoPP 2013).
///
/// Its owner pushes and pops at the bottom, any thread steals at the top. See `README.md`, section "Deque".
struct WorkDeque: @unchecked Sendable {
  // Sendable: all shared words are atomic; `seenTop` is the owner's.

  // All on one line: a thief that waits for a task gets everything with the one transfer that shows it the push.

  /// The index of the oldest task; only grows.
  private let top: UnsafeMutablePointer<Atomic<Int>>
  /// One above the index of the newest task; written by the owner.
  private let bottom: UnsafeMutablePointer<Atomic<Int>>
  /// The owner's last look at `top`, so that a push seldom touches the line that thieves write.
  private let seenTop: UnsafeMutablePointer<Int>
  /// The newest push: the low half of its index above its task. Spares the thief of a single task another transfer.
  private let newest: UnsafeMutablePointer<Atomic<UInt64>>
  private let places: UnsafeMutablePointer<Atomic<UInt32>>
  private let mask: Int

  /// - Parameters:
  ///   - line: The deque's own line of `lines`.
  ///   - capacity: A power of two.
  init(_ lines: CacheLines, line: Int, capacity: Int) {
    top = lines.atomic(line, 0)
    bottom = lines.atomic(line, 0, offset: 8)
    newest = lines.atomic(line, UInt64.max, offset: 16)
    seenTop = lines.plain(line, 24, 0)
    places = .allocate(capacity: capacity)  // trivial, and no place is read before it was written
    mask = capacity - 1
  }

  func deallocate() { places.deallocate() }

  /// Whether a thief would see a task now.
  @inline(__always)
  var isEmpty: Bool { top.pointee.load(ordering: .relaxed) >= bottom.pointee.load(ordering: .relaxed) }

  /// Adds a task; false when there is no place. Owner only.
  @inline(__always)
  func push(_ task: UInt32) -> Bool {
    let end = bottom.pointee.load(ordering: .relaxed)  // our own store
    if end &- seenTop.pointee > mask {
      // Acquiring: the thief that moved `top` has read its place.
      seenTop.pointee = top.pointee.load(ordering: .acquiring)
      if end &- seenTop.pointee > mask { return false }
    }
    places[end & mask].store(task, ordering: .relaxed)
    newest.pointee.store(UInt64(truncatingIfNeeded: end) &<< 32 | UInt64(task), ordering: .relaxed)
    // Publishes the place and all that the task depends on; pairs with the load of `bottom` in `steal`.
    bottom.pointee.store(end &+ 1, ordering: .releasing)
    return true
  }

  /// Takes the newest task, or -1. Owner only.
  @inline(__always)
  func pop() -> Int {
    let end = bottom.pointee.load(ordering: .relaxed) &- 1
    // `top` only grows: what looks empty is empty. Saves the exchange below, which is the price of a pop.
    if end < top.pointee.load(ordering: .relaxed) { return -1 }
    // Sequentially consistent: of a thief that reads `bottom` and of this thread that reads `top`, one sees the other.
    _ = bottom.pointee.exchange(end, ordering: .sequentiallyConsistent)
    let begin = top.pointee.load(ordering: .sequentiallyConsistent)
    if begin > end {
      bottom.pointee.store(end &+ 1, ordering: .relaxed)
      return -1
    }
    let task = Int(places[end & mask].load(ordering: .relaxed))
    if begin < end { return task }
    // The last one: thieves may want it too, `top` decides.
    let won = top.pointee.compareExchange(
      expected: begin, desired: begin &+ 1, successOrdering: .sequentiallyConsistent, failureOrdering: .relaxed
    ).exchanged
    bottom.pointee.store(end &+ 1, ordering: .relaxed)
    return won ? task : -1
  }

  /// Takes the oldest task, or -1 when there is none or another thread was faster. Any thread.
  @inline(__always)
  func steal() -> Int {
    // A look first: it costs nothing while the lines do not change.
    if isEmpty { return -1 }
    let begin = top.pointee.load(ordering: .sequentiallyConsistent)
    // Pairs with the exchange in `pop` (order) and with the store in `push` (content).
    let end = bottom.pointee.load(ordering: .sequentiallyConsistent)
    if begin >= end { return -1 }
    let newest = newest.pointee.load(ordering: .relaxed)
    let task =
      UInt32(truncatingIfNeeded: newest &>> 32) == UInt32(truncatingIfNeeded: begin)
      ? Int(UInt32(truncatingIfNeeded: newest)) : Int(places[begin & mask].load(ordering: .relaxed))
    // Releasing: the place was read and may be written again; pairs with the load in `push`.
    let won = top.pointee.compareExchange(
      expected: begin, desired: begin &+ 1, successOrdering: .sequentiallyConsistent, failureOrdering: .relaxed
    ).exchanged
    return won ? task : -1
  }
}
