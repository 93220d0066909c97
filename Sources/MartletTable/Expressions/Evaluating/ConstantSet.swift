/// A set of constants of one type, for IN.
///
/// Few numbers or short texts are compared one after the other, without a branch; more are found by open addressing in a
/// table that is at most half full.
final class ConstantSet {
  private let type: ColumnType
  /// The words: numbers by their eight bytes (doubles normalised so that equal ones have equal bytes), texts by their
  /// first eight bytes.
  private let words: UnsafeMutablePointer<UInt64>
  /// Texts: how long each is.
  private let lengths: UnsafeMutablePointer<UInt32>
  /// Texts: where each begins, with sixteen readable bytes.
  private let texts: UnsafeMutablePointer<UnsafeMutablePointer<UInt8>>
  private var count = 0
  /// One more than the index of the item; 0 is free.
  private let table: UnsafeMutablePointer<UInt32>
  private let mask: Int
  /// Whether all texts have at most eight bytes.
  private var isShort = true
  private static let scanLimit = 6

  /// Items that no value of `type` can equal are left out.
  init(_ scalars: [Scalar], type: ColumnType) {
    self.type = type
    var size = 16
    while size < scalars.count * 2 { size *= 2 }
    words = .allocate(capacity: max(scalars.count, 1))
    lengths = .allocate(capacity: max(scalars.count, 1))
    texts = .allocate(capacity: max(scalars.count, 1))
    table = .allocate(capacity: size)
    table.initialize(repeating: 0, count: size)
    mask = size - 1
    for scalar in scalars {
      switch (type, scalar) {
      case (.text, .text(let bytes)): insert(bytes)
      case (.double, .double(let value)): insert(Self.word(value))
      case (.double, .int(let value)):
        if Comparison.order(value, Double(value)) == 0 { insert(Self.word(Double(value))) }
      case (.int, .double(let value)):
        if let whole = Int64(exactly: value) { insert(UInt64(bitPattern: whole)) }
      case (_, .int(let value)), (_, .date(let value)), (_, .timestamp(let value)): insert(UInt64(bitPattern: value))
      case (_, .bool(let value)): insert(value ? 1 : 0)
      default: break
      }
    }
  }

  deinit {
    if type == .text { for index in 0..<count { texts[index].deallocate() } }
    words.deallocate()
    lengths.deallocate()
    texts.deallocate()
    table.deallocate()
  }

  @inline(__always)
  private static func word(_ value: Double) -> UInt64 {
    value == 0 ? 0 : (value.isNaN ? Double.nan.bitPattern : value.bitPattern)
  }

  @inline(__always)
  private static func hash(_ word: UInt64) -> Int {
    let product = (word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return Int(truncatingIfNeeded: product.high ^ product.low)
  }

  /// A cheap hash of length, begin and end; texts that differ in the middle alone share it.
  @inline(__always)
  private static func hash(_ text: UnsafePointer<UInt8>, _ head: UInt64, _ count: Int) -> Int {
    let tail =
      count <= 8 ? 0 : UnsafeRawPointer(text).loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
    return hash(head ^ (tail &* 0x9FB2_1C65_1E98_DF25) ^ UInt64(truncatingIfNeeded: count))
  }

  @inline(__always)
  private static func head(_ text: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
    let word = UnsafeRawPointer(text).loadUnaligned(as: UInt64.self)
    return count >= 8 ? word : word & ~(UInt64.max &<< UInt64(truncatingIfNeeded: count &* 8))
  }

  private func insert(_ word: UInt64) {
    var slot = Self.hash(word) & mask
    while table[slot] != 0 {
      if words[Int(table[slot]) - 1] == word { return }
      slot = (slot + 1) & mask
    }
    words[count] = word
    count += 1
    table[slot] = UInt32(count)
  }

  private func insert(_ bytes: [UInt8]) {
    let text = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + 16)
    text.initialize(repeating: 0, count: bytes.count + 16)
    for index in bytes.indices { text[index] = bytes[index] }
    let head = Self.head(text, bytes.count)
    var slot = Self.hash(text, head, bytes.count) & mask
    while table[slot] != 0 {
      if matches(Int(table[slot]) - 1, text, head, bytes.count) {
        text.deallocate()
        return
      }
      slot = (slot + 1) & mask
    }
    words[count] = head
    lengths[count] = UInt32(bytes.count)
    texts[count] = text
    isShort = isShort && bytes.count <= 8
    count += 1
    table[slot] = UInt32(count)
  }

  @inline(__always)
  private func matches(_ index: Int, _ text: UnsafePointer<UInt8>, _ head: UInt64, _ length: Int) -> Bool {
    words[index] == head && Int(lengths[index]) == length
      && (length <= 8 || Comparison.equal(texts[index], text, length))
  }

  /// Writes 1 for each cell that is in the set, else 0.
  func test(_ vector: Vector, into out: Vector) {
    let rows = out.count
    let flags = out.ints
    let items = count
    if type == .text {
      testTexts(vector, flags, rows)
    } else if items <= Self.scanLimit, type != .double {
      let values = vector.ints
      flags.update(repeating: 0, count: rows)
      for item in 0..<items {
        let wanted = Int64(bitPattern: words[item])
        for row in 0..<rows { flags[row] |= values[row] == wanted ? 1 : 0 }
      }
    } else if type == .double {
      let values = vector.doubles
      for row in 0..<rows { flags[row] = find(Self.word(values[row])) }
    } else {
      let values = vector.ints
      for row in 0..<rows { flags[row] = find(UInt64(bitPattern: values[row])) }
    }
  }

  @inline(__always)
  private func find(_ word: UInt64) -> Int64 {
    var slot = Self.hash(word) & mask
    while table[slot] != 0 {
      if words[Int(table[slot]) &- 1] == word { return 1 }
      slot = (slot &+ 1) & mask
    }
    return 0
  }

  private func testTexts(_ vector: Vector, _ flags: UnsafeMutablePointer<Int64>, _ rows: Int) {
    let (starts, counts, items) = (vector.texts, vector.lengths, count)
    if isShort, items <= Self.scanLimit {
      flags.update(repeating: 0, count: rows)
      for item in 0..<items {
        let (word, length) = (words[item], lengths[item])
        let mask = length == 0 ? 0 : UInt64.max &>> (64 &- UInt64(length) &* 8)
        for row in 0..<rows {
          let other = UnsafeRawPointer(starts[row]).loadUnaligned(as: UInt64.self) & mask
          flags[row] |= (other ^ word) | UInt64(counts[row] ^ length) == 0 ? 1 : 0
        }
      }
      return
    }
    for row in 0..<rows {
      let (text, length) = (starts[row], Int(counts[row]))
      let head = Self.head(text, length)
      var slot = Self.hash(text, head, length) & mask
      var found: Int64 = 0
      while table[slot] != 0 {
        if matches(Int(table[slot]) &- 1, text, head, length) {
          found = 1
          break
        }
        slot = (slot &+ 1) & mask
      }
      flags[row] = found
    }
  }
}
