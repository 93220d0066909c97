import Glibc
import MartletBytes
package import MartletGraph

/// A number after some time.
package struct Slow: PortableTaskFunction, Codable {
  package static let name = "cluster-test.slow"
  package static let version = 1
  package var milliseconds: UInt32
  package var value: Int
  package init(milliseconds: UInt32, value: Int) {
    self.milliseconds = milliseconds
    self.value = value
  }
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    if milliseconds > 0 { usleep(milliseconds * 1000) }
    return value
  }
}

/// A sum of all inputs and a constant.
package struct Plus: PortableTaskFunction, Codable {
  package static let name = "cluster-test.plus"
  package static let version = 1
  package var constant: Int
  package init(constant: Int) {
    self.constant = constant
  }
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try inputs.values(as: Int.self).reduce(constant, &+)
  }
}

/// Ends its process.
package struct End: PortableTaskFunction, Codable {
  package static let name = "cluster-test.end"
  package static let version = 1
  /// `trap`, `exit` or `kill`.
  package var way: String
  package init(way: String) {
    self.way = way
  }
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    switch way {
    case "trap": fatalError("the task of the test stops here")
    case "exit": exit(0)
    default:
      kill(getpid(), SIGKILL)
      return 0
    }
  }
}

/// Takes memory, and holds it for a moment.
package struct Allocate: PortableTaskFunction, Codable {
  package static let name = "cluster-test.allocate"
  package static let version = 1
  package var bytes: Int
  package init(bytes: Int) {
    self.bytes = bytes
  }
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    let pieces = (0..<bytes >> 20).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: 1 << 20) }
    usleep(2_000_000)
    return pieces.reduce(0) { $0 + $1.count }
  }
}

/// Numbers of a generator, so many.
package struct Numbers: PortableTaskFunction, Codable {
  package static let name = "cluster-test.numbers"
  package static let version = 1
  package var count: Int
  package var seed: UInt64
  package init(count: Int, seed: UInt64) {
    self.count = count
    self.seed = seed
  }
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> [UInt64] {
    var word = seed
    return (0..<count).map { _ in
      word = word &* 6_364_136_223_846_793_005 &+ 1
      return word
    }
  }
}

/// The exclusive or of lists.
package struct Mix: PortableTaskFunction, Codable {
  package static let name = "cluster-test.mix"
  package static let version = 1
  package init() {}
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> UInt64 {
    var mixed: UInt64 = 0
    for place in 0..<inputs.count {
      for word in try inputs.value(place, as: [UInt64].self) { mixed = (mixed &<< 1 | mixed &>> 63) ^ word }
    }
    return mixed
  }
}

/// From now on the process can write no file that is longer. Gives the number of the process.
package struct LimitFiles: PortableTaskFunction, Codable {
  package static let name = "cluster-test.limitfiles"
  package static let version = 1
  package var bytes: UInt64
  package init(bytes: UInt64) {
    self.bytes = bytes
  }
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    var limit = rlimit()
    let fileSize = __rlimit_resource_t(1)
    getrlimit(fileSize, &limit)
    limit.rlim_cur = rlim_t(bytes)
    setrlimit(fileSize, &limit)
    return Int(getpid())
  }
}

/// All of them.
package enum ClusterFunctions {
  package static func register(in registry: inout TaskFunctionRegistry) throws {
    try registry.register(Slow.self)
    try registry.register(Plus.self)
    try registry.register(End.self)
    try registry.register(Allocate.self)
    try registerInside(in: &registry)
    try registry.register(Numbers.self)
    try registry.register(Mix.self)
    try registry.register(LimitFiles.self)
  }
}
