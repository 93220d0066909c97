import Martlet
import MartletCluster
import MartletGraph

/// A program that is its own cluster: client, scheduler and workers are one file.
///
///     swift run -c release same-program          # starts two workers on this machine and uses them
///
///     same-program scheduler --port 8786         # or on several machines: here,
///     same-program worker tcp://HOST:8786        # on each of the others (with --secret-file, see Docs/Cluster.md),
///     same-program tcp://HOST:8786 SECRET-FILE   # and what uses them.
@main
struct SameProgram: MartletProgram {
  /// Runs in each of the processes, before anything else.
  static func register() throws {
    try TaskFunctions.register(Hits.self, Total.self)
  }

  /// Runs when it is neither a worker nor a scheduler.
  static func run() async throws {
    let words = Array(CommandLine.arguments.dropFirst())
    if let address = words.first {
      var options = ClientOptions()
      options.secretFile = words.dropFirst().first
      try await estimate(on: try Client(address, options: options))
    } else {
      let cluster = try LocalCluster(workers: 2)
      defer { cluster.close() }
      try await estimate(on: try cluster.client())
    }
  }

  private static func estimate(on client: Client) async throws {
    defer { client.close() }
    let throwsPerTask = 200_000
    let tasks = 40
    let hits = (0..<tasks).map { delayed(Hits(seed: UInt64($0), throws: throwsPerTask), on: []) }
    let total = delayed(Total(), on: hits.map(\.erased))
    let inside = try await client.compute(total)
    print("pi is about", 4 * Double(inside) / Double(tasks * throwsPerTask))
  }
}

/// How many of so many random points of a square are inside of its circle.
struct Hits: PortableTaskFunction, Codable {
  static let name = "same-program.hits"
  static let version = 1
  var seed: UInt64
  var `throws`: Int

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1
    func next() -> Double {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Double(state >> 11) * 0x1p-53
    }
    var inside = 0
    for _ in 0..<`throws` {
      let x = next()
      let y = next()
      if x * x + y * y < 1 { inside += 1 }
    }
    return inside
  }
}

/// A sum.
struct Total: PortableTaskFunction, Codable {
  static let name = "same-program.total"
  static let version = 1

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try inputs.values(as: Int.self).reduce(0, +)
  }
}
