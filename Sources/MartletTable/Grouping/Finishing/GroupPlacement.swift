/// The groups of a part in ranges of their numbers.
// Sendable: immutable.
package final class GroupPlacement: @unchecked Sendable {
  struct Entry: BitwiseCopyable {
    var number: UInt64
    var part: UInt32
    var group: UInt32
  }

  let bucketCount: Int
  /// The entries of bucket `b` are `starts[b]..<starts[b + 1]`, in order of the groups.
  let starts: [Int]
  private let part: UInt32
  private let numbers: UnsafeMutablePointer<UInt64>
  private let groups: UnsafeMutablePointer<UInt32>

  init(_ part: GroupPartial, part index: Int, _ order: GroupOrder, bucketBits: Int) {
    let all = order.numbers(of: part, number: index)
    let count = all.count
    let bucketBits = min(bucketBits, order.bitCount)
    let bucketCount = 1 << bucketBits
    self.bucketCount = bucketCount
    self.part = UInt32(index)
    let numbers = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
    let groups = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
    self.numbers = numbers
    self.groups = groups
    // The upper bits tell the bucket, so buckets order as numbers do. Smart shifts: all 64 may go.
    let shift = UInt64(order.bitCount - bucketBits)
    starts = all.withUnsafeBufferPointer { all in
      var next = [Int](repeating: 0, count: bucketCount + 1)
      for group in 0..<count { next[Int(all[group] >> shift) &+ 1] &+= 1 }
      for bucket in 0..<bucketCount { next[bucket + 1] += next[bucket] }
      let starts = next
      for group in 0..<count {
        let bucket = Int(all[group] >> shift)
        let place = next[bucket]
        numbers[place] = all[group]
        groups[place] = UInt32(truncatingIfNeeded: group)
        next[bucket] = place &+ 1
      }
      return starts
    }
  }

  deinit {
    numbers.deallocate()
    groups.deallocate()
  }

  /// Writes the entries of a bucket.
  ///
  /// - Returns: How many.
  func copy(bucket: Int, to target: UnsafeMutablePointer<Entry>) -> Int {
    let start = starts[bucket]
    let count = starts[bucket + 1] - start
    for index in 0..<count {
      (target + index).initialize(to: Entry(number: numbers[start &+ index], part: part, group: groups[start &+ index]))
    }
    return count
  }
}
