import MartletTable

/// What `--explain` prints: the logical plan, and how it will be carried out.
struct PlanExplanation {
  let logical: LogicalPlan
  let physical: PhysicalPlan
  let files: TableFiles
  let layout: PartitionLayout
  let partitions: Int
  /// Nil where the partitions are read by a cluster.
  let threads: Int?

  var text: String {
    (["plan"] + lines(logical, depth: 1) + ["", "execution"] + execution).joined(separator: "\n") + "\n"
  }

  private func lines(_ plan: LogicalPlan, depth: Int) -> [String] {
    let indent = String(repeating: "  ", count: depth)
    switch plan {
    case .scan(let columns): return [indent + "scan \(columns.count) columns of \(sources)"]
    case .derive(let derived, let input):
      return derived.map { indent + "derive \($0.name) = \($0.expression)" } + lines(input, depth: depth + 1)
    case .filter(let condition, let input): return [indent + "filter \(condition)"] + lines(input, depth: depth + 1)
    case .project(let names, let input):
      return [indent + "project \(names.joined(separator: ", "))"] + lines(input, depth: depth + 1)
    case .group(let grouping, let input):
      let outputs = grouping.outputs.map { "\($0.expression)" }.joined(separator: ", ")
      let keys = grouping.keys.isEmpty ? "nothing" : grouping.keys.joined(separator: ", ")
      return [indent + "group by \(keys): \(outputs)"] + lines(input, depth: depth + 1)
    case .sort(let keys, let input):
      let order = keys.map { $0.isDescending ? "\($0.column) descending" : $0.column }.joined(separator: ", ")
      return [indent + "sort by \(order)"] + lines(input, depth: depth + 1)
    case .limit(let count, let input): return [indent + "limit \(count)"] + lines(input, depth: depth + 1)
    case .summarize(let summary, let input): return [indent + "\(summary)"] + lines(input, depth: depth + 1)
    }
  }

  private var sources: String {
    files.files.count == 1 ? files.files[0].source.name : "\(files.files.count) files"
  }

  private var execution: [String] {
    let scan = physical.scan
    var lines: [String] = []
    if let bytes = files.totalBytes {
      lines.append(
        "  \(partitions) \(partitions == 1 ? "partition" : "partitions of some \(layout.partitionBytes) bytes"), \(bytes) bytes in all"
      )
    } else {
      lines.append("  partitions of \(layout.partitionBytes) bytes, as many as the pipe has")
    }
    lines.append(threads.map { "  \($0) \($0 == 1 ? "thread" : "threads")" } ?? "  on the workers of a cluster")
    let parsed = scan.typedColumns.map { "\(scan.columns[$0].name) \(scan.columns[$0].type.name)" }
    let given = scan.typedColumns.allSatisfy { scan.columns[$0].isProven }
    lines.append(
      parsed.isEmpty
        ? "  parses no column"
        : "  parses \(parsed.joined(separator: ", "))\(given ? "" : " (widened where the input asks)")")
    let raw = Set(scan.sink.rawSlots).subtracting(scan.typedColumns).sorted()
    if !raw.isEmpty { lines.append("  takes as written \(raw.map(scan.name(of:)).joined(separator: ", "))") }
    if let filter = scan.filter { lines.append("  filters while it scans: \(filter)") }
    if scan.sink.limit != nil { lines.append("  stops at the limit") }
    return lines
  }
}
