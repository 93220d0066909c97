/// The labels of fused tasks: those of the parts, joined, each combination made once.
struct FusedLabels {
  /// `a+a+b` is the runs (a, 2), (b, 1).
  private struct Run: Hashable {
    let label: UInt32
    var count: UInt32
  }

  private var runs: [Run] = []
  private var known: [[Run]: UInt32] = [:]
  /// The combination met last: neighbours are often alike, and a comparison is cheaper than a hash.
  private var latest: (runs: [Run], number: UInt32) = ([], 0)

  init() {}

  /// Begins a combination.
  mutating func begin() { runs.removeAll(keepingCapacity: true) }

  /// Adds a part.
  mutating func add(_ label: UInt32) {
    if let last = runs.indices.last, runs[last].label == label {
      runs[last].count += 1
    } else {
      runs.append(Run(label: label, count: 1))
    }
  }

  /// The number of the combination in `labels`.
  mutating func number(in labels: inout LabelTable) -> UInt32 {
    if runs.count == 1, runs[0].count == 1 { return runs[0].label }
    if runs == latest.runs { return latest.number }
    let number: UInt32
    if let found = known[runs] {
      number = found
    } else {
      number = labels.intern(text(labels))
      known[runs] = number
    }
    latest = (runs, number)
    return number
  }

  /// `read+parse+count`; a part that repeats is written once, with how often: `read+step×20`. Long ones lose their middle.
  private func text(_ labels: LabelTable) -> String {
    func text(_ run: Run) -> String {
      let name = labels.names[Int(run.label)]
      return run.count == 1 ? name : "\(name)×\(run.count)"
    }
    let pieces =
      runs.count <= 7 ? runs.map(text) : runs.prefix(3).map(text) + ["…"] + runs.suffix(3).map(text)
    let whole = pieces.joined(separator: "+")
    return whole.count <= 96 ? whole : whole.prefix(47) + "…" + whole.suffix(48)
  }
}
