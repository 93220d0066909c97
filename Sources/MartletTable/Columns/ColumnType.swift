/// The type of a column.
package enum ColumnType: UInt8, Sendable, CaseIterable {
  /// Only nulls were seen. Prints as `text`; every function and aggregate accepts it and sees nulls.
  case null
  /// `true` or `false`.
  case bool
  /// A whole number of 64 bits.
  case int
  /// A real number of 64 bits (IEEE 754).
  case double
  /// A day of the proleptic Gregorian calendar, kept as days since 1970-01-01.
  case date
  /// A moment, kept as microseconds since 1970-01-01T00:00:00 (UTC when the text has a `Z` or an offset).
  case timestamp
  /// Bytes, UTF-8 by convention; never checked and never altered.
  case text

  /// The name that users type and read; `null` is presented as `text`.
  package var name: String {
    switch self {
    case .null, .text: "text"
    case .bool: "bool"
    case .int: "int"
    case .double: "double"
    case .date: "date"
    case .timestamp: "timestamp"
    }
  }

  /// The type of that name, as in `--type COL=TYPE` and `CAST(x AS type)`; nil for an unknown name.
  ///
  /// SQL's other names are accepted in any case: `integer bigint real float varchar string boolean datetime`.
  package init?(name: String) {
    switch name.lowercased() {
    case "bool", "boolean": self = .bool
    case "int", "integer", "bigint": self = .int
    case "double", "real", "float": self = .double
    case "date": self = .date
    case "timestamp", "datetime": self = .timestamp
    case "text", "string", "varchar": self = .text
    default: return nil
    }
  }

  /// True for int and double.
  package var isNumeric: Bool { self == .int || self == .double }
}
