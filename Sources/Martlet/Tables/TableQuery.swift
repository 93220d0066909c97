package import MartletTable

/// What somebody wants to know of a table: data only, nothing is opened or checked yet.
package struct TableQuery: Hashable, Sendable {
  /// The files and how to read them.
  package var input: TableInput
  /// `NAME = EXPR` each, in order; a later one may use an earlier one.
  package var derived: [String] = []
  /// An expression; records for which it is not true are left out.
  package var filter: String?
  /// The columns that are wanted, in this order; nil for all (and the derived ones behind them).
  package var columns: [String]?
  package var operation: Operation

  package init(input: TableInput, operation: Operation) {
    self.input = input
    self.operation = operation
  }

  /// One of the things that can be done with the records that `filter` lets through.
  package enum Operation: Hashable, Sendable {
    /// The number of records.
    case count
    /// A row a column: name, type, nulls, example.
    case schema
    /// The first records.
    case head(Int)
    /// The last records.
    case tail(Int)
    /// `count` records, drawn uniformly; the same for the same seed.
    case sample(Int, seed: UInt64)
    /// A row a column: type, count, nulls, distinct, min, max, mean, std, quartiles, text lengths.
    case statistics
    /// The most frequent values of each column.
    case frequencies(top: Int)
    /// The records; with `sort` only together with `limit`.
    case select(sort: [SortKey], limit: Int?)
    /// A row a group, ordered by the keys without `sort`. `aggregates` has an entry for each `--agg`, each a list of expressions.
    case group(by: [String], aggregates: [String], sort: [SortKey], limit: Int?)
  }
}

/// Which files hold the table, and in which dialect of CSV.
package struct TableInput: Hashable, Sendable {
  /// Paths, globs, or `-` for standard input.
  package var files: [String]
  /// One to four bytes, or nil to find it out: by extension, then by content.
  package var delimiter: [UInt8]?
  /// nil where nothing is quoted.
  package var quote: UInt8? = UInt8(ascii: "\"")
  package var escape: UInt8?
  package var hasHeader = true
  package var skippedLines = 0
  package var comment: UInt8?
  package var isLatin1 = false
  /// Cells with one of these texts are null, besides the empty unquoted ones.
  package var nullTexts: [String] = []
  package var ragged = RaggedRecords.error
  /// Columns whose type is given instead of inferred.
  package var types: [String: ColumnType] = [:]

  package init(files: [String]) { self.files = files }

  /// What happens to a record whose number of fields is not the header's.
  package enum RaggedRecords: String, Hashable, Sendable, CaseIterable {
    case error, pad, skip
  }
}
