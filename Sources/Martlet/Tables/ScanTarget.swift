import MartletBytes
import MartletGraph
import MartletTable
import Synchronization

/// One partition of one file.
struct ScanTarget: Sendable {
  /// Nil where the pass is the task's first input.
  let pass: ScanPass?
  /// The number of the file among all.
  let file: Int
  let range: Range<Int>
  /// Which bytes of the file are inputs of the task, right behind the pass; nil where the process reads the file.
  var sent: SentRange?

  /// Bytes read at a time: a block, its index and the vectors of its batches fit into a second-level cache.
  private static let blockBytes = 256 << 10
  /// What a small partition reads beyond its end, for its last record.
  private static let lookahead = 4 << 10

  func hash(into hasher: inout StableHasher) {
    pass.hash(into: &hasher)
    hasher.combine(pass?.name(of: file) ?? "")
    hasher.combine(file)
    hasher.combine(range.lowerBound)
    hasher.combine(range.upperBound)
    if let sent { hasher.combine(sent.portableBytes()) }
  }

  /// Scans the partition from `begin`, or from where a record seems to start.
  ///
  /// What is wrong with the records is part of the result: whether it counts depends on the partition before.
  func scan(
    _ pass: ScanPass, from begin: Int?, _ inputs: borrowing TaskInputs, _ context: borrowing TaskContext
  ) throws -> ScanOutcome {
    let lower = begin ?? range.lowerBound
    let source: any ByteSource
    if let sent {
      source = try SentSource(name: pass.name(of: file), sent, inputs, from: 1)
    } else {
      do throws(TableError) {
        source = try pass.source(of: file)
      } catch {
        return ScanOutcome(begin: lower, result: .failure(error))
      }
    }
    let reader = RecordReader(
      source: source, dialect: pass.plan.dialect, columnCount: pass.plan.columns.count,
      range: lower..<max(lower, range.upperBound), start: begin == nil ? .guessed : .known,
      blockBytes: min(Self.blockBytes, range.count + Self.lookahead))
    let services = pass.services
    var reached = lower
    do {
      let result = try PartitionScan(pass.plan, sourceName: source.name, file: file).run(reader) { offset in
        services.add(bytes: max(0, min(offset, range.upperBound) - reached))
        reached = max(reached, min(offset, range.upperBound))
        try services.checkpoint()
        if services.progress == nil { try context.checkCancellation() }
      }
      services.add(bytes: max(0, range.upperBound - reached))
      return ScanOutcome(begin: result.begin, result: .success(result))
    } catch let error as TableError where error.code != .memoryExceeded {
      // What is wrong with a guess that needs more bytes than there are is the guess.
      let isGuess = sent != nil && begin == nil && error.code == .unreadable
      return ScanOutcome(
        begin: isGuess ? ScanOutcome.nowhere : reader.begin, result: .failure(try located(error, source)))
    }
  }

  /// The error with its line, where it only knew an offset.
  private func located(_ error: TableError, _ source: any ByteSource) throws -> TableError {
    guard let offset = error.offset, error.line == nil else { return error }
    if sent != nil {
      // Lines are counted from the beginning of the file, by who has it.
      return TableError(
        error.code, file: error.file ?? source.name, offset: offset, error.message, remedy: error.remedy)
    }
    return TableError(
      error.code, file: error.file ?? source.name, line: try lineNumber(of: offset, in: source), error.message,
      remedy: error.remedy)
  }
}

extension ScanTarget: PortableValue {
  static var leastBytes: Int { 4 }

  /// Writes which partition it is; the pass is an input.
  func write(to writer: inout ByteWriter) {
    writer.write(varint: UInt64(file))
    writer.write(varint: UInt64(range.lowerBound))
    writer.write(varint: UInt64(range.count))
    sent.write(to: &writer)
  }

  /// Reads what `write(to:)` wrote.
  init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    let file = try reader.readVarint()
    let lower = try reader.readVarint()
    let count = try reader.readVarint()
    // Far below what overflows when lengths are added.
    guard file < 1 << 32, lower < 1 << 60, count < 1 << 60 else {
      throw ByteError(offset: start, "no range of a file")
    }
    self.init(
      pass: nil, file: Int(file), range: Int(lower)..<Int(lower + count), sent: try SentRange?(from: &reader))
  }
}

extension ScanPass? {
  /// What of the pass belongs into the key of a task; nothing where it is an input, whose key says it.
  func hash(into hasher: inout StableHasher) { if let self { hasher.combine(self.planDigest) } }

  /// The pass, and which of a task's inputs is the first that is not the pass.
  func found(in inputs: borrowing TaskInputs) throws -> (pass: ScanPass, next: Int) {
    if let self { return (self, 0) }
    return (try inputs.value(0), 1)
  }
}
