/// One number for each combination of keys, in the keys' order: their ranks, side by side as bits; or of one key column
/// what the keys say themselves (`KeyNumbers`).
// Sendable: immutable.
package final class GroupOrder: @unchecked Sendable {
  let rankings: [TextRanking]
  private let keyCount: Int
  /// The types of the key columns.
  package let keyTypes: [ColumnType]
  /// Whether groups of one number are one group; else their keys begin alike (`KeyMeasure`).
  let isExact: Bool
  /// Numbers without ranks.
  private let direct: KeyNumbers?
  /// The columns before this one are in `prefixes`.
  private let firstColumn: Int
  /// The rank of each group by its first columns, a list a part; empty while 64 bits hold all columns.
  private let prefixes: [[UInt32]]
  /// How far left the rank of each column stands.
  private let shifts: [Int]
  /// How many bits a number has.
  let bitCount: Int

  init(_ parts: [GroupPartial], _ rankings: [TextRanking], _ keyCount: Int) {
    self.rankings = rankings
    self.keyCount = keyCount
    keyTypes = rankings.prefix(keyCount).map(\.type)
    direct = nil
    isExact = true
    var bitCount = 0
    var firstColumn = 0
    var prefixes: [[UInt32]] = []
    for column in 0..<keyCount {
      let bits = rankings[column].bitCount
      if bitCount + bits > 64 {
        // Columns so far are replaced by the dense rank of their combinations, which has at most 32 bits.
        let rankCount: Int
        (prefixes, rankCount) = Self.densify(
          parts, rankings, columns: firstColumn..<column, prefixes: prefixes, keyCount: keyCount)
        firstColumn = column
        bitCount = TextRanking.bitCount(of: rankCount)
      }
      bitCount += bits
    }
    self.bitCount = bitCount
    self.firstColumn = firstColumn
    self.prefixes = prefixes
    var shifts = [Int](repeating: 0, count: keyCount)
    var shift = 0
    for column in (firstColumn..<max(firstColumn, keyCount)).reversed() {
      shifts[column] = shift
      shift += rankings[column].bitCount
    }
    self.shifts = shifts
  }

  /// Of one key column, whose groups number themselves; nil where they do not.
  init?(_ keys: [PartKeys], _ measure: KeyMeasure) {
    guard let numbers = KeyNumbers(keys, isText: measure.type == .text) else { return nil }
    isExact = measure.isExact
    rankings = []
    keyCount = 1
    keyTypes = [measure.type]
    direct = numbers
    firstColumn = 0
    prefixes = []
    shifts = []
    bitCount = numbers.bitCount
  }

  private struct Item: BitwiseCopyable {
    var key: UInt64
    var part: UInt32
    var group: UInt32
  }

  private static func densify(
    _ parts: [GroupPartial], _ rankings: [TextRanking], columns: Range<Int>, prefixes: [[UInt32]], keyCount: Int
  ) -> (prefixes: [[UInt32]], rankCount: Int) {
    var items: [Item] = []
    items.reserveCapacity(parts.reduce(0) { $0 + $1.groupCount })
    for (number, part) in parts.enumerated() {
      for group in 0..<part.groupCount {
        var key = prefixes.isEmpty ? 0 : UInt64(prefixes[number][group])
        for column in columns {
          key =
            key << UInt64(rankings[column].bitCount)
            | UInt64(rankings[column].ranks[number][Int(part.keyID(group, column: column))])
        }
        items.append(Item(key: key, part: UInt32(number), group: UInt32(group)))
      }
    }
    let count = items.count
    if count == 0 { return (parts.map { _ in [] }, 1) }
    items.withUnsafeMutableBufferPointer { items in
      let scratch = UnsafeMutablePointer<Item>.allocate(capacity: count)
      radixSort(items.baseAddress!, scratch: scratch, count: count) { $0.key }
      scratch.deallocate()
    }
    var dense = parts.map { [UInt32](repeating: 0, count: $0.groupCount) }
    var rank: UInt32 = 0
    for index in 0..<count {
      if index > 0 && items[index].key != items[index - 1].key { rank += 1 }
      dense[Int(items[index].part)][Int(items[index].group)] = rank
    }
    return (dense, Int(rank) + 1)
  }

  /// The numbers of all groups of a part.
  func numbers(of part: GroupPartial, number: Int) -> [UInt64] {
    if let direct { return direct.numbers(part: number) }
    let groupCount = part.groupCount
    return [UInt64](unsafeUninitializedCapacity: groupCount) { keys, filled in
      filled = groupCount
      let keys = keys.baseAddress!
      if prefixes.isEmpty {
        keys.initialize(repeating: 0, count: groupCount)
      } else {
        for group in 0..<groupCount { keys[group] = UInt64(prefixes[number][group]) }
      }
      let view = part.rows.view
      // In pieces of rows that stay in the cache while the columns pass over them.
      for start in stride(from: 0, to: groupCount, by: 1024) {
        let end = min(start + 1024, groupCount)
        for column in firstColumn..<max(firstColumn, keyCount) {
          let bits = UInt64(rankings[column].bitCount)
          let ranks = rankings[column].ranks[number]
          if keyCount == 1 {
            for group in start..<end { keys[group] = keys[group] << bits | UInt64(ranks[group]) }
          } else {
            for group in start..<end {
              let id = view.address(group).assumingMemoryBound(to: UInt32.self)[column]
              keys[group] = keys[group] << bits | UInt64(ranks[Int(id)])
            }
          }
        }
      }
    }
  }

  /// Whether it is known that no key of a column needs quotes, in CSV or TSV.
  func isPlain(_ column: Int) -> Bool {
    // Values do not, however they are written.
    direct == nil ? rankings[column].isPlain : keyTypes[column] != .text
  }

  /// How to read a column's rank, and so its text, from a number; nil where the number does not tell: because the
  /// column was replaced, or because texts of one rank differ.
  func digits(of column: Int) -> (shift: UInt64, mask: UInt64)? {
    guard direct == nil, column >= firstColumn, rankings[column].isFaithful else { return nil }
    return (UInt64(shifts[column]), UInt64.max >> UInt64(64 - rankings[column].bitCount))
  }
}
