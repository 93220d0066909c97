/// Who waits for something to change that a lock guards; used under that lock. Whoever changes it takes them all and tells
/// them when the lock is free, and they look again.
struct Waiters {
  private var all: [(id: ObjectIdentifier, tell: @Sendable () -> Void)] = []

  mutating func add(_ parker: Parker) { all.append((ObjectIdentifier(parker), { parker.set() })) }

  mutating func add(_ gate: ContinuationGate) { all.append((ObjectIdentifier(gate), { gate.open() })) }

  /// Removes one that does not wait any more, unless it is being told.
  mutating func remove(_ waiter: AnyObject) { all.removeAll { $0.id == ObjectIdentifier(waiter) } }

  mutating func takeAll() -> [@Sendable () -> Void] {
    if all.isEmpty { return [] }
    defer { all.removeAll() }
    return all.map(\.tell)
  }
}
