import Martlet

// What workers can do is data with a name: a struct that is the arguments, and knows how to run.

/// Counts the primes in a range by trial division.
struct CountPrimes: PortableTaskFunction, Codable {
  static let name = "tour.primes"
  static let version = 1
  var from: Int
  var to: Int

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    var count = 0
    for number in max(2, from)..<max(2, to) {
      if number % 1000 == 0 { try context.checkCancellation() }
      var divisor = 2
      while divisor * divisor <= number, number % divisor != 0 { divisor += 1 }
      if divisor * divisor > number { count += 1 }
    }
    return count
  }
}

/// Adds numbers.
struct Sum: PortableTaskFunction, Codable {
  static let name = "tour.sum"
  static let version = 1

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try inputs.values(as: Int.self).reduce(0, +)
  }
}

/// How many of a list of numbers lie below a limit.
struct CountBelow: PortableTaskFunction, Codable {
  static let name = "tour.below"
  static let version = 1
  var limit: Int

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try inputs.value(0, as: [Int].self).count { $0 < limit }
  }
}

/// How many of some points of a square, drawn at random but the same each time, lie in a circle.
struct Draws: PortableBlockFunction, Codable {
  static let name = "tour.draws"
  static let version = 1
  var count: Int

  func run(_ inputs: borrowing BlockInputs, _ context: borrowing TaskContext) throws -> Int {
    var state = UInt64(inputs.block[0] + 1) &* 0x9e37_79b9_7f4a_7c15
    func next() -> Double {
      state ^= state >> 12
      state ^= state << 25
      state ^= state >> 27
      return Double((state &* 0x2545_f491_4f6c_dd1d) >> 11) * 0x1p-53
    }
    return (0..<count).count { _ in
      let (x, y) = (next(), next())
      return x * x + y * y < 1
    }
  }
}

/// Adds the numbers of all blocks.
struct Total: PortableBlockFunction, Codable {
  static let name = "tour.total"
  static let version = 1

  func run(_ inputs: borrowing BlockInputs, _ context: borrowing TaskContext) throws -> Int {
    try inputs.values(0, as: Int.self).reduce(0, +)
  }
}
