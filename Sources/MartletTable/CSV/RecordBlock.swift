import MartletSystem

/// Some consecutive records of the input, their fields found but not looked at.
///
/// Belongs to its reader and is valid until that reads on; so are the texts that `fill` hands out. Not thread safe.
///
/// Field `c` of record `r` ends before separator `r * columnCount + c` and starts behind the one before. There are
/// two forms. *As read*: the bytes are the input's, quotes and all. *Rewritten*, where the input was out of the
/// ordinary: the bytes are the contents of the fields with one separator byte behind each; the separator is
/// `quotedEmptyMark` behind an empty field that had quotes, which is what tells it from a null.
package final class RecordBlock {
  /// The number of records.
  package internal(set) var count = 0
  package let columnCount: Int

  static let plainMark: UInt8 = 0
  static let quotedEmptyMark: UInt8 = 1

  private let quote: UInt8
  private let nullTexts: NullTexts?
  private var base: UnsafePointer<UInt8>
  private var isRewritten = false
  private var hasQuotes = false
  private var hasDoubledQuotes = false
  private var hasReturns = false
  private var sourceOffset = 0

  /// Slot 0 holds the position before the first field, so that every field has a separator before it.
  private var slots: UnsafeMutablePointer<UInt32>
  private var slotCapacity: Int
  /// Where each record stands in the source; only in the rewritten form.
  private var offsets: [Int] = []
  private let arena = TextArena()
  private let nothing: UnsafeMutablePointer<UInt8>

  init(columnCount: Int, dialect: CSVDialect) {
    self.columnCount = columnCount
    quote = dialect.quote ?? 0
    nullTexts = NullTexts(dialect.nullTexts)
    slotCapacity = 0
    slots = .allocate(capacity: 1)
    nothing = .allocate(capacity: 64)
    nothing.initialize(repeating: 0, count: 64)
    base = UnsafePointer(nothing)
  }

  deinit {
    slots.deallocate()
    nothing.deallocate()
  }

  /// Room for the positions of `capacity` separators and what the indexer writes beyond; forgets the old ones.
  func separators(capacity: Int) -> UnsafeMutablePointer<UInt32> {
    if capacity > slotCapacity {
      slots.deallocate()
      slots = .allocate(capacity: capacity + 256)
      slotCapacity = capacity
    }
    count = 0
    return slots + 1
  }

  /// The positions that `separators(capacity:)` made room for.
  var separators: UnsafeMutablePointer<UInt32> { slots + 1 }

  /// Makes this the block of `count` records as read, whose separators are in place.
  func setAsRead(_ bytes: UnsafePointer<UInt8>, sourceOffset: Int, count: Int, flags: UInt32) {
    begin(bytes, count)
    self.sourceOffset = sourceOffset
    isRewritten = false
    hasQuotes = flags & UInt32(MARTLET_CSV_QUOTES) != 0
    hasDoubledQuotes = flags & UInt32(MARTLET_CSV_DOUBLED) != 0
    hasReturns = flags & UInt32(MARTLET_CSV_RETURNS) != 0
  }

  /// Makes this the block of the rewritten records that started at `offsets`, whose separators are in place.
  func setRewritten(_ bytes: UnsafePointer<UInt8>, offsets: [Int]) {
    begin(bytes, offsets.count)
    self.offsets = offsets
    isRewritten = true
    hasQuotes = false
    hasDoubledQuotes = false
    hasReturns = false
  }

  private func begin(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
    arena.reset()
    base = bytes
    self.count = count
    slots[0] = .max  // minus one: the first field starts at zero
  }

  /// The offset of the first byte of record `row` in the source.
  package func offset(of row: Int) -> Int {
    isRewritten ? offsets[row] : sourceOffset + Int(slots[row * columnCount] &+ 1)
  }

  /// The bytes of the records with all their separators, for whoever wants to look at records as a whole.
  var byteCount: Int { count == 0 ? 0 : Int(slots[count * columnCount]) + 1 }

  /// Makes `vector` a text vector of the cells of `column` in `rows`, at most `vector.capacity` of them.
  ///
  /// The texts are without their quotes; doubled quotes are single. An empty cell without quotes is null, and so is
  /// a cell with one of the dialect's null texts. The texts stay valid until the reader reads on.
  package func fill(_ vector: Vector, column: Int, rows: Range<Int>) {
    let cells = rows.count
    vector.type = .text
    vector.count = cells
    vector.hasNulls = false
    if cells == 0 { return }
    let texts = vector.texts
    let lengths = vector.lengths
    let base = base
    let stride = columnCount
    var separator = UnsafePointer(slots) + (rows.lowerBound * stride + column)
    var empties: UInt32 = 0
    if !hasQuotes && !(hasReturns && column == stride - 1) {
      for row in 0..<cells {
        let start = separator[0] &+ 1
        let length = separator[1] &- start
        texts[row] = base + Int(start)
        lengths[row] = length
        empties |= length &- 1
        separator += stride
      }
      if empties >> 31 != 0 { markEmpties(vector, rows.lowerBound, column) }
    } else {
      let trimsReturn = hasReturns && column == stride - 1
      let valid = vector.valid
      let quote = quote
      let hasQuotes = hasQuotes
      for row in 0..<cells {
        let start = Int(separator[0] &+ 1)
        var end = Int(separator[1])
        separator += stride
        if trimsReturn && end > start && base[end - 1] == 13 { end -= 1 }
        var text = base + start
        var length = end - start
        empties |= UInt32(truncatingIfNeeded: length) &- 1
        valid[row] = length == 0 ? 0 : 1
        if hasQuotes && length > 1 && text[0] == quote {
          text += 1
          length -= 2
          if hasDoubledQuotes { (text, length) = undoubled(text, length) }
        }
        texts[row] = text
        lengths[row] = UInt32(truncatingIfNeeded: length)
      }
      vector.hasNulls = empties >> 31 != 0
    }
    if let nullTexts { nullTexts.mark(vector) }
  }

  /// Sets `valid` where at least one cell is empty and no cell has quotes around it.
  private func markEmpties(_ vector: Vector, _ firstRow: Int, _ column: Int) {
    let lengths = vector.lengths
    let valid = vector.valid
    let cells = vector.count
    var nulls = 0
    if isRewritten {
      var separator = UnsafePointer(slots) + (firstRow * columnCount + column + 1)
      for row in 0..<cells {
        let isNull = lengths[row] == 0 && base[Int(separator[0])] != Self.quotedEmptyMark
        valid[row] = isNull ? 0 : 1
        nulls += isNull ? 1 : 0
        separator += columnCount
      }
    } else {
      for row in 0..<cells { valid[row] = lengths[row] == 0 ? 0 : 1 }
      nulls = 1
    }
    vector.hasNulls = nulls > 0
  }

  /// The text with each doubled quote made one; the same bytes where it has none.
  private func undoubled(_ text: UnsafePointer<UInt8>, _ length: Int) -> (UnsafePointer<UInt8>, Int) {
    var i = 0
    while i < length && text[i] != quote { i += 1 }
    if i == length { return (text, length) }
    let copy = arena.allocate(length)
    copy.update(from: text, count: i)
    var out = i
    while i < length {
      copy[out] = text[i]
      out += 1
      i += text[i] == quote ? 2 : 1
    }
    return (UnsafePointer(copy), out)
  }
}

/// The texts of `--null`, compared with whole vectors.
private struct NullTexts {
  private let texts: [[UInt8]]
  private let longest: UInt32

  /// nil where there is nothing to compare with.
  init?(_ texts: [[UInt8]]) {
    self.texts = texts.filter { !$0.isEmpty }
    longest = UInt32(self.texts.map(\.count).max() ?? 0)
    if self.texts.isEmpty { return nil }
  }

  func mark(_ vector: Vector) {
    let lengths = vector.lengths
    for row in 0..<vector.count where lengths[row] <= longest && lengths[row] > 0 {
      let text = vector.text(row)
      guard texts.contains(where: { $0.count == text.count && text.elementsEqual($0) }) else { continue }
      if !vector.hasNulls {
        vector.valid.update(repeating: 1, count: vector.count)
        vector.hasNulls = true
      }
      vector.valid[row] = 0
      lengths[row] = 0
    }
  }
}
