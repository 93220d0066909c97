import MartletGraph
import MartletSystem
import Synchronization

/// A bounded queue of events with one writer and one reader. See `README.md`, section "Rings".
final class EventRing: @unchecked Sendable {
  // Sendable: `tail`, `seenHead` and the free places belong to the one writer, `head` and the filled places to the one
  // reader; `EventLog` sees to it that there is one of each.

  let thread: UInt16
  /// Whether it is for one of very many writers.
  let isSmall: Bool
  private let buffer: UnsafeMutablePointer<TaskEvent>
  private let mask: Int
  /// The number of events read so far; written by the reader.
  private let head: UnsafeMutablePointer<Atomic<Int>>
  /// The number of events written so far; written by the writer.
  private let tail: UnsafeMutablePointer<Atomic<Int>>
  /// The number of events that found no place; written by the writer.
  private let dropped: UnsafeMutablePointer<Atomic<Int>>
  /// The writer's last look at `head`, on a line of its own.
  private let seenHead: UnsafeMutablePointer<Int>
  private let lines: CacheLines

  /// - Parameter capacity: A power of two.
  init(thread: UInt16, capacity: Int, isSmall: Bool = false) {
    self.thread = thread
    self.isSmall = isSmall
    mask = capacity - 1
    buffer = .allocate(capacity: capacity)
    lines = CacheLines(3)
    head = lines.atomic(0, 0)
    tail = lines.atomic(1, 0)
    dropped = lines.atomic(2, 0)
    seenHead = lines.plain(2, 8, 0)
  }

  deinit { buffer.deallocate() }

  /// Appends an event, or counts it as dropped when the ring is full. Called by the writer only.
  func append(_ event: TaskEvent) {
    let end = tail.pointee.load(ordering: .relaxed)  // our own store
    if end &- seenHead.pointee > mask {
      // Acquires the reader's copies out of the places that are free again; pairs with the store in `drain`.
      seenHead.pointee = head.pointee.load(ordering: .acquiring)
      if end &- seenHead.pointee > mask {
        dropped.pointee.store(dropped.pointee.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        return
      }
    }
    buffer[end & mask] = event
    // Publishes the event; pairs with the load in `drain`.
    tail.pointee.store(end &+ 1, ordering: .releasing)
  }

  /// Hands out the events that are there, oldest first. Called by one reader at a time.
  func drain(_ body: (TaskEvent) -> Void) {
    var next = head.pointee.load(ordering: .relaxed)  // only readers store it, and they have a lock
    let end = tail.pointee.load(ordering: .acquiring)
    while next < end {
      let event = buffer[next & mask]
      next &+= 1
      // The place may be written again from here on; pairs with the load in `append`.
      head.pointee.store(next, ordering: .releasing)
      body(event)
    }
  }

  /// The number of events that found no place.
  var droppedCount: Int { dropped.pointee.load(ordering: .relaxed) }
}
