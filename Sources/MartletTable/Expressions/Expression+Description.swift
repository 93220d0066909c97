extension Expression: CustomStringConvertible {
  /// The expression as canonical text, which `parse` reads back.
  package var description: String { text(within: 0) }

  /// The text, in parentheses when it binds less tightly than `outer`.
  private func text(within outer: Int) -> String {
    precedence < outer ? "(\(bareText))" : bareText
  }

  private var precedence: Int {
    switch self {
    case .column, .literal, .conditional, .cast, .call, .aggregate: Precedence.value
    case .negate: Precedence.negation
    case .not: Precedence.not
    case .binary(let op, _, _): op.precedence
    case .isNull, .isIn, .between, .like: Precedence.comparison
    }
  }

  private var bareText: String {
    switch self {
    case .column(let name): return Self.columnText(name)
    case .literal(let scalar): return scalar.description
    case .negate(let operand):
      // "-3" is a literal, and "--a" would begin a comment elsewhere.
      if case .literal = operand { return "-(\(operand.bareText))" }
      let text = operand.text(within: Precedence.negation)
      return (text.utf8.first == UInt8(ascii: "-") ? "- " : "-") + text
    case .not(let operand): return "NOT " + operand.text(within: Precedence.not)
    case .binary(let op, let left, let right):
      let chains = op == .and || op == .or
      let inner = op.precedence
      let leftText = left.text(within: op.isComparison ? inner + 1 : inner)
      if chains, case .binary(op, _, _) = right { return "\(leftText) \(op.symbol) \(right.bareText)" }
      return "\(leftText) \(op.symbol) \(right.text(within: inner + 1))"
    case .isNull(let operand, let negated):
      return "\(operand.text(within: Precedence.concatenation)) IS \(negated ? "NOT " : "")NULL"
    case .isIn(let operand, let list, let negated):
      return "\(operand.text(within: Precedence.concatenation)) \(negated ? "NOT " : "")IN (\(Self.list(list)))"
    case .between(let operand, let low, let high, let negated):
      let parts = [operand, low, high].map { $0.text(within: Precedence.concatenation) }
      return "\(parts[0]) \(negated ? "NOT " : "")BETWEEN \(parts[1]) AND \(parts[2])"
    case .like(let operand, let pattern, let escape, let foldsCase, let negated):
      let parts = [operand, pattern].map { $0.text(within: Precedence.concatenation) }
      let word = (negated ? "NOT " : "") + (foldsCase ? "ILIKE" : "LIKE")
      let ending = escape.map { " ESCAPE " + Scalar.text([$0]).description } ?? ""
      return "\(parts[0]) \(word) \(parts[1])\(ending)"
    case .conditional(let operand, let branches, let otherwise):
      var text = "CASE"
      if let operand { text += " " + operand.bareText }
      for branch in branches { text += " WHEN \(branch.condition.bareText) THEN \(branch.result.bareText)" }
      if let otherwise { text += " ELSE " + otherwise.bareText }
      return text + " END"
    case .cast(let operand, let type): return "CAST(\(operand.bareText) AS \(type.name))"
    case .call(let function, let arguments): return "\(function.rawValue)(\(Self.list(arguments)))"
    case .aggregate(let call): return call.description
    }
  }

  static func list(_ expressions: [Expression]) -> String {
    expressions.map(\.description).joined(separator: ", ")
  }

  /// The name as an expression has to spell it: in double quotes unless it is a plain word.
  package static func columnText(_ name: String) -> String {
    if Keyword(rawValue: name.uppercased()) == nil, isPlainWord(name) { return name }
    return "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  private static func isPlainWord(_ name: String) -> Bool {
    guard let start = name.utf8.first, Tokenizer.startsWord(start) else { return false }
    return name.utf8.allSatisfy(Tokenizer.continuesWord)
  }
}

extension AggregateCall: CustomStringConvertible {
  /// The call as canonical text.
  package var description: String {
    switch function {
    case .countAll: return "count(*)"
    case .countDistinct: return "count(DISTINCT \(Expression.list(arguments)))"
    case .top: return "top(\(Expression.list(arguments)), \(Int(parameter ?? 1)))"
    case .quantile: return "quantile(\(Expression.list(arguments)), \(parameter ?? 0.5))"
    default: return "\(function.rawValue)(\(Expression.list(arguments)))"
    }
  }
}

extension Scalar: CustomStringConvertible {
  /// The value as an expression spells it.
  package var description: String {
    switch self {
    case .null: return "NULL"
    case .bool(let value): return value ? "TRUE" : "FALSE"
    case .int(let value): return String(value)
    case .double(let value):
      return value.isFinite ? value.description : "CAST('\(value)' AS double)"
    case .date(let days): return "DATE '\(DateFields.dateText(days))'"
    case .timestamp(let microseconds): return "TIMESTAMP '\(DateFields.timestampText(microseconds))'"
    case .text(let bytes):
      return "'"
        + String(decoding: bytes, as: UTF8.self).split(separator: "'", omittingEmptySubsequences: false)
        .joined(separator: "''") + "'"
    }
  }
}
