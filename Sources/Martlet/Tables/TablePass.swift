import MartletBytes
import MartletEngine
import MartletGraph
import MartletTable
import Synchronization

/// One pass over the whole input with one plan: the graph of its tasks, round by round, and its merged result.
struct TablePass {
  let pass: ScanPass
  let files: TableFiles
  let layout: PartitionLayout
  let executor: any Executor
  /// Whether the tasks run in other processes: then everything that they work on is data, and a round gives what it has made
  /// to this process, where the results of rounds are merged and written.
  let isRemote: Bool
  /// The size of the blocks in which the input goes with the tasks; nil where whoever runs them reads the files.
  let sentBlockBytes: Int?
  let options: RunOptions
  /// Takes written records in their order; nil for plans that write none.
  let gate: OutputGate?

  private var plan: ScanPlan { pass.plan }

  /// What the partitions gave, merged as far as their number asks for: in the order of the input, nothing where there
  /// is no partition at all.
  func run() throws -> [ScanResult] {
    var cursor = PartitionCursor(
      files.files, layout: layout, hasLimit: plan.sink.limit != nil, largestRound: largestRound)
    var whole = MergeTree<ScanResult>()
    var fetched: [ScanResult] = []
    var chain: ChainEnd?
    while true {
      let partitions = cursor.nextRound()
      if partitions.isEmpty { break }
      let round = try graph(partitions, after: chain, merging: isRemote ? MergeTree() : whole)
      let progress = remoteProgress(partitions)
      let results = try executor.run(
        round.graph, outputs: round.tree.parts.map(\.erased) + [round.chain.erased], options: watched(by: progress))
      progress?.roundEnded()
      if isRemote {
        let parts = round.tree.parts.map { results[$0] }
        if isUnmerged {
          for part in parts {
            try whole.append(proved(part)) { try ScanResult.merge($0, sink: plan.sink) }
          }
        } else {
          fetched = try take(parts, behind: fetched)
        }
      } else {
        whole = round.tree.map { results[$0] }
      }
      chain = results[round.chain]
      if chain!.isOver { break }
    }
    return isRemote && !isUnmerged ? fetched : whole.parts
  }

  /// How many partitions there are, as far as is known beforehand.
  var knownPartitions: Int {
    if plan.sink.limit != nil { return 0 }
    var cursor = PartitionCursor(files.files, layout: layout, hasLimit: false)
    return cursor.nextRound().count
  }

  /// The graph of all partitions that are known beforehand, for drawing.
  func firstGraph() throws -> TaskGraph? {
    var cursor = PartitionCursor(files.files, layout: layout, hasLimit: plan.sink.limit != nil)
    let partitions = cursor.nextRound()
    return partitions.isEmpty ? nil : try graph(partitions, after: nil, merging: MergeTree()).graph
  }

  /// How many partitions are read before their results are written here; nil where nothing is.
  private var largestRound: Int? {
    guard isRemote, gate != nil || sentBlockBytes != nil else { return nil }
    return min(1024, max(sentBlockBytes == nil ? 8 : 4, Self.roundBytes / layout.partitionBytes))
  }

  /// Whether the results of a round come one by one, and are merged here in the same shape as those of a single round: where
  /// the input is sent, there may be any number of rounds.
  private var isUnmerged: Bool { sentBlockBytes != nil && gate == nil && plan.sink.limit == nil }

  /// What a selection writes at most, about, before it reaches the output, and what is sent at once: it lies in memory.
  private static let roundBytes = 256 << 20

  /// The results of a round that was made elsewhere, behind those of earlier rounds.
  ///
  /// Where there is more than one round, results are records, whose merge has the same result in any shape.
  private func take(_ results: [ScanResult], behind before: [ScanResult]) throws -> [ScanResult] {
    guard ScanResult.areMergeable(before + results, sink: plan.sink) else {
      throw TableError(
        .malformedData, "the workers gave results that do not belong together",
        remedy: "run the same version of the program on all machines")
    }
    // Written as far as they are good, as the tasks of this process do.
    var taken: [ScanResult] = []
    for result in results {
      let result = try proved(result)
      taken.append(try gate?.take(result) ?? result)
    }
    guard gate != nil || plan.sink.limit != nil else { return before + taken }
    return [try ScanResult.merge(before + taken, sink: plan.sink)]
  }

  /// A result that was made elsewhere.
  ///
  /// - Throws: What is wrong with the input, with its line; an error where it is the result of another plan.
  private func proved(_ result: ScanResult) throws -> ScanResult {
    guard ScanResult.areMergeable([result], sink: plan.sink) else {
      throw TableError(
        .malformedData, "the workers gave a result of another query",
        remedy: "run the same version of the program on all machines")
    }
    guard let failure = result.failure else { return result }
    guard let offset = failure.offset, failure.line == nil,
      let file = files.files.first(where: { $0.source.name == failure.file })
    else { throw failure }
    throw TableError(
      failure.code, file: failure.file, line: try lineNumber(of: offset, in: file.source), failure.message,
      remedy: failure.remedy)
  }

  /// Who hears how far a round is in other processes; tasks of this one tell it themselves.
  private func remoteProgress(_ partitions: [PartitionCursor.Partition]) -> RemoteScanProgress? {
    guard isRemote, let progress = pass.services.progress else { return nil }
    return RemoteScanProgress(
      progress, partitions: partitions.count, bytes: partitions.reduce(0) { $0 + $1.range.count },
      next: options.events?.observer)
  }

  private func watched(by progress: RemoteScanProgress?) -> RunOptions {
    guard let progress else { return options }
    var watched = options
    watched.events = EventLog(capacityPerThread: 2, observer: progress)
    return watched
  }

  private struct Round {
    let graph: TaskGraph
    let tree: MergeTree<Node<ScanResult>>
    let chain: Node<ChainEnd>
  }

  /// Scans, links and merges of `partitions`, whose first follows on `chain` and on what is in `merged`.
  private func graph(
    _ partitions: [PartitionCursor.Partition], after chain: ChainEnd?, merging merged: MergeTree<ScanResult>
  ) throws -> Round {
    var builder = GraphBuilder()
    let shared = isRemote ? [builder.literal(pass, label: "pass").erased] : []
    let held = isRemote ? nil : pass
    var blocks = sentBlockBytes.map(BlockNodes.init(blockBytes:))
    var previous = chain.map { builder.literal($0, label: "end") }
    var written: Node<ScanResult>?
    var tree = merged.map { builder.constant($0, label: "merged before") }
    func merge(_ parts: [Node<ScanResult>], _ builder: inout GraphBuilder) -> Node<ScanResult> {
      builder.call(MergeScans(pass: held), on: shared + parts.map(\.erased), label: "merge")
    }
    for partition in partitions {
      var target = ScanTarget(pass: held, file: partition.fileNumber, range: partition.range)
      var given = shared
      if let (sent, nodes) = try blocks?.blocks(
        of: partition.range, file: partition.fileNumber, partition.file.source, &builder)
      {
        target.sent = sent
        given += nodes
      }
      let scan = builder.call(
        ScanPartition(target: target, isStartKnown: partition.isFirstOfFile), on: given, label: "scan",
        traits: TaskTraits(isSource: true, estimatedResultBytes: estimatedResultBytes(partition.range)))
      let linked = builder.call(
        LinkPartition(target: target, isFirstOfFile: partition.isFirstOfFile),
        on: given + (previous.map { [$0.erased, scan.erased] } ?? [scan.erased]), label: "link")
      previous = builder.call(PartitionEnd(), on: [linked], label: "end")
      if gate == nil, !isUnmerged {
        tree.append(builder.call(LinkedResult(), on: [linked], label: "result")) { merge($0, &builder) }
      } else if isRemote {
        tree.appendUnmerged(builder.call(LinkedResult(), on: [linked], label: "result"))
      } else if let gate {
        written = write(linked, after: written, through: gate, &builder)
      }
    }
    if let written { tree.append(written) { merge($0, &builder) } }
    return Round(graph: builder.build(), tree: tree, chain: previous!)
  }

  /// Writes a partition's records behind those of the one before; what goes on is the account without the records.
  private func write(
    _ linked: Node<LinkedScan>, after before: Node<ScanResult>?, through gate: OutputGate,
    _ builder: inout GraphBuilder
  ) -> Node<ScanResult> {
    guard let before else {
      return builder.task("write", linked) { try gate.take($0.result) }
    }
    // The chain comes first, so that the depth-first order writes each partition before it scans the next but one.
    return builder.task("write", before, linked) { [sink = plan.sink] before, linked in
      try ScanResult.merge([before, try gate.take(linked.result)], sink: sink)
    }
  }

  /// What a scan's result will take, as far as that follows from the plan.
  private func estimatedResultBytes(_ range: Range<Int>) -> Int {
    let blocks = 1 << 20
    if case .stream = plan.sink { return blocks + range.count }
    return blocks
  }
}

extension GraphBuilder {
  /// A constant of this process, whose content is not looked at.
  fileprivate mutating func constant<Value: Sendable>(_ value: Value, label: String) -> Node<Value> {
    literal(value, label: label)
  }
}

extension OutputGate {
  /// Writes the records of a result that has some, and gives the result without them.
  fileprivate func take(_ result: ScanResult) throws -> ScanResult {
    var account = result
    if case .text(let text) = result.partial {
      try write(text)
      account.partial = nil
    }
    return account
  }
}
