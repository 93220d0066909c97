/// How many of a group's records were null in each argument. Nothing is kept while none was.
final class NullCounts {
  private let argumentCount: Int
  private var counts: UnsafeMutablePointer<Int64>?
  private var capacity = 0

  init(argumentCount: Int) { self.argumentCount = argumentCount }

  deinit { counts?.deallocate() }

  var residentBytes: Int { capacity * argumentCount * 8 }
  var isEmpty: Bool { counts == nil }

  /// The counts, `[group * argumentCount + argument]`, with room for `groupCount` groups.
  func reserve(_ groupCount: Int) -> UnsafeMutablePointer<Int64> {
    if let counts, groupCount <= capacity { return counts }
    let newCapacity = max(groupCount, capacity * 2, 64)
    let larger = UnsafeMutablePointer<Int64>.allocate(capacity: newCapacity * argumentCount)
    if let counts {
      larger.moveInitialize(from: counts, count: capacity * argumentCount)
      counts.deallocate()
    }
    (larger + capacity * argumentCount).initialize(repeating: 0, count: (newCapacity - capacity) * argumentCount)
    counts = larger
    capacity = newCapacity
    return larger
  }

  /// The counts as addresses, valid until the next `reserve`.
  struct View: BitwiseCopyable {
    fileprivate let counts: UnsafeMutablePointer<Int64>?
    fileprivate let capacity: Int
    fileprivate let argumentCount: Int

    @inline(__always)
    func count(group: Int, argument: Int) -> Int64 {
      guard let counts, group < capacity else { return 0 }
      return counts[group &* argumentCount &+ argument]
    }
  }

  var view: View { View(counts: counts, capacity: capacity, argumentCount: argumentCount) }
}
