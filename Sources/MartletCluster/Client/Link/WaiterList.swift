/// Those who are told once, all together, that something has changed, unless they have gone before. Its owner locks it.
struct WaiterList {
  private var list: [(number: UInt64, tell: @Sendable () -> Void)] = []
  private var last: UInt64 = 0

  var count: Int { list.count }

  /// - Returns: A number for `remove`.
  mutating func add(_ tell: @escaping @Sendable () -> Void) -> UInt64 {
    last += 1
    list.append((last, tell))
    return last
  }

  /// Nothing happens where he was told already.
  mutating func remove(_ number: UInt64) { list.removeAll { $0.number == number } }

  /// Empties the list; who gets it tells all, without the lock.
  mutating func takeAll() -> [@Sendable () -> Void] {
    defer { list = [] }
    return list.map(\.tell)
  }
}
