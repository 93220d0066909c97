extension LogicalPlan {
  /// Checks that every column that the plan names exists, whatever its type: the part of checking that a sample's
  /// types cannot get wrong.
  ///
  /// - Throws: `.invalidQuery` that names the column and the nearest one.
  package func checkNames(_ columns: [ScanColumn]) throws(TableError) {
    _ = try visit(columns.map { (name: $0.name, type: .null) }) { (name, schema) throws(TableError) in
      _ = try BoundExpression(.column(name), schema: schema)
    }
  }

  /// The slots of the files' columns that expressions of the plan read.
  package func readColumns(_ columns: [ScanColumn]) throws(TableError) -> [Int] {
    var slots: Set<Int> = []
    _ = try visit(columns.map { (name: $0.name, type: .null) }) { (name, schema) throws(TableError) in
      slots.formUnion(try BoundExpression(.column(name), schema: schema).columns.filter { $0 < columns.count })
    }
    return slots.sorted()
  }

  /// Calls `body` with each name that an expression reads, and the columns that there are at that place.
  ///
  /// - Returns: The columns that this plan gives.
  private func visit(
    _ columns: [SchemaColumn], _ body: (String, [SchemaColumn]) throws(TableError) -> Void
  ) throws(TableError) -> [SchemaColumn] {
    switch self {
    case .scan: return columns
    case .derive(let derived, let input):
      var schema = try input.visit(columns, body)
      for column in derived {
        for name in column.expression.columnNames { try body(name, schema) }
        schema.append((name: column.name, type: .null))
      }
      return schema
    case .filter(let condition, let input):
      let schema = try input.visit(columns, body)
      for name in condition.columnNames { try body(name, schema) }
      return schema
    case .project(let names, let input):
      let schema = try input.visit(columns, body)
      for name in names { try body(name, schema) }
      return schema
    case .sort(let keys, let input):
      let schema = try input.visit(columns, body)
      for key in keys { try body(key.column, schema) }
      return schema
    case .group(let grouping, let input):
      let schema = try input.visit(columns, body)
      for name in grouping.keys + grouping.outputs.flatMap(\.expression.columnNames) { try body(name, schema) }
      return (grouping.keys + grouping.outputs.map(\.name)).map { (name: $0, type: .null) }
    case .limit(_, let input), .summarize(_, let input): return try input.visit(columns, body)
    }
  }
}
