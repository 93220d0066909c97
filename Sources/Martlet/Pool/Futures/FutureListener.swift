/// Somebody who wants to be told that a future has ended, once. A listener is added to one future only.
class FutureListener: @unchecked Sendable {
  // Sendable: the links belong to the lock of the future that it was added to.
  @exclusivity(unchecked) fileprivate final var next: Unmanaged<FutureListener>?
  @exclusivity(unchecked) fileprivate final var previous: Unmanaged<FutureListener>?
  @exclusivity(unchecked) fileprivate final var isListed = false

  /// Called on the thread that ended the task, outside of all locks.
  func futureFinished(_ future: AnyFuture) {}
}

/// A doubly linked list that owns its listeners; adding and removing take a few instructions.
struct ListenerList {
  private var first: Unmanaged<FutureListener>?
  private var last: Unmanaged<FutureListener>?

  var isEmpty: Bool { first == nil }

  mutating func append(_ listener: FutureListener) {
    let new = Unmanaged.passRetained(listener)
    listener.isListed = true
    listener.previous = last
    if let last { last._withUnsafeGuaranteedRef { $0.next = new } } else { first = new }
    last = new
  }

  mutating func remove(_ listener: FutureListener) {
    guard listener.isListed else { return }
    listener.isListed = false
    let (before, after) = (listener.previous, listener.next)
    if let before { before._withUnsafeGuaranteedRef { $0.next = after } } else { first = after }
    if let after { after._withUnsafeGuaranteedRef { $0.previous = before } } else { last = before }
    listener.next = nil
    listener.previous = nil
    Unmanaged.passUnretained(listener).release()
  }

  mutating func popFirst() -> FutureListener? {
    guard let listener = first?.takeUnretainedValue() else { return nil }
    remove(listener)
    return listener
  }
}

/// The locks of the lists of listeners: a few for all futures, so that a future has none of its own.
enum Listeners {
  private static let count = 64
  private static let locks = (0..<count).map { _ in ShortLock() }

  static func lock(of future: AnyFuture) -> ShortLock {
    let address = UInt(bitPattern: Unmanaged.passUnretained(future).toOpaque())
    return locks[Int(truncatingIfNeeded: (address &* 0x9e37_79b9_7f4a_7c15) >> 58)]
  }
}
