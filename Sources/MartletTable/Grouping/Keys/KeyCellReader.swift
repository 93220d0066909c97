/// What the finish of a grouping needs to know of a cell's text: its class and its value.
///
/// Asked once for every distinct key, never for every record.
package protocol KeyCellReader: Sendable {
  /// The one class the cell belongs to.
  func classify(_ cell: UnsafeBufferPointer<UInt8>) -> SeenTypes
  /// The value of a cell of type bool (0, 1), int, date (days) or timestamp (microseconds), as `Vector.ints` keeps it;
  /// nil when the cell is not of that type.
  func int(_ cell: UnsafeBufferPointer<UInt8>, as type: ColumnType) -> Int64?
  /// The value of a cell of type double or int; nil when it is neither.
  func double(_ cell: UnsafeBufferPointer<UInt8>) -> Double?
}
