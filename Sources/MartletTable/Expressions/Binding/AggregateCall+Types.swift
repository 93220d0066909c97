extension AggregateFunction {
  /// The type of its result over arguments of these types.
  ///
  /// A column of nothing but nulls is accepted everywhere. `sum` of whole numbers is whole (128 bit inside a grouping).
  /// In numbers TRUE counts as 1 and FALSE as 0: `sum(x > 3)` is how many are larger than 3.
  ///
  /// - Throws: `TableError` (`.invalidQuery`) when a type has no such aggregate.
  package func resultType(arguments: [ColumnType]) throws(TableError) -> ColumnType {
    try resultType(arguments: arguments) { "argument \($0 + 1)" }
  }

  func resultType(arguments: [ColumnType], name: (Int) -> String) throws(TableError) -> ColumnType {
    for (index, type) in arguments.enumerated() where type != .null && !accepts(type) {
      let wanted = self == .any || self == .all ? "conditions" : self == .top ? "numbers and dates" : "numbers"
      throw .query(
        "\(rawValue) takes \(wanted), and \(name(index)) is \(type.name)",
        remedy: remedy(for: type, name(index)))
    }
    switch self {
    case .countAll, .count, .countDistinct: return .int
    case .sum: return arguments[0] == .bool ? .int : arguments[0]
    case .min, .max, .first, .last, .mode: return arguments[0]
    case .mean, .median, .quantile, .variance, .standardDeviation, .correlation: return .double
    case .any, .all: return .bool
    case .top: return .text
    }
  }

  private func remedy(for type: ColumnType, _ name: String) -> String {
    switch self {
    case .any, .all: return "compare it, for instance \(rawValue)(\(name) <> \(type == .text ? "''" : "0"))"
    case .top: return "write max(\(name)) for the largest value"
    default:
      if type == .date || type == .timestamp { return "write min(\(name)) or max(\(name))" }
      return "write CAST(\(name) AS double)"
    }
  }

  /// Whether values of that type may be aggregated so.
  private func accepts(_ type: ColumnType) -> Bool {
    switch self {
    case .countAll, .count, .countDistinct, .min, .max, .first, .last, .mode: true
    case .sum, .mean, .median, .quantile, .variance, .standardDeviation, .correlation:
      type.isNumeric || type == .bool
    case .any, .all: type == .bool
    case .top: type.isNumeric || type == .date || type == .timestamp
    }
  }
}

extension AggregateCall {
  /// The arguments ready to be computed.
  ///
  /// - Throws: `TableError` (`.invalidQuery`) for an unknown column, or a type without such an aggregate.
  package func bindArguments(
    schema: [SchemaColumn], capacity: Int = Batch.capacity
  ) throws(TableError) -> [BoundExpression] {
    var bound: [BoundExpression] = []
    for argument in arguments { bound.append(try BoundExpression(argument, schema: schema, capacity: capacity)) }
    _ = try resultType(arguments: bound.map(\.type))
    return bound
  }

  /// The type of the result over arguments of these types; errors name the arguments as they were written.
  package func resultType(arguments types: [ColumnType]) throws(TableError) -> ColumnType {
    let arguments = arguments
    return try function.resultType(arguments: types) { Binder.short(arguments[$0]) }
  }
}
