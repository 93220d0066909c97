/// The order of the distinct texts of several dictionaries, as values of their column's type.
///
/// Texts that stand for equal values (1.5 and 1.50 in a column of doubles) have equal ranks; null has the last one.
// Sendable: immutable once it is made.
package final class TextRanking: @unchecked Sendable {
  /// The type of the column: the narrowest that holds all texts, or what was asked for.
  package let type: ColumnType
  /// How many ranks there are, that of null included.
  let rankCount: Int
  /// The rank of text `id` of part `p` is `ranks[p][id]`.
  ///
  /// Memory of its own rather than arrays, whose references many tasks would count for every value they look up.
  let ranks: [UnsafeBufferPointer<UInt32>]
  /// All texts.
  private let dictionary: TextDictionary
  /// A text of each rank.
  private let byRank: UnsafeBufferPointer<UInt32>
  /// The entries by rank, or nil when they would take too much memory.
  private let copies: UnsafeMutableRawPointer?
  /// True when no text needs quotes, in CSV or TSV; not looked for among very many texts.
  let isPlain: Bool

  /// - Parameters:
  ///   - dictionaries: One a part; a text may be in several.
  ///   - type: The type to take; nil for the narrowest.
  ///   - column: The column's name, for messages.
  /// - Throws: `TableError` (`.malformedData`) when a text is not of the type asked for.
  /// - Complexity: A hash lookup for each text of each part where there are several, and a sort of the distinct ones.
  init(
    _ dictionaries: [TextDictionary], type wanted: ColumnType?, column: String, reader: (any KeyCellReader)?,
    tuning: GroupTuning
  ) throws(TableError) {
    var remaps: [[UInt32]] = []
    let all: TextDictionary
    if dictionaries.count == 1 {
      all = dictionaries[0]
    } else {
      all = TextDictionary(payloadBytes: 0, tuning: tuning)
      let scratch = LookupScratch()
      for dictionary in dictionaries { remaps.append(all.absorb(dictionary, scratch)) }
    }
    var type = wanted ?? .text
    if wanted == nil, let reader {
      var seen: SeenTypes = []
      for id in 0..<all.count where id != Int(all.nullID) {
        seen.formUnion(reader.classify(all.text(id)))
        if seen.columnType == .text { break }
      }
      type = seen.columnType
    }
    self.type = type
    dictionary = all
    var ranks: [UInt32]
    let ids: [UInt32]
    switch type {
    case .null, .text:
      (ranks, ids) = Self.rankTexts(all)
    case .bool, .int, .double, .date, .timestamp:
      (ranks, ids) = try Self.rankValues(all, type, column: column, reader: reader!)
    }
    byRank = Self.copy(ids.count) { ids[$0] }
    var rankCount = byRank.count
    if all.nullID != TextDictionary.noID {
      ranks[Int(all.nullID)] = UInt32(rankCount)
      rankCount += 1
    }
    self.rankCount = max(rankCount, 1)
    let isSmall = rankCount <= 1 << 18
    copies = isSmall ? Self.copyEntries(all, ids) : nil
    isPlain = isSmall && (0..<all.count).allSatisfy { $0 == Int(all.nullID) || DelimitedText.isPlain(all.text($0)) }
    if remaps.isEmpty {
      self.ranks = [Self.copy(ranks.count) { ranks[$0] }]
    } else {
      self.ranks = remaps.map { remap in Self.copy(remap.count) { ranks[Int(remap[$0])] } }
    }
  }

  deinit {
    byRank.deallocate()
    copies?.deallocate()
    for part in ranks { part.deallocate() }
  }

  private static func copy(_ count: Int, _ element: (Int) -> UInt32) -> UnsafeBufferPointer<UInt32> {
    let elements = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: count)
    for index in 0..<count { elements.initializeElement(at: index, to: element(index)) }
    return UnsafeBufferPointer(elements)
  }

  private static func copyEntries(_ all: TextDictionary, _ byRank: [UInt32]) -> UnsafeMutableRawPointer {
    let size = TextDictionary.payloadOffset
    let copies = UnsafeMutableRawPointer.allocate(byteCount: (byRank.count + 1) * size, alignment: 8)
    let view = all.rows.view
    for (rank, id) in byRank.enumerated() {
      (copies + rank * size).copyMemory(from: view.address(id), byteCount: size)
    }
    (copies + byRank.count * size).initializeMemory(as: UInt8.self, repeating: 0, count: size)
    return copies
  }

  /// The bits that hold a rank.
  var bitCount: Int { Self.bitCount(of: rankCount) }

  static func bitCount(of rankCount: Int) -> Int { Int.bitWidth - (rankCount - 1).leadingZeroBitCount }

  /// Whether every text has a rank of its own.
  var isFaithful: Bool { byRank.count + (dictionary.nullID == TextDictionary.noID ? 0 : 1) == dictionary.count }

  /// The rank of null; nil where there is none.
  var nullRank: UInt32? { dictionary.nullID == TextDictionary.noID ? nil : UInt32(byRank.count) }

  /// A text of that rank.
  func text(rank: Int) -> UnsafeBufferPointer<UInt8> { dictionary.text(Int(byRank[rank])) }

  /// Dictionary entries in order of rank, that of null included: small dictionaries are copied once, so that reading
  /// them in their order is reading memory in its order; of large ones the addresses must do.
  ///
  /// Valid while the ranking lives.
  var entries: RankedEntries {
    RankedEntries(
      view: dictionary.rows.view, byRank: byRank, nullID: dictionary.nullID, copies: copies)
  }

  private struct Item: BitwiseCopyable {
    var key: UInt64
    var id: UInt32
  }

  private static func rankValues(
    _ all: TextDictionary, _ type: ColumnType, column: String, reader: any KeyCellReader
  ) throws(TableError) -> (ranks: [UInt32], byRank: [UInt32]) {
    var items: [Item] = []
    items.reserveCapacity(all.count)
    for id in 0..<all.count where id != Int(all.nullID) {
      let cell = all.text(id)
      let value =
        type == .double ? reader.double(cell).map(OrderedDouble.encodeEqualZeros) : reader.int(cell, as: type)
      guard let value else {
        throw TableError(
          .malformedData,
          "column \(column) has the key `\(String(decoding: cell, as: UTF8.self))`, which is no \(type.name)",
          remedy: "correct the cell, or pass --type \(column)=text")
      }
      items.append(Item(key: unsignedOrder(value), id: UInt32(id)))
    }
    sort(&items)
    var ranks = [UInt32](repeating: 0, count: all.count)
    var byRank: [UInt32] = []
    for index in items.indices {
      if index == 0 || items[index].key != items[index - 1].key { byRank.append(items[index].id) }
      ranks[Int(items[index].id)] = UInt32(byRank.count - 1)
    }
    return (ranks, byRank)
  }

  private static func sort(_ items: inout [Item]) {
    let count = items.count
    items.withUnsafeMutableBufferPointer { items in
      guard let elements = items.baseAddress else { return }
      let scratch = UnsafeMutablePointer<Item>.allocate(capacity: count)
      radixSort(elements, scratch: scratch, count: count) { $0.key }
      scratch.deallocate()
    }
  }

  /// Texts by their bytes: sorted by the eight bytes that follow what all have in common, and the few that still tie
  /// compared whole.
  private static func rankTexts(_ all: TextDictionary) -> (ranks: [UInt32], byRank: [UInt32]) {
    var items: [Item] = []
    items.reserveCapacity(all.count)
    var common = 0
    var reference: UnsafeBufferPointer<UInt8>?
    for id in 0..<all.count where id != Int(all.nullID) {
      let text = all.text(id)
      guard let first = reference else {
        reference = text
        common = text.count
        continue
      }
      common = min(common, text.count)
      var same = 0
      while same < common && text[same] == first[same] { same += 1 }
      common = same
    }
    for id in 0..<all.count where id != Int(all.nullID) {
      let text = all.text(id)
      let left = text.count - common
      var key: UInt64 = 0
      if left >= 8 {
        key = UInt64(bigEndian: UnsafeRawPointer(text.baseAddress! + common).loadUnaligned(as: UInt64.self))
      } else {
        for index in 0..<left { key |= UInt64(text[common + index]) << UInt64(56 - 8 * index) }
      }
      items.append(Item(key: key, id: UInt32(id)))
    }
    sort(&items)
    var start = 0
    while start < items.count {
      var end = start + 1
      while end < items.count && items[end].key == items[start].key { end += 1 }
      if end - start > 1 {
        items[start..<end].sort {
          compareTexts(all.text(Int($0.id)), all.text(Int($1.id))) < 0
        }
      }
      start = end
    }
    var ranks = [UInt32](repeating: 0, count: all.count)
    for (rank, item) in items.enumerated() { ranks[Int(item.id)] = UInt32(rank) }
    return (ranks, items.map(\.id))
  }
}

/// Dictionary entries by rank, as addresses for hot loops.
struct RankedEntries {
  fileprivate let view: RowView
  fileprivate let byRank: UnsafeBufferPointer<UInt32>
  fileprivate let nullID: UInt32
  fileprivate let copies: UnsafeMutableRawPointer?

  @inline(__always)
  func address(_ rank: Int) -> UnsafeMutableRawPointer {
    if let copies { return copies + rank &* TextDictionary.payloadOffset }
    return view.address(rank == byRank.count ? nullID : byRank[rank])
  }
}
