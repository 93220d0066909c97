/// Makes typed nodes of an expression: looks names up, checks and converts types, folds constants, hands out registers.
struct Binder {
  let schema: [SchemaColumn]
  let capacity: Int
  private(set) var columnsRead: Set<Int> = []
  /// Registers whose values nobody needs any more.
  private var free: [Vector] = []

  init(schema: [SchemaColumn], capacity: Int) {
    self.schema = schema
    self.capacity = capacity
  }

  // MARK: Registers and constants

  mutating func takeRegister() -> Vector {
    free.popLast() ?? Vector(type: .null, capacity: capacity)
  }

  mutating func release(_ node: Node) {
    if let register = node.register { free.append(register) }
  }

  mutating func release(_ scratch: Vector) { free.append(scratch) }

  func constant(_ scalar: Scalar, type: ColumnType? = nil) -> Node {
    ConstantNode(scalar, type: type, capacity: capacity)
  }

  /// The node that `make` builds over `children` with a register of its own; a constant when all children are.
  mutating func finish(_ children: [Node], _ make: (Vector) -> Node) throws(TableError) -> Node {
    let register = takeRegister()
    let node = make(register)
    for child in children { release(child) }
    return try fold(node, children)
  }

  /// The node that `make` builds over a child that has older siblings, or younger ones that are bound already: its
  /// register is new, because a sibling may use any that is free while this value is alive.
  mutating func wrap(_ child: Node, _ make: (Vector) -> Node) throws(TableError) -> Node {
    let node = make(Vector(type: .null, capacity: capacity))
    release(child)
    return try fold(node, [child])
  }

  /// The value of a node of constants, unless computing it counts a failed CAST, which has to be counted per record.
  func fold(_ node: Node, _ children: [Node]) throws(TableError) -> Node {
    guard children.allSatisfy({ $0.constant != nil }) else { return node }
    let context = EvaluationContext()
    context.count = 1
    let value = try node.evaluate(context)
    guard context.castFailures == 0 else { return node }
    return constant(value.scalar(0), type: node.type)
  }

  // MARK: Expressions

  mutating func node(_ expression: Expression) throws(TableError) -> Node {
    switch expression {
    case .column(let name): return try column(name)
    case .literal(let scalar): return constant(scalar)
    case .negate(let operand): return try negation(operand, expression)
    case .not(let operand):
      let value = try condition(operand, of: "NOT")
      if value.type == .null { return constant(.null, type: .bool) }
      return try finish([value]) { NotNode(value, register: $0) }
    case .binary(let op, let left, let right): return try binary(op, left, right, expression)
    case .isNull(let operand, let negated):
      let value = try node(operand)
      if value.type == .null { return constant(.bool(!negated)) }
      return try finish([value]) { NullTestNode(value, negated: negated, register: $0) }
    case .isIn(let operand, let list, let negated): return try membership(operand, list, negated)
    case .between(let operand, let low, let high, let negated): return try between(operand, low, high, negated)
    case .like(let operand, let pattern, let escape, let foldsCase, let negated):
      return try like(operand, pattern, escape, foldsCase, negated)
    case .conditional(let operand, let branches, let otherwise):
      return try conditional(operand, branches, otherwise)
    case .cast(let operand, let type):
      let value = try node(operand)
      guard CastNode.exists(from: value.type, to: type) else {
        throw Self.mismatch("\(Self.claim(operand, value)), which has no form as \(type.name)", "use another type")
      }
      return try cast(value, to: type)
    case .call(let function, let arguments): return try call(function, arguments, expression)
    case .aggregate:
      throw Self.mismatch(
        "\(Self.short(expression)) takes a whole group, and one record is computed here",
        "use aggregates in --agg only, one deep")
    }
  }

  private mutating func column(_ name: String) throws(TableError) -> Node {
    let index = try Self.index(of: name, in: schema)
    if schema[index].type == .null { return constant(.null) }
    columnsRead.insert(index)
    return ColumnNode(index: index, name: schema[index].name, type: schema[index].type)
  }

  /// The column of that name: exactly, else regardless of case when there is only one.
  static func index(of name: String, in schema: [SchemaColumn]) throws(TableError) -> Int {
    if let index = schema.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) { return index }
    let lowered = name.lowercased()
    let matches = schema.indices.filter { schema[$0].name.lowercased() == lowered }
    if matches.count == 1 { return matches[0] }
    if matches.count > 1 {
      let names = matches.map { schema[$0].name }.joined(separator: " and ")
      throw mismatch("\(name) could be \(names)", "write the column's name with its exact letters")
    }
    throw unknownColumn(name, among: schema.map(\.name))
  }

  /// The error for a name that no column has.
  static func unknownColumn(_ name: String, among names: [String]) -> TableError {
    let shown = Expression.columnText(name)
    if let nearest = EditDistance.nearest(to: name, among: names) {
      return mismatch(
        "there is no column \(shown)",
        "did you mean \(Expression.columnText(nearest))? text is written in single quotes")
    }
    let list = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
    return mismatch("there is no column \(shown)", "the columns are \(list); text is written in single quotes")
  }

  // MARK: Types

  static func mismatch(_ message: String, _ remedy: String) -> TableError {
    .query(message, remedy: remedy)
  }

  /// `id1 is text`
  static func claim(_ expression: Expression, _ node: Node) -> String {
    "\(short(expression)) is \(node.type.name)"
  }

  /// The expression's text, cut when it is long.
  static func short(_ expression: Expression) -> String {
    let text = expression.description
    return text.count > 60 ? text.prefix(57) + "…" : text
  }

  mutating func cast(_ value: Node, to type: ColumnType) throws(TableError) -> Node {
    if value.type == type { return value }
    if value.type == .null || value.constant == .null { return constant(.null, type: type) }
    return try wrap(value) { CastNode(value, to: type, register: $0) }
  }

  /// A text that stands where a date or timestamp is wanted, as one.
  func asDate(_ value: Node, _ expression: Expression, for other: String) throws(TableError) -> Node {
    guard case .text(let bytes)? = value.constant else { return value }
    if let days = CellText.date(bytes), bytes.count == 10 { return constant(.date(days)) }
    if let moment = CellText.timestamp(bytes) { return constant(.timestamp(moment)) }
    throw Self.mismatch(
      "\(Self.short(expression)) is no date, and \(other)", "write it as '2024-01-31' or '2024-01-31T06:00:00'")
  }

  /// The nodes with types that can be compared: the same, or int with double. NULLs stay as they are.
  ///
  /// - Parameter verb: What is done with them, for the message: `compared`.
  mutating func comparable(
    _ nodes: [Node], _ expressions: [Expression], verb: String = "compared"
  ) throws(TableError) -> [Node] {
    var nodes = nodes
    if let index = nodes.firstIndex(where: { $0.type == .date || $0.type == .timestamp }) {
      let other = Self.claim(expressions[index], nodes[index])
      for place in nodes.indices { nodes[place] = try asDate(nodes[place], expressions[place], for: other) }
      if nodes.contains(where: { $0.type == .timestamp }) {
        for place in nodes.indices where nodes[place].type == .date {
          nodes[place] = try cast(nodes[place], to: .timestamp)
        }
      }
    }
    guard let first = nodes.firstIndex(where: { $0.type != .null }) else { return nodes }
    for index in nodes.indices where nodes[index].type != .null && nodes[index].type != nodes[first].type {
      if nodes[index].type.isNumeric, nodes[first].type.isNumeric { continue }
      let claims = Self.claim(expressions[first], nodes[first]) + ", " + Self.claim(expressions[index], nodes[index])
      throw Self.mismatch(
        "\(claims): they cannot be \(verb)",
        Self.remedy(expressions[first], nodes[first].type, expressions[index], nodes[index].type))
    }
    return nodes
  }

  private static func remedy(
    _ first: Expression, _ firstType: ColumnType, _ second: Expression, _ secondType: ColumnType
  ) -> String {
    for (text, textType, other, otherType) in [
      (first, firstType, second, secondType), (second, secondType, first, firstType),
    ] where textType == .text {
      if case .literal = text { return "write the value without quotes, or CAST(\(short(other)) AS text)" }
      if case .literal = other { return "write '\(other)', or CAST(\(short(text)) AS \(otherType.name))" }
      return "CAST one side, for instance CAST(\(short(text)) AS \(otherType.name))"
    }
    return "CAST one side"
  }

  /// The nodes converted to one type, and that type.
  mutating func unified(
    _ nodes: [Node], _ expressions: [Expression], verb: String
  ) throws(TableError) -> (nodes: [Node], type: ColumnType) {
    var nodes = try comparable(nodes, expressions, verb: verb)
    if nodes.contains(where: { $0.type == .double }) {
      for index in nodes.indices where nodes[index].type == .int { nodes[index] = try cast(nodes[index], to: .double) }
    }
    return (nodes, nodes.first { $0.type != .null }?.type ?? .null)
  }

  /// A node of type bool, or of nothing but nulls.
  mutating func condition(_ expression: Expression, of place: String) throws(TableError) -> Node {
    let value = try node(expression)
    guard value.type == .bool || value.type == .null else {
      throw Self.mismatch(
        "\(place) takes a condition, and \(Self.claim(expression, value))",
        "compare it, for instance \(value.type == .text ? "\(Self.short(expression)) = 'x'" : "\(Self.short(expression)) <> 0")"
      )
    }
    return value
  }

  // MARK: Operators

  private mutating func negation(_ operand: Expression, _ expression: Expression) throws(TableError) -> Node {
    let value = try node(operand)
    if value.type == .null { return value }
    guard value.type.isNumeric else {
      throw Self.mismatch("- takes a number, and \(Self.claim(operand, value))", "CAST(x AS int) makes a number of it")
    }
    return try finish([value]) { NegationNode(value, source: expression, register: $0) }
  }

  private mutating func binary(
    _ op: BinaryOperator, _ left: Expression, _ right: Expression, _ expression: Expression
  ) throws(TableError) -> Node {
    switch op {
    case .and, .or:
      // A side of nothing but nulls is a constant NULL of type bool for the kernel.
      let first = try asCondition(condition(left, of: op.symbol))
      let second = try asCondition(condition(right, of: op.symbol))
      let capacity = capacity
      return try finish([first, second]) { LogicNode(op, first, second, capacity: capacity, register: $0) }
    case .concatenate: return try concatenation(expression)
    case .add, .subtract, .multiply, .divide, .divideWhole, .remainder:
      return try arithmetic(op, left, right, expression)
    default:
      let nodes = [try node(left), try node(right)]
      let sides = try comparable(nodes, [left, right])
      if sides.contains(where: { $0.type == .null }) { return constant(.null, type: .bool) }
      if sides[0].constant != nil, sides[1].constant == nil {
        return try finish(sides) { ComparisonNode(op.mirrored, sides[1], sides[0], register: $0) }
      }
      return try finish(sides) { ComparisonNode(op, sides[0], sides[1], register: $0) }
    }
  }

  private func asCondition(_ value: Node) -> Node {
    value.type == .null ? constant(.null, type: .bool) : value
  }

  private mutating func arithmetic(
    _ op: BinaryOperator, _ left: Expression, _ right: Expression, _ expression: Expression
  ) throws(TableError) -> Node {
    let nodes = [try node(left), try node(right)]
    let (a, b) = (nodes[0].type, nodes[1].type)
    for (index, side) in [left, right].enumerated() {
      let type = nodes[index].type
      guard type == .text || type == .bool || type == .timestamp || (type == .date && op != .add && op != .subtract)
      else {
        continue
      }
      let remedy =
        type == .text && op == .add
        ? "write || to join texts, or CAST(\(Self.short(side)) AS double)"
        : type == .timestamp
          ? "use date_diff('second', start, end)" : "CAST(\(Self.short(side)) AS double) makes a number of it"
      throw Self.mismatch("\(op.symbol) takes numbers, and \(Self.claim(side, nodes[index]))", remedy)
    }
    if a == .null || b == .null {
      return constant(.null, type: a == .null && b == .null ? .null : Self.arithmeticType(op, a, b))
    }
    switch (a, op, b) {
    case (.date, .add, .int), (.date, .subtract, .int), (.int, .add, .date):
      return try ints(op, nodes, .date, expression)
    case (.date, .subtract, .date): return try ints(op, nodes, .int, expression)
    case (.date, _, _), (_, _, .date):
      throw Self.mismatch(
        "\(Self.claim(left, nodes[0])), \(Self.claim(right, nodes[1])): \(op.symbol) has no meaning for them",
        "add or subtract whole days, or subtract two dates")
    case (.int, .divide, .int): break
    case (.int, _, .int): return try ints(op, nodes, .int, expression)
    case (_, .divideWhole, _):
      let side = a == .double ? 0 : 1
      throw Self.mismatch(
        "// divides whole numbers, and \(Self.claim([left, right][side], nodes[side]))", "write trunc(a / b)")
    default: break
    }
    let sides = [try cast(nodes[0], to: .double), try cast(nodes[1], to: .double)]
    return try finish(sides) { DoubleArithmeticNode(op, sides[0], sides[1], register: $0) }
  }

  private static func arithmeticType(_ op: BinaryOperator, _ a: ColumnType, _ b: ColumnType) -> ColumnType {
    if op == .divide { return .double }
    return a == .null ? b : a
  }

  private mutating func ints(
    _ op: BinaryOperator, _ nodes: [Node], _ type: ColumnType, _ expression: Expression
  ) throws(TableError) -> Node {
    try finish(nodes) {
      IntArithmeticNode(op, nodes[0], nodes[1], type: type, source: expression, register: $0)
    }
  }

  /// `a || b || c`: one node for the whole chain.
  private mutating func concatenation(_ expression: Expression) throws(TableError) -> Node {
    var operands: [Expression] = []
    func collect(_ part: Expression) {
      if case .binary(.concatenate, let left, let right) = part {
        collect(left)
        collect(right)
      } else {
        operands.append(part)
      }
    }
    collect(expression)
    var parts: [Node] = []
    for operand in operands { parts.append(try cast(try node(operand), to: .text)) }
    if parts.contains(where: { $0.constant == .null }) { return constant(.null, type: .text) }
    return try finish(parts) { TextFunctionNode(.concat, parts, type: .text, register: $0) }
  }

  private mutating func membership(
    _ operand: Expression, _ list: [Expression], _ negated: Bool
  ) throws(TableError) -> Node {
    var nodes = [try node(operand)]
    for item in list { nodes.append(try node(item)) }
    let sides = try comparable(nodes, [operand] + list)
    if sides[0].type == .null { return constant(.null, type: .bool) }
    let scratch = takeRegister()
    defer { release(scratch) }
    return try finish(sides) {
      MembershipNode(sides[0], Array(sides.dropFirst()), negated: negated, scratch: scratch, register: $0)
    }
  }

  private mutating func between(
    _ operand: Expression, _ low: Expression, _ high: Expression, _ negated: Bool
  ) throws(TableError) -> Node {
    let nodes = [try node(operand), try node(low), try node(high)]
    let sides = try comparable(nodes, [operand, low, high])
    if sides[0].type == .null { return constant(.null, type: .bool) }
    let scratch = takeRegister()
    defer { release(scratch) }
    let inside = try finish(sides) {
      BetweenNode(sides[0], sides[1], sides[2], scratch: scratch, register: $0)
    }
    return negated ? try finish([inside]) { NotNode(inside, register: $0) } : inside
  }

  private mutating func like(
    _ operand: Expression, _ pattern: Expression, _ escape: UInt8?, _ foldsCase: Bool, _ negated: Bool
  ) throws(TableError) -> Node {
    var nodes = [try node(operand), try node(pattern)]
    for (index, side) in [operand, pattern].enumerated()
    where nodes[index].type != .text && nodes[index].type != .null {
      throw Self.mismatch(
        "LIKE takes text, and \(Self.claim(side, nodes[index]))", "write CAST(\(Self.short(side)) AS text)")
    }
    if nodes.contains(where: { $0.type == .null || $0.constant == .null }) { return constant(.null, type: .bool) }
    if case .text(let bytes)? = nodes[1].constant, let escape {
      var index = 0
      while index < bytes.count { index += bytes[index] == escape ? 2 : 1 }
      guard index == bytes.count else {
        throw Self.mismatch("the pattern \(pattern) ends in its ESCAPE", "put the character it stands before behind it")
      }
    }
    var escape = escape
    if foldsCase {
      for index in nodes.indices {
        let side = nodes[index]
        nodes[index] = try wrap(side) { TextFunctionNode(.lower, [side], type: .text, register: $0) }
      }
      if let byte = escape, byte &- 0x41 < 26 { escape = byte | 0x20 }
    }
    let sides = nodes
    let capacity = capacity
    let mark = escape
    return try finish(sides) {
      LikeNode(sides[0], pattern: sides[1], escape: mark, negated: negated, capacity: capacity, register: $0)
    }
  }

  mutating func text(_ function: ScalarFunction, _ arguments: [Node], type: ColumnType = .text) throws(TableError)
    -> Node
  {
    try finish(arguments) { TextFunctionNode(function, arguments, type: type, register: $0) }
  }

  private mutating func conditional(
    _ operand: Expression?, _ branches: [Expression.Branch], _ otherwise: Expression?
  ) throws(TableError) -> Node {
    let register = takeRegister()
    var conditions: [Node] = []
    if let operand { conditions.append(try node(operand)) }
    for branch in branches {
      if operand == nil {
        // A condition is used up before anything else is computed, so its register is free at once.
        conditions.append(asCondition(try condition(branch.condition, of: "WHEN")))
        release(conditions[conditions.count - 1])
      } else {
        conditions.append(try node(branch.condition))
      }
    }
    if let operand { conditions = try comparable(conditions, [operand] + branches.map(\.condition)) }
    var results: [Node] = []
    for branch in branches { results.append(try node(branch.result)) }
    if let otherwise { results.append(try node(otherwise)) }
    let expressions = branches.map(\.result) + (otherwise.map { [$0] } ?? [])
    let (values, type) = try unified(results, expressions, verb: "results of one CASE")
    let comparedWith = operand == nil ? nil : conditions.removeFirst()
    let scratch = takeRegister()
    var parts: [ConditionalNode.Branch] = []
    for index in branches.indices {
      let comparison = comparedWith.map { Comparison(.equal, $0, conditions[index]) }
      parts.append(.init(condition: conditions[index], comparison: comparison, result: values[index]))
    }
    let node = ConditionalNode(
      operand: comparedWith, branches: parts, otherwise: otherwise == nil ? nil : values.last, type: type,
      capacity: capacity, scratch: scratch, register: register)
    release(scratch)
    for value in values { release(value) }
    if let comparedWith {
      release(comparedWith)
      for condition in conditions { release(condition) }
    }
    return try fold(node, (comparedWith.map { [$0] } ?? []) + conditions + values)
  }
}

extension Vector {
  /// Cell `row` as a value of its own.
  package func scalar(_ row: Int) -> Scalar {
    guard isValid(row) else { return .null }
    switch type {
    case .null: return .null
    case .bool: return .bool(ints[row] != 0)
    case .int: return .int(ints[row])
    case .double: return .double(doubles[row])
    case .date: return .date(ints[row])
    case .timestamp: return .timestamp(ints[row])
    case .text: return .text(Array(text(row)))
    }
  }
}
