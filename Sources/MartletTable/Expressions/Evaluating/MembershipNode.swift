/// `x [NOT] IN (…)`: TRUE when an item equals x, else NULL when x or an item is NULL, else FALSE.
///
/// Constant items of whole numbers, doubles and texts are found by hashing, others one after the other.
final class MembershipNode: Node {
  private let operand: Node
  private let items: [(node: Node, comparison: Comparison)]
  private let set: ConstantSet?
  /// Whether an item is the constant NULL.
  private let hasNullItem: Bool
  private let negated: Bool
  private let scratch: Vector

  init(_ operand: Node, _ items: [Node], negated: Bool, scratch: Vector, register: Vector) {
    self.operand = operand
    self.negated = negated
    self.scratch = scratch
    let values = items.filter { $0.constant != .null && $0.type != .null }
    hasNullItem = values.count < items.count
    if values.allSatisfy({ $0.constant != nil }) {
      set = ConstantSet(values.compactMap(\.constant), type: operand.type)
      self.items = []
    } else {
      set = nil
      self.items = values.map { ($0, Comparison(.equal, operand, $0)) }
    }
    super.init(type: .bool, canFail: operand.canFail || items.contains { $0.canFail }, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let value = try operand.evaluate(context)
    var vectors: [Vector] = []
    for item in items { vectors.append(item.comparison.readsRight ? try item.node.evaluate(context) : value) }
    let out = output(context)
    if let set {
      set.test(value, into: out)
      out.takeNulls(of: value)
    } else {
      out.ints.update(repeating: 0, count: context.count)
      scratch.type = .bool
      scratch.count = context.count
      for (index, item) in items.enumerated() {
        scratch.hasNulls = false
        item.comparison.apply(value, vectors[index], into: scratch)
        Logic.or(out, scratch, into: out)
      }
      if items.isEmpty { out.takeNulls(of: value) }
    }
    if hasNullItem {
      // What equals no item is unknown.
      if !out.hasNulls { out.markAllValid() }
      for row in 0..<context.count where out.ints[row] == 0 { out.valid[row] = 0 }
    }
    if negated { Logic.not(out, into: out) }
    return out
  }
}

/// A set of constants of one type, by open addressing in a table that is at most half full.
final class ConstantSet {
  private let type: ColumnType
  /// Numbers by their eight bytes; doubles are normalised so that equal ones have equal bytes.
  private var words: [Int64] = []
  private var texts: [[UInt8]] = []
  /// One more than the index of the item; 0 is free.
  private var table: [UInt32]
  private let mask: Int

  /// Items that no value of `type` can equal are left out.
  init(_ scalars: [Scalar], type: ColumnType) {
    self.type = type
    var size = 16
    while size < scalars.count * 2 { size *= 2 }
    table = Array(repeating: 0, count: size)
    mask = size - 1
    for scalar in scalars {
      switch (type, scalar) {
      case (.text, .text(let bytes)): insert(bytes)
      case (.double, .double(let value)): insert(Self.word(value))
      case (.double, .int(let value)):
        if Comparison.order(value, Double(value)) == 0 { insert(Self.word(Double(value))) }
      case (.int, .double(let value)):
        if let whole = Int64(exactly: value) { insert(whole) }
      case (_, .int(let value)), (_, .date(let value)), (_, .timestamp(let value)): insert(value)
      case (_, .bool(let value)): insert(value ? 1 : 0)
      default: break
      }
    }
  }

  @inline(__always)
  private static func word(_ value: Double) -> Int64 {
    value == 0 ? 0 : Int64(bitPattern: value.isNaN ? Double.nan.bitPattern : value.bitPattern)
  }

  @inline(__always)
  private static func hash(_ word: UInt64) -> Int {
    let product = (word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return Int(truncatingIfNeeded: product.high ^ product.low)
  }

  @inline(__always)
  private static func hash(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int {
    var state = UInt64(truncatingIfNeeded: count)
    var index = 0
    while index &+ 8 <= count {
      let word = UnsafeRawPointer(text).loadUnaligned(fromByteOffset: index, as: UInt64.self)
      state = UInt64(truncatingIfNeeded: hash(state &* 31 &+ word))
      index &+= 8
    }
    if index < count {
      // Eight bytes may be read from every place in a text, and those behind its end are masked away.
      let word = UnsafeRawPointer(text).loadUnaligned(fromByteOffset: index, as: UInt64.self)
      let kept = word & (UInt64.max &>> UInt64(truncatingIfNeeded: 64 &- 8 &* (count &- index)))
      state = UInt64(truncatingIfNeeded: hash(state &* 31 &+ kept))
    }
    return Int(truncatingIfNeeded: state)
  }

  private func insert(_ word: Int64) {
    var slot = Self.hash(UInt64(bitPattern: word)) & mask
    while table[slot] != 0 {
      if words[Int(table[slot]) - 1] == word { return }
      slot = (slot + 1) & mask
    }
    words.append(word)
    table[slot] = UInt32(words.count)
  }

  private func insert(_ bytes: [UInt8]) {
    let padded = bytes + Array(repeating: 0, count: 16)
    var slot = padded.withUnsafeBufferPointer { Self.hash($0.baseAddress!, bytes.count) } & mask
    while table[slot] != 0 {
      if texts[Int(table[slot]) - 1].count == padded.count, texts[Int(table[slot]) - 1] == padded { return }
      slot = (slot + 1) & mask
    }
    texts.append(padded)
    table[slot] = UInt32(texts.count)
  }

  /// Writes 1 for each cell that is in the set, else 0.
  func test(_ vector: Vector, into out: Vector) {
    let count = out.count
    let flags = out.ints
    let mask = mask
    table.withUnsafeBufferPointer { table in
      if type == .text {
        for row in 0..<count {
          let length = Int(vector.lengths[row])
          let text = vector.texts[row]
          var slot = Self.hash(text, length) & mask
          var found: Int64 = 0
          while table[slot] != 0 {
            let item = texts[Int(table[slot]) &- 1]
            let same = item.withUnsafeBufferPointer {
              $0.count &- 16 == length && Comparison.equal($0.baseAddress!, text, length)
            }
            if same {
              found = 1
              break
            }
            slot = (slot &+ 1) & mask
          }
          flags[row] = found
        }
        return
      }
      let isDouble = type == .double
      words.withUnsafeBufferPointer { words in
        for row in 0..<count {
          let word = isDouble ? Self.word(vector.doubles[row]) : vector.ints[row]
          var slot = Self.hash(UInt64(bitPattern: word)) & mask
          var found: Int64 = 0
          while table[slot] != 0 {
            if words[Int(table[slot]) &- 1] == word {
              found = 1
              break
            }
            slot = (slot &+ 1) & mask
          }
          flags[row] = found
        }
      }
    }
  }
}
