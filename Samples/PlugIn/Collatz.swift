import Martlet

/// The number below a limit whose Collatz sequence is the longest of some.
struct Collatz: PortableTaskFunction, Codable {
  static let name = "plug-in.collatz"
  static let version = 1
  var from: Int
  var to: Int

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> [Int] {
    var best = [from, 0]
    for start in from..<to {
      if start % 1000 == 0 { try context.checkCancellation() }
      var steps = 0
      var number = start
      while number > 1 {
        number = number % 2 == 0 ? number / 2 : 3 * number + 1
        steps += 1
      }
      if steps > best[1] { best = [start, steps] }
    }
    return best
  }
}

/// The one of several with the most steps.
struct Longest: PortableTaskFunction, Codable {
  static let name = "plug-in.longest"
  static let version = 1

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> [Int] {
    try inputs.values(as: [Int].self).max { $0[1] < $1[1] } ?? []
  }
}
