/// A sum of 64-bit ints: its lower 64 bits. How often it went over, and which way, is counted beside the rows, since hardly
/// any sum ever does; both together are exact.
struct IntSum: BitwiseCopyable {
  var low: Int64

  @inline(__always)
  static func at(_ place: UnsafeMutableRawPointer) -> UnsafeMutablePointer<IntSum> {
    place.assumingMemoryBound(to: IntSum.self)
  }

  /// Adds a value, or the sum of other values.
  ///
  /// - Returns: True when the sum went over, in the direction of the value.
  @inline(__always)
  mutating func add(_ value: Int64) -> Bool {
    let (sum, isOver) = low.addingReportingOverflow(value)
    low = sum
    return isOver
  }

  /// What going over by adding `value` counts.
  static func turn(_ value: Int64) -> Int64 { value < 0 ? -1 : 1 }

  /// The sum after so many turns.
  func value(turns: Int64) -> Int128 { Int128(low) &+ Int128(truncatingIfNeeded: turns) << 64 }
}

/// A sum of doubles with the error that rounding left: about twice the precision of a double.
///
/// The error of each addition is exact (TwoSum: Knuth, The Art of Computer Programming 2, 4.2.2), and is added up
/// beside the sum (Ogita, Rump, Oishi: "Accurate sum and dot product", 2005).
struct DoubleSum: BitwiseCopyable {
  var sum = 0.0
  var error = 0.0

  @inline(__always)
  static func at(_ place: UnsafeMutableRawPointer) -> UnsafeMutablePointer<DoubleSum> {
    place.assumingMemoryBound(to: DoubleSum.self)
  }

  @inline(__always)
  mutating func add(_ value: Double) {
    let total = sum + value
    let part = total - sum
    error += (sum - (total - part)) + (value - part)
    sum = total
  }

  @inline(__always)
  mutating func merge(_ other: DoubleSum) {
    add(other.sum)
    error += other.error
  }

  /// The sum; once it is infinite or NaN the error means nothing.
  var value: Double { sum.isFinite ? sum + error : sum }

  /// The sum divided by `count`.
  func mean(of count: Int64) -> Double { value / Double(count) }
}

/// Count, mean and sum of squared deviations from it.
///
/// Values are added by Welford's update (Technometrics 4, 1962), states by the pairwise update of Chan, Golub and
/// LeVeque (Stanford STAN-CS-79-773, 1979): no cancellation as in the sum of squares.
struct Moments: BitwiseCopyable {
  var count = 0.0
  var mean = 0.0
  var squares = 0.0

  @inline(__always)
  static func at(_ place: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Moments> {
    place.assumingMemoryBound(to: Moments.self)
  }

  @inline(__always)
  mutating func add(_ value: Double) {
    count += 1
    let delta = value - mean
    mean += delta / count
    squares += delta * (value - mean)
  }

  @inline(__always)
  mutating func merge(_ other: Moments) {
    if other.count == 0 { return }
    if count == 0 {
      self = other
      return
    }
    let total = count + other.count
    let delta = other.mean - mean
    mean += delta * (other.count / total)
    squares += other.squares + delta * delta * (count * (other.count / total))
    count = total
  }

  /// The sample's variance; nil for fewer than two values.
  var variance: Double? { count < 2 ? nil : squares / (count - 1) }
}

/// Count, means, sums of squared deviations and of their products, of pairs.
///
/// The bivariate form of `Moments` (Bennett et al.: "Numerically stable, single-pass, parallel statistics
/// algorithms", IEEE Cluster 2009).
struct Comoments: BitwiseCopyable {
  var count = 0.0
  var meanX = 0.0
  var meanY = 0.0
  var squaresX = 0.0
  var squaresY = 0.0
  var products = 0.0

  @inline(__always)
  static func at(_ place: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Comoments> {
    place.assumingMemoryBound(to: Comoments.self)
  }

  @inline(__always)
  mutating func add(_ x: Double, _ y: Double) {
    count += 1
    let deltaX = x - meanX
    let deltaY = y - meanY
    let share = 1 / count
    meanX += deltaX * share
    meanY += deltaY * share
    let restY = y - meanY
    squaresX += deltaX * (x - meanX)
    squaresY += deltaY * restY
    products += deltaX * restY
  }

  @inline(__always)
  mutating func merge(_ other: Comoments) {
    if other.count == 0 { return }
    if count == 0 {
      self = other
      return
    }
    let total = count + other.count
    let share = other.count / total
    let weight = count * share
    let deltaX = other.meanX - meanX
    let deltaY = other.meanY - meanY
    meanX += deltaX * share
    meanY += deltaY * share
    squaresX += other.squaresX + deltaX * deltaX * weight
    squaresY += other.squaresY + deltaY * deltaY * weight
    products += other.products + deltaX * deltaY * weight
    count = total
  }

  /// Pearson's correlation in -1...1; nil for fewer than two pairs, or where one side is constant.
  var correlation: Double? {
    if count < 2 || squaresX == 0 || squaresY == 0 { return nil }
    // Two roots, because the product of the squares may leave the range of a double.
    let value = products / (squaresX.squareRoot() * squaresY.squareRoot())
    return value.isNaN ? value : Swift.min(1, Swift.max(-1, value))
  }
}

/// The n largest values of a group, descending; places without a value hold the least int.
enum TopValues {
  @inline(__always)
  static func insert(_ value: Int64, into values: UnsafeMutablePointer<Int64>, _ size: Int) {
    var place = size &- 1
    if value <= values[place] { return }
    while place > 0 && values[place &- 1] < value {
      values[place] = values[place &- 1]
      place &-= 1
    }
    values[place] = value
  }
}

/// The quotient of an exact sum and a count, correctly rounded.
func divideExactly(_ sum: Int128, by count: Int64) -> Double {
  let magnitude = sum.magnitude
  // Both are doubles then, whose division rounds once.
  if magnitude < 1 << 53 && count < 1 << 53 { return Double(Int64(truncatingIfNeeded: sum)) / Double(count) }
  let divisor = UInt128(count)
  let quotient = magnitude / divisor
  // Enough bits that one more, for a rest that is not zero, decides every rounding: a quotient of 66 bits or more.
  let bits = UInt128.bitWidth - quotient.leadingZeroBitCount
  let shift = Swift.min(Swift.max(0, 66 - bits), magnitude.leadingZeroBitCount)
  let (scaled, rest) = (magnitude << UInt128(shift)).quotientAndRemainder(dividingBy: divisor)
  let rounded = Double(scaled | (rest == 0 ? 0 : 1))
  let value = Double(sign: .plus, exponent: -shift, significand: rounded)
  return sum < 0 ? -value : value
}
