/// Computes the outputs of a grouping from its keys and aggregates: `max(v1) - min(v2)` from the slots of the two.
package struct GroupOutputs: Sendable {
  private let finish: GroupFinish

  package init(_ finish: GroupFinish) { self.finish = finish }

  /// The names of the columns of the result: keys, then outputs.
  package var names: [String] { finish.keyNames + finish.outputs.map(\.name) }

  /// The types of the columns of the result, for keys of these types.
  package func types(keyTypes: [ColumnType]) throws(TableError) -> [ColumnType] {
    var types = keyTypes
    for output in finish.outputs {
      types.append(try BoundExpression(output.expression, schema: schema(keyTypes)).type)
    }
    return types
  }

  /// The key columns and the outputs of some groups.
  package func frame(_ groups: GroupFrame) throws(TableError) -> TypedFrame {
    let keyCount = finish.keyNames.count
    let source = groups.frame
    var columns = Array(source.columns.prefix(keyCount))
    let names = schema(groups.keyTypes).map(\.name)
    for output in finish.outputs {
      if case .column(let name) = output.expression, let index = names.firstIndex(of: name) {
        columns.append(source.columns[index])
      } else {
        columns.append(try compute(output.expression, source, groups.keyTypes))
      }
    }
    return TypedFrame(
      Frame(names: self.names, columns: columns, rowCount: source.rowCount),
      types: try types(keyTypes: groups.keyTypes))
  }

  private func schema(_ keyTypes: [ColumnType]) -> [SchemaColumn] {
    zip(finish.keyNames, keyTypes).map { (name: $0, type: $1) } + finish.slots.map { (name: $0.name, type: $0.type) }
  }

  private func compute(
    _ expression: Expression, _ source: Frame, _ keyTypes: [ColumnType]
  ) throws(TableError) -> Column {
    let schema = schema(keyTypes)
    let bound = try BoundExpression(expression, schema: schema)
    var input = [Vector?](repeating: nil, count: schema.count)
    for index in bound.columns { input[index] = Vector(type: schema[index].type) }
    let arena = TextArena()
    var result = ColumnBuilder(type: bound.type)
    var row = 0
    while row < source.rowCount {
      let rows = row..<min(row + Batch.capacity, source.rowCount)
      arena.reset()
      for index in bound.columns {
        try source.columns[index].load(rows, as: schema[index].type, into: input[index]!, arena: arena)
      }
      result.append(try bound.evaluate(input, count: rows.count, arena: arena), rows: 0..<rows.count)
      row = rows.upperBound
    }
    return result.column()
  }
}
