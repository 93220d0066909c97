/// What records are ordered by.
package struct RecordOrder: Hashable, Sendable {
  /// The types of the key vectors.
  package var types: [ColumnType]
  /// For each key whether the greatest comes first. Nulls come last in both directions.
  package var descending: [Bool]

  package init(types: [ColumnType], descending: [Bool]) {
    self.types = types
    self.descending = descending
  }
}

/// Keeps the first n records of an order: `select --sort a,-b --limit n`. Stable: equal keys stay in file order.
///
/// A record's keys become unsigned codes that order as they do, texts by their first eight bytes with the whole text
/// behind it, so that almost every record is refused by one compare with the worst one that can still matter. Those
/// that pass are copied; whenever twice as many as wanted wait, the worse half is dropped.
package final class TopRecords {
  struct Candidate {
    /// 0 for a value, 1 for null.
    var isNull: UInt8
    /// The code of the first key.
    var code: UInt64
    var record: Int
  }

  let order: RecordOrder
  let columnCount: Int
  let limit: Int
  let textKeys: [Int]
  /// Output cells, then the texts of text keys.
  private(set) var records: RecordBuffer
  /// Codes of all keys of each record, two words a key: null flag and code.
  private(set) var codes: [UInt64] = []
  private(set) var candidates: [Candidate] = []
  private var worst: Candidate?

  /// - Parameters:
  ///   - columnCount: How many output cells a record has.
  ///   - limit: How many records to keep.
  package init(_ order: RecordOrder, columnCount: Int, limit: Int) {
    self.order = order
    self.columnCount = columnCount
    self.limit = min(limit, Int.max / 4)
    textKeys = order.types.indices.filter { order.types[$0] == .text }
    records = RecordBuffer(columnCount: columnCount + textKeys.count)
  }

  /// Records that were written down, as the last `prune` left them.
  init(
    _ order: RecordOrder, columnCount: Int, limit: Int, records: RecordBuffer, codes: [UInt64], candidates: [Candidate]
  ) {
    self.order = order
    self.columnCount = columnCount
    self.limit = min(limit, Int.max / 4)
    textKeys = order.types.indices.filter { order.types[$0] == .text }
    self.records = records
    self.codes = codes
    self.candidates = candidates
  }

  package var residentBytes: Int { records.residentBytes + codes.capacity * 8 + candidates.capacity * 24 }

  /// Adds `count` records.
  ///
  /// - Parameters:
  ///   - keys: A vector a key, of its type.
  ///   - columns: Text vectors, one an output column.
  package func consume(keys: [Vector], columns: [Vector], count: Int) {
    if limit == 0 { return }
    let all = columns + textKeys.map { keys[$0] }
    for row in 0..<count {
      if let worst, !keys.isEmpty {
        let (isNull, code) = code(of: keys[0], key: 0, row: row)
        if isNull > worst.isNull || (isNull == worst.isNull && code > worst.code) { continue }
      } else if worst != nil {
        return
      }
      var first = (isNull: UInt8(0), code: UInt64(0))
      for key in order.types.indices {
        let (isNull, code) = code(of: keys[key], key: key, row: row)
        if key == 0 { first = (isNull, code) }
        codes.append(UInt64(isNull))
        codes.append(code)
      }
      candidates.append(
        Candidate(isNull: first.isNull, code: first.code, record: records.append(all, row: row)))
      if candidates.count >= max(2 * limit, 64) { prune() }
    }
  }

  @inline(__always)
  private func code(of vector: Vector, key: Int, row: Int) -> (isNull: UInt8, code: UInt64) {
    if !vector.isValid(row) { return (1, 0) }
    var code: UInt64
    switch order.types[key] {
    case .double: code = unsignedOrder(OrderedDouble.encodeEqualZeros(vector.doubles[row]))
    case .bool, .int, .date, .timestamp: code = unsignedOrder(vector.ints[row])
    case .text:
      code = UInt64(bigEndian: UnsafeRawPointer(vector.texts[row]).loadUnaligned(as: UInt64.self))
      let length = vector.lengths[row]
      if length < 8 { code &= length == 0 ? 0 : UInt64.max << UInt64(64 - 8 * length) }
    case .null: return (1, 0)
    }
    if order.descending[key] { code = ~code }
    return (0, code)
  }

  /// By keys, then by the order in which they came.
  private func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
    let width = 2 * order.types.count
    var textKey = 0
    for key in order.types.indices {
      let leftNull = codes[left.record * width + 2 * key]
      let rightNull = codes[right.record * width + 2 * key]
      if leftNull != rightNull { return leftNull < rightNull }
      let leftCode = codes[left.record * width + 2 * key + 1]
      let rightCode = codes[right.record * width + 2 * key + 1]
      if leftCode != rightCode { return leftCode < rightCode }
      if order.types[key] == .text {
        let column = columnCount + textKey
        textKey += 1
        if leftNull == 1 { continue }
        let difference = records.withCell(left.record, column: column) { leftText in
          records.withCell(right.record, column: column) { rightText in
            compareTexts(leftText!, rightText!)
          }
        }
        if difference != 0 { return order.descending[key] ? difference > 0 : difference < 0 }
      }
    }
    return left.record < right.record
  }

  private func prune() {
    candidates.sort(by: precedes)
    if candidates.count > limit { candidates.removeLast(candidates.count - limit) }
    if candidates.count == limit, limit > 0 { worst = candidates[limit - 1] }
    // Records keep the order in which they came, which is what ties are broken by.
    let kept = RecordBuffer(columnCount: records.columnCount)
    var keptCodes: [UInt64] = []
    let width = 2 * order.types.count
    for index in candidates.indices.sorted(by: { candidates[$0].record < candidates[$1].record }) {
      let record = candidates[index].record
      keptCodes.append(contentsOf: codes[record * width..<(record + 1) * width])
      candidates[index].record = kept.append(record, of: records)
    }
    records = kept
    codes = keptCodes
  }

  /// What was kept; the accumulator is used up.
  package func finish() -> TopRecordsPartial {
    prune()
    return TopRecordsPartial(self)
  }

  /// The first records of all parts, which are in file order.
  package static func merge(_ parts: [TopRecordsPartial]) -> TopRecordsPartial {
    if parts.count == 1 { return parts[0] }
    let first = parts[0].accumulator
    let target = TopRecords(first.order, columnCount: first.columnCount, limit: first.limit)
    let width = 2 * first.order.types.count
    for part in parts {
      let source = part.accumulator
      for candidate in source.candidates.sorted(by: { $0.record < $1.record }) {
        target.codes.append(contentsOf: source.codes[candidate.record * width..<(candidate.record + 1) * width])
        var candidate = candidate
        candidate.record = target.records.append(candidate.record, of: source.records)
        target.candidates.append(candidate)
      }
      if target.candidates.count >= 2 * target.limit { target.prune() }
    }
    return target.finish()
  }

  fileprivate var count: Int { candidates.count }
  fileprivate var columns: [Column] { records.columns(columnCount, of: candidates.map(\.record)) }
}

/// The first records of a part of the input. Immutable.
// Sendable: the accumulator is used up, nobody changes it any more.
package final class TopRecordsPartial: @unchecked Sendable {
  let accumulator: TopRecords

  init(_ accumulator: TopRecords) { self.accumulator = accumulator }

  package var residentBytes: Int { accumulator.residentBytes }
  package var count: Int { accumulator.count }

  /// The records in order, as text columns.
  package func columns() -> [Column] { accumulator.columns }
}
