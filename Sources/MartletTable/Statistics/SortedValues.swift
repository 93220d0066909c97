/// All values of a numeric column in sorted runs, with their moments. Immutable.
// Sendable: nothing changes after it is made.
final class SortedValues: @unchecked Sendable {
  let isDouble: Bool
  let runs: [ValueRun]
  let moments: Moments
  let intSum: Int128
  let doubleSum: DoubleSum

  init(isDouble: Bool, runs: [ValueRun], moments: Moments, intSum: Int128, doubleSum: DoubleSum) {
    self.isDouble = isDouble
    self.runs = runs
    self.moments = moments
    self.intSum = intSum
    self.doubleSum = doubleSum
  }

  /// In the order of the parts; the runs are shared, not copied.
  static func merge(_ parts: [SortedValues]) -> SortedValues {
    var moments = Moments()
    var intSum: Int128 = 0
    var doubleSum = DoubleSum()
    for part in parts {
      moments.merge(part.moments)
      intSum += part.intSum
      doubleSum.merge(part.doubleSum)
    }
    return SortedValues(
      isDouble: parts[0].isDouble, runs: parts.flatMap(\.runs), moments: moments, intSum: intSum, doubleSum: doubleSum)
  }

  var residentBytes: Int { runs.reduce(0) { $0 + $1.residentBytes } }
  var count: Int64 { runs.reduce(0) { $0 + $1.total } }
  var minimum: Int64? { runs.lazy.filter { $0.count > 0 }.map { $0.values[0] }.min() }
  var maximum: Int64? { runs.lazy.filter { $0.count > 0 }.map { $0.values[$0.count - 1] }.max() }
  var mean: Double? {
    let count = count
    if count == 0 { return nil }
    return isDouble ? doubleSum.mean(of: count) : divideExactly(intSum, by: count)
  }

  /// The value of that rank, counted from 0, among all in order.
  ///
  /// - Complexity: 64 halvings of the range of values, each a binary search in every run.
  func value(rank: Int64) -> Int64 {
    var low = minimum!
    var high = maximum!
    while low < high {
      let middle = Int64(truncatingIfNeeded: (Int128(low) + Int128(high)) >> 1)
      var atMost: Int64 = 0
      for run in runs { atMost += run.rank(middle) }
      if atMost > rank { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// The p-quantile, interpolated linearly; nil without values.
  func quantile(_ p: Double) -> Double? {
    let count = count
    if count == 0 { return nil }
    let (index, fraction) = Quantile.position(p, count: Int(count))
    let low = value(rank: Int64(index))
    let high = fraction > 0 && index + 1 < Int(count) ? value(rank: Int64(index) + 1) : low
    if isDouble { return Quantile.interpolate(OrderedDouble.decode(low), OrderedDouble.decode(high), fraction) }
    return Quantile.interpolate(low, high, fraction)
  }

  /// Ranges of values whose distinct values can be counted side by side: the upper bounds, ascending, the last one
  /// `Int64.max`.
  func shardBounds(targetCount: Int) -> [Int64] {
    let stored = runs.reduce(0) { $0 + $1.count }
    let wanted = max(1, stored / max(targetCount, 1))
    if runs.count < 2 || wanted == 1 { return [.max] }
    var samples: [Int64] = []
    // 16 samples a shard for an even cut, taken from each run by its length.
    let step = max(1, stored / (wanted * 16))
    for (number, run) in runs.enumerated() {
      // Begun at another place in each run: the same place in all would be the same quantile over and over.
      let start = Int(truncatingIfNeeded: UInt32(truncatingIfNeeded: number) &* 0x9e37_79b9) % step
      for index in stride(from: start, to: run.count, by: step) { samples.append(run.values[index]) }
    }
    samples.sort()
    var bounds: [Int64] = []
    for shard in 1..<wanted where !samples.isEmpty {
      let bound = samples[shard * samples.count / wanted]
      if bound > bounds.last ?? .min { bounds.append(bound) }
    }
    if bounds.last != .max { bounds.append(.max) }
    return bounds
  }

  /// How many distinct values lie above `lower` (nil: no bound) and up to `upper`.
  func distinctCount(above lower: Int64?, to upper: Int64) -> Int {
    let slices = runs.compactMap { run -> UnsafeBufferPointer<Int64>? in
      let start = lower.map(run.upperIndex) ?? 0
      let end = run.upperIndex(upper)
      return start < end ? UnsafeBufferPointer(start: run.values + start, count: end - start) : nil
    }
    if slices.isEmpty { return 0 }
    let count = slices.reduce(0) { $0 + $1.count }
    let values = UnsafeMutablePointer<Int64>.allocate(capacity: count)
    let scratch = UnsafeMutablePointer<Int64>.allocate(capacity: count)
    defer {
      values.deallocate()
      scratch.deallocate()
    }
    var filled = 0
    for slice in slices {
      (values + filled).update(from: slice.baseAddress!, count: slice.count)
      filled += slice.count
    }
    if slices.count > 1 { radixSort(values, scratch: scratch, count: count, key: unsignedOrder) }
    var distinct = 1
    for index in 1..<count { distinct &+= values[index] != values[index &- 1] ? 1 : 0 }
    return distinct
  }
}
