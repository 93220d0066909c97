/// Every option of every command; the raw value is what is typed behind `--`.
enum OptionName: String, CaseIterable, Sendable {
  // What the commands themselves have.
  case number, seed, top, types, by, agg, unordered, kind, rows
  // Which records and columns.
  case filter = "where"
  case derive, columns, sort, limit
  // The dialect of the files, and what their cells are.
  case delimiter, quote, escape
  case noHeader = "no-header"
  case skip, comment, encoding, null, ragged, type
  // Where the result goes.
  case format, output
  // How the query is executed.
  case threads, partition, memory, progress, explain, graph, trace, profile
  case cluster
  case localCluster = "local-cluster"
  case secretFile = "secret-file"
  case sendData = "send-data"
  case help
}

/// The parts of a command's help, in the order in which they are printed.
enum OptionGroup: String, CaseIterable, Sendable {
  case own = "Options"
  case records = "Records and columns"
  case dialect = "How the files are written"
  case output = "Output"
  case execution = "Execution"
}

/// What the parser and the help know of an option.
struct OptionSpec: Sendable {
  let name: OptionName
  let short: Character?
  /// The word that stands for the value in the help; nil for an option without one.
  let value: String?
  let group: OptionGroup
  let isRepeatable: Bool
  let help: String

  init(
    _ name: OptionName, short: Character? = nil, value: String? = nil, in group: OptionGroup,
    isRepeatable: Bool = false, _ help: String
  ) {
    self.name = name
    self.short = short
    self.value = value
    self.group = group
    self.isRepeatable = isRepeatable
    self.help = help
  }
}
