package import MartletTable

/// A query whose files are open and whose names and types are checked.
package final class PlannedQuery {
  package init(_ query: TableQuery, options: ExecutionOptions) throws(TableError) {
    throw TableError(.invalidQuery, "this command is not there yet", remedy: "use generate")
  }

  /// The plan, one item a line.
  package func explanation() throws -> String { "" }

  /// The task graph in Graphviz's language.
  package func drawing() throws -> String { "" }

  package func run(
    format: OutputFormat, width: Int, output: any OutputTarget, progress: RunProgress, record: Bool
  ) throws -> RunReport {
    RunReport()
  }
}

/// What there is to say of a run that is over.
package struct RunReport {
  /// One line each, for standard error.
  package var notes: [String] = []
  /// What ran when, if it was asked for.
  package var record: RunRecord?

  package init() {}
}
