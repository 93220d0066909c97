import MartletBytes
import MartletGraph
package import MartletTable
import Synchronization
import MartletEngine

/// What the tasks of a pass share in this process; no part of what they compute.
final class ScanServices: Sendable {
  let progress: RunProgress
  let memory: MemoryLimit?

  init(progress: RunProgress, memory: MemoryLimit?) {
    self.progress = progress
    self.memory = memory
  }

  /// Called while a task works: stops it when the run was cancelled or takes too much memory.
  func checkpoint() throws {
    if progress.cancellation.isCancelled { throw RunCancelled() }
    try memory?.check()
  }
}

/// One partition of one file, and how to read it.
struct ScanTarget: Sendable {
  let plan: ScanPlan
  let planDigest: Digest128
  let source: any ByteSource
  /// The number of the file among all.
  let file: Int
  let range: Range<Int>
  let services: ScanServices

  /// Bytes read at a time: a block, its index and the vectors of its batches fit into a second-level cache.
  private static let blockBytes = 256 << 10
  /// What a small partition reads beyond its end, for its last record.
  private static let lookahead = 4 << 10

  func hash(into hasher: inout StableHasher) {
    hasher.combine(planDigest)
    hasher.combine(source.name)
    hasher.combine(file)
    hasher.combine(source.byteCount ?? -1)
    hasher.combine(range.lowerBound)
    hasher.combine(range.upperBound)
  }

  /// Scans the partition from `begin`, or from where a record seems to start.
  ///
  /// What is wrong with the records is part of the result: whether it counts depends on the partition before.
  func scan(from begin: Int?) throws -> ScanOutcome {
    let lower = begin ?? range.lowerBound
    let reader = RecordReader(
      source: source, dialect: plan.dialect, columnCount: plan.columns.count,
      range: lower..<max(lower, range.upperBound), start: begin == nil ? .guessed : .known,
      blockBytes: min(Self.blockBytes, range.count + Self.lookahead))
    var reached = lower
    func account(_ offset: Int) throws {
      services.progress.bytes.add(max(0, min(offset, range.upperBound) - reached), ordering: .relaxed)
      reached = max(reached, min(offset, range.upperBound))
      try services.checkpoint()
    }
    do {
      let result = try PartitionScan(plan, sourceName: source.name, file: file).run(reader, onBlock: account)
      try account(range.upperBound)
      return ScanOutcome(begin: result.begin, result: .success(result))
    } catch let error as TableError where error.code != .memoryExceeded {
      return ScanOutcome(begin: reader.begin, result: .failure(try located(error)))
    }
  }

  /// The error with its line, where it only knew an offset.
  private func located(_ error: TableError) throws -> TableError {
    guard let offset = error.offset, error.line == nil else { return error }
    return TableError(
      error.code, file: error.file ?? source.name, line: try lineNumber(of: offset, in: source), error.message,
      remedy: error.remedy)
  }
}

/// The result of a scan, or why there is none.
struct ScanOutcome: Sendable {
  /// Where the first record started.
  let begin: Int
  let result: Result<ScanResult, TableError>
}

extension ScanOutcome: MemorySized {
  var residentBytes: Int { (try? result.get())?.partial?.residentBytes ?? 0 }
}

/// What the partitions up to one prove about the next.
struct ChainEnd: Sendable {
  /// Where the next record starts in this file.
  let end: Int
  /// Records that count towards a limit so far.
  let rowCount: Int
  /// Whether what follows counts for nothing: a limit was reached.
  let isOver: Bool
}

/// Scans a partition whose first record is guessed, or known for the first partition of a file.
struct ScanPartition: TaskFunction {
  static let name = "martlet.table.scan"
  static let version = 1

  let target: ScanTarget
  let isStartKnown: Bool

  func hash(into hasher: inout StableHasher) {
    target.hash(into: &hasher)
    hasher.combine(isStartKnown)
  }

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> ScanOutcome {
    let outcome = try target.scan(from: isStartKnown ? target.range.lowerBound : nil)
    context.report(bytesIn: target.range.count)
    return outcome
  }
}

/// Compares where a scan began with where the partition before ended, and repeats it where the guess was wrong.
///
/// Inputs: the `ChainEnd` before it (absent for the very first partition), the `ScanOutcome`.
struct LinkPartition: TaskFunction {
  static let name = "martlet.table.link"
  static let version = 1

  let target: ScanTarget
  /// Whether the partition is the first of its file: it begins where it begins, whatever the file before.
  let isFirstOfFile: Bool

  func hash(into hasher: inout StableHasher) {
    target.hash(into: &hasher)
    hasher.combine(isFirstOfFile)
  }

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> LinkedScan {
    let before = inputs.count == 2 ? try inputs.value(0, as: ChainEnd.self) : nil
    var outcome: ScanOutcome = try inputs.value(inputs.count - 1)
    let untouched = ScanResult(
      begin: outcome.begin, end: nil, contradictions: target.plan.typedColumns.map { _ in [] })
    if let before {
      if before.isOver { return LinkedScan(result: untouched, end: before) }
      if !isFirstOfFile && outcome.begin != before.end { outcome = try target.scan(from: before.end) }
    }
    let result = try outcome.result.get()
    target.services.progress.partitions.add(1, ordering: .relaxed)
    let rowCount = (before?.rowCount ?? 0) + (result.partial?.frame?.rowCount ?? 0)
    let isFull = target.plan.sink.limit.map { rowCount >= $0 } ?? false
    return LinkedScan(
      result: result,
      end: ChainEnd(
        end: result.end ?? target.range.upperBound, rowCount: rowCount,
        isOver: isFull || (result.isContradicted && target.plan.sink.limit != nil)))
  }
}

/// A scan that is known to be right, and what it proves about the next.
struct LinkedScan: Sendable {
  let result: ScanResult
  let end: ChainEnd
}

extension LinkedScan: MemorySized {
  var residentBytes: Int { result.partial?.residentBytes ?? 0 }
}

/// The end of a linked scan: small, so that the chain holds no results.
struct PartitionEnd: TaskFunction {
  static let name = "martlet.table.end"
  static let version = 1

  func hash(into hasher: inout StableHasher) {}

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> ChainEnd {
    try inputs.value(0, as: LinkedScan.self).end
  }
}

/// Merges the results of neighbouring partitions.
struct MergeScans: TaskFunction {
  static let name = "martlet.table.merge"
  static let version = 1

  let sink: SinkPlan
  let planDigest: Digest128

  func hash(into hasher: inout StableHasher) { hasher.combine(planDigest) }

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> ScanResult {
    try ScanResult.merge(try inputs.values(), sink: sink)
  }
}

/// The result of a linked scan without the chain.
struct LinkedResult: TaskFunction {
  static let name = "martlet.table.result"
  static let version = 1

  func hash(into hasher: inout StableHasher) {}

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> ScanResult {
    try inputs.value(0, as: LinkedScan.self).result
  }
}

extension ScanResult: MemorySized {
  package var residentBytes: Int { partial?.residentBytes ?? 0 }
}
