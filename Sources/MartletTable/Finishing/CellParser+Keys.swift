extension CellParser {
  /// The value of a cell as `Vector.ints` keeps it, for a double its bit pattern; nil when the cell is not of that
  /// type. Lenient, since a type that the user has given may be.
  package static func bits(_ address: UnsafePointer<UInt8>, _ count: Int, as type: ColumnType) -> Int64? {
    switch type {
    case .int: IntParser.parse(address, count, lenient: true)
    case .double:
      DoubleParser.parse(address, count, lenient: true).map { Int64(bitPattern: $0.bitPattern) }
    case .bool: bool(address, count, lenient: true)
    case .date: MomentParser.date(address, count)
    case .timestamp: MomentParser.timestamp(address, count, acceptsDate: true)
    case .text, .null: nil
    }
  }
}

/// The reader of key cells that the grouping's finish asks, on the parsers of this module.
package struct ParsedKeyCells: KeyCellReader {
  package init() {}

  package func classify(_ cell: UnsafeBufferPointer<UInt8>) -> SeenTypes { CellParser.classify(cell) }

  package func int(_ cell: UnsafeBufferPointer<UInt8>, as type: ColumnType) -> Int64? {
    CellParser.padded(cell) { CellParser.bits($0, cell.count, as: type) }
  }

  package func double(_ cell: UnsafeBufferPointer<UInt8>) -> Double? {
    CellParser.padded(cell) { DoubleParser.parse($0, cell.count, lenient: true) }
  }
}
