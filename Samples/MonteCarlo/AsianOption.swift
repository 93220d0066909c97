import Glibc

/// The right to buy at a fixed price, after some weeks, what is then paid for at its average price.
struct AsianOption: Sendable {
  /// Today's price of what may be bought.
  let price: Double
  /// The fixed price.
  let strike: Double
  /// Interest a year.
  let interest: Double
  /// Standard deviation of the logarithm of the price, a year.
  let volatility: Double
  let weeks: Int

  /// Simulates this many lifetimes of the option: prices move as a geometric Brownian motion.
  ///
  /// - Parameters:
  ///   - seed: The same for a whole run.
  ///   - stream: Another one for each call.
  /// - Returns: The payoffs, discounted to today.
  func simulate(years: Int, seed: UInt64, stream: Int) -> Estimate {
    var normal = NormalNumbers(seed: seed, stream: stream)
    let step = 1 / Double(weeks)
    let drift = (interest - volatility * volatility / 2) * step
    let spread = volatility * step.squareRoot()
    let discount = exp(-interest)
    var payoffs = Estimate()
    for _ in 0..<years {
      var logarithm = log(price)
      var sum = 0.0
      for _ in 0..<weeks {
        logarithm += drift + spread * normal.next()
        sum += exp(logarithm)
      }
      payoffs.add(discount * max(0, sum / Double(weeks) - strike))
    }
    return payoffs
  }
}

/// Mean and spread of some numbers; added up as Chan, Golub and LeVeque do (1979), which loses no digits.
struct Estimate: Sendable {
  private(set) var count = 0
  private(set) var mean = 0.0
  /// The sum of the squared distances from the mean.
  private var squares = 0.0

  /// How far the mean is from the true one, about.
  var standardError: Double { count < 2 ? .infinity : (squares / Double(count - 1) / Double(count)).squareRoot() }

  mutating func add(_ number: Double) {
    count += 1
    let distance = number - mean
    mean += distance / Double(count)
    squares += distance * (number - mean)
  }

  mutating func add(_ other: Estimate) {
    guard other.count > 0 else { return }
    let all = Double(count + other.count)
    let distance = other.mean - mean
    squares += other.squares + distance * distance * Double(count) * Double(other.count) / all
    mean += distance * Double(other.count) / all
    count += other.count
  }
}

/// Normally distributed numbers, the same for the same seed and stream: SplitMix64 and the polar method of Marsaglia.
struct NormalNumbers {
  private var state: UInt64
  private var spare: Double?

  init(seed: UInt64, stream: Int) {
    state = NormalNumbers.mix(seed) ^ NormalNumbers.mix(UInt64(stream) &+ 0x5851_f42d_4c95_7f2d)
  }

  mutating func next() -> Double {
    if let spare {
      self.spare = nil
      return spare
    }
    while true {
      let (x, y) = (2 * uniform() - 1, 2 * uniform() - 1)
      let radius = x * x + y * y
      guard radius > 0, radius < 1 else { continue }
      let factor = (-2 * log(radius) / radius).squareRoot()
      spare = y * factor
      return x * factor
    }
  }

  private mutating func uniform() -> Double {
    state &+= 0x9e37_79b9_7f4a_7c15
    return Double(NormalNumbers.mix(state) >> 11) * 0x1p-53
  }

  private static func mix(_ word: UInt64) -> UInt64 {
    var word = word
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }
}
