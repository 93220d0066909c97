import MartletBytes
import MartletEngine
import MartletGraph
import MartletTable

/// One pass over the whole input with one plan: the graph of its tasks, round by round, and its merged result.
struct TablePass {
  let plan: ScanPlan
  let files: TableFiles
  let layout: PartitionLayout
  let executor: any Executor
  let services: ScanServices
  let options: RunOptions
  /// Takes written records in their order; nil for plans that write none.
  let gate: OutputGate?

  /// What the partitions gave, merged as far as their number asks for: in the order of the input, nothing where there
  /// is no partition at all.
  func run() throws -> [ScanResult] {
    var cursor = PartitionCursor(files.files, layout: layout, hasLimit: plan.sink.limit != nil)
    var whole = MergeTree<ScanResult>()
    var chain: ChainEnd?
    while true {
      let partitions = cursor.nextRound()
      if partitions.isEmpty { break }
      let round = graph(partitions, after: chain, merging: whole)
      let results = try executor.run(
        round.graph, outputs: round.tree.parts.map(\.erased) + [round.chain.erased], options: options)
      whole = round.tree.map { results[$0] }
      chain = results[round.chain]
      if chain!.isOver { break }
    }
    return whole.parts
  }

  /// How many partitions there are, as far as is known beforehand.
  var knownPartitions: Int { plan.sink.limit == nil ? firstRound.count : 0 }

  private var firstRound: [PartitionCursor.Partition] {
    var cursor = PartitionCursor(files.files, layout: layout, hasLimit: plan.sink.limit != nil)
    return cursor.nextRound()
  }

  /// The graph of all partitions that are known beforehand, for drawing.
  func firstGraph() -> TaskGraph? {
    let partitions = firstRound
    return partitions.isEmpty ? nil : graph(partitions, after: nil, merging: MergeTree()).graph
  }

  private struct Round {
    let graph: TaskGraph
    let tree: MergeTree<Node<ScanResult>>
    let chain: Node<ChainEnd>
  }

  /// Scans, links and merges of `partitions`, whose first follows on `chain` and on what is in `merged`.
  private func graph(
    _ partitions: [PartitionCursor.Partition], after chain: ChainEnd?, merging merged: MergeTree<ScanResult>
  ) -> Round {
    var builder = GraphBuilder()
    var hasher = StableHasher()
    plan.hash(into: &hasher)
    let planDigest = hasher.digest()
    var previous = chain.map { builder.literal($0, label: "end") }
    var written: Node<ScanResult>?
    var tree = merged.map { builder.literal($0, label: "merged before") }
    for partition in partitions {
      let target = ScanTarget(
        plan: plan, planDigest: planDigest, source: partition.file.source, file: partition.fileNumber,
        range: partition.range, services: services)
      let scan = builder.call(
        ScanPartition(target: target, isStartKnown: partition.isFirstOfFile), label: "scan",
        traits: TaskTraits(isSource: true, estimatedResultBytes: estimatedResultBytes(partition.range)))
      let linked = builder.call(
        LinkPartition(target: target, isFirstOfFile: partition.isFirstOfFile),
        on: previous.map { [$0.erased, scan.erased] } ?? [scan.erased], label: "link")
      previous = builder.call(PartitionEnd(), on: [linked], label: "end")
      if let gate {
        written = write(linked, after: written, through: gate, &builder)
      } else {
        tree.append(builder.call(LinkedResult(), on: [linked], label: "result")) {
          builder.call(MergeScans(sink: plan.sink, planDigest: planDigest), on: $0, label: "merge")
        }
      }
    }
    if let written {
      tree.append(written) { builder.call(MergeScans(sink: plan.sink, planDigest: planDigest), on: $0, label: "merge") }
    }
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
