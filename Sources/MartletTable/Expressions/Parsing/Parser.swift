/// Reads SQL's expressions by precedence climbing: two calls a level, so that the deepest expression allowed needs
/// little stack.
struct Parser {
  private let tokenizer: Tokenizer
  private let tokens: [Token]
  private var next = 0
  /// How many levels of this parser are open.
  private var openLevels = 0

  /// An expression with the number of its levels.
  struct Parsed {
    var expression: Expression
    var depth: Int
  }

  init(_ source: String, place: String) throws(TableError) {
    var tokenizer = Tokenizer(source, place: place)
    tokens = try tokenizer.tokens()
    self.tokenizer = tokenizer
  }

  // MARK: Tokens

  private var token: Token { tokens[next] }

  var isAtEnd: Bool { token.kind == .end }

  /// Whether the next token could be a name.
  var standsAtName: Bool {
    switch token.kind {
    case .word, .quotedName: true
    default: false
    }
  }

  /// The byte where the next token begins.
  var offset: Int { token.range.lowerBound }

  /// The source between a byte and the end of the last token read.
  func source(from start: Int) -> String {
    String(
      decoding: tokenizer.source[start..<max(start, next > 0 ? tokens[next - 1].range.upperBound : 0)], as: UTF8.self)
  }

  func failure(_ problem: String, remedy: String = "correct the expression") -> TableError {
    tokenizer.failure(at: token.range.lowerBound, problem, remedy: remedy)
  }

  func failure(at offset: Int, _ problem: String, remedy: String) -> TableError {
    tokenizer.failure(at: offset, problem, remedy: remedy)
  }

  mutating func accept(_ symbol: String) -> Bool {
    guard token.kind == .symbol(symbol) else { return false }
    next += 1
    return true
  }

  mutating func accept(_ keyword: Keyword) -> Bool {
    guard token.kind == .keyword(keyword) else { return false }
    next += 1
    return true
  }

  /// The name that stands here, bare or in double quotes.
  mutating func acceptName() -> String? {
    switch token.kind {
    case .word(let name), .quotedName(let name):
      next += 1
      return name
    default: return nil
    }
  }

  private mutating func expect(_ symbol: String, _ problem: String) throws(TableError) {
    guard accept(symbol) else { throw failure(problem) }
  }

  mutating func expectEnd() throws(TableError) {
    guard !isAtEnd else { return }
    switch token.kind {
    case .symbol(")"): throw failure("there is a ) too many")
    case .symbol(","): throw failure("a comma has no meaning here", remedy: "give one expression")
    case .symbol(let symbol): throw failure("\(symbol) has no meaning here")
    default: throw failure("expected an operator, or the end")
    }
  }

  // MARK: Expressions

  /// A whole expression.
  mutating func expression() throws(TableError) -> Expression { try expression(above: 0).expression }

  private func checked(_ expression: Expression, depth: Int) throws(TableError) -> Parsed {
    guard depth <= Expression.maximumDepth else {
      throw failure(
        "it is nested more than \(Expression.maximumDepth) levels deep", remedy: "split it into several expressions")
    }
    return Parsed(expression: expression, depth: depth)
  }

  /// Operands joined by operators that bind more tightly than `limit`.
  private mutating func expression(above limit: Int) throws(TableError) -> Parsed {
    openLevels += 1
    defer { openLevels -= 1 }
    guard openLevels <= Expression.maximumDepth else {
      throw failure(
        "it is nested more than \(Expression.maximumDepth) levels deep", remedy: "split it into several expressions")
    }
    var left = try operand(above: limit)
    var isComparison = false
    while true {
      if limit < Precedence.comparison, let tested = try test(of: left) {
        left = tested
        isComparison = false
        continue
      }
      guard let op = binaryOperator, op.precedence > limit else { return left }
      if op.isComparison {
        guard !isComparison else {
          throw failure("comparisons do not chain", remedy: "write a < b AND b < c")
        }
        isComparison = true
      } else if op == .and || op == .or {
        left = try chain(of: op, after: left)
        continue
      }
      next += 1
      let right = try expression(above: op.precedence)
      left = try checked(
        .binary(op, left.expression, right.expression), depth: max(left.depth, right.depth) + 1)
    }
  }

  private var binaryOperator: BinaryOperator? {
    switch token.kind {
    case .keyword(.and): .and
    case .keyword(.or): .or
    case .symbol(let symbol): BinaryOperator.allCases.first { $0.symbol == symbol }
    default: nil
    }
  }

  /// `left AND … AND …`: a balanced tree of all operands, also of those that stood in parentheses.
  private mutating func chain(of op: BinaryOperator, after left: Parsed) throws(TableError) -> Parsed {
    var operands: [Parsed] = []
    Self.flatten(left, op, into: &operands)
    while binaryOperator == op {
      next += 1
      Self.flatten(try expression(above: op.precedence), op, into: &operands)
    }
    return try balanced(op, operands[...])
  }

  private static func flatten(_ parsed: Parsed, _ op: BinaryOperator, into operands: inout [Parsed]) {
    if case .binary(op, let left, let right) = parsed.expression {
      // The depth of the parts is at most one less; an upper bound is enough to keep the tree within the limit.
      flatten(Parsed(expression: left, depth: parsed.depth - 1), op, into: &operands)
      flatten(Parsed(expression: right, depth: parsed.depth - 1), op, into: &operands)
    } else {
      operands.append(parsed)
    }
  }

  private func balanced(_ op: BinaryOperator, _ operands: ArraySlice<Parsed>) throws(TableError) -> Parsed {
    if operands.count == 1 { return operands[operands.startIndex] }
    let middle = operands.startIndex + operands.count / 2
    let left = try balanced(op, operands[..<middle])
    let right = try balanced(op, operands[middle...])
    return try checked(.binary(op, left.expression, right.expression), depth: max(left.depth, right.depth) + 1)
  }

  /// `IS …`, `IN …`, `BETWEEN …`, `LIKE …` after `left`; nil when none stands here.
  private mutating func test(of left: Parsed) throws(TableError) -> Parsed? {
    let start = next
    if accept(.is) { return try isTest(of: left) }
    let negated = accept(.not)
    if accept(.in) {
      try expect("(", "expected ( after IN")
      var list: [Expression] = []
      var depth = left.depth
      repeat {
        let item = try expression(above: 0)
        list.append(item.expression)
        depth = max(depth, item.depth)
      } while accept(",")
      try expect(")", "expected , or ) in the list of IN")
      return try checked(.isIn(left.expression, list, negated: negated), depth: depth + 1)
    }
    if accept(.between) {
      let low = try expression(above: Precedence.comparison)
      guard accept(.and) else { throw failure("expected AND between the ends of BETWEEN") }
      let high = try expression(above: Precedence.comparison)
      return try checked(
        .between(left.expression, low: low.expression, high: high.expression, negated: negated),
        depth: max(left.depth, low.depth, high.depth) + 1)
    }
    for foldsCase in [false, true] where accept(foldsCase ? .ilike : .like) {
      let pattern = try expression(above: Precedence.comparison)
      var escape: UInt8?
      if accept(.escape) {
        guard case .text(let bytes) = token.kind, bytes.count == 1, bytes[0] < 0x80 else {
          throw failure("expected one character of ASCII in single quotes after ESCAPE")
        }
        escape = bytes[0]
        next += 1
      }
      return try checked(
        .like(left.expression, pattern: pattern.expression, escape: escape, foldsCase: foldsCase, negated: negated),
        depth: max(left.depth, pattern.depth) + 1)
    }
    if negated {
      next = start + 1
      throw failure("expected IN, BETWEEN, LIKE or ILIKE after NOT")
    }
    return nil
  }

  private mutating func isTest(of left: Parsed) throws(TableError) -> Parsed {
    let negated = accept(.not)
    if accept(.null) { return try checked(.isNull(left.expression, negated: negated), depth: left.depth + 1) }
    for value in [true, false] where accept(value ? .true : .false) {
      // TRUE or FALSE, never NULL: an unknown is neither.
      let known = Expression.call(.coalesce, [left.expression, .literal(.bool(!value))])
      return try checked(value == negated ? .not(known) : known, depth: left.depth + 2)
    }
    throw failure("expected NULL, NOT NULL, TRUE or FALSE after IS")
  }

  /// What stands before the first operator: a prefix with its operand, or a value.
  private mutating func operand(above limit: Int) throws(TableError) -> Parsed {
    if token.kind == .keyword(.not) {
      guard limit < Precedence.not else {
        throw failure("NOT cannot stand here", remedy: "put NOT and what it negates into parentheses")
      }
      next += 1
      let operand = try expression(above: Precedence.not - 1)
      return try checked(.not(operand.expression), depth: operand.depth + 1)
    }
    if accept("-") {
      if token.kind == .number { return try postfix(numberLiteral(isNegative: true)) }
      let operand = try expression(above: Precedence.negation - 1)
      return try checked(.negate(operand.expression), depth: operand.depth + 1)
    }
    if accept("+") { return try expression(above: Precedence.negation - 1) }
    return try postfix(value())
  }

  /// `value::type`, as often as it stands there.
  private mutating func postfix(_ value: Parsed) throws(TableError) -> Parsed {
    var value = value
    while accept("::") {
      value = try checked(.cast(value.expression, typeName()), depth: value.depth + 1)
    }
    return value
  }

  private mutating func value() throws(TableError) -> Parsed {
    let start = token
    switch start.kind {
    case .number: return try numberLiteral(isNegative: false)
    case .text(let bytes):
      next += 1
      return Parsed(expression: .literal(.text(bytes)), depth: 1)
    case .quotedName(let name):
      next += 1
      return Parsed(expression: .column(name), depth: 1)
    case .word(let name):
      next += 1
      if case .symbol("(") = token.kind { return try call(name, at: start.range.lowerBound) }
      if case .text(let bytes) = token.kind { return try typedLiteral(name, bytes) }
      return Parsed(expression: .column(name), depth: 1)
    case .symbol("("):
      next += 1
      let inner = try expression(above: 0)
      try expect(")", isAtEnd ? "a ( has no )" : "expected an operator or )")
      return inner
    case .keyword(.true), .keyword(.false):
      next += 1
      return Parsed(expression: .literal(.bool(start.kind == .keyword(.true))), depth: 1)
    case .keyword(.null):
      next += 1
      return Parsed(expression: .literal(.null), depth: 1)
    case .keyword(.cast):
      next += 1
      return try castCall()
    case .keyword(.case):
      next += 1
      return try caseExpression()
    case .keyword(let word) where word != .end && word != .as:
      throw failure(
        "expected a value", remedy: "write a column called \(word.rawValue) in double quotes: \"\(word.rawValue)\"")
    default: throw failure("expected a value")
    }
  }

  private mutating func numberLiteral(isNegative: Bool) throws(TableError) -> Parsed {
    let digits = tokenizer.source[token.range]
    let text = (isNegative ? "-" : "") + String(decoding: digits, as: UTF8.self)
    let scalar: Scalar
    if digits.allSatisfy(Tokenizer.isDigit) {
      guard let value = Int64(text) else {
        throw failure("\(text) is beyond 64 bits", remedy: "write \(text).0 for the nearest double")
      }
      scalar = .int(value)
    } else {
      guard let value = Double(text.hasSuffix(".") ? text + "0" : text), value.isFinite else {
        throw failure("\(text) is beyond the range of double", remedy: "write a smaller number")
      }
      scalar = .double(value)
    }
    next += 1
    return Parsed(expression: .literal(scalar), depth: 1)
  }

  /// `DATE '2024-01-31'`, `TIMESTAMP '2024-01-31T06:00:00'`; the text is the next token.
  private mutating func typedLiteral(_ type: String, _ bytes: [UInt8]) throws(TableError) -> Parsed {
    let shown = String(decoding: bytes, as: UTF8.self)
    let scalar: Scalar
    switch ColumnType(name: type) {
    case .date?:
      guard let days = CellText.date(bytes) else {
        throw failure("'\(shown)' is no date", remedy: "write it as 2024-01-31")
      }
      scalar = .date(days)
    case .timestamp?:
      guard let moment = CellText.timestamp(bytes) else {
        throw failure("'\(shown)' is no timestamp", remedy: "write it as 2024-01-31T06:00:00")
      }
      scalar = .timestamp(moment)
    default: throw failure("expected an operator, or the end")
    }
    next += 1
    return Parsed(expression: .literal(scalar), depth: 1)
  }

  private mutating func castCall() throws(TableError) -> Parsed {
    try expect("(", "expected ( after CAST")
    let operand = try expression(above: 0)
    guard accept(.as) else { throw failure("expected AS and a type", remedy: "write CAST(x AS type)") }
    let type = try typeName()
    try expect(")", "expected ) after the type")
    return try checked(.cast(operand.expression, type), depth: operand.depth + 1)
  }

  private mutating func typeName() throws(TableError) -> ColumnType {
    guard case .word(let name) = token.kind, let type = ColumnType(name: name) else {
      throw failure("expected a type", remedy: "the types are bool, int, double, date, timestamp and text")
    }
    next += 1
    return type
  }

  private mutating func caseExpression() throws(TableError) -> Parsed {
    var depth = 0
    func deeper(_ parsed: Parsed) -> Expression {
      depth = max(depth, parsed.depth)
      return parsed.expression
    }
    var operand: Expression?
    if token.kind != .keyword(.when) { operand = deeper(try expression(above: 0)) }
    var branches: [Expression.Branch] = []
    while accept(.when) {
      let condition = deeper(try expression(above: 0))
      guard accept(.then) else { throw failure("expected THEN") }
      branches.append(Expression.Branch(condition: condition, result: deeper(try expression(above: 0))))
    }
    guard !branches.isEmpty else { throw failure("expected WHEN after CASE") }
    var otherwise: Expression?
    if accept(.else) { otherwise = deeper(try expression(above: 0)) }
    guard accept(.end) else { throw failure("expected \(otherwise == nil ? "WHEN, ELSE or " : "")END of CASE") }
    return try checked(
      .conditional(operand: operand, branches: branches, otherwise: otherwise), depth: depth + 1)
  }

  // MARK: Calls

  private mutating func call(_ name: String, at start: Int) throws(TableError) -> Parsed {
    next += 1
    if let function = AggregateFunction(name: name) { return try aggregate(function, at: start) }
    guard let function = ScalarFunction(name: name) else {
      let known =
        ScalarFunction.allCases.map(\.rawValue) + AggregateFunction.allCases.dropFirst().map(\.rawValue)
        + ScalarFunction.otherNames.keys.sorted()
      let nearest = EditDistance.nearest(to: name.lowercased(), among: known)
      throw failure(
        at: start, "there is no function \(name)",
        remedy: nearest.map { "did you mean \($0)?" } ?? "see the list of functions in the help")
    }
    var arguments: [Expression] = []
    var depth = 0
    if !accept(")") {
      if function == .strpos, name.lowercased() == "position" {
        // SQL writes position(part IN text).
        let part = try expression(above: Precedence.comparison)
        if accept(.in) {
          let text = try expression(above: 0)
          try expect(")", "expected )")
          return try checked(
            .call(.strpos, [text.expression, part.expression]), depth: max(part.depth, text.depth) + 1)
        }
        arguments.append(part.expression)
        depth = part.depth
        try expect(",", "expected , or IN in position")
      }
      repeat {
        let argument = try expression(above: 0)
        arguments.append(argument.expression)
        depth = max(depth, argument.depth)
      } while accept(",")
      try expect(")", isAtEnd ? "a ( has no )" : "expected an operator, a comma or )")
    }
    guard function.argumentCounts.contains(arguments.count) else {
      throw failure(
        at: start, "\(name) takes other arguments than the \(arguments.count) given",
        remedy: "write \(function.usage)")
    }
    return try checked(.call(function, arguments), depth: depth + 1)
  }

  private mutating func aggregate(_ named: AggregateFunction, at start: Int) throws(TableError) -> Parsed {
    var function = named
    if function == .count {
      if accept("*") {
        try expect(")", "expected ) after count(*")
        return Parsed(expression: .aggregate(AggregateCall(.countAll)), depth: 1)
      }
      if accept(.distinct) { function = .countDistinct }
    } else if token.kind == .keyword(.distinct) {
      throw failure("DISTINCT is known to count alone", remedy: "write count(DISTINCT x)")
    }
    var arguments: [Expression] = []
    var depth = 0
    if token.kind != .symbol(")") {
      repeat {
        let argument = try expression(above: 0)
        arguments.append(argument.expression)
        depth = max(depth, argument.depth)
      } while accept(",")
    }
    try expect(")", isAtEnd ? "a ( has no )" : "expected an operator, a comma or )")
    var parameter: Double?
    let takesParameter = function == .quantile || function == .top
    guard arguments.count == function.argumentCount + (takesParameter ? 1 : 0) else {
      var remedy = "write \(function.usage)"
      if arguments.count > 1, function == .min { remedy += ", or least(a, b) for the smaller of two columns" }
      if arguments.count > 1, function == .max { remedy += ", or greatest(a, b) for the larger of two columns" }
      throw failure(
        at: start, "\(function.rawValue) takes other arguments than the \(arguments.count) given", remedy: remedy)
    }
    if takesParameter { parameter = try self.parameter(of: function, arguments.removeLast(), at: start) }
    return try checked(.aggregate(AggregateCall(function, arguments, parameter: parameter)), depth: depth + 1)
  }

  private func parameter(
    of function: AggregateFunction, _ argument: Expression, at start: Int
  ) throws(TableError) -> Double {
    switch (function, argument) {
    case (.quantile, .literal(.double(let p))) where p >= 0 && p <= 1: return p
    case (.quantile, .literal(.int(let p))) where p == 0 || p == 1: return Double(p)
    case (.top, .literal(.int(let n))) where n >= 1 && n <= 1_000_000: return Double(n)
    default:
      let wanted = function == .top ? "n of top is a whole number from 1" : "p of quantile is a number from 0 to 1"
      throw failure(at: start, "the \(wanted)", remedy: "write \(function == .top ? "top(x, 2)" : "quantile(x, 0.9)")")
    }
  }
}
