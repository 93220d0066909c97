/// Keeps some records, drawn uniformly, that depend on the seed and the input only.
///
/// Every record has a priority, the hash of the seed and of where it stands in the input; those with the smallest
/// priorities are the sample. Partitions need to know nothing of each other, so neither their number nor their
/// size changes what is drawn (the bottom-k sketch of Cohen and Kaplan, 2007).
package final class SampleAccumulator {
  struct Candidate {
    var priority: UInt64
    var file: Int
    var offset: Int
    var record: Int

    @inline(__always)
    static func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
      (left.priority, left.file, left.offset) < (right.priority, right.file, right.offset)
    }
  }

  let limit: Int
  let seed: UInt64
  private(set) var candidates: [Candidate] = []
  private(set) var records: RecordBuffer
  /// No record with a greater priority can be in the sample.
  private var worst = UInt64.max

  /// - Parameters:
  ///   - count: How many records to draw.
  ///   - columnCount: How many cells a record has.
  package init(count: Int, seed: UInt64, columnCount: Int) {
    limit = min(count, Int.max / 4)
    self.seed = seed
    records = RecordBuffer(columnCount: columnCount)
  }

  /// Records that were written down, as the last `prune` left them.
  init(limit: Int, seed: UInt64, records: RecordBuffer, candidates: [Candidate]) {
    self.limit = min(limit, Int.max / 4)
    self.seed = seed
    self.records = records
    self.candidates = candidates
  }

  package var residentBytes: Int { records.residentBytes + candidates.capacity * 32 }

  /// Adds `count` records.
  ///
  /// - Parameters:
  ///   - columns: Text vectors, one a column.
  ///   - file: Which input file they are of.
  ///   - offsets: Where in it each record begins; different for each record of a file.
  package func consume(columns: [Vector], file: Int, offsets: UnsafePointer<Int>, count: Int) {
    if limit == 0 { return }
    for row in 0..<count {
      let priority = Self.priority(seed: seed, file: file, offset: offsets[row])
      if priority > worst { continue }
      candidates.append(
        Candidate(
          priority: priority, file: file, offset: offsets[row], record: records.append(columns, row: row)))
      if candidates.count >= max(2 * limit, 64) { prune() }
    }
  }

  /// SplitMix64's finish (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014) of all three.
  private static func priority(seed: UInt64, file: Int, offset: Int) -> UInt64 {
    func mix(_ value: UInt64) -> UInt64 {
      var mixed = value &+ 0x9e37_79b9_7f4a_7c15
      mixed = (mixed ^ (mixed &>> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed &>> 27)) &* 0x94d0_49bb_1331_11eb
      return mixed ^ (mixed &>> 31)
    }
    return mix(mix(mix(seed) ^ UInt64(bitPattern: Int64(file))) ^ UInt64(bitPattern: Int64(offset)))
  }

  private func prune() {
    candidates.sort(by: Candidate.precedes)
    if candidates.count > limit { candidates.removeLast(candidates.count - limit) }
    if candidates.count == limit, limit > 0 { worst = candidates[limit - 1].priority }
    let kept = RecordBuffer(columnCount: records.columnCount)
    for index in candidates.indices { candidates[index].record = kept.append(candidates[index].record, of: records) }
    records = kept
  }

  /// What was drawn; the accumulator is used up.
  package func finish() -> SamplePartial {
    prune()
    return SamplePartial(self)
  }

  /// The sample of all parts together, in any order.
  package static func merge(_ parts: [SamplePartial]) -> SamplePartial {
    if parts.count == 1 { return parts[0] }
    let first = parts[0].accumulator
    let target = SampleAccumulator(count: first.limit, seed: first.seed, columnCount: first.records.columnCount)
    for part in parts {
      for var candidate in part.accumulator.candidates {
        candidate.record = target.records.append(candidate.record, of: part.accumulator.records)
        target.candidates.append(candidate)
      }
      if target.candidates.count >= 2 * target.limit { target.prune() }
    }
    return target.finish()
  }

  /// The records in the order of the input.
  fileprivate var columns: [Column] {
    let ordered = candidates.sorted { ($0.file, $0.offset) < ($1.file, $1.offset) }
    return records.columns(records.columnCount, of: ordered.map(\.record))
  }

  fileprivate var count: Int { candidates.count }
}

/// A sample of a part of the input. Immutable.
// Sendable: the accumulator is used up, nobody changes it any more.
package final class SamplePartial: @unchecked Sendable {
  let accumulator: SampleAccumulator

  init(_ accumulator: SampleAccumulator) { self.accumulator = accumulator }

  package var residentBytes: Int { accumulator.residentBytes }
  package var count: Int { accumulator.count }

  /// The drawn records in the order of the input, as text columns.
  package func columns() -> [Column] { accumulator.columns }
}
