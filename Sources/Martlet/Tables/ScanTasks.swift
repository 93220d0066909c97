import MartletBytes
import MartletGraph
package import MartletTable
import Synchronization

/// The result of a scan, or why there is none.
struct ScanOutcome: Sendable {
  /// Where the first record started.
  let begin: Int
  let result: Result<ScanResult, TableError>

  /// Where no record starts.
  static let nowhere = 1 << 53
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
  /// Whether what follows counts for nothing: a limit was reached, or a record cannot be read.
  let isOver: Bool
}

/// Scans a partition whose first record is guessed, or known for the first partition of a file.
struct ScanPartition: PortableTaskFunction {
  static let name = "martlet.table.scan"
  static let version = 1

  let target: ScanTarget
  let isStartKnown: Bool

  func hash(into hasher: inout StableHasher) {
    target.hash(into: &hasher)
    hasher.combine(isStartKnown)
  }

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> ScanOutcome {
    let pass = try target.pass.found(in: inputs).pass
    let outcome = try target.scan(pass, from: isStartKnown ? target.range.lowerBound : nil, inputs, context)
    context.report(bytesIn: target.range.count)
    return outcome
  }
}

/// Compares where a scan began with where the partition before ended, and repeats it where the guess was wrong.
///
/// Inputs: the pass and the bytes, where they come from another process; the `ChainEnd` before it (absent for the very first
/// partition); the `ScanOutcome`.
struct LinkPartition: PortableTaskFunction {
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
    let (pass, behind) = try target.pass.found(in: inputs)
    let next = behind + (target.sent?.blockCount ?? 0)
    let before = inputs.count == next + 2 ? try inputs.value(next, as: ChainEnd.self) : nil
    var outcome: ScanOutcome = try inputs.value(inputs.count - 1)
    var untouched = ScanResult(
      begin: outcome.begin, end: nil, contradictions: pass.plan.typedColumns.map { _ in [] })
    if let before {
      if before.isOver { return LinkedScan(result: untouched, end: before) }
      if !isFirstOfFile && outcome.begin != before.end {
        outcome = try target.scan(pass, from: before.end, inputs, context)
      }
    }
    let result: ScanResult
    switch outcome.result {
    case .success(let scanned): result = scanned
    case .failure(let error):
      // Here it ends the run at once. From elsewhere it comes as a value, so that nothing of it is lost on the way.
      if target.pass != nil { throw error }
      untouched.failure = error
      return LinkedScan(
        result: untouched, end: ChainEnd(end: outcome.begin, rowCount: before?.rowCount ?? 0, isOver: true))
    }
    // What is before this partition is proven, and so is where it begins.
    if pass.services.releasesInput { try pass.source(of: target.file).release(before: target.range.lowerBound) }
    pass.services.progress?.partitions.add(1, ordering: .relaxed)
    let rowCount = (before?.rowCount ?? 0) + (result.partial?.frame?.rowCount ?? 0)
    let limit = pass.plan.sink.limit
    let isFull = limit.map { rowCount >= $0 } ?? false
    return LinkedScan(
      result: result,
      end: ChainEnd(
        end: result.end ?? target.range.upperBound, rowCount: rowCount,
        isOver: isFull || (result.isContradicted && limit != nil)))
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
struct PartitionEnd: PortableTaskFunction {
  static let name = "martlet.table.end"
  static let version = 1

  func hash(into hasher: inout StableHasher) {}

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> ChainEnd {
    try inputs.value(0, as: LinkedScan.self).end
  }
}

/// Merges the results of neighbouring partitions.
struct MergeScans: PortableTaskFunction {
  static let name = "martlet.table.merge"
  static let version = 1

  /// Nil where the pass is the task's first input.
  let pass: ScanPass?

  func hash(into hasher: inout StableHasher) { pass.hash(into: &hasher) }

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> ScanResult {
    let (pass, next) = try pass.found(in: inputs)
    var parts: [ScanResult] = []
    parts.reserveCapacity(inputs.count)
    for index in next..<max(next, inputs.count) { parts.append(try inputs.value(index)) }
    if next > 0, !ScanResult.areMergeable(parts, sink: pass.plan.sink) {
      throw ByteError(offset: 0, "results that are not of one plan")
    }
    return try ScanResult.merge(parts, sink: pass.plan.sink)
  }
}

/// The result of a linked scan without the chain.
struct LinkedResult: PortableTaskFunction {
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
