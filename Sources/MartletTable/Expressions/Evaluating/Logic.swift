/// SQL's three-valued logic on vectors of 0, 1 and null (whose value is 0).
enum Logic {
  /// FALSE when a side is FALSE, else NULL when a side is NULL. `out` may be `a` or `b`.
  static func and(_ a: Vector, _ b: Vector, into out: Vector) {
    let (x, y, z) = (a.ints, b.ints, out.ints)
    let (hasNullsA, hasNullsB) = (a.hasNulls, b.hasNulls)
    let count = out.count
    guard hasNullsA || hasNullsB else {
      for row in 0..<count { z[row] = x[row] & y[row] }
      out.hasNulls = false
      return
    }
    let (marksA, marksB, marks) = (a.valid, b.valid, out.valid)
    for row in 0..<count {
      let validA = hasNullsA ? Int64(marksA[row]) : 1
      let validB = hasNullsB ? Int64(marksB[row]) : 1
      let (left, right) = (x[row], y[row])
      marks[row] = UInt8(
        truncatingIfNeeded: (validA & validB) | (validA & (left ^ 1)) | (validB & (right ^ 1)))
      z[row] = left & right
    }
    out.hasNulls = true
  }

  /// TRUE when a side is TRUE, else NULL when a side is NULL. `out` may be `a` or `b`.
  static func or(_ a: Vector, _ b: Vector, into out: Vector) {
    let (x, y, z) = (a.ints, b.ints, out.ints)
    let (hasNullsA, hasNullsB) = (a.hasNulls, b.hasNulls)
    let count = out.count
    guard hasNullsA || hasNullsB else {
      for row in 0..<count { z[row] = x[row] | y[row] }
      out.hasNulls = false
      return
    }
    let (marksA, marksB, marks) = (a.valid, b.valid, out.valid)
    for row in 0..<count {
      let validA = hasNullsA ? Int64(marksA[row]) : 1
      let validB = hasNullsB ? Int64(marksB[row]) : 1
      let either = x[row] | y[row]
      marks[row] = UInt8(truncatingIfNeeded: (validA & validB) | either)
      z[row] = either
    }
    out.hasNulls = true
  }

  /// The opposite; NULL stays NULL. `out` may be `a`.
  static func not(_ a: Vector, into out: Vector) {
    let (x, z) = (a.ints, out.ints)
    let count = out.count
    if a.hasNulls {
      for row in 0..<count {
        let valid = a.valid[row]
        z[row] = (x[row] ^ 1) & Int64(valid)
        out.valid[row] = valid
      }
      out.hasNulls = true
    } else {
      for row in 0..<count { z[row] = x[row] ^ 1 }
      out.hasNulls = false
    }
  }
}

/// A byte a record: which records a part of an expression is computed for.
final class ActiveRows {
  let rows: UnsafeMutablePointer<UInt8>

  init(capacity: Int) {
    rows = .allocate(capacity: capacity)
    rows.initialize(repeating: 0, count: capacity)
  }

  deinit { rows.deallocate() }
}

/// `a AND b`, `a OR b`: the right side is not asked for records that the left side decides.
final class LogicNode: Node {
  private let isAnd: Bool
  private let left: Node
  private let right: Node
  private let active: ActiveRows?

  init(_ op: BinaryOperator, _ left: Node, _ right: Node, capacity: Int, register: Vector) {
    isAnd = op == .and
    self.left = left
    self.right = right
    active = right.canFail ? ActiveRows(capacity: capacity) : nil
    super.init(type: .bool, canFail: left.canFail || right.canFail, register: register)
  }

  /// The conditions of a chain of AND, in their order.
  var conjuncts: [Node] {
    guard isAnd else { return [self] }
    return [left, right].flatMap { ($0 as? LogicNode)?.conjuncts ?? [$0] }
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let a = try left.evaluate(context)
    let outer = context.active
    if let active {
      let (hasNulls, deciding): (Bool, Int64) = (a.hasNulls, isAnd ? 0 : 1)
      for row in 0..<context.count {
        // A null of the left side decides nothing.
        let decides = a.ints[row] == deciding && (!hasNulls || a.valid[row] != 0)
        active.rows[row] = decides ? 0 : outer.map { $0[row] } ?? 1
      }
      context.active = UnsafePointer(active.rows)
    }
    let b = try right.evaluate(context)
    context.active = outer
    let out = output(context)
    if isAnd { Logic.and(a, b, into: out) } else { Logic.or(a, b, into: out) }
    return out
  }
}

/// `NOT a`
final class NotNode: Node {
  private let operand: Node

  init(_ operand: Node, register: Vector) {
    self.operand = operand
    super.init(type: .bool, canFail: operand.canFail, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let value = try operand.evaluate(context)
    let out = output(context)
    Logic.not(value, into: out)
    return out
  }
}

/// `a IS [NOT] NULL`: never null itself.
final class NullTestNode: Node {
  private let operand: Node
  private let negated: Bool

  init(_ operand: Node, negated: Bool, register: Vector) {
    self.operand = operand
    self.negated = negated
    super.init(type: .bool, canFail: operand.canFail, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let value = try operand.evaluate(context)
    let out = output(context)
    if value.hasNulls {
      let flip: Int64 = negated ? 0 : 1
      for row in 0..<context.count { out.ints[row] = Int64(value.valid[row]) ^ flip }
    } else {
      out.ints.update(repeating: negated ? 1 : 0, count: context.count)
    }
    return out
  }
}
