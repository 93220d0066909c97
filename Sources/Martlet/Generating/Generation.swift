import MartletEngine
import Synchronization

extension DataSet {
  /// Writes the whole table, header first.
  package func write(to output: any OutputTarget, threads: Int?, progress: RunProgress) throws {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: blockBytes, alignment: 64)
    defer { memory.deallocate() }
    let header = Array(header.utf8)
    try header.withUnsafeBytes { try output.write($0) }
    for block in 0..<blockCount {
      if progress.cancellation.isCancelled { throw RunCancelled() }
      let count = write(block: block, to: memory)
      try output.write(UnsafeRawBufferPointer(start: memory, count: count))
      progress.bytes.wrappingAdd(count, ordering: .relaxed)
      progress.partitions.wrappingAdd(1, ordering: .relaxed)
    }
  }
}
