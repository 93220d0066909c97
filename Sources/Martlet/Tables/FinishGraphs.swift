import MartletEngine
import MartletGraph
import MartletTable

/// The graphs that make results of merged partials where that is more than a task's work: groups are ranked, placed and
/// finished in ranges, columns are summarised side by side.
enum FinishGraphs {
  /// A graph and the task whose result is wanted.
  struct Wanted<Value: Sendable> {
    let graph: TaskGraph
    let node: Node<Value>

    func run(_ executor: any Executor, _ options: RunOptions) throws -> Value {
      try executor.run(graph, output: node, options: options)
    }
  }

  /// Finds out whether the keys of one column number their groups themselves, and how.
  static func direct(_ plan: GroupPlan, parts: Int) -> Wanted<GroupOrder?> {
    var builder = GraphBuilder()
    let surveys = (0..<parts).map { part in builder.task("survey") { plan.survey(part) } }
    let measure = builder.task("measure", all: surveys) { plan.measure($0) }
    let keys = (0..<parts).map { part in
      builder.task("keys", measure) { measure in measure.flatMap { plan.keys(part, $0) } }
    }
    let all = builder.gather(keys)
    let order = builder.task("order", all, measure) { keys, measure in measure.flatMap { plan.order(keys, $0) } }
    return Wanted(graph: builder.build(), node: order)
  }

  /// Ranks the keys of each column, unless their order is known, then places each part's groups by it.
  static func placing(_ plan: GroupPlan, parts: Int, order known: GroupOrder?) -> Wanted<PlacedGroups> {
    var builder = GraphBuilder()
    let order: Node<GroupOrder>
    if let known {
      order = builder.literal(known, label: "order")
    } else {
      let rankings = (0..<plan.rankingCount).map { index in builder.task("rank") { try plan.rank(index) } }
      order = builder.task("order", all: rankings) { plan.order($0) }
    }
    let placements = (0..<parts).map { part in builder.task("place", order) { plan.place(part, $0) } }
    let all = builder.gather(placements)
    let shards = builder.task("cut", all, order) { placements, order in
      PlacedGroups(shards: plan.shards(placements, order), keyTypes: order.keyTypes)
    }
    return Wanted(graph: builder.build(), node: shards)
  }

  /// Finishes each range of groups; the frames in their order.
  static func frames(_ shards: GroupShards, _ outputs: GroupOutputs) -> Wanted<[TypedFrame]> {
    var builder = GraphBuilder()
    let frames = (0..<shards.count).map { shard in
      builder.task("finish") { try outputs.frame(shards.shard(shard)) }
    }
    let all = builder.gather(frames)
    return Wanted(graph: builder.build(), node: all)
  }

  /// Finishes each range of groups, writes its rows, and passes them through `gate` in their order; gives their number.
  static func written(
    _ shards: GroupShards, _ outputs: GroupOutputs, _ writer: RowWriter, _ gate: OutputGate
  ) -> Wanted<Int> {
    var builder = GraphBuilder()
    var before = builder.literal(0, label: "begin")
    for shard in 0..<shards.count {
      let text = builder.task("finish", traits: TaskTraits(isSource: true, estimatedResultBytes: 4 << 20)) {
        let groups = shards.shard(shard)
        let buffer = ByteBuffer(capacity: 1 << 16)
        try outputs.write(groups, writer, to: buffer)
        return OutputText(buffer: buffer, rowCount: groups.count)
      }
      // The chain comes first among the dependencies: so the depth-first order has each piece behind the piece before, and
      // not all of them before the first is written.
      before = builder.task("write", before, text) { before, text in
        try gate.write(text)
        return before + text.rowCount
      }
    }
    return Wanted(graph: builder.build(), node: before)
  }

  /// Merges and summarises each column.
  static func statistics(_ parts: [[ColumnStatisticsPartial]]) -> Wanted<[ColumnSummary]> {
    var builder = GraphBuilder()
    let summaries = parts[0].indices.map { column in
      builder.task("summary") { ColumnStatisticsPartial.merge(parts.map { $0[column] }).summary() }
    }
    let all = builder.gather(summaries)
    return Wanted(graph: builder.build(), node: all)
  }

  /// Merges each column's counts.
  static func frequencies(_ parts: [[TextCountsPartial]]) -> Wanted<[TextCountsPartial]> {
    var builder = GraphBuilder()
    let merged = parts[0].indices.map { column in
      builder.task("merge") { TextCounts.merge(parts.map { $0[column] }) }
    }
    let all = builder.gather(merged)
    return Wanted(graph: builder.build(), node: all)
  }
}

/// Groups in ranges of their order, and the types of their keys, which are known by now.
struct PlacedGroups: Sendable {
  let shards: GroupShards
  let keyTypes: [ColumnType]
}

extension OutputText: MemorySized {
  package var residentBytes: Int { buffer.count }
}
