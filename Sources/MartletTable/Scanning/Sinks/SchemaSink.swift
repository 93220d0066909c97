/// Counts the nulls of each column and keeps the first value as an example.
final class SchemaSink: Sink {
  private let texts: [SlotText]
  private var columns: [ColumnSchema]

  init(_ slots: [Int], fileColumns: Int, schema: [SchemaColumn]) throws(TableError) {
    columns = slots.map { ColumnSchema(name: schema[$0].name, type: schema[$0].type) }
    texts = try SlotText.all(slots, fileColumns: fileColumns, schema: schema)
  }

  func consume(_ batch: borrowing ScanBatch, arena: TextArena) throws -> Bool {
    for (index, text) in texts.enumerated() {
      let cells = try text.cells(batch, arena: arena)
      var nulls = 0
      if cells.hasNulls {
        for row in 0..<batch.count { nulls += cells.valid[row] == 0 ? 1 : 0 }
      }
      columns[index].nulls += nulls
      columns[index].records += batch.count
      if columns[index].example == nil, nulls < batch.count {
        columns[index].example = (0..<batch.count).first { cells.isValid($0) }.map { Array(cells.text($0)) }
      }
    }
    return false
  }

  func finish() -> SinkPartial? { .schema(columns) }
}

/// What `schema` says of a column.
package struct ColumnSchema: Hashable, Sendable {
  package var name: String
  package var type: ColumnType
  package var nulls = 0
  package var records = 0
  /// The first value, as it is written.
  package var example: [UInt8]?
}
