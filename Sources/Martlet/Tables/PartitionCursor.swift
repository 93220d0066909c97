import MartletTable

/// Deals out the partitions of the input in rounds: all at once where that is possible.
///
/// A limit is approached with growing rounds, so that a query for ten records does not read a file; a pipe, whose end
/// is not known, is read sixteen partitions at a time.
struct PartitionCursor {
  /// One partition of one of the files.
  struct Partition {
    let file: TableFiles.File
    let fileNumber: Int
    let range: Range<Int>
    let isFirstOfFile: Bool
  }

  /// Partitions of a pipe in one round.
  private static let pipeRound = 16

  private let files: [TableFiles.File]
  private let layout: PartitionLayout
  private let hasLimit: Bool
  /// The most partitions of one round.
  private let largestRound: Int
  private var file = 0
  /// Where the next partition of the current file begins; nil before its first.
  private var offset: Int?
  private var rounds = 0

  init(_ files: [TableFiles.File], layout: PartitionLayout, hasLimit: Bool, largestRound: Int? = nil) {
    self.files = files
    self.layout = layout
    self.hasLimit = hasLimit
    self.largestRound = largestRound ?? .max
  }

  /// The next partitions in the order of the input; empty when there are no more.
  mutating func nextRound() -> [Partition] {
    defer { rounds += 1 }
    let largest = min(largestRound, hasLimit ? 1 << min(rounds, 6) : Int.max)
    var round: [Partition] = []
    var unknown = 0
    while round.count < largest, unknown < Self.pipeRound, file < files.count {
      let current = files[file]
      let lower = offset ?? current.bodyOffset
      guard let end = current.source.byteCount else {
        round.append(
          Partition(
            file: current, fileNumber: file, range: lower..<lower + layout.partitionBytes, isFirstOfFile: offset == nil)
        )
        offset = lower + layout.partitionBytes
        unknown += 1
        continue
      }
      guard let range = layout.range(from: lower, to: end) else {
        file += 1
        offset = nil
        continue
      }
      round.append(Partition(file: current, fileNumber: file, range: range, isFirstOfFile: offset == nil))
      offset = range.upperBound
    }
    return round
  }
}
