/// Which classes of cells a column holds: the state of type inference.
///
/// Each cell that is not null belongs to exactly one class, so the union over any partition of the input, in any
/// order, is the same set; the column's type follows from the set alone.
package struct SeenTypes: OptionSet, Hashable, Sendable {
  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  package static let bool = SeenTypes(rawValue: 1)
  package static let int = SeenTypes(rawValue: 2)
  package static let double = SeenTypes(rawValue: 4)
  package static let date = SeenTypes(rawValue: 8)
  package static let timestamp = SeenTypes(rawValue: 16)
  package static let text = SeenTypes(rawValue: 32)

  /// The narrowest type that holds all classes seen.
  package var columnType: ColumnType {
    if isEmpty { return .null }
    if self == .bool { return .bool }
    if self == .int { return .int }
    if isSubset(of: [.int, .double]) { return .double }
    if self == .date { return .date }
    if isSubset(of: [.date, .timestamp]) { return .timestamp }
    return .text
  }

  /// The classes whose cells a column of `type` can hold.
  package static func accepted(by type: ColumnType) -> SeenTypes {
    switch type {
    case .null: []
    case .bool: .bool
    case .int: .int
    case .double: [.int, .double]
    case .date: .date
    case .timestamp: [.date, .timestamp]
    case .text: [.bool, .int, .double, .date, .timestamp, .text]
    }
  }
}
