extension Binder {
  /// A call of a function.
  mutating func call(
    _ function: ScalarFunction, _ arguments: [Expression], _ expression: Expression
  ) throws(TableError) -> Node {
    guard function.argumentCounts.contains(arguments.count) else {
      throw Self.mismatch(
        "\(function.rawValue) takes other arguments than the \(arguments.count) given", "write \(function.usage)")
    }
    switch function {
    case .coalesce, .ifnull: return try coalesce(arguments)
    case .conditional:
      let branch = Expression.Branch(condition: arguments[0], result: arguments[1])
      return try node(.conditional(operand: nil, branches: [branch], otherwise: arguments[2]))
    case .nullif: return try nullIf(arguments)
    case .greatest, .least: return try extreme(function, arguments)
    case .mod: return try node(.binary(.remainder, arguments[0], arguments[1]))
    case .concat:
      var parts: [Node] = []
      for argument in arguments {
        let part = try cast(try node(argument), to: .text)
        if part.constant != .null { parts.append(part) }
      }
      if parts.isEmpty { return constant(.text("")) }
      let values = parts
      return try finish(values) {
        TextFunctionNode(.concat, values, type: .text, skipsNulls: true, register: $0)
      }
    case .lower, .upper, .trim, .ltrim, .rtrim, .reverse, .replace: return try textCall(function, arguments, ints: [])
    case .left, .right, .repeatText, .lpad, .rpad: return try textCall(function, arguments, ints: [1])
    case .substr: return try textCall(function, arguments, ints: [1, 2])
    case .splitPart: return try textCall(function, arguments, ints: [2])
    case .length, .strpos: return try textCall(function, arguments, ints: [], result: .int)
    case .contains, .startsWith, .endsWith: return try textCall(function, arguments, ints: [], result: .bool)
    case .round, .floor, .ceil, .trunc, .abs, .sign, .sqrt, .ln, .log10, .log2, .exp, .pow, .isNaN, .isFinite:
      return try numberCall(function, arguments, expression)
    case .year, .quarter, .month, .week, .day, .hour, .minute, .second, .weekday, .isodow, .dayofyear, .epoch:
      return try datePart(function, arguments[0], function.rawValue)
    case .dateTrunc, .dateDiff, .datePart: return try dateCall(function, arguments)
    }
  }

  /// The error for an argument of a type that a function does not take.
  private static func refused(
    _ function: ScalarFunction, _ wanted: String, _ expression: Expression, _ node: Node, cast: String
  ) -> TableError {
    mismatch(
      "\(function.rawValue) takes \(wanted), and \(claim(expression, node))",
      "write \(function.usage), perhaps with CAST(\(short(expression)) AS \(cast))")
  }

  /// A function of texts, with whole numbers at the places `ints`.
  private mutating func textCall(
    _ function: ScalarFunction, _ arguments: [Expression], ints: Set<Int>, result: ColumnType = .text
  ) throws(TableError) -> Node {
    var nodes: [Node] = []
    for (index, argument) in arguments.enumerated() {
      let value = try node(argument)
      let wanted: ColumnType = ints.contains(index) ? .int : .text
      guard value.type == wanted || value.type == .null else {
        throw Self.refused(
          function, wanted == .int ? "a whole number there" : "text", argument, value, cast: wanted.name)
      }
      nodes.append(value)
    }
    if nodes.contains(where: { $0.constant == .null }) { return constant(.null, type: result) }
    return try text(function, nodes, type: result)
  }

  private mutating func numberCall(
    _ function: ScalarFunction, _ arguments: [Expression], _ expression: Expression
  ) throws(TableError) -> Node {
    var nodes: [Node] = []
    for argument in arguments {
      let value = try node(argument)
      guard value.type.isNumeric || value.type == .null else {
        throw Self.refused(function, "numbers", argument, value, cast: "double")
      }
      nodes.append(value)
    }
    if function == .round, nodes.count > 1, nodes[1].type == .double {
      throw Self.refused(function, "a whole number of digits", arguments[1], nodes[1], cast: "int")
    }
    let isInt = nodes[0].type == .int
    let result: ColumnType
    switch function {
    case .floor, .ceil, .trunc, .abs, .round: result = isInt ? .int : .double
    case .sign: result = .int
    case .isNaN, .isFinite: result = .bool
    default: result = .double
    }
    if nodes.contains(where: { $0.constant == .null }) { return constant(.null, type: result) }
    switch function {
    // A whole number is its own floor.
    case .floor, .ceil, .trunc: if isInt { return nodes[0] }
    case .round: if isInt, nodes.count == 1 { return nodes[0] }
    case .abs, .sign: break
    default: for index in nodes.indices { nodes[index] = try cast(nodes[index], to: .double) }
    }
    let values = nodes
    return try finish(values) {
      NumberFunctionNode(function, values, type: result, source: expression, register: $0)
    }
  }

  // MARK: Choice

  private mutating func coalesce(_ arguments: [Expression]) throws(TableError) -> Node {
    let register = takeRegister()
    var nodes: [Node] = []
    for argument in arguments { nodes.append(try node(argument)) }
    let (values, type) = try unified(nodes, arguments, verb: "values of one coalesce")
    let result = CoalesceNode(values, type: type, capacity: capacity, register: register)
    for value in values { release(value) }
    return try fold(result, values)
  }

  private mutating func nullIf(_ arguments: [Expression]) throws(TableError) -> Node {
    var nodes: [Node] = []
    for argument in arguments { nodes.append(try node(argument)) }
    let sides = try comparable(nodes, arguments)
    if sides[0].type == .null || sides[1].type == .null { return sides[0] }
    let scratch = takeRegister()
    defer { release(scratch) }
    return try finish(sides) { NullIfNode(sides[0], sides[1], scratch: scratch, register: $0) }
  }

  private mutating func extreme(_ function: ScalarFunction, _ arguments: [Expression]) throws(TableError) -> Node {
    var nodes: [Node] = []
    for argument in arguments { nodes.append(try node(argument)) }
    let (values, type) = try unified(nodes, arguments, verb: "compared")
    if type == .null { return constant(.null) }
    let scratch = takeRegister()
    defer { release(scratch) }
    return try finish(values) {
      ExtremeNode(values, greatest: function == .greatest, type: type, scratch: scratch, register: $0)
    }
  }

  // MARK: Dates

  /// A date or timestamp; a text that is written as one becomes it.
  private mutating func dateArgument(_ expression: Expression, of name: String) throws(TableError) -> Node {
    let value = try node(expression)
    let date = try asDate(value, expression, for: "\(name) takes one")
    guard date.type == .date || date.type == .timestamp || date.type == .null else {
      let cast = date.type == .text ? "CAST(\(Self.short(expression)) AS date)" : "a column that holds dates"
      throw Self.mismatch("\(name) takes a date or timestamp, and \(Self.claim(expression, date))", "use \(cast)")
    }
    return date
  }

  private mutating func datePart(
    _ function: ScalarFunction, _ argument: Expression, _ name: String
  ) throws(TableError) -> Node {
    let value = try dateArgument(argument, of: name)
    if value.constant == .null { return constant(.null, type: .int) }
    return try finish([value]) { DatePartNode(function, value, register: $0) }
  }

  private mutating func dateCall(_ function: ScalarFunction, _ arguments: [Expression]) throws(TableError) -> Node {
    guard case .text(let bytes)? = try node(arguments[0]).constant else {
      throw Self.mismatch("\(function.rawValue) takes a unit in single quotes first", "write \(function.usage)")
    }
    let name = String(decoding: bytes, as: UTF8.self)
    if function == .datePart {
      let lowered = name.lowercased()
      let singular = lowered.hasSuffix("s") ? String(lowered.dropLast()) : lowered
      let parts: [ScalarFunction] = [
        .year, .quarter, .month, .week, .day, .hour, .minute, .second, .weekday, .isodow, .dayofyear, .epoch,
      ]
      guard let part = ScalarFunction(name: lowered) ?? ScalarFunction(name: singular), parts.contains(part) else {
        throw Self.mismatch(
          "there is no part '\(name)' of a date", "use one of \(parts.map(\.rawValue).joined(separator: " "))")
      }
      return try datePart(part, arguments[1], "date_part")
    }
    guard let unit = DateUnit(name: name) else {
      throw Self.mismatch(
        "there is no unit '\(name)'", "use one of \(DateUnit.allCases.map(\.rawValue).joined(separator: " "))")
    }
    let value = try dateArgument(arguments[1], of: function.rawValue)
    if function == .dateTrunc {
      if value.constant == .null { return constant(.null, type: value.type) }
      return try finish([value]) { DateTruncationNode(unit, value, register: $0) }
    }
    let end = try dateArgument(arguments[2], of: function.rawValue)
    let sides = try comparable([value, end], [arguments[1], arguments[2]])
    if sides.contains(where: { $0.constant == .null }) { return constant(.null, type: .int) }
    return try finish(sides) { DateDifferenceNode(unit, sides[0], sides[1], register: $0) }
  }
}
