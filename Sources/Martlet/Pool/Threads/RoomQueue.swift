/// Somebody whose task waits until the pool has room for it.
final class RoomWaiter: @unchecked Sendable {
  // Sendable: the links belong to the lock of the pool; the rest is constant.
  let task: AnyFuture
  private let tell: @Sendable () -> Void
  fileprivate var next: RoomWaiter?
  fileprivate unowned(unsafe) var previous: RoomWaiter?
  fileprivate(set) var isListed = false

  /// - Parameter tell: Called once the task has been queued, outside of all locks.
  init(_ task: AnyFuture, tell: @escaping @Sendable () -> Void) {
    self.task = task
    self.tell = tell
  }

  func admitted() { tell() }
}

/// Who waits for room, in the order in which they came.
struct RoomQueue {
  private var first: RoomWaiter?
  private unowned(unsafe) var last: RoomWaiter?

  var isEmpty: Bool { first == nil }

  mutating func append(_ waiter: RoomWaiter) {
    waiter.isListed = true
    waiter.previous = last
    if let last { last.next = waiter } else { first = waiter }
    last = waiter
  }

  mutating func popFirst() -> RoomWaiter? {
    guard let waiter = first else { return nil }
    remove(waiter)
    return waiter
  }

  mutating func remove(_ waiter: RoomWaiter) {
    guard waiter.isListed else { return }
    waiter.isListed = false
    let after = waiter.next
    if let after { after.previous = waiter.previous } else { last = waiter.previous }
    // Last, as it may be what keeps the waiter alive.
    waiter.next = nil
    if let before = waiter.previous { before.next = after } else { first = after }
    waiter.previous = nil
  }
}
