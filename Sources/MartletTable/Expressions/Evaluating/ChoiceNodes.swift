/// `CASE`: each result is computed for the records of its branch only, as far as it could fail.
///
/// The register is taken before the children's, because results are written between their evaluations.
final class ConditionalNode: Node {
  /// A condition of type bool, or a value to compare the operand with.
  struct Branch {
    let condition: Node
    let comparison: Comparison?
    let result: Node
  }

  private let operand: Node?
  private let branches: [Branch]
  private let otherwise: Node?
  private let undecided: ActiveRows
  private let taken: ActiveRows
  private let scratch: Vector

  init(
    operand: Node?, branches: [Branch], otherwise: Node?, type: ColumnType, capacity: Int, scratch: Vector,
    register: Vector
  ) {
    self.operand = operand
    self.branches = branches
    self.otherwise = otherwise
    undecided = ActiveRows(capacity: capacity)
    taken = ActiveRows(capacity: capacity)
    self.scratch = scratch
    let canFail =
      operand?.canFail ?? false || otherwise?.canFail ?? false
      || branches.contains { $0.condition.canFail || $0.result.canFail }
    super.init(type: type, canFail: canFail, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let count = context.count
    let outer = context.active
    defer { context.active = outer }
    if let outer {
      undecided.rows.update(from: outer, count: count)
    } else {
      undecided.rows.update(repeating: 1, count: count)
    }
    let value = try operand?.evaluate(context)
    let out = output(context)
    out.makeAllNull()
    context.active = UnsafePointer(undecided.rows)
    for branch in branches {
      var condition: Vector
      if branch.comparison?.readsRight ?? true {
        condition = try branch.condition.evaluate(context)
      } else {
        condition = scratch
      }
      if let comparison = branch.comparison, let value {
        scratch.type = .bool
        scratch.count = count
        scratch.hasNulls = false
        comparison.apply(value, condition, into: scratch)
        condition = scratch
      }
      // A null condition has the value 0 and takes no record.
      for row in 0..<count {
        let takes = undecided.rows[row] & UInt8(truncatingIfNeeded: condition.ints[row])
        taken.rows[row] = takes
        undecided.rows[row] &-= takes
      }
      context.active = UnsafePointer(taken.rows)
      copy(try branch.result.evaluate(context), taken.rows, into: out)
      context.active = UnsafePointer(undecided.rows)
    }
    if let otherwise { copy(try otherwise.evaluate(context), undecided.rows, into: out) }
    return out
  }

  private func copy(_ result: Vector, _ rows: UnsafeMutablePointer<UInt8>, into out: Vector) {
    if result.type == .null { return }
    // Without branches on the data: which record takes which branch is hard to predict.
    let (count, from, to) = (out.count, result.ints, out.ints)
    for row in 0..<count { to[row] = rows[row] != 0 ? from[row] : to[row] }
    if type == .text {
      let (from, to) = (result.lengths, out.lengths)
      for row in 0..<count { to[row] = rows[row] != 0 ? from[row] : to[row] }
    }
    let valid = out.valid
    if result.hasNulls {
      let marks = result.valid
      for row in 0..<count { valid[row] |= rows[row] & marks[row] }
    } else {
      for row in 0..<count { valid[row] |= rows[row] }
    }
  }
}

/// `coalesce(a, b, …)`: the first that is not NULL.
final class CoalesceNode: Node {
  private let items: [Node]
  private let missing: ActiveRows

  init(_ items: [Node], type: ColumnType, capacity: Int, register: Vector) {
    self.items = items
    missing = ActiveRows(capacity: capacity)
    super.init(type: type, canFail: items.contains { $0.canFail }, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let count = context.count
    let outer = context.active
    defer { context.active = outer }
    if let outer {
      missing.rows.update(from: outer, count: count)
    } else {
      missing.rows.update(repeating: 1, count: count)
    }
    let out = output(context)
    out.makeAllNull()
    context.active = UnsafePointer(missing.rows)
    var anyMissing = true
    let isText = type == .text
    for item in items where anyMissing {
      let value = try item.evaluate(context)
      if value.type == .null { continue }
      anyMissing = false
      let hasNulls = value.hasNulls
      for row in 0..<count where missing.rows[row] != 0 {
        if hasNulls, value.valid[row] == 0 {
          anyMissing = true
        } else {
          out.ints[row] = value.ints[row]
          if isText { out.lengths[row] = value.lengths[row] }
          out.valid[row] = 1
          missing.rows[row] = 0
        }
      }
    }
    out.hasNulls = anyMissing || outer != nil
    return out
  }
}

/// `nullif(a, b)`: NULL where they are equal, else a.
final class NullIfNode: Node {
  private let left: Node
  private let right: Node
  private let comparison: Comparison
  private let scratch: Vector

  init(_ left: Node, _ right: Node, scratch: Vector, register: Vector) {
    self.left = left
    self.right = right
    comparison = Comparison(.equal, left, right)
    self.scratch = scratch
    super.init(type: left.type, canFail: left.canFail || right.canFail, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let value = try left.evaluate(context)
    let other = comparison.readsRight ? try right.evaluate(context) : value
    let out = output(context)
    scratch.type = .bool
    scratch.count = context.count
    scratch.hasNulls = false
    comparison.apply(value, other, into: scratch)
    out.markAllValid()
    let hasNulls = value.hasNulls
    for row in 0..<context.count {
      if scratch.ints[row] != 0 || (hasNulls && value.valid[row] == 0) {
        out.setNull(row)
      } else {
        out.copy(row, of: value)
      }
    }
    return out
  }
}

/// `greatest(a, b, …)` and `least(…)`: NULLs are left out; NULL when all are.
final class ExtremeNode: Node {
  private let items: [Node]
  private let comparisons: [Comparison]
  private let scratch: Vector

  init(_ items: [Node], greatest: Bool, type: ColumnType, scratch: Vector, register: Vector) {
    self.items = items
    // The register stands for the best so far, which is no constant.
    let best = ColumnNode(index: 0, name: "", type: type)
    comparisons = items.map { Comparison(greatest ? .less : .greater, best, $0) }
    self.scratch = scratch
    super.init(type: type, canFail: items.contains { $0.canFail }, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let values = try evaluateAll(items, context)
    let out = output(context)
    out.makeAllNull()
    for (index, value) in values.enumerated() where value.type != .null {
      scratch.type = .bool
      scratch.count = context.count
      scratch.hasNulls = false
      comparisons[index].apply(out, value, into: scratch)
      let hasNulls = value.hasNulls
      for row in 0..<context.count where !hasNulls || value.valid[row] != 0 {
        if out.valid[row] == 0 || scratch.ints[row] != 0 {
          out.copy(row, of: value)
          out.valid[row] = 1
        }
      }
    }
    return out
  }
}

/// The vectors of several nodes.
func evaluateAll(_ nodes: [Node], _ context: EvaluationContext) throws(TableError) -> [Vector] {
  var vectors: [Vector] = []
  vectors.reserveCapacity(nodes.count)
  for node in nodes { vectors.append(try node.evaluate(context)) }
  return vectors
}
