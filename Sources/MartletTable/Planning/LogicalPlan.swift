/// What is to be computed of a table, as a tree of relational operations: data only, so that it can be shown,
/// rewritten and sent to workers.
///
/// Each case names its own work and the plan whose records it takes.
package indirect enum LogicalPlan: Hashable, Sendable {
  /// All records of the input with these columns.
  case scan(columns: [String])
  /// The records with more columns behind their own; a later column may use an earlier one.
  case derive([DerivedColumn], LogicalPlan)
  /// The records for which the expression is true.
  case filter(Expression, LogicalPlan)
  /// The records with only these columns, in this order.
  case project([String], LogicalPlan)
  /// A record a group.
  case group(Grouping, LogicalPlan)
  /// The records in another order; stable.
  case sort([SortKey], LogicalPlan)
  /// The first records.
  case limit(Int, LogicalPlan)
  /// One of the summaries that look at every column.
  case summarize(Summary, LogicalPlan)
}

/// How records are grouped and what is computed of each group. Groups come ordered by their keys, nulls last.
package struct Grouping: Hashable, Sendable {
  package var keys: [String]
  /// Expressions over aggregates and keys.
  package var outputs: [OutputColumn]

  package init(keys: [String], outputs: [OutputColumn]) {
    self.keys = keys
    self.outputs = outputs
  }
}

/// A summary of all columns, or of the records as such.
package enum Summary: Hashable, Sendable {
  /// The number of records.
  case count
  /// Name, type, nulls and an example of each column.
  case schema
  /// Count, distinct values, extremes, moments and quartiles of each column.
  case statistics
  /// The most frequent values of each column.
  case frequencies(top: Int)
  /// The last records.
  case tail(Int)
  /// Records drawn uniformly.
  case sample(Int, seed: UInt64)
}

/// One key of an order.
package struct SortKey: Hashable, Sendable {
  package var column: String
  package var isDescending: Bool

  package init(column: String, isDescending: Bool) {
    self.column = column
    self.isDescending = isDescending
  }

  /// Reads `a,-b`: a column behind a minus is in descending order.
  package static func parse(_ list: String) -> [SortKey] {
    list.split(separator: ",").map { name in
      let isDescending = name.hasPrefix("-")
      return SortKey(column: String(isDescending ? name.dropFirst() : name), isDescending: isDescending)
    }
  }
}
