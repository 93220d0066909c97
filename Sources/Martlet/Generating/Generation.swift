import MartletEngine
import MartletGraph
import Synchronization

/// Writes a data set: blocks are made by all threads and written in order.
///
/// A window of blocks is one graph. Its tasks are `generate` and `write` for each block; a block is written after the one
/// before it, and made when the block that used its memory before is written. So a slow disk holds the makers back, and
/// memory is bounded by some thirty blocks: fewer, and a thread that wakes up finds them made already (with 5 blocks and two
/// threads on a busy machine the second one had nothing to do).
package struct Generation: Sendable {
  /// Enough that the start of a graph does not show, few enough that graphs stay small.
  private static let window = 256

  private let set: DataSet
  private let executor: ThreadPoolExecutor
  private let progress: RunProgress

  /// - Parameter threads: Threads that work, the calling one included; nil for one a core.
  package init(_ set: DataSet, threads: Int?, progress: RunProgress) {
    self.set = set
    self.progress = progress
    executor = threads.map { ThreadPoolExecutor(threads: $0) } ?? .shared
    progress.totalPartitions.store(set.blockCount, ordering: .relaxed)
  }

  /// Writes the whole table, header first.
  ///
  /// - Parameter isRecorded: Whether to give a record of the run back.
  /// - Throws: What `output` throws; `RunCancelled` when `progress` says so.
  package func write(to output: any OutputTarget, isRecorded: Bool = false) throws -> RunRecord? {
    try Array(set.header.utf8).withUnsafeBytes { try output.write($0) }
    let memory = BlockMemory(count: min(set.blockCount, 2 * executor.threads + 30), bytes: set.blockBytes)
    let recorder = isRecorded ? RunRecorder() : nil
    let scope = recorder?.begin()
    defer { if let scope { recorder?.end(scope) } }
    var first = 0
    while first < set.blockCount {
      let end = min(set.blockCount, first + Self.window)
      try write(first..<end, memory, output, recorder)
      first = end
    }
    return recorder?.record()
  }

  private func write(
    _ blocks: Range<Int>, _ memory: BlockMemory, _ output: any OutputTarget, _ recorder: RunRecorder?
  ) throws {
    var builder = GraphBuilder()
    var written: [AnyNode] = []
    for block in blocks {
      let before = written.count >= memory.count ? [written[written.count - memory.count]] : []
      let made = builder.task("generate", on: before) { [self] _, context -> Int in
        let count = set.write(block: block, to: memory[block])
        context.report(bytesOut: count)
        return count
      }
      let node = builder.task("write", on: [made.erased] + written.suffix(1)) { [self] inputs, context -> Int in
        let count = try inputs.value(0, as: Int.self)
        try output.write(UnsafeRawBufferPointer(start: memory[block], count: count))
        context.report(bytesIn: count)
        let bytes = progress.bytes.add(count, ordering: .relaxed).newValue
        let partitions = progress.partitions.add(1, ordering: .relaxed).newValue
        // The size of the table is not known before it is made; blocks differ little.
        let expected = Double(bytes) * Double(set.blockCount) / Double(partitions)
        progress.totalBytes.store(Int(min(expected, 9e18)), ordering: .relaxed)
        return count
      }
      written.append(node.erased)
    }
    let graph = builder.build()
    do {
      let options = RunOptions(cancellation: progress.cancellation, events: recorder?.events ?? EventLog.current)
      _ = try executor.run(graph, outputs: written.suffix(1), options: options)
    } catch let failure as TaskFailure {
      throw failure.rootCause
    } catch is CancellationError {
      throw RunCancelled()
    }
  }
}

/// Memory for blocks that are in flight.
///
/// `@unchecked Sendable`: constant after `init`; the graph gives the memory of a place to one task at a time.
private final class BlockMemory: @unchecked Sendable {
  let count: Int
  private let bytes: Int
  private let start: UnsafeMutableRawPointer

  init(count: Int, bytes: Int) {
    self.count = max(1, count)
    // Whole pages, so that two threads do not share a line.
    self.bytes = (bytes + 4095) & ~4095
    start = .allocate(byteCount: self.count * self.bytes, alignment: 4096)
  }

  deinit { start.deallocate() }

  /// The memory of a block.
  subscript(block: Int) -> UnsafeMutableRawPointer { start + block % count * bytes }
}
