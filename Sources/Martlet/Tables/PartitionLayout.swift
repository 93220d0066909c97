/// Where the input is cut into partitions: byte ranges, chosen from sizes alone.
///
/// Neither the number of threads nor the machine takes part in the choice, so that the partial sums of doubles, and
/// with them the last bit of a result, are the same everywhere.
package struct PartitionLayout: Hashable, Sendable {
  /// Bytes of input a partition.
  package let partitionBytes: Int

  /// Chooses the size of a partition.
  ///
  /// - Parameters:
  ///   - given: The size that the user wants, which then holds.
  ///   - totalBytes: All input, or nil while that is not known (a pipe).
  ///   - keepsRecords: Whether a partition's result is about as large as the partition: the written records of a
  ///     selection. Such partitions are smaller, since several results wait for their turn to be written.
  ///   - memoryBytes: The resident set to stay below.
  package init(given: Int?, totalBytes: Int?, keepsRecords: Bool, memoryBytes: Int?) {
    if let given {
      partitionBytes = max(1, given)
      return
    }
    let largest = keepsRecords ? 8 << 20 : 64 << 20
    // Sixteen partitions keep a handful of cores busy and are one merge; more only where they would get too large.
    var bytes = min(largest, max(1 << 20, (totalBytes ?? Self.assumedPipeBytes) / 16))
    // Only where a partition's result is as large as the partition does a smaller one take less memory: blocks are
    // read in the same size, and more partitions mean more partial results that wait for their merge.
    if let memoryBytes, keepsRecords { bytes = min(bytes, max(64 << 10, memoryBytes / 64)) }
    partitionBytes = bytes
  }

  /// The length of a pipe is not known beforehand: 64 MiB give partitions of 4 MiB.
  private static let assumedPipeBytes = 64 << 20

  /// The range of the partition that begins at `start` in a file that ends at `end`; nil behind the end.
  ///
  /// A last piece of less than half a partition goes with the one before it.
  package func range(from start: Int, to end: Int) -> Range<Int>? {
    guard start < end else { return nil }
    let isLast = end - start < partitionBytes + (partitionBytes + 1) / 2
    return start..<(isLast ? end : start + partitionBytes)
  }
}
