/// A column that an expression may read.
package typealias SchemaColumn = (name: String, type: ColumnType)

/// An expression checked against a schema and ready to compute, a batch at a time.
///
/// Constants are folded at binding; the memory for intermediate results is taken then and reused for every batch. Not
/// thread safe: each task binds its own.
package final class BoundExpression {
  /// The type of the result; `.null` for an expression that is always NULL.
  package let type: ColumnType
  /// The indices in the schema of the columns that are read, ascending.
  package let columns: [Int]
  /// The value, where it is the same for all records.
  package var constant: Scalar? { root.constant }

  /// The column that the expression is, when it is nothing else: its cells can be passed on as they were read.
  package var passedColumn: Int? { (root as? ColumnNode)?.index }

  private let root: Node
  /// The conditions joined by AND at the root; the root alone otherwise.
  private let conjuncts: [Node]
  private let activeRows: ActiveRows
  private let context = EvaluationContext()

  /// Checks names and types.
  ///
  /// - Parameters:
  ///   - schema: The columns; a bare name is looked up as it is written, then regardless of case when that is unique.
  ///   - capacity: The most records of a batch.
  /// - Throws: `TableError` (`.invalidQuery`) that names the column and its type, and suggests the nearest name.
  package init(
    _ expression: Expression, schema: [SchemaColumn], capacity: Int = Batch.capacity
  ) throws(TableError) {
    var binder = Binder(schema: schema, capacity: capacity)
    root = try binder.node(expression)
    type = root.type
    columns = binder.columnsRead.sorted()
    conjuncts = (root as? LogicNode)?.conjuncts ?? [root]
    activeRows = ActiveRows(capacity: capacity)
  }

  /// The column of that name in `schema`: exactly, else regardless of case when there is only one.
  ///
  /// - Throws: `TableError` (`.invalidQuery`), which suggests the nearest name.
  package static func columnIndex(of name: String, in schema: [SchemaColumn]) throws(TableError) -> Int {
    try Binder.index(of: name, in: schema)
  }

  /// The values of `count` records.
  ///
  /// - Parameters:
  ///   - input: The vectors by index in the schema; those in `columns` must be there and have the schema's types.
  ///   - arena: Where new texts are put; they live until it is reset.
  /// - Returns: A vector of this expression, or of the input; valid until the next call.
  /// - Throws: `TableError` (`.malformedData`) when a whole number goes beyond 64 bits.
  package func evaluate(_ input: [Vector?], count: Int, arena: TextArena) throws(TableError) -> Vector {
    context.input = input
    context.count = count
    context.arena = arena
    context.active = nil
    return try root.evaluate(context)
  }

  /// Writes the numbers of the records for which the expression is TRUE (not FALSE, not NULL), ascending.
  ///
  /// The conditions of a chain of AND are applied one after the other to the records that the ones before left.
  ///
  /// - Parameter selection: Room for `count` numbers, at most 65,536.
  /// - Returns: How many there are.
  package func evaluateFilter(
    _ input: [Vector?], count: Int, arena: TextArena, into selection: UnsafeMutablePointer<UInt16>
  ) throws(TableError) -> Int {
    context.input = input
    context.count = count
    context.arena = arena
    var kept = count
    for (index, condition) in conjuncts.enumerated() {
      context.active = nil
      if let refined = try condition.refine(context, selection, kept, isWhole: index == 0) {
        kept = refined
      } else {
        if index > 0, condition.canFail { markActive(selection, kept) }
        let flags = try condition.evaluate(context).ints
        // A null has the value 0.
        kept = Comparison.keep(selection, kept, index == 0) { flags[$0] != 0 }
      }
      if kept == 0 { break }
    }
    return kept
  }

  /// Lets nothing fail in records that are filtered out already.
  private func markActive(_ selection: UnsafeMutablePointer<UInt16>, _ kept: Int) {
    let rows = activeRows.rows
    rows.update(repeating: 0, count: context.count)
    for index in 0..<kept { rows[Int(selection[index])] = 1 }
    context.active = UnsafePointer(rows)
  }

  /// Cells so far that a CAST could not read and made NULL, for the note at the end.
  package var castFailures: Int { context.castFailures }
}

extension Expression {
  /// The names of the columns that are read, each once, in the order of their first appearance.
  package var columnNames: [String] {
    var names: [String] = []
    func walk(_ expression: Expression) {
      if case .column(let name) = expression, !names.contains(where: { $0 == name }) { names.append(name) }
      expression.forEachChild(walk)
    }
    walk(self)
    return names
  }

  /// Whether an aggregate is in it.
  package var containsAggregate: Bool {
    if case .aggregate = self { return true }
    var found = false
    forEachChild { found = found || $0.containsAggregate }
    return found
  }

  /// Calls `body` with each expression directly inside this one, from left to right.
  package func forEachChild(_ body: (Expression) -> Void) {
    switch self {
    case .column, .literal: break
    case .negate(let operand), .not(let operand), .isNull(let operand, _), .cast(let operand, _): body(operand)
    case .binary(_, let left, let right):
      body(left)
      body(right)
    case .isIn(let operand, let list, _):
      body(operand)
      list.forEach(body)
    case .between(let operand, let low, let high, _):
      body(operand)
      body(low)
      body(high)
    case .like(let operand, let pattern, _, _, _):
      body(operand)
      body(pattern)
    case .conditional(let operand, let branches, let otherwise):
      if let operand { body(operand) }
      for branch in branches {
        body(branch.condition)
        body(branch.result)
      }
      if let otherwise { body(otherwise) }
    case .call(_, let arguments): arguments.forEach(body)
    case .aggregate(let call): call.arguments.forEach(body)
    }
  }

  /// The same expression with each child replaced by what `body` makes of it.
  package func mapChildren(
    _ body: (Expression) throws(TableError) -> Expression
  ) throws(TableError) -> Expression {
    func map(_ expressions: [Expression]) throws(TableError) -> [Expression] {
      var mapped: [Expression] = []
      for expression in expressions { mapped.append(try body(expression)) }
      return mapped
    }
    func map(_ expression: Expression?) throws(TableError) -> Expression? {
      guard let expression else { return nil }
      return try body(expression)
    }
    switch self {
    case .column, .literal: return self
    case .negate(let operand): return .negate(try body(operand))
    case .not(let operand): return .not(try body(operand))
    case .isNull(let operand, let negated): return .isNull(try body(operand), negated: negated)
    case .cast(let operand, let type): return .cast(try body(operand), type)
    case .binary(let op, let left, let right): return .binary(op, try body(left), try body(right))
    case .isIn(let operand, let list, let negated): return .isIn(try body(operand), try map(list), negated: negated)
    case .between(let operand, let low, let high, let negated):
      return .between(try body(operand), low: try body(low), high: try body(high), negated: negated)
    case .like(let operand, let pattern, let escape, let foldsCase, let negated):
      return .like(
        try body(operand), pattern: try body(pattern), escape: escape, foldsCase: foldsCase, negated: negated)
    case .conditional(let operand, let branches, let otherwise):
      var mapped: [Branch] = []
      let mappedOperand = try map(operand)
      for branch in branches {
        mapped.append(Branch(condition: try body(branch.condition), result: try body(branch.result)))
      }
      return .conditional(operand: mappedOperand, branches: mapped, otherwise: try map(otherwise))
    case .call(let function, let arguments): return .call(function, try map(arguments))
    case .aggregate(let call):
      return .aggregate(AggregateCall(call.function, try map(call.arguments), parameter: call.parameter))
    }
  }
}
