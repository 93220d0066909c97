/// The cells of a slot as text: those of a file's column as they are written, those of a derived column formatted.
package struct SlotText {
  private let slot: Int
  private let format: BoundExpression?

  init(slot: Int, fileColumns: Int, schema: [SchemaColumn]) throws(TableError) {
    self.slot = slot
    if slot < fileColumns {
      format = nil
    } else {
      format = try BoundExpression(.cast(.column(schema[slot].name), .text), schema: schema)
    }
  }

  /// One for each of `slots`.
  static func all(_ slots: [Int], fileColumns: Int, schema: [SchemaColumn]) throws(TableError) -> [SlotText] {
    var texts: [SlotText] = []
    for slot in slots { texts.append(try SlotText(slot: slot, fileColumns: fileColumns, schema: schema)) }
    return texts
  }

  /// The cells of the batch; valid until the next batch.
  func cells(_ batch: borrowing ScanBatch, arena: TextArena) throws -> Vector {
    if let format { return try format.evaluate(batch.values, count: batch.count, arena: arena) }
    return batch.texts[slot]!
  }
}
