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

/// All of them.
package enum ClusterFunctions {
  package static func register(in registry: inout TaskFunctionRegistry) throws {
    try registry.register(Slow.self)
    try registry.register(Plus.self)
    try registry.register(End.self)
    try registry.register(Allocate.self)
  }
}
