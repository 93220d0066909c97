/// One value of any type.
package enum Scalar: Hashable, Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  /// Days since 1970-01-01.
  case date(Int64)
  /// Microseconds since 1970-01-01T00:00:00.
  case timestamp(Int64)
  /// UTF-8; bytes rather than `String`, which would take differently composed texts for equal.
  case text([UInt8])

  /// The text of `string`.
  package static func text(_ string: String) -> Scalar { .text(Array(string.utf8)) }

  package var type: ColumnType {
    switch self {
    case .null: .null
    case .bool: .bool
    case .int: .int
    case .double: .double
    case .date: .date
    case .timestamp: .timestamp
    case .text: .text
    }
  }
}
