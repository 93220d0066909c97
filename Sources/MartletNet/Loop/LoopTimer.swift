import MartletSystem

/// A moment at which a loop calls a function. Made once and armed as often as wanted; arming allocates nothing.
///
/// An armed timer is kept alive by its loop, and so is what `action` refers to: refer to an owner weakly, or disarm
/// the timer when it closes.
package final class LoopTimer: @unchecked Sendable {
  // Sendable: only its loop's thread touches it, which each function checks.
  package let loop: EventLoop
  let action: @Sendable () -> Void
  /// The place in the loop's heap, or -1 when not armed.
  @exclusivity(unchecked) fileprivate(set) var place = -1

  package init(loop: EventLoop, action: @escaping @Sendable () -> Void) {
    self.loop = loop
    self.action = action
  }

  /// Whether the moment is still to come.
  package var isArmed: Bool { place >= 0 }

  /// Calls the action once at `deadline`, in nanoseconds of the loop's clock; an earlier order is forgotten.
  /// Timers with one deadline fire in the order in which they were armed. Cost: O(log n).
  package func arm(at deadline: UInt64) {
    loop.requireOnLoop()
    loop.timers.arm(self, at: deadline)
  }

  /// Calls the action once, `delay` from now.
  package func arm(after delay: Duration) {
    arm(at: martlet_monotonic_nanoseconds() + delay.nanoseconds)
  }

  /// Forgets the order.
  package func disarm() {
    loop.requireOnLoop()
    loop.timers.disarm(self)
  }
}

/// Armed timers as a binary heap; the earliest is on top.
struct TimerHeap {
  private struct Entry {
    var deadline: UInt64
    var sequence: UInt64
    var timer: LoopTimer

    func isBefore(_ other: Entry) -> Bool {
      deadline != other.deadline ? deadline < other.deadline : sequence < other.sequence
    }
  }

  private var heap: [Entry] = []
  private var lastSequence: UInt64 = 0

  /// The earliest deadline.
  var next: UInt64? { heap.first?.deadline }

  var count: Int { heap.count }

  mutating func arm(_ timer: LoopTimer, at deadline: UInt64) {
    lastSequence += 1
    let entry = Entry(deadline: deadline, sequence: lastSequence, timer: timer)
    if timer.place < 0 {
      heap.append(entry)
      rise(from: heap.count - 1, entry)
    } else {
      settle(at: timer.place, entry)
    }
  }

  mutating func disarm(_ timer: LoopTimer) {
    let place = timer.place
    if place < 0 { return }
    timer.place = -1
    let last = heap.removeLast()
    if place < heap.count { settle(at: place, last) }
  }

  /// A number that all later orders exceed.
  var sequence: UInt64 { lastSequence }

  /// Takes out the earliest timer if it is due and was armed no later than `sequence`.
  mutating func popDue(now: UInt64, sequence: UInt64) -> LoopTimer? {
    guard let first = heap.first, first.deadline <= now, first.sequence <= sequence else { return nil }
    disarm(first.timer)
    return first.timer
  }

  mutating func removeAll() {
    for entry in heap { entry.timer.place = -1 }
    heap.removeAll()
  }

  private mutating func settle(at place: Int, _ entry: Entry) {
    if place > 0, entry.isBefore(heap[(place - 1) / 2]) {
      rise(from: place, entry)
    } else {
      sink(from: place, entry)
    }
  }

  private mutating func rise(from start: Int, _ entry: Entry) {
    var place = start
    while place > 0 {
      let parent = (place - 1) / 2
      if !entry.isBefore(heap[parent]) { break }
      put(heap[parent], at: place)
      place = parent
    }
    put(entry, at: place)
  }

  private mutating func sink(from start: Int, _ entry: Entry) {
    var place = start
    while true {
      var child = 2 * place + 1
      if child >= heap.count { break }
      if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
      if !heap[child].isBefore(entry) { break }
      put(heap[child], at: place)
      place = child
    }
    put(entry, at: place)
  }

  private mutating func put(_ entry: Entry, at place: Int) {
    heap[place] = entry
    entry.timer.place = place
  }
}
