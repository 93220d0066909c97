import MartletEngine
import MartletGraph
import MartletTable
import Synchronization

/// What scans let pass, summed up.
struct ScanAccount {
  var records = 0
  var notes = ReadNotes()
  var castFailures = 0
  /// Of how many records only the first were shown, for a terminal; nil for all.
  var unshownAfter: Int?
}

/// Runs one physical plan: the pass over the input, then the finish.
final class QueryRunner {
  /// Of the last pass.
  private(set) var account = ScanAccount()
  private let files: TableFiles
  private let layout: PartitionLayout
  private let executor: ThreadPoolExecutor
  /// Where passes run instead of here.
  private let remote: (any Executor)?
  private let sentBlockBytes: Int?
  private let progress: RunProgress
  private let memory: MemoryLimit?
  private let options: RunOptions
  /// For passes whose results are written one after the other: when the output is slow, scans wait for it.
  private let streamingOptions: RunOptions
  /// For passes elsewhere, where memory is not this process's.
  private var remoteOptions: RunOptions
  private let holdBytes: Int
  /// Whether what a finished result was made of may be left to the end of the process.
  private let endsProcess: Bool

  /// What a scan takes besides its records, and about what a written range of groups takes.
  private static let streamedPieceBytes = 16 << 20

  /// How a run ended.
  enum Outcome {
    case done
    /// Typed columns hold cells of these classes, which the plan did not expect.
    case contradicted([SeenTypes])
    /// The result may have to be taken back and is too large to be held until then.
    case tooMuchToHold
  }

  init(
    files: TableFiles, layout: PartitionLayout, executor: ThreadPoolExecutor, remote: (any Executor)?,
    sentBlockBytes: Int?, progress: RunProgress,
    memory: MemoryLimit?, endsProcess: Bool, recorder: RunRecorder?
  ) {
    self.files = files
    self.endsProcess = endsProcess
    self.layout = layout
    self.executor = executor
    self.remote = remote
    self.sentBlockBytes = remote == nil ? nil : sentBlockBytes
    self.progress = progress
    self.memory = memory
    options = RunOptions(
      memoryBudgetBytes: memory?.resultBytes, cancellation: progress.cancellation,
      events: recorder?.events ?? EventLog.current)
    var streamingOptions = options
    streamingOptions.memoryBudgetBytes = min(
      options.memoryBudgetBytes ?? .max, (2 * executor.threads + 2) * (layout.partitionBytes + Self.streamedPieceBytes))
    self.streamingOptions = streamingOptions
    remoteOptions = options
    remoteOptions.memoryBudgetBytes = nil
    holdBytes = min(64 << 20, (memory?.limitBytes ?? .max) / 8)
  }

  /// Carries out `plan` and writes what comes of it.
  func run(_ plan: PhysicalPlan, _ writer: ResultWriter) throws -> Outcome {
    if case .stream = plan.scan.sink { return try stream(plan, writer) }
    let parts = try pass(plan.scan, gate: nil, isLast: plan.scan.hasProvenTypes)
    if let seen = contradictions(of: parts) { return .contradicted(seen) }
    try finish(plan, parts, writer)
    return .done
  }

  private func finish(_ plan: PhysicalPlan, _ parts: [ScanResult], _ writer: ResultWriter) throws {
    if case .groups(let finish) = plan.finish { return try finishGroups(parts, plan.scan, finish, writer) }
    switch plan.finish {
    case .statistics: return try finishStatistics(plan.scan, parts, writer)
    case .frequencies(let top): return try finishFrequencies(plan.scan, parts, top, writer)
    default: break
    }
    let partial = try SinkPartial.merge(try partials(plan.scan, parts), sink: plan.scan.sink)
    switch (plan.finish, partial) {
    case (.count, .count(let count)): try writer.write(count: count)
    case (.schema, .schema(let columns)): try writer.write(ResultFinisher.schema(columns))
    case (.shownRows(let limit), .collected(let frame)):
      if frame.rowCount > limit { account.unshownAfter = limit }
      try writer.write(TypedFrame(inferringTypesOf: frame.first(limit)))
    default: try writer.write(TypedFrame(inferringTypesOf: partial.frame!))
    }
  }

  private func finishStatistics(_ plan: ScanPlan, _ parts: [ScanResult], _ writer: ResultWriter) throws {
    let partials = try partials(plan, parts).map { (partial) -> [ColumnStatisticsPartial] in
      if case .statistics(let columns) = partial { columns } else { [] }
    }
    let summaries = try FinishGraphs.statistics(partials).run(executor, options)
    try writer.write(ResultFinisher.statistics(plan.sink.rawSlots.map(plan.name(of:)), summaries), wraps: true)
  }

  private func finishFrequencies(_ plan: ScanPlan, _ parts: [ScanResult], _ top: Int, _ writer: ResultWriter) throws {
    let partials = try partials(plan, parts).map { (partial) -> [TextCountsPartial] in
      if case .frequencies(let columns) = partial { columns } else { [] }
    }
    let counts = try FinishGraphs.frequencies(partials).run(executor, options)
    try writer.write(ResultFinisher.frequencies(plan.sink.rawSlots.map(plan.name(of:)), counts, top: top))
  }

  /// The partial results; of no input, what a sink makes of no records.
  private func partials(_ plan: ScanPlan, _ parts: [ScanResult]) throws -> [SinkPartial] {
    let partials = parts.compactMap(\.partial)
    if !partials.isEmpty { return partials }
    return try PartitionScan(plan, sourceName: "").emptyPartial().map { [$0] } ?? []
  }

  /// What a pass for types alone meets besides what `plan` expects; nil when nothing.
  func contradictions(_ plan: ScanPlan) throws -> [SeenTypes]? {
    contradictions(of: try pass(plan, gate: nil, isLast: false))
  }

  private func stream(_ plan: PhysicalPlan, _ writer: ResultWriter) throws -> Outcome {
    let isProven = writer.trustsTypes || plan.scan.hasProvenTypes
    let gate = writer.gate(try rowWriter(plan.scan), holdBytes: isProven ? nil : holdBytes)
    let parts: [ScanResult]
    do {
      parts = try pass(plan.scan, gate: gate, isLast: isProven)
    } catch let failure as TaskFailure where failure.rootCause is OutputGate.HoldExceeded {
      return .tooMuchToHold
    } catch is OutputGate.HoldExceeded {
      return .tooMuchToHold
    }
    if let seen = contradictions(of: parts) { return .contradicted(seen) }
    try gate.finish()
    return .done
  }

  /// Reads the input once.
  ///
  /// - Parameter isLast: Whether nothing can make it necessary to read the input again.
  private func pass(_ plan: ScanPlan, gate: OutputGate?, isLast: Bool) throws -> [ScanResult] {
    let services = ScanServices(
      progress: progress, memory: memory,
      releasesInput: isLast && endsProcess && remote == nil)
    progress.bytes.store(0, ordering: .relaxed)
    progress.partitions.store(0, ordering: .relaxed)
    let pass = TablePass(
      pass: ScanPass(
        plan: plan,
        files: files.files.map { sentBlockBytes == nil ? .open($0.source) : .sent($0.source.name) }, services: services),
      files: files,
      layout: layout, executor: remote ?? executor, isRemote: remote != nil, sentBlockBytes: sentBlockBytes,
      options: remote != nil ? remoteOptions : gate == nil ? options : streamingOptions, gate: gate)
    progress.totalPartitions.store(pass.knownPartitions, ordering: .relaxed)
    let parts = try pass.run()
    account = ScanAccount()
    for part in parts {
      account.records += part.records
      account.notes.merge(part.notes)
      account.castFailures += part.castFailures
    }
    return parts
  }

  private func contradictions(of parts: [ScanResult]) -> [SeenTypes]? {
    guard var seen = parts.first?.contradictions else { return nil }
    for part in parts {
      for index in seen.indices { seen[index].formUnion(part.contradictions[index]) }
    }
    return seen.contains { !$0.isEmpty } ? seen : nil
  }

  /// Orders and finishes groups: a graph that ranks keys and places groups, then one that finishes ranges of them and
  /// writes these in their order.
  private func finishGroups(
    _ parts: [ScanResult], _ plan: ScanPlan, _ finish: GroupFinish, _ writer: ResultWriter
  ) throws {
    let partials = try partials(plan, parts).compactMap { if case .group(let part) = $0 { part } else { nil } }
    let groups = GroupPlan(
      partials,
      options: GroupFinishOptions(
        names: finish.keyNames + finish.slots.map(\.name), keyTypes: finish.keyTypes),
      reader: ParsedKeyCells())
    let known =
      groups.mayBeDirect ? try FinishGraphs.direct(groups, parts: partials.count).run(executor, options) : nil
    let placed = try FinishGraphs.placing(groups, parts: partials.count, order: known).run(executor, options)
    let outputs = GroupOutputs(finish)
    if !finish.sort.isEmpty || finish.limit != nil || writer.needsWholeResult {
      let frames = try FinishGraphs.frames(placed.shards, outputs).run(executor, options)
      try writer.write(try TypedFrame.joining(frames).sorted(by: finish.sort, limit: finish.limit))
      return
    }
    let rows = RowWriter(
      format: writer.format, names: outputs.names, types: try outputs.types(keyTypes: placed.keyTypes))
    let gate = writer.gate(rows, holdBytes: nil)
    _ = try FinishGraphs.written(placed.shards, outputs, rows, gate).run(executor, streamingOptions)
    try gate.finish()
    // The shards hold everything there is. Not before here: a run that fails may be repeated.
    if endsProcess { LeftToTheEnd.keep(placed.shards) }
  }

  private func rowWriter(_ plan: ScanPlan) throws(TableError) -> RowWriter {
    guard case .stream(let slots, let format) = plan.sink else { preconditionFailure("only selections are streamed") }
    return RowWriter(format: format, names: slots.map(plan.name(of:)), types: try plan.types(of: slots))
  }
}

extension ScanPlan {
  /// Whether no cell can have another type than the plan expects.
  fileprivate var hasProvenTypes: Bool { typedColumns.allSatisfy { columns[$0].isProven } }
}

/// Objects that go when the process does: giving their memory back piece by piece would take the time between the last byte
/// written and the end. Held here, where leak checkers see them.
private enum LeftToTheEnd {
  private static let lock = Lock()
  nonisolated(unsafe) private static var kept: [AnyObject] = []  // Guarded by the lock.

  static func keep(_ object: AnyObject) { lock.withLock { kept.append(object) } }
}
