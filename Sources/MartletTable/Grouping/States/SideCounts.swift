/// Counts that few groups have, beside the rows: how many of a group's records were null in each argument, or how often a
/// sum of ints went over. Nothing is kept while all are zero.
final class SideCounts {
  /// How many counts a group has.
  let width: Int
  private var counts: UnsafeMutablePointer<Int64>?
  private var capacity = 0

  init(width: Int) { self.width = width }

  deinit { counts?.deallocate() }

  var residentBytes: Int { capacity * width * 8 }
  var isEmpty: Bool { counts == nil }

  /// The counts, `[group * width + index]`, with room for `groupCount` groups.
  func reserve(_ groupCount: Int) -> UnsafeMutablePointer<Int64> {
    if let counts, groupCount <= capacity { return counts }
    let newCapacity = max(groupCount, capacity * 2, 64)
    let larger = UnsafeMutablePointer<Int64>.allocate(capacity: newCapacity * width)
    if let counts {
      larger.moveInitialize(from: counts, count: capacity * width)
      counts.deallocate()
    }
    (larger + capacity * width).initialize(repeating: 0, count: (newCapacity - capacity) * width)
    counts = larger
    capacity = newCapacity
    return larger
  }

  /// Adds the counts of other groups, each to that of its new number.
  func add(_ other: SideCounts, _ numbers: [UInt32], groupCount: Int) {
    if other.isEmpty { return }
    let counts = reserve(groupCount)
    let added = other.view
    for group in numbers.indices {
      for index in 0..<width { counts[Int(numbers[group]) * width + index] &+= added.count(group: group, index) }
    }
  }

  /// The counts as addresses, valid until the next `reserve`.
  struct View: BitwiseCopyable {
    fileprivate let counts: UnsafeMutablePointer<Int64>?
    fileprivate let capacity: Int
    fileprivate let width: Int

    @inline(__always)
    func count(group: Int, _ index: Int) -> Int64 {
      guard let counts, group < capacity else { return 0 }
      return counts[group &* width &+ index]
    }
  }

  var view: View { View(counts: counts, capacity: capacity, width: width) }
}
