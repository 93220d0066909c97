#if canImport(Glibc)
  import Glibc
#endif

/// One comparison of two vectors, or of a vector with a constant, chosen at binding.
///
/// Doubles compare as in DuckDB and PostgreSQL: NaN equals itself and is larger than every number. A whole number
/// and a double compare exactly, also beyond 2^53. Texts compare by their bytes.
struct Comparison {
  /// What stands on both sides. The right side of a constant form is not evaluated.
  enum Form {
    case ints
    case intConstant(Int64)
    case doubles
    case doubleConstant(Double)
    case intsWithDoubles
    case doublesWithInts
    case texts
    case textConstant(ConstantNode)
    /// One side is always null.
    case null
  }

  let op: BinaryOperator
  let form: Form

  /// Whether the right side has to be evaluated.
  var readsRight: Bool {
    switch form {
    case .intConstant, .doubleConstant, .textConstant, .null: false
    default: true
    }
  }

  /// The comparison of two nodes of unified types; the constant, if any, is `right`.
  init(_ op: BinaryOperator, _ left: Node, _ right: Node) {
    if left.type == .null || right.type == .null || right.constant == .null {
      self.op = op
      form = .null
      return
    }
    switch (left.type, right.type, right.constant) {
    case (.int, .int, .int(let value)?), (.date, .date, .date(let value)?),
      (.timestamp, .timestamp, .timestamp(let value)?):
      (self.op, form) = (op, .intConstant(value))
    case (.bool, .bool, .bool(let value)?): (self.op, form) = (op, .intConstant(value ? 1 : 0))
    case (.int, .double, .double(let value)?): (self.op, form) = Self.ints(op, with: value)
    case (.double, .double, .double(let value)?):
      (self.op, form) = value.isNaN ? (op, .doubles) : (op, .doubleConstant(value))
    case (.double, .int, .int(let value)?): (self.op, form) = Self.doubles(op, with: value)
    case (.text, .text, .text?):
      (self.op, form) = (op, (right as? ConstantNode).map { .textConstant($0) } ?? .texts)
    case (.text, _, _): (self.op, form) = (op, .texts)
    case (.double, .double, _): (self.op, form) = (op, .doubles)
    case (.int, .double, _): (self.op, form) = (op, .intsWithDoubles)
    case (.double, .int, _): (self.op, form) = (op, .doublesWithInts)
    default: (self.op, form) = (op, .ints)
    }
  }

  /// `x op value` for whole x, as a comparison with a whole number.
  private static func ints(_ op: BinaryOperator, with value: Double) -> (BinaryOperator, Form) {
    let always = (BinaryOperator.greaterOrEqual, Form.intConstant(.min))
    let never = (BinaryOperator.less, Form.intConstant(.min))
    if value.isNaN || value >= 0x1p63 {
      return op == .less || op == .lessOrEqual || op == .notEqual ? always : never
    }
    if value < -0x1p63 { return op == .greater || op == .greaterOrEqual || op == .notEqual ? always : never }
    let floor = value.rounded(.down)
    let whole = Int64(floor)
    if floor == value { return (op, .intConstant(whole)) }
    switch op {
    case .equal: return never
    case .notEqual: return always
    case .less, .lessOrEqual: return (.lessOrEqual, .intConstant(whole))
    default: return (.greater, .intConstant(whole))
    }
  }

  /// `x op value` for double x, as a comparison with a double.
  private static func doubles(_ op: BinaryOperator, with value: Int64) -> (BinaryOperator, Form) {
    let nearest = Double(value)
    let order = order(value, nearest)
    if order == 0 { return (op, .doubleConstant(nearest)) }
    // No double equals the number: `below` is the largest one under it.
    let below = order < 0 ? nearest.nextDown : nearest
    switch op {
    case .equal: return (.less, .doubleConstant(-.infinity))
    case .notEqual: return (.greaterOrEqual, .doubleConstant(-.infinity))
    case .less, .lessOrEqual: return (.lessOrEqual, .doubleConstant(below))
    default: return (.greater, .doubleConstant(below))
    }
  }

  // MARK: Orders

  /// Negative, zero or positive as `a` is smaller than, equal to or larger than `b`; exact.
  @inline(__always)
  static func order(_ a: Int64, _ b: Double) -> Int {
    if b.isNaN || b >= 0x1p63 { return -1 }
    if b < -0x1p63 { return 1 }
    let whole = Int64(b)
    if a != whole { return a < whole ? -1 : 1 }
    let rest = b - Double(whole)
    return rest > 0 ? -1 : (rest < 0 ? 1 : 0)
  }

  @inline(__always)
  static func order(_ a: Double, _ b: Double) -> Int {
    if a < b { return -1 }
    if a > b { return 1 }
    if a == b { return 0 }
    return a.isNaN ? (b.isNaN ? 0 : 1) : -1
  }

  /// Compares the first bytes as one big-endian number, the others one after the other.
  @inline(__always)
  static func order(
    _ a: UnsafePointer<UInt8>, _ countA: Int, _ b: UnsafePointer<UInt8>, _ countB: Int
  ) -> Int {
    let headA = head(a, countA)
    let headB = head(b, countB)
    if headA != headB { return headA < headB ? -1 : 1 }
    if min(countA, countB) <= 8 { return countA - countB }
    let order = memcmp(a, b, min(countA, countB))
    return order != 0 ? Int(order) : countA - countB
  }

  /// The first eight bytes, zeros for those that are missing.
  @inline(__always)
  private static func head(_ text: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
    let word = UInt64(bigEndian: UnsafeRawPointer(text).loadUnaligned(as: UInt64.self))
    return count >= 8 ? word : word & ~(UInt64.max &>> (UInt64(truncatingIfNeeded: count) &* 8))
  }

  @inline(__always)
  static func equal(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    head(a, count) == head(b, count) && (count <= 8 || memcmp(a, b, count) == 0)
  }

  // MARK: Vectors

  /// Writes 1 where the comparison holds, 0 where not, null where a side is null. `right` is only read by forms
  /// without a constant.
  func apply(_ left: Vector, _ right: Vector, into out: Vector) {
    let count = out.count
    let flags = out.ints
    switch form {
    case .null:
      out.makeAllNull()
      return
    case .intConstant(let value):
      compareInts(left.ints, { _ in value }, flags, count)
    case .ints:
      let values = right.ints
      compareInts(left.ints, { values[$0] }, flags, count)
    case .doubleConstant(let value): compareDoubles(left.doubles, with: value, flags, count)
    case .doubles:
      let (a, b) = (left.doubles, right.doubles)
      compareOrders(flags, count) { Self.order(a[$0], b[$0]) }
    case .intsWithDoubles:
      let (a, b) = (left.ints, right.doubles)
      compareOrders(flags, count) { Self.order(a[$0], b[$0]) }
    case .doublesWithInts:
      let (a, b) = (left.doubles, right.ints)
      compareOrders(flags, count) { -Self.order(b[$0], a[$0]) }
    case .textConstant(let node): compareTexts(left, with: node.bytes, flags, count)
    case .texts: compareTexts(left, right, flags, count)
    }
    out.takeNulls(of: left, readsRight ? right : nil)
  }

  @inline(__always)
  private func compareInts(
    _ a: UnsafeMutablePointer<Int64>, _ b: (Int) -> Int64, _ flags: UnsafeMutablePointer<Int64>, _ count: Int
  ) {
    switch op {
    case .equal: for row in 0..<count { flags[row] = a[row] == b(row) ? 1 : 0 }
    case .notEqual: for row in 0..<count { flags[row] = a[row] != b(row) ? 1 : 0 }
    case .less: for row in 0..<count { flags[row] = a[row] < b(row) ? 1 : 0 }
    case .lessOrEqual: for row in 0..<count { flags[row] = a[row] <= b(row) ? 1 : 0 }
    case .greater: for row in 0..<count { flags[row] = a[row] > b(row) ? 1 : 0 }
    default: for row in 0..<count { flags[row] = a[row] >= b(row) ? 1 : 0 }
    }
  }

  /// With a number that is not NaN; each test is written so that NaN comes out as the largest.
  private func compareDoubles(
    _ a: UnsafeMutablePointer<Double>, with value: Double, _ flags: UnsafeMutablePointer<Int64>, _ count: Int
  ) {
    switch op {
    case .equal: for row in 0..<count { flags[row] = a[row] == value ? 1 : 0 }
    case .notEqual: for row in 0..<count { flags[row] = a[row] == value ? 0 : 1 }
    case .less: for row in 0..<count { flags[row] = a[row] < value ? 1 : 0 }
    case .lessOrEqual: for row in 0..<count { flags[row] = a[row] <= value ? 1 : 0 }
    case .greater: for row in 0..<count { flags[row] = a[row] <= value ? 0 : 1 }
    default: for row in 0..<count { flags[row] = a[row] < value ? 0 : 1 }
    }
  }

  @inline(__always)
  private func compareOrders(_ flags: UnsafeMutablePointer<Int64>, _ count: Int, _ order: (Int) -> Int) {
    switch op {
    case .equal: for row in 0..<count { flags[row] = order(row) == 0 ? 1 : 0 }
    case .notEqual: for row in 0..<count { flags[row] = order(row) != 0 ? 1 : 0 }
    case .less: for row in 0..<count { flags[row] = order(row) < 0 ? 1 : 0 }
    case .lessOrEqual: for row in 0..<count { flags[row] = order(row) <= 0 ? 1 : 0 }
    case .greater: for row in 0..<count { flags[row] = order(row) > 0 ? 1 : 0 }
    default: for row in 0..<count { flags[row] = order(row) >= 0 ? 1 : 0 }
    }
  }

  private func compareTexts(
    _ left: Vector, with value: UnsafeBufferPointer<UInt8>, _ flags: UnsafeMutablePointer<Int64>, _ count: Int
  ) {
    let (texts, lengths) = (left.texts, left.lengths)
    guard op == .equal || op == .notEqual else {
      let (start, length) = (value.baseAddress!, value.count)
      compareOrders(flags, count) { Self.order(texts[$0], Int(lengths[$0]), start, length) }
      return
    }
    let hit: Int64 = op == .equal ? 1 : 0
    let length = UInt32(value.count)
    let start = UnsafeRawPointer(value.baseAddress!)
    // Up to 16 bytes: both words are loaded from every text and masked, without a branch on the content.
    if length <= 8 {
      let mask = length == 0 ? 0 : UInt64.max &>> (64 &- UInt64(length) &* 8)
      let word = start.loadUnaligned(as: UInt64.self) & mask
      for row in 0..<count {
        let other = UnsafeRawPointer(texts[row]).loadUnaligned(as: UInt64.self) & mask
        flags[row] = (other ^ word) | UInt64(lengths[row] ^ length) == 0 ? hit : hit ^ 1
      }
    } else if length <= 16 {
      let mask = UInt64.max &>> (128 &- UInt64(length) &* 8)
      let low = start.loadUnaligned(as: UInt64.self)
      let high = start.loadUnaligned(fromByteOffset: 8, as: UInt64.self) & mask
      for row in 0..<count {
        let text = UnsafeRawPointer(texts[row])
        let otherLow = text.loadUnaligned(as: UInt64.self)
        let otherHigh = text.loadUnaligned(fromByteOffset: 8, as: UInt64.self) & mask
        let differs = (otherLow ^ low) | (otherHigh ^ high) | UInt64(lengths[row] ^ length)
        flags[row] = differs == 0 ? hit : hit ^ 1
      }
    } else {
      let bytes = value.baseAddress!
      for row in 0..<count {
        let same = lengths[row] == length && Self.equal(texts[row], bytes, Int(length))
        flags[row] = same ? hit : hit ^ 1
      }
    }
  }

  private func compareTexts(
    _ left: Vector, _ right: Vector, _ flags: UnsafeMutablePointer<Int64>, _ count: Int
  ) {
    let (a, b) = (left.texts, right.texts)
    let (countA, countB) = (left.lengths, right.lengths)
    if op == .equal || op == .notEqual {
      let hit: Int64 = op == .equal ? 1 : 0
      for row in 0..<count {
        let same = countA[row] == countB[row] && Self.equal(a[row], b[row], Int(countA[row]))
        flags[row] = same ? hit : hit ^ 1
      }
    } else {
      compareOrders(flags, count) { Self.order(a[$0], Int(countA[$0]), b[$0], Int(countB[$0])) }
    }
  }
}

extension Comparison {
  /// Keeps the selected records for which the comparison with a constant is TRUE; see `Node.refine`.
  func refine(
    _ left: Vector, _ selection: UnsafeMutablePointer<UInt16>, _ count: Int, isWhole: Bool
  ) -> Int? {
    switch form {
    case .intConstant, .doubleConstant: break
    case .textConstant(let node): if op != .equal || node.bytes.count > 16 { return nil }
    default: return nil
    }
    var (count, isWhole) = (count, isWhole)
    if left.hasNulls {
      let valid = left.valid
      count = Self.keep(selection, count, isWhole) { valid[$0] != 0 }
      isWhole = false
    }
    switch form {
    case .intConstant(let value):
      let a = left.ints
      switch op {
      case .equal: return Self.keep(selection, count, isWhole) { a[$0] == value }
      case .notEqual: return Self.keep(selection, count, isWhole) { a[$0] != value }
      case .less: return Self.keep(selection, count, isWhole) { a[$0] < value }
      case .lessOrEqual: return Self.keep(selection, count, isWhole) { a[$0] <= value }
      case .greater: return Self.keep(selection, count, isWhole) { a[$0] > value }
      default: return Self.keep(selection, count, isWhole) { a[$0] >= value }
      }
    case .doubleConstant(let value):
      let a = left.doubles
      switch op {
      case .equal: return Self.keep(selection, count, isWhole) { a[$0] == value }
      case .notEqual: return Self.keep(selection, count, isWhole) { !(a[$0] == value) }
      case .less: return Self.keep(selection, count, isWhole) { a[$0] < value }
      case .lessOrEqual: return Self.keep(selection, count, isWhole) { a[$0] <= value }
      case .greater: return Self.keep(selection, count, isWhole) { !(a[$0] <= value) }
      default: return Self.keep(selection, count, isWhole) { !(a[$0] < value) }
      }
    case .textConstant(let node): return keepEqual(left, node.bytes, selection, count, isWhole)
    default: return nil
    }
  }

  /// Texts equal to one of at most sixteen bytes.
  private func keepEqual(
    _ left: Vector, _ value: UnsafeBufferPointer<UInt8>, _ selection: UnsafeMutablePointer<UInt16>, _ count: Int,
    _ isWhole: Bool
  ) -> Int {
    let (texts, lengths) = (left.texts, left.lengths)
    let length = UInt32(value.count)
    let start = UnsafeRawPointer(value.baseAddress!)
    if length <= 8 {
      let mask = length == 0 ? 0 : UInt64.max &>> (64 &- UInt64(length) &* 8)
      let word = start.loadUnaligned(as: UInt64.self) & mask
      return Self.keep(selection, count, isWhole) {
        let other = UnsafeRawPointer(texts[$0]).loadUnaligned(as: UInt64.self) & mask
        return (other ^ word) | UInt64(lengths[$0] ^ length) == 0
      }
    }
    let mask = UInt64.max &>> (128 &- UInt64(length) &* 8)
    let low = start.loadUnaligned(as: UInt64.self)
    let high = start.loadUnaligned(fromByteOffset: 8, as: UInt64.self) & mask
    return Self.keep(selection, count, isWhole) {
      let text = UnsafeRawPointer(texts[$0])
      let otherHigh = text.loadUnaligned(fromByteOffset: 8, as: UInt64.self) & mask
      return (text.loadUnaligned(as: UInt64.self) ^ low) | (otherHigh ^ high) | UInt64(lengths[$0] ^ length) == 0
    }
  }

  /// Without a branch on the data: each number is written, and kept by moving on. (With `test(row) ? 1 : 0` the compiler
  /// makes branches: 2.8 to 4.3 ns a record instead of 0.6.)
  @inline(__always)
  static func keep(
    _ selection: UnsafeMutablePointer<UInt16>, _ count: Int, _ isWhole: Bool, _ test: (Int) -> Bool
  ) -> Int {
    var kept = 0
    if isWhole {
      for row in 0..<count {
        selection[kept] = UInt16(truncatingIfNeeded: row)
        kept &+= Int(unsafeBitCast(test(row), to: UInt8.self))
      }
    } else {
      for index in 0..<count {
        let row = selection[index]
        selection[kept] = row
        kept &+= Int(unsafeBitCast(test(Int(row)), to: UInt8.self))
      }
    }
    return kept
  }
}

/// `a op b`
final class ComparisonNode: Node {
  private let comparison: Comparison
  private let left: Node
  private let right: Node

  /// `right` is the constant, if one side is.
  init(_ op: BinaryOperator, _ left: Node, _ right: Node, register: Vector) {
    comparison = Comparison(op, left, right)
    self.left = left
    self.right = right
    super.init(type: .bool, canFail: left.canFail || right.canFail, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let a = try left.evaluate(context)
    let b = comparison.readsRight ? try right.evaluate(context) : a
    let out = output(context)
    comparison.apply(a, b, into: out)
    return out
  }

  override func refine(
    _ context: EvaluationContext, _ selection: UnsafeMutablePointer<UInt16>, _ count: Int, isWhole: Bool
  ) throws(TableError) -> Int? {
    // Only columns: whatever has to be computed first is computed for all records.
    guard !comparison.readsRight, let column = left as? ColumnNode else { return nil }
    return comparison.refine(try column.evaluate(context), selection, count, isWhole: isWhole)
  }
}

/// `x BETWEEN low AND high`
final class BetweenNode: Node {
  private let operand: Node
  private let low: Node
  private let high: Node
  private let fromLow: Comparison
  private let toHigh: Comparison
  private let scratch: Vector

  init(_ operand: Node, _ low: Node, _ high: Node, scratch: Vector, register: Vector) {
    self.operand = operand
    self.low = low
    self.high = high
    fromLow = Comparison(.greaterOrEqual, operand, low)
    toHigh = Comparison(.lessOrEqual, operand, high)
    self.scratch = scratch
    super.init(type: .bool, canFail: operand.canFail || low.canFail || high.canFail, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let value = try operand.evaluate(context)
    let bottom = fromLow.readsRight ? try low.evaluate(context) : value
    let top = toHigh.readsRight ? try high.evaluate(context) : value
    let out = output(context)
    scratch.type = .bool
    scratch.count = context.count
    scratch.hasNulls = false
    fromLow.apply(value, bottom, into: out)
    toHigh.apply(value, top, into: scratch)
    Logic.and(out, scratch, into: out)
    return out
  }
}
