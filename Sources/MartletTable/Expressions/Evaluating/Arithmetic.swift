#if canImport(Glibc)
  import Glibc
#endif

/// `+ - * // %` of whole numbers: 64 bits, an error beyond them; dates with days, too.
///
/// `//` and `%` truncate towards zero, as in C and DuckDB: `-7 // 2` is -3, `-7 % 2` is -1. By zero both are NULL.
final class IntArithmeticNode: Node {
  private let op: BinaryOperator
  private let left: Node
  private let right: Node
  private let source: Expression

  init(_ op: BinaryOperator, _ left: Node, _ right: Node, type: ColumnType, source: Expression, register: Vector) {
    self.op = op
    self.left = left
    self.right = right
    self.source = source
    super.init(type: type, canFail: true, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let first = try left.evaluate(context)
    let second = try right.evaluate(context)
    let out = output(context)
    let (a, b, z) = (first.ints, second.ints, out.ints)
    let count = context.count
    var overflow = false
    switch op {
    case .add: overflow = Self.all(a, b, z, count) { $0.addingReportingOverflow($1) }
    case .subtract: overflow = Self.all(a, b, z, count) { $0.subtractingReportingOverflow($1) }
    case .multiply: overflow = Self.all(a, b, z, count) { $0.multipliedReportingOverflow(by: $1) }
    case .divideWhole:
      overflow = Self.all(a, b, z, count) { a, b in b == 0 ? (0, false) : a.dividedReportingOverflow(by: b) }
    default:
      for row in 0..<count { z[row] = b[row] == 0 || b[row] == -1 ? 0 : a[row] % b[row] }
    }
    out.takeNulls(of: first, second)
    if op == .divideWhole || op == .remainder { out.makeNull(whereZero: b) }
    if overflow { try reportOverflow(first, second, context) }
    return out
  }

  @inline(__always)
  private static func all(
    _ a: UnsafeMutablePointer<Int64>, _ b: UnsafeMutablePointer<Int64>, _ z: UnsafeMutablePointer<Int64>,
    _ count: Int, _ operation: (Int64, Int64) -> (partialValue: Int64, overflow: Bool)
  ) -> Bool {
    var overflow = false
    for row in 0..<count {
      let (value, beyond) = operation(a[row], b[row])
      z[row] = value
      overflow = overflow || beyond
    }
    return overflow
  }

  /// Throws when a record that counts is among those that overflowed.
  private func reportOverflow(_ first: Vector, _ second: Vector, _ context: EvaluationContext) throws(TableError) {
    for row in 0..<context.count where context.isActive(row) && first.isValid(row) && second.isValid(row) {
      let (a, b) = (first.ints[row], second.ints[row])
      let beyond =
        switch op {
        case .add: a.addingReportingOverflow(b).overflow
        case .subtract: a.subtractingReportingOverflow(b).overflow
        case .multiply: a.multipliedReportingOverflow(by: b).overflow
        default: a == .min && b == -1
        }
      if beyond { throw .beyond64Bits(source, "\(a) \(op.symbol) \(b)") }
    }
  }
}

extension Vector {
  /// Makes null each cell whose divisor is zero.
  func makeNull(whereZero divisors: UnsafeMutablePointer<Int64>) {
    var hasZero = false
    for row in 0..<count { hasZero = hasZero || divisors[row] == 0 }
    guard hasZero else { return }
    if !hasNulls { markAllValid() }
    for row in 0..<count where divisors[row] == 0 { setNull(row) }
  }
}

/// `+ - * / %` of doubles. By zero `/` and `%` are NULL.
final class DoubleArithmeticNode: Node {
  private let op: BinaryOperator
  private let left: Node
  private let right: Node

  init(_ op: BinaryOperator, _ left: Node, _ right: Node, register: Vector) {
    self.op = op
    self.left = left
    self.right = right
    super.init(type: .double, canFail: left.canFail || right.canFail, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let first = try left.evaluate(context)
    let second = try right.evaluate(context)
    let out = output(context)
    let (a, b, z) = (first.doubles, second.doubles, out.doubles)
    let count = context.count
    switch op {
    case .add: for row in 0..<count { z[row] = a[row] + b[row] }
    case .subtract: for row in 0..<count { z[row] = a[row] - b[row] }
    case .multiply: for row in 0..<count { z[row] = a[row] * b[row] }
    case .divide: for row in 0..<count { z[row] = a[row] / b[row] }
    default: for row in 0..<count { z[row] = fmod(a[row], b[row]) }
    }
    out.takeNulls(of: first, second)
    if op == .divide || op == .remainder {
      var hasZero = false
      for row in 0..<count { hasZero = hasZero || b[row] == 0 }
      if hasZero {
        if !out.hasNulls { out.markAllValid() }
        for row in 0..<count where b[row] == 0 { out.setNull(row) }
      }
    }
    return out
  }
}

/// `-x`
final class NegationNode: Node {
  private let operand: Node
  private let source: Expression

  init(_ operand: Node, source: Expression, register: Vector) {
    self.operand = operand
    self.source = source
    super.init(type: operand.type, canFail: operand.canFail || operand.type == .int, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let value = try operand.evaluate(context)
    let out = output(context)
    if type == .double {
      for row in 0..<context.count { out.doubles[row] = -value.doubles[row] }
    } else {
      var overflow = false
      for row in 0..<context.count {
        let number = value.ints[row]
        out.ints[row] = 0 &- number
        overflow = overflow || number == .min
      }
      if overflow {
        for row in 0..<context.count where value.ints[row] == .min && value.isValid(row) && context.isActive(row) {
          throw .beyond64Bits(source, "-(\(value.ints[row]))")
        }
      }
    }
    // A negated zero of a null cell is -0.0, which has bits; this clears it.
    out.takeNulls(of: value)
    return out
  }
}
