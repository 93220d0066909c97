/// The outputs of a grouping split into what the grouping computes and what is computed from that, per group.
///
/// `max(v1) - min(v2)` becomes the calls `max(v1)` and `min(v2)`, each in a slot, and the expression `slot - slot`. Equal
/// calls share a slot.
package struct AggregateExtraction: Sendable {
  /// What the grouping computes; slot `i` is `calls[i]`.
  package private(set) var calls: [AggregateCall] = []
  /// The names under which the outputs read the slots: no group key has one of them.
  package private(set) var slotNames: [String] = []
  /// The outputs as expressions of the group keys and the slots, by name.
  package private(set) var outputs: [OutputColumn] = []

  /// Splits `columns`, grouped by the columns `keys`.
  ///
  /// - Throws: `TableError` (`.invalidQuery`) for an aggregate in an aggregate, or a column that is neither a key nor in
  ///   an aggregate.
  package init(_ columns: [OutputColumn], keys: [String]) throws(TableError) {
    for column in columns {
      let expression = try extract(column.expression, keys, in: column.expression)
      outputs.append(OutputColumn(name: column.name, expression: expression))
    }
  }

  private mutating func extract(
    _ expression: Expression, _ keys: [String], in whole: Expression
  ) throws(TableError) -> Expression {
    switch expression {
    case .aggregate(let call):
      for argument in call.arguments {
        if let inner = argument.firstAggregate {
          throw .query(
            "\(Binder.short(.aggregate(inner))) stands inside \(Binder.short(.aggregate(call))): an aggregate of an aggregate",
            remedy: "group once, and group the result again")
        }
      }
      return .column(slotNames[slot(of: call, keys)])
    case .column(let name):
      let key =
        keys.first { $0.utf8.elementsEqual(name.utf8) }
        ?? Self.onlyOne(keys.filter { $0.lowercased() == name.lowercased() })
      guard let key else {
        let shown = Expression.columnText(name)
        throw .query(
          "\(shown) has many values in a group: it is no key of the grouping and in no aggregate",
          remedy: "write first(\(shown)), or group by it")
      }
      return .column(key)
    default:
      var copy = self
      let mapped = try expression.mapChildren { child throws(TableError) in try copy.extract(child, keys, in: whole) }
      self = copy
      return mapped
    }
  }

  private static func onlyOne(_ names: [String]) -> String? { names.count == 1 ? names[0] : nil }

  private mutating func slot(of call: AggregateCall, _ keys: [String]) -> Int {
    // By bytes: two names that Swift takes for equal may be two columns.
    let text = call.description
    if let index = calls.indices.first(where: {
      calls[$0] == call && calls[$0].description.utf8.elementsEqual(text.utf8)
    }) {
      return index
    }
    var name = text
    let taken = Set((keys + slotNames).map { $0.lowercased() })
    while taken.contains(name.lowercased()) { name += "'" }
    calls.append(call)
    slotNames.append(name)
    return calls.count - 1
  }
}

extension Expression {
  /// The leftmost aggregate in it.
  var firstAggregate: AggregateCall? {
    if case .aggregate(let call) = self { return call }
    var found: AggregateCall?
    forEachChild { found = found ?? $0.firstAggregate }
    return found
  }
}
