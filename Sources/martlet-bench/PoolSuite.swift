import Martlet
import MartletSystem

/// What a pool costs a task: submitting, running and finishing bodies that do next to nothing.
enum PoolSuite: BenchSuite {
  static let name = "pool"
  static let summary = "ns a task to submit, run and finish; ns an element of map and reduce; beside plain loops"

  static func run(_ options: BenchOptions) throws {
    let rounds = options.isToy ? 2 : options.rounds
    let count = options.isToy ? 2_000 : 100_000
    print("pool: \(options.threads) threads, \(rounds) rounds, \(count) tasks; ns each, median (best)")
    if !options.isToy { Handoff.report() }
    let pool = Pool(width: options.threads, maximumInFlight: 1 << 20)
    defer { pool.close() }

    func line(_ name: String, per count: Int, _ body: () throws -> Int, expected: Int) throws {
      if let only = options.only, only != name { return }
      var value = expected
      let timings = try Timings(rounds: rounds) {
        value = try body()
        if value != expected { throw WrongResult(description: "\(name) gave \(value), not \(expected)") }
      }
      print(
        "  \(name)" + padded("", 34 - name.count) + padded(timings.median / Double(count), 9) + " ("
          + padded(timings.best / Double(count), 0) + ")   \(value)")
    }

    let sum = count * (count - 1) / 2
    try line(
      "submit, result of each", per: count,
      {
        let futures = (0..<count).map { number in pool.submit { number } }
        return try futures.reduce(0) { try $0 + $1.result() }
      }, expected: sum)
    try line(
      "submit from a task", per: count,
      {
        try pool.submit {
          let futures = (0..<count).map { number in pool.submit { number } }
          return try futures.reduce(0) { try $0 + $1.result() }
        }.result()
      }, expected: sum)
    try line(
      "submit and wait, one by one", per: count / 10,
      { try (0..<count / 10).reduce(0) { sum, number in sum + (try pool.submit { number }.result()) } },
      expected: (count / 10) * (count / 10 - 1) / 2)
    let depth = options.isToy ? 8 : 14
    try line(
      "recursion, two tasks a level", per: (2 << depth) - 1,
      { try pool.submit { try leaves(pool, depth) }.result() }, expected: 1 << depth)
    try line(
      "submit asynchronous bodies", per: count / 10,
      {
        let futures = (0..<count / 10).map { number in
          pool.submit { () async in
            await Task.yield()
            return number
          }
        }
        return try futures.reduce(0) { try $0 + $1.result() }
      }, expected: (count / 10) * (count / 10 - 1) / 2)
    let elements = options.isToy ? 10_000 : 1_000_000
    let mixed = (0..<elements).reduce(0) { $0 &+ mix($1) }
    try line(
      "map, an element", per: elements, { try pool.map(0..<elements) { mix($0) }.reduce(0, &+) }, expected: mixed)
    try line(
      "reduce, an element", per: elements,
      {
        try pool.reduce(0..<elements, into: 0) {
          $0 &+= mix($1)
        } combine: {
          $0 &+= $1
        }
      }, expected: mixed)
    try line(
      "plain loop, an element", per: elements,
      {
        let values = (0..<elements).map { mix($0) }
        return values.reduce(0, &+)
      }, expected: mixed)
    try line(
      "map of 10 elements, a call", per: count / 10,
      { try (0..<count / 10).reduce(0) { sum, _ in sum &+ (try pool.map(0..<10) { $0 }.count) } },
      expected: count / 10 * 10)
    for (name, order) in [
      ("stream, an element", ResultOrder.asCompleted), ("stream in order, an element", .ofElements),
    ] {
      try line(
        name, per: count,
        {
          let stream = pool.stream(0..<count, order: order) { $0 }
          var sum = 0
          while let result = try stream.next() { sum += result.value }
          return sum
        }, expected: sum)
    }
    try line(
      "plain loop over closures", per: count,
      {
        let bodies = (0..<count).map { number -> @Sendable () throws -> Int in { number } }
        return try bodies.reduce(0) { try $0 + $1() }
      }, expected: sum)
  }

  /// A few instructions that no compiler leaves out.
  @inline(__always)
  private static func mix(_ number: Int) -> Int {
    let word = number &* 0x2545_f491_4f6c_dd1d
    return word ^ (word >> 29)
  }

  private static func leaves(_ pool: Pool, _ depth: Int) throws -> Int {
    if depth == 0 { return 1 }
    let left = pool.submit { try leaves(pool, depth - 1) }
    let right = pool.submit { try leaves(pool, depth - 1) }
    return try left.result() + right.result()
  }
}
