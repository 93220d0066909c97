/// What is computed from the cells of one record, or, with aggregates in it, from the records of one group.
///
/// Data only: it can be compared, hashed, sent, and written as text (`description`), from which `parse` reads an
/// expression with the same meaning and the same text, and the same expression where it came from `parse`. Types are not known here; `BoundExpression` checks them against a schema.
package indirect enum Expression: Hashable, Sendable {
  /// The cell of the column of that name.
  case column(String)
  /// The same value in every record.
  case literal(Scalar)
  /// `-x`
  case negate(Expression)
  /// `NOT x`
  case not(Expression)
  /// `x op y`
  case binary(BinaryOperator, Expression, Expression)
  /// `x IS [NOT] NULL`
  case isNull(Expression, negated: Bool)
  /// `x [NOT] IN (a, b, …)`; the list is not empty.
  case isIn(Expression, [Expression], negated: Bool)
  /// `x [NOT] BETWEEN low AND high`
  case between(Expression, low: Expression, high: Expression, negated: Bool)
  /// `x [NOT] LIKE pattern [ESCAPE 'c']`; `foldsCase` is ILIKE, `escape` one byte of ASCII.
  case like(Expression, pattern: Expression, escape: UInt8?, foldsCase: Bool, negated: Bool)
  /// `CASE [operand] WHEN … THEN … [ELSE …] END`; there is at least one branch.
  case conditional(operand: Expression?, branches: [Branch], otherwise: Expression?)
  /// `CAST(x AS type)`
  case cast(Expression, ColumnType)
  /// `name(x, y, …)`
  case call(ScalarFunction, [Expression])
  /// A value of a whole group: only in the outputs of a grouping.
  case aggregate(AggregateCall)

  /// `WHEN condition THEN result`
  package struct Branch: Hashable, Sendable {
    package var condition: Expression
    package var result: Expression

    package init(condition: Expression, result: Expression) {
      self.condition = condition
      self.result = result
    }
  }

  /// The most levels that an expression may have, so that walking it never exhausts a stack: binding takes some 3 KiB
  /// a level in an optimised build, 16 KiB under the address sanitizer.
  ///
  /// A chain of AND or of OR counts as the logarithm of its length, because the parser balances it.
  package static let maximumDepth = 250
}

/// The operators that stand between two values.
package enum BinaryOperator: UInt8, Sendable, CaseIterable {
  case or, and
  case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
  case concatenate
  case add, subtract
  case multiply, divide, divideWhole, remainder

  /// As it is written.
  package var symbol: String {
    switch self {
    case .or: "OR"
    case .and: "AND"
    case .equal: "="
    case .notEqual: "<>"
    case .less: "<"
    case .lessOrEqual: "<="
    case .greater: ">"
    case .greaterOrEqual: ">="
    case .concatenate: "||"
    case .add: "+"
    case .subtract: "-"
    case .multiply: "*"
    case .divide: "/"
    case .divideWhole: "//"
    case .remainder: "%"
    }
  }

  var isComparison: Bool { rawValue >= Self.equal.rawValue && rawValue <= Self.greaterOrEqual.rawValue }

  /// The operator `~` with `a op b` = `b ~ a`; for comparisons.
  var mirrored: BinaryOperator {
    switch self {
    case .less: .greater
    case .lessOrEqual: .greaterOrEqual
    case .greater: .less
    case .greaterOrEqual: .lessOrEqual
    default: self
    }
  }

  /// The operator that gives the opposite answer; for comparisons.
  var opposite: BinaryOperator {
    switch self {
    case .equal: .notEqual
    case .notEqual: .equal
    case .less: .greaterOrEqual
    case .lessOrEqual: .greater
    case .greater: .lessOrEqual
    case .greaterOrEqual: .less
    default: self
    }
  }

  /// How tightly it binds; see `Precedence`.
  var precedence: Int {
    switch self {
    case .or: Precedence.or
    case .and: Precedence.and
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: Precedence.comparison
    case .concatenate: Precedence.concatenation
    case .add, .subtract: Precedence.sum
    case .multiply, .divide, .divideWhole, .remainder: Precedence.product
    }
  }
}

/// SQL's levels of binding, from the loosest to the tightest.
enum Precedence {
  static let or = 1
  static let and = 2
  static let not = 3
  static let comparison = 4
  static let concatenation = 5
  static let sum = 6
  static let product = 7
  static let negation = 8
  static let value = 9
}
