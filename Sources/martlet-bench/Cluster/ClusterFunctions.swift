import MartletBytes
import MartletGraph

/// A task of any length: its inputs and `seed` are added, and the sum goes through the kernel.
struct ClusterPoint: PortableTaskFunction {
  static let name = "bench.point"
  static let version = 1

  let seed: Int
  let iterations: Int

  init(seed: Int, iterations: Int = 0) {
    self.seed = seed
    self.iterations = iterations
  }

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    var sum = seed
    for place in 0..<inputs.count { sum &+= try inputs.value(place, as: Int.self) }
    return kernel(sum, iterations)
  }

  func write(to writer: inout ByteWriter) {
    writer.write(seed)
    writer.write(iterations)
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    seed = try reader.read()
    iterations = try reader.read()
  }
}

/// A large result.
struct ClusterBlock: PortableTaskFunction {
  static let name = "bench.block"
  static let version = 1

  let byteCount: Int
  let seed: Int

  init(byteCount: Int, seed: Int) {
    self.byteCount = byteCount
    self.seed = seed
  }

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> [UInt8] {
    [UInt8](repeating: UInt8(truncatingIfNeeded: seed), count: byteCount)
  }

  func write(to writer: inout ByteWriter) {
    writer.write(byteCount)
    writer.write(seed)
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    byteCount = try reader.read()
    seed = try reader.read()
  }
}

/// The bytes of its inputs, counted: all of them have to be where it runs.
struct ClusterMeeting: PortableTaskFunction {
  static let name = "bench.meeting"
  static let version = 1

  let seed: Int

  init(seed: Int) { self.seed = seed }

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    var count = 0
    for place in 0..<inputs.count { count += try inputs.value(place, as: [UInt8].self).count }
    return count
  }

  func write(to writer: inout ByteWriter) { writer.write(seed) }
  init(from reader: inout ByteReader) throws(ByteError) { seed = try reader.read() }
}

enum ClusterFunctions {
  /// In every process of the benchmark's cluster.
  static func register() throws {
    try TaskFunctions.register(ClusterPoint.self, ClusterBlock.self, ClusterMeeting.self)
  }
}
