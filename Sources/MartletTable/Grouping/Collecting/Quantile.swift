/// Exact quantiles by selection.
enum Quantile {
  /// Where the p-quantile of `count` sorted values lies: between `index` and the next, `fraction` of the way.
  static func position(_ p: Double, count: Int) -> (index: Int, fraction: Double) {
    let position = p * Double(count - 1)
    let index = min(Int(position), count - 1)
    return (index, position - Double(index))
  }

  /// Between two neighbours; exact at both ends, also where their difference would overflow.
  static func interpolate(_ low: Double, _ high: Double, _ fraction: Double) -> Double {
    if fraction == 0 || low == high { return low }
    let difference = high - low
    return difference.isFinite ? low + difference * fraction : low * (1 - fraction) + high * fraction
  }

  /// Between two neighbouring ints. Halves are exact before the one rounding to a double.
  static func interpolate(_ low: Int64, _ high: Int64, _ fraction: Double) -> Double {
    if fraction == 0 || low == high { return Double(low) }
    if fraction == 0.5 { return divideExactly(Int128(low) + Int128(high), by: 2) }
    let difference = Int128(high) - Int128(low)
    return Double(low) + Double(difference) * fraction
  }

  /// Reorders `values` so that place `rank` has what it would have if they were sorted, nothing greater before and
  /// nothing less behind.
  ///
  /// Quickselect (Hoare, CACM 4, 1961) with a median of three and a branchless Lomuto partition; after too many bad
  /// pivots the rest is sorted, so hostile orders cost O(n) passes of a radix sort rather than O(n²).
  static func select(_ values: UnsafeMutablePointer<Int64>, count: Int, rank: Int) {
    var low = 0
    var high = count
    var rounds = 2 * (Int.bitWidth - count.leadingZeroBitCount) + 4
    while high - low > 24 {
      rounds -= 1
      if rounds == 0 {
        let scratch = UnsafeMutablePointer<Int64>.allocate(capacity: high - low)
        radixSort(values + low, scratch: scratch, count: high - low, key: unsignedOrder)
        scratch.deallocate()
        return
      }
      let first = values[low]
      let middle = values[low &+ (high &- low) / 2]
      let last = values[high &- 1]
      let pivot = max(min(first, middle), min(max(first, middle), last))
      var boundary = low
      for index in low..<high {
        let value = values[index]
        values[index] = values[boundary]
        values[boundary] = value
        boundary &+= value < pivot ? 1 : 0
      }
      if rank < boundary {
        high = boundary
        continue
      }
      // Everything from here on is at least the pivot; put the pivot's equals first, which ends runs of one value.
      var equals = boundary
      for index in boundary..<high {
        let value = values[index]
        values[index] = values[equals]
        values[equals] = value
        equals &+= value == pivot ? 1 : 0
      }
      if rank < equals { return }
      low = equals
    }
    var sorted = low + 1
    while sorted < high {
      let value = values[sorted]
      var hole = sorted
      while hole > low && values[hole &- 1] > value {
        values[hole] = values[hole &- 1]
        hole &-= 1
      }
      values[hole] = value
      sorted &+= 1
    }
  }

  /// The p-quantile of values that may be reordered; there is at least one.
  ///
  /// - Parameter isDouble: Whether `values` are `OrderedDouble`s.
  static func of(_ values: UnsafeMutablePointer<Int64>, count: Int, p: Double, isDouble: Bool) -> Double {
    let (index, fraction) = position(p, count: count)
    select(values, count: count, rank: index)
    let low = values[index]
    var high = low
    if fraction > 0 && index + 1 < count {
      high = values[index + 1]
      for place in index + 1..<count { high = min(high, values[place]) }
    }
    if isDouble { return interpolate(OrderedDouble.decode(low), OrderedDouble.decode(high), fraction) }
    return interpolate(low, high, fraction)
  }
}
