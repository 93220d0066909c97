/// How a query is carried out: what every partition's task does, and what is made of the merged partial results.
package struct PhysicalPlan: Hashable, Sendable {
  package var scan: ScanPlan
  package var finish: FinishPlan
}

/// What is made of the merged partial results.
package enum FinishPlan: Hashable, Sendable {
  /// The partial results are the result, as they come: written text, or collected rows.
  case rows
  /// Collected rows for a terminal, of which this many are shown.
  case shownRows(Int)
  case count
  case schema
  case statistics
  case frequencies(top: Int)
  case groups(GroupFinish)
}

/// How groups become rows.
package struct GroupFinish: Hashable, Sendable {
  /// The names of the keys, in order.
  package var keyNames: [String]
  /// For each key its type where it is known beforehand: given by the user, or of a derived column. Otherwise the
  /// type follows from the keys themselves.
  package var keyTypes: [ColumnType?]
  /// The names and types of the aggregates that the outputs refer to.
  package var slots: [GroupSlot]
  package var outputs: [OutputColumn]
  package var sort: [SortKey]
  package var limit: Int?
}

/// An aggregate's value as a column that outputs refer to.
package struct GroupSlot: Hashable, Sendable {
  package var name: String
  package var type: ColumnType
}
