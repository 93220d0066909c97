import MartletEngine
import MartletGraph
package import MartletTable
import Synchronization

/// A query whose files are open, whose expressions are read and whose names are checked.
package final class PlannedQuery {
  private let query: TableQuery
  private let options: ExecutionOptions
  private let files: TableFiles
  private let logical: LogicalPlan
  private let layout: PartitionLayout
  private let executor: ThreadPoolExecutor
  /// What is known of the columns' types: that of a sample, and more with every scan that met other cells.
  private var columns: [ScanColumn]

  /// Opens the files, reads their headers and a sample of their cells, and reads the expressions.
  ///
  /// - Throws: `.unreadable` and `.malformedData` of the files, `.invalidQuery` of expressions and names.
  package init(_ query: TableQuery, options: ExecutionOptions) throws(TableError) {
    self.query = query
    self.options = options
    files = try TableFiles(query.input)
    columns = try files.sampledColumns(givenTypes: query.input.types)
    logical = try query.logicalPlan(columns: files.columnNames)
    try logical.checkNames(columns)
    layout = PartitionLayout(
      given: options.partitionBytes, totalBytes: files.totalBytes, keepsRecords: query.keepsRecords,
      memoryBytes: options.memoryBytes)
    executor = options.threads.map(ThreadPoolExecutor.init(threads:)) ?? .shared
    if options.connect != nil, options.sentBlockBytes == nil { try files.requireFiles() }
  }

  /// The plan, one item a line, without running it.
  package func explanation() throws -> String {
    let physical = try physicalPlan(.csv)
    return PlanExplanation(
      logical: logical, physical: physical, files: files, layout: layout,
      partitions: pass(physical.scan).knownPartitions, threads: options.connect == nil ? executor.threads : nil
    ).text
  }

  /// The task graph as a picture, or in Graphviz's language.
  package func drawing(asSVG: Bool) throws -> String {
    let graph = try pass(physicalPlan(.csv).scan).firstGraph() ?? GraphBuilder().build()
    return asSVG ? graph.svg() : graph.dot()
  }

  /// A pass that is looked at and not run.
  private func pass(_ plan: ScanPlan) -> TablePass {
    TablePass(
      pass: ScanPass(
        plan: plan, files: files.files.map { .open($0.source) },
        services: ScanServices(progress: RunProgress(), memory: nil)),
      files: files, layout: layout, executor: executor, isRemote: false, sentBlockBytes: nil,
      options: RunOptions(), gate: nil)
  }

  /// Runs the query and writes its result.
  ///
  /// - Parameters:
  ///   - width: Columns of the terminal, for the format `table`.
  ///   - progress: Is kept up to date, and can stop the run.
  ///   - record: Whether the report holds the engine's events, for a trace or a profile.
  /// - Throws: `TableError`; `RunCancelled` when `progress` asked for it.
  package func run(
    format: OutputFormat, width: Int, output: any OutputTarget, progress: RunProgress, record: Bool
  ) throws -> TableReport {
    let recorder = record ? RunRecorder() : nil
    let scope = recorder?.begin()
    defer { if let scope { recorder?.end(scope) } }
    let remote: (any Executor)?
    do {
      remote = try options.connect?(progress.cancellation)
    } catch is CancellationError {
      throw RunCancelled()
    }
    let runner = QueryRunner(
      files: files, layout: layout, executor: executor, remote: remote,
      sentBlockBytes: options.sentBlockBytes,
      progress: progress,
      memory: options.memoryBytes.map(MemoryLimit.init(limitBytes:)), endsProcess: options.endsProcess,
      recorder: recorder)
    let writer = ResultWriter(format: format, width: width, output: output)
    progress.totalBytes.store(files.totalBytes ?? 0, ordering: .relaxed)
    var report = TableReport()
    do {
      try settle(runner, writer, format)
    } catch let failure as TaskFailure {
      throw failure.rootCause is CancellationError ? RunCancelled() : failure.rootCause
    } catch is CancellationError {
      throw RunCancelled()
    }
    report.notes = notes(runner.account)
    report.record = recorder?.record()
    return report
  }

  /// Repeats the run with wider types until the types hold for the whole input.
  private func settle(_ runner: QueryRunner, _ writer: ResultWriter, _ format: OutputFormat) throws {
    while true {
      let physical: PhysicalPlan
      do {
        physical = try physicalPlan(format)
      } catch let error where error.code == .invalidQuery {
        // Perhaps the types that do not fit are only those of the sample.
        guard try prove(columns: logical.readColumns(columns), runner) else { throw error }
        continue
      }
      switch try attempt(physical, runner, writer) {
      case .done: return
      case .contradicted(let seen): widen(seen, physical.scan.typedColumns)
      case .tooMuchToHold:
        guard try !prove(columns: physical.scan.typedColumns, runner) else { continue }
        writer.trustsTypes = true
      case nil: continue
      }
    }
  }

  /// Runs the plan; nil where it failed because of types that the input does not have, which are known now.
  private func attempt(
    _ physical: PhysicalPlan, _ runner: QueryRunner, _ writer: ResultWriter
  ) throws -> QueryRunner.Outcome? {
    let failure: any Error
    do {
      return try runner.run(physical, writer)
    } catch {
      failure = error
    }
    let cause = (failure as? TaskFailure).map { $0.rootCause } ?? failure
    // An overflow, say, of numbers that turn out to be texts further down is none.
    guard !writer.trustsTypes, let cause = cause as? TableError, cause.dependsOnTypes,
      try prove(columns: physical.scan.typedColumns, runner)
    else { throw failure }
    return nil
  }

  /// Scans the input for the types of `columns` alone; true when some are wider than was known.
  private func prove(columns slots: [Int], _ runner: QueryRunner) throws -> Bool {
    let unproven = slots.filter { !columns[$0].isProven }
    if unproven.isEmpty { return false }
    let plan = ScanPlan(
      dialect: files.dialect, columns: columns, derived: [], filter: nil, typedColumns: unproven, sink: .types)
    guard let seen = try runner.contradictions(plan) else { return false }
    widen(seen, unproven)
    return true
  }

  private func widen(_ seen: [SeenTypes], _ slots: [Int]) {
    for (index, slot) in slots.enumerated() { columns[slot].seen.formUnion(seen[index]) }
  }

  private func physicalPlan(_ format: OutputFormat) throws(TableError) -> PhysicalPlan {
    try logical.physical(columns: columns, dialect: files.dialect, format: format)
  }

  /// What was let pass, a line each.
  private func notes(_ account: ScanAccount) -> [String] {
    var notes: [String] = []
    func note(_ count: Int, _ one: String, _ many: String) {
      if count > 0 { notes.append(count == 1 ? "1 \(one)" : "\(count) \(many)") }
    }
    note(account.notes.padded, "short record was filled with nulls", "short records were filled with nulls")
    note(account.notes.cut, "long record was cut", "long records were cut")
    note(
      account.notes.skipped, "record with another number of fields was skipped",
      "records with another number of fields were skipped")
    note(account.castFailures, "cell could not be cast and became null", "cells could not be cast and became null")
    if let shown = account.unshownAfter {
      notes.append("only the first \(shown) records are shown (--limit N or --format csv for more)")
    }
    if !files.renamedColumns.isEmpty {
      notes.append("columns without a name of their own are called \(files.renamedColumns.joined(separator: ", "))")
    }
    return notes
  }
}

/// What there is to say of a run that is over.
package struct TableReport: Sendable {
  /// One line each, for standard error.
  package var notes: [String] = []
  /// What the tasks did and when, where that was recorded.
  package var record: RunRecord?

  package init() {}
}

extension TableQuery {
  /// Whether a partition's result is about as large as the partition.
  fileprivate var keepsRecords: Bool {
    if case .select(_, nil) = operation { true } else { false }
  }
}

extension TableError {
  /// Whether the error may be one of types that the input does not have in the end: of values, and not of the records.
  fileprivate var dependsOnTypes: Bool { code == .invalidQuery || (code == .malformedData && file == nil) }
}

extension TaskFailure {
  /// What a task threw, without the story of where.
  var rootCause: any Error { (underlying as? TaskFailure)?.rootCause ?? underlying }
}
