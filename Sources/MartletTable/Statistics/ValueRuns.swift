/// The values of a numeric column as sorted runs, which answer for exact quantiles and the number of distinct values.
///
/// Ints of a small range are counted in a table indexed by value. Other values wait in a buffer; when it is full it
/// is sorted, and kept as distinct values with counts where these are few, else as they are: 8 bytes a value, never copied
/// to grow. Mean and deviations come from each run as it is made, in two passes over what is in the cache anyway.
final class ValueRuns {
  /// The widest range of ints that is counted by index: a table of a megabyte.
  private static let denseSpan: UInt64 = 1 << 18
  private static let bufferCount = 1 << 17

  private let isDouble: Bool
  private let bufferCount: Int
  private var buffer: UnsafeMutablePointer<Int64>?
  private var filled = 0
  /// Counts of `denseBase + index`; nil once the range was too wide.
  private var dense: UnsafeMutablePointer<UInt32>?
  private var denseBase: Int64 = 0
  private var denseCount = 0
  private var denseTotal = 0
  private var isDense: Bool
  private var runs: [ValueRun] = []
  private var moments = Moments()
  private var intSum: Int128 = 0
  private var doubleSum = DoubleSum()

  init(isDouble: Bool, bufferCount: Int? = nil) {
    self.isDouble = isDouble
    self.bufferCount = bufferCount ?? Self.bufferCount
    isDense = !isDouble
  }

  deinit {
    buffer?.deallocate()
    dense?.deallocate()
  }

  var residentBytes: Int {
    runs.reduce(0) { $0 + $1.residentBytes } + (buffer == nil ? 0 : bufferCount * 8) + denseCount * 4
  }

  func consume(_ vector: Vector, count: Int) {
    if count == 0 { return }
    if isDense {
      if countDense(vector, count) { return }
      flushDense()
      dense?.deallocate()
      dense = nil
      denseCount = 0
      isDense = false
    }
    if buffer == nil { buffer = .allocate(capacity: bufferCount + 1) }
    var start = 0
    while start < count {
      let step = min(count - start, bufferCount - filled)
      append(vector, from: start, count: step)
      start += step
      if filled == bufferCount { flushBuffer() }
    }
  }

  private func append(_ vector: Vector, from start: Int, count: Int) {
    let buffer = buffer!
    var filled = filled
    if isDouble {
      let values = vector.doubles + start
      if vector.hasNulls {
        let valid = vector.valid + start
        for row in 0..<count {
          buffer[filled] = OrderedDouble.encodeEqualZeros(values[row])
          filled &+= valid[row] != 0 ? 1 : 0
        }
      } else {
        for row in 0..<count { buffer[filled &+ row] = OrderedDouble.encodeEqualZeros(values[row]) }
        filled &+= count
      }
    } else {
      let values = vector.ints + start
      if vector.hasNulls {
        let valid = vector.valid + start
        for row in 0..<count {
          buffer[filled] = values[row]
          filled &+= valid[row] != 0 ? 1 : 0
        }
      } else {
        (buffer + filled).update(from: values, count: count)
        filled &+= count
      }
    }
    self.filled = filled
  }

  /// Counts a batch by index; false when its range does not fit.
  private func countDense(_ vector: Vector, _ count: Int) -> Bool {
    let values = vector.ints
    var least = Int64.max
    var greatest = Int64.min
    var valueCount = count
    if vector.hasNulls {
      valueCount = 0
      for row in 0..<count where vector.valid[row] != 0 {
        least = min(least, values[row])
        greatest = max(greatest, values[row])
        valueCount += 1
      }
      if valueCount == 0 { return true }
    } else {
      for row in 0..<count {
        least = min(least, values[row])
        greatest = max(greatest, values[row])
      }
    }
    if dense == nil || least < denseBase || UInt64(bitPattern: greatest &- denseBase) >= UInt64(denseCount) {
      guard widenDense(least, greatest) else { return false }
    }
    // A count is 32 bits, so a long partition gives more than one run.
    if denseTotal > Int(UInt32.max) - Batch.capacity { flushDense() }
    let dense = dense!
    let base = denseBase
    if vector.hasNulls {
      for row in 0..<count where vector.valid[row] != 0 { dense[Int(values[row] &- base)] &+= 1 }
    } else {
      for row in 0..<count { dense[Int(values[row] &- base)] &+= 1 }
    }
    denseTotal += valueCount
    return true
  }

  private func widenDense(_ least: Int64, _ greatest: Int64) -> Bool {
    var low = least
    var high = greatest
    if dense != nil {
      low = min(low, denseBase)
      high = max(high, denseBase + (Int64(denseCount) - 1))
    }
    let span = UInt64(bitPattern: high &- low)
    guard span < Self.denseSpan else { return false }
    // Twice the range, placed so that it may grow both ways; never beyond the ints there are.
    let spare = Int64(min(Self.denseSpan - 1 - span, max(span, 64)) / 2)
    let newBase = low < Int64.min + spare ? Int64.min : low - spare
    let newLast = high > Int64.max - spare ? Int64.max : high + spare
    let newCount = Int(newLast - newBase) + 1
    let wider = UnsafeMutablePointer<UInt32>.allocate(capacity: newCount)
    wider.initialize(repeating: 0, count: newCount)
    if let dense {
      (wider + Int(denseBase - newBase)).update(from: dense, count: denseCount)
      dense.deallocate()
    }
    dense = wider
    denseBase = newBase
    denseCount = newCount
    return true
  }

  private func flushDense() {
    guard let dense, denseTotal > 0 else { return }
    var distinct = 0
    for index in 0..<denseCount where dense[index] != 0 { distinct += 1 }
    let run = ValueRun(count: distinct, isCounted: true)
    var place = 0
    var before: Int64 = 0
    for index in 0..<denseCount where dense[index] != 0 {
      before += Int64(dense[index])
      run.values[place] = denseBase + Int64(index)
      run.cumulated![place] = before
      place += 1
      dense[index] = 0
    }
    denseTotal = 0
    add(run)
  }

  private func flushBuffer() {
    if filled == 0 { return }
    let buffer = buffer!
    let scratch = UnsafeMutablePointer<Int64>.allocate(capacity: filled)
    radixSort(buffer, scratch: scratch, count: filled, key: unsignedOrder)
    scratch.deallocate()
    var distinct = 1
    for index in 1..<max(filled, 1) { distinct &+= buffer[index] != buffer[index &- 1] ? 1 : 0 }
    let run: ValueRun
    if distinct * 2 <= filled {
      run = ValueRun(count: distinct, isCounted: true)
      var place = -1
      for index in 0..<filled {
        if index == 0 || buffer[index] != buffer[index - 1] {
          place += 1
          run.values[place] = buffer[index]
        }
        run.cumulated![place] = Int64(index + 1)
      }
    } else {
      run = ValueRun(count: filled, isCounted: false)
      run.values.update(from: buffer, count: filled)
    }
    filled = 0
    add(run)
    combineCountedRuns()
  }

  /// Keeps the counted runs of one size few: two neighbours of similar size become one, so that a column of few distinct
  /// values takes memory for these only.
  private func combineCountedRuns() {
    while runs.count >= 2 {
      let last = runs[runs.count - 1]
      let previous = runs[runs.count - 2]
      guard last.cumulated != nil, previous.cumulated != nil, previous.count <= 2 * last.count else { return }
      runs.removeLast(2)
      runs.append(ValueRun.merged(previous, last))
    }
  }

  /// Takes a run's moments in, and keeps it.
  private func add(_ run: ValueRun) {
    var part = Moments()
    part.count = Double(run.total)
    if isDouble {
      var sum = DoubleSum()
      run.forEach { value, count in
        let real = OrderedDouble.decode(value)
        if count == 1 {
          sum.add(real)
        } else {
          let product = real * Double(count)
          sum.add(product)
          if product.isFinite { sum.error += (-product).addingProduct(real, Double(count)) }
        }
      }
      doubleSum.merge(sum)
      part.mean = sum.value / part.count
      let mean = part.mean
      var squares = 0.0
      run.forEach { value, count in
        let delta = OrderedDouble.decode(value) - mean
        squares += delta * delta * Double(count)
      }
      part.squares = squares
    } else {
      var sum: Int128 = 0
      run.forEach { value, count in sum &+= Int128(value) &* Int128(count) }
      intSum += sum
      part.mean = divideExactly(sum, by: run.total)
      let mean = part.mean
      var squares = 0.0
      run.forEach { value, count in
        let delta = Double(value) - mean
        squares += delta * delta * Double(count)
      }
      part.squares = squares
    }
    moments.merge(part)
    runs.append(run)
  }

  /// All that was consumed; the collector is used up.
  func finish() -> SortedValues {
    if isDense { flushDense() } else { flushBuffer() }
    buffer?.deallocate()
    buffer = nil
    return SortedValues(
      isDouble: isDouble, runs: runs, moments: moments, intSum: intSum, doubleSum: doubleSum)
  }
}

/// Values in ascending order: each one, or the distinct ones with their counts added up from the first.
final class ValueRun {
  let count: Int
  let values: UnsafeMutablePointer<Int64>
  /// How many values lie up to and with this one; nil where each value stands for itself.
  let cumulated: UnsafeMutablePointer<Int64>?

  init(count: Int, isCounted: Bool) {
    self.count = count
    values = .allocate(capacity: count)
    cumulated = isCounted ? .allocate(capacity: count) : nil
  }

  deinit {
    values.deallocate()
    cumulated?.deallocate()
  }

  var residentBytes: Int { count * (cumulated == nil ? 8 : 16) }
  var total: Int64 { cumulated.map { count == 0 ? 0 : $0[count - 1] } ?? Int64(count) }

  @inline(__always)
  func forEach(_ body: (Int64, Int64) -> Void) {
    if let cumulated {
      var before: Int64 = 0
      for index in 0..<count {
        body(values[index], cumulated[index] &- before)
        before = cumulated[index]
      }
    } else {
      for index in 0..<count { body(values[index], 1) }
    }
  }

  /// Index of the first value above `bound`.
  func upperIndex(_ bound: Int64) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low &+ high) / 2
      if values[middle] <= bound { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  /// How many values are at most `bound`.
  func rank(_ bound: Int64) -> Int64 {
    let index = upperIndex(bound)
    if let cumulated { return index == 0 ? 0 : cumulated[index - 1] }
    return Int64(index)
  }

  static func merged(_ left: ValueRun, _ right: ValueRun) -> ValueRun {
    var values: [Int64] = []
    var counts: [Int64] = []
    values.reserveCapacity(max(left.count, right.count))
    counts.reserveCapacity(max(left.count, right.count))
    var before: Int64 = 0
    var i = 0
    var j = 0
    while i < left.count || j < right.count {
      let takesLeft = j == right.count || (i < left.count && left.values[i] <= right.values[j])
      let value = takesLeft ? left.values[i] : right.values[j]
      if i < left.count && left.values[i] == value {
        before += left.cumulated![i] - (i == 0 ? 0 : left.cumulated![i - 1])
        i += 1
      }
      if j < right.count && right.values[j] == value {
        before += right.cumulated![j] - (j == 0 ? 0 : right.cumulated![j - 1])
        j += 1
      }
      values.append(value)
      counts.append(before)
    }
    let result = ValueRun(count: values.count, isCounted: true)
    result.values.update(from: values, count: values.count)
    result.cumulated!.update(from: counts, count: counts.count)
    return result
  }
}
