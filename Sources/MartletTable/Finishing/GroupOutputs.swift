/// Computes the outputs of a grouping from its keys and aggregates: `max(v1) - min(v2)` from the slots of the two.
package struct GroupOutputs: Sendable {
  private let finish: GroupFinish
  /// Rows that are written at a time: so few that the dictionary entries that their keys are in stay in the first-level
  /// cache between the pass that looks at their lengths and the one that copies their bytes.
  private static let writtenBatch = 256

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
  package func frame(_ groups: GroupShard) throws(TableError) -> TypedFrame {
    let columns = finish.keyNames.indices.map(groups.key) + (try outputs(groups))
    return TypedFrame(
      Frame(names: names, columns: columns, rowCount: groups.count), types: try types(keyTypes: groups.keyTypes))
  }

  /// Writes the rows of some groups, as `frame` has them; the keys go straight from their dictionaries to `buffer`.
  package func write(_ groups: GroupShard, _ writer: RowWriter, to buffer: ByteBuffer) throws(TableError) {
    let outputs = try outputs(groups)
    let keys = finish.keyNames.map { _ in Vector(type: .text) }
    let vectors = keys + outputs.map { Vector(type: $0.type) }
    let arena = TextArena()
    var row = 0
    while row < groups.count {
      let rows = row..<min(row + Self.writtenBatch, groups.count)
      arena.reset()
      for (column, vector) in keys.enumerated() { groups.fillKey(column, rows, into: vector) }
      for (column, vector) in zip(outputs, vectors[keys.count...]) { column.copy(rows, to: vector, arena: arena) }
      writer.append(vectors, count: rows.count, to: buffer)
      row = rows.upperBound
    }
  }

  /// The outputs of some groups.
  private func outputs(_ groups: GroupShard) throws(TableError) -> [Column] {
    let names = schema(groups.keyTypes).map(\.name)
    var columns: [Column] = []
    for output in finish.outputs {
      if case .column(let name) = output.expression, let index = names.firstIndex(of: name) {
        columns.append(source(index, of: groups))
      } else {
        columns.append(try compute(output.expression, groups))
      }
    }
    return columns
  }

  /// Column `index` of what expressions are computed from: keys, then slots.
  private func source(_ index: Int, of groups: GroupShard) -> Column {
    let keyCount = finish.keyNames.count
    return index < keyCount ? groups.key(index) : groups.aggregate(index - keyCount)
  }

  private func schema(_ keyTypes: [ColumnType]) -> [SchemaColumn] {
    zip(finish.keyNames, keyTypes).map { (name: $0, type: $1) } + finish.slots.map { (name: $0.name, type: $0.type) }
  }

  private func compute(_ expression: Expression, _ groups: GroupShard) throws(TableError) -> Column {
    let schema = schema(groups.keyTypes)
    let bound = try BoundExpression(expression, schema: schema)
    var input = [Vector?](repeating: nil, count: schema.count)
    let sources = bound.columns.map { index in
      let vector = Vector(type: schema[index].type)
      input[index] = vector
      return (column: source(index, of: groups), vector: vector, type: schema[index].type)
    }
    let arena = TextArena()
    var result = ColumnBuilder(type: bound.type)
    var row = 0
    while row < groups.count {
      let rows = row..<min(row + Batch.capacity, groups.count)
      arena.reset()
      for source in sources { try source.column.load(rows, as: source.type, into: source.vector, arena: arena) }
      result.append(try bound.evaluate(input, count: rows.count, arena: arena), rows: 0..<rows.count)
      row = rows.upperBound
    }
    return result.column()
  }
}
