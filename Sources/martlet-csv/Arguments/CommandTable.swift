/// The commands that there are.
enum CommandName: String, CaseIterable, Sendable {
  case count, schema, head, tail, sample, stats, freq, select, group, generate
}

/// What the parser and the help know of a command.
struct CommandSpec: Sendable {
  let name: CommandName
  /// What stands behind the command in its usage line.
  let usage: String
  /// One line of the program's help.
  let summary: String
  /// What the command does, for its own help; wrapped when printed.
  let details: String
  /// One that works on `Samples/trips.csv`.
  let example: String
  let options: [OptionName]
  let takesFiles: Bool

  func accepts(_ option: OptionName) -> Bool { options.contains(option) || option == .help }
}

/// The one table of commands.
enum CommandTable {
  private static let dialect: [OptionName] = [
    .delimiter, .quote, .escape, .noHeader, .skip, .comment, .encoding, .null, .ragged, .type,
  ]
  private static let execution: [OptionName] = [
    .threads, .partition, .memory, .cluster, .localCluster, .secretFile, .sendData, .progress, .explain, .graph, .trace,
    .profile,
  ]
  private static let output: [OptionName] = [.format, .output]
  private static let reading = dialect + output + execution

  static let specs: [CommandSpec] = [
    CommandSpec(
      name: .count, usage: "[options] [FILE ...]",
      summary: "the number of records",
      details: """
        Prints the number of records, alone on a line. A header is not a record, and a newline in quotes does not end \
        one.
        """,
      example: "martlet-csv count Samples/trips.csv --where \"city = 'Lyon'\"",
      options: [.filter, .derive] + dialect + [.output] + execution, takesFiles: true),
    CommandSpec(
      name: .schema, usage: "[options] [FILE ...]",
      summary: "a row a column: name, type, nulls, example",
      details: """
        Prints a row for each column: its name, its type (from all records, never from a sample), how many cells are \
        null, and an example.
        """,
      example: "martlet-csv schema Samples/trips.csv",
      options: [.types, .filter, .derive, .columns] + reading, takesFiles: true),
    CommandSpec(
      name: .head, usage: "[options] [FILE ...]",
      summary: "the first records",
      details: "Prints the first records, and reads no more of the files than that takes.",
      example: "martlet-csv head -n 3 Samples/trips.csv --columns trip_id,city,fare",
      options: [.number, .filter, .derive, .columns] + reading, takesFiles: true),
    CommandSpec(
      name: .tail, usage: "[options] [FILE ...]",
      summary: "the last records",
      details: "Prints the last records.",
      example: "martlet-csv tail -n 3 Samples/trips.csv --columns trip_id,city,fare",
      options: [.number, .filter, .derive, .columns] + reading, takesFiles: true),
    CommandSpec(
      name: .sample, usage: "[options] [FILE ...]",
      summary: "records drawn at random",
      details: """
        Prints records drawn uniformly, each at most once, in the order of the files. With --seed the draw is the \
        same every time.
        """,
      example: "martlet-csv sample -n 5 --seed 1 Samples/trips.csv",
      options: [.number, .seed, .filter, .derive, .columns] + reading, takesFiles: true),
    CommandSpec(
      name: .stats, usage: "[options] [FILE ...]",
      summary: "a row a column: nulls, distinct, min, max, mean, quartiles, ...",
      details: """
        Prints a row for each column: type, count, nulls, distinct values, min, max, mean, standard deviation (n - 1), \
        quartiles, and for text the shortest and the longest length.
        """,
      example: "martlet-csv stats Samples/trips.csv --columns fare,distance_km,rating",
      options: [.filter, .derive, .columns] + reading, takesFiles: true),
    CommandSpec(
      name: .freq, usage: "[options] [FILE ...]",
      summary: "the most frequent values of columns",
      details: """
        Prints the most frequent values of each column, with their number and their share of the records as a \
        fraction.
        """,
      example: "martlet-csv freq Samples/trips.csv --columns city,bike --top 3",
      options: [.top, .filter, .derive, .columns] + reading, takesFiles: true),
    CommandSpec(
      name: .select, usage: "[options] [FILE ...]",
      summary: "the records: filtered, extended, projected",
      details: """
        Writes the records for which --where is true, with the columns of --columns, to which --derive adds. Cells \
        that are not computed are written back byte for byte. --sort needs --limit in this version.
        """,
      example: """
        martlet-csv select Samples/trips.csv --where 'rating = 5' \\
            --derive 'per_km = round(fare / distance_km, 2)' \\
            --columns trip_id,city,per_km --sort -per_km --limit 5
        """,
      options: [.filter, .derive, .columns, .sort, .limit] + reading, takesFiles: true),
    CommandSpec(
      name: .group, usage: "--by COLS --agg LIST [options] [FILE ...]",
      summary: "a row a group, with aggregates",
      details: """
        Prints a row for each group of records that agree in the columns of --by, ordered by these (nulls last) unless \
        --sort says otherwise. Without --by all records are one group; without --agg they are counted.
        """,
      example: """
        martlet-csv group Samples/trips.csv --by city \\
            --agg 'count(*) AS trips, mean(fare) AS fare' --sort -trips
        """,
      options: [.by, .agg, .unordered, .filter, .derive, .sort, .limit] + reading, takesFiles: true),
    CommandSpec(
      name: .generate, usage: "[--kind KIND] [--rows N] [options]",
      summary: "a reproducible data set of any size",
      details: """
        Writes a data set as CSV: trips (bike trips with quotes, nulls, dates and UTF-8), groupby (nine uniform \
        columns of the db-benchmark) or stations (413 places and their temperatures). The same kind, rows and seed \
        give the same bytes on any number of threads.
        """,
      example: "martlet-csv generate --kind groupby --rows 1000000 --output g.csv",
      options: [.kind, .rows, .seed, .output, .threads, .progress, .trace, .profile], takesFiles: false),
  ]

  /// Commands that users may know of and that this version does not have, with what to do instead.
  static let absent: [String: String] = [
    "sort": "use select --sort COLS --limit N for the first records of an order",
    "distinct": "use group --by COLS --agg 'count(*)' for the distinct keys",
    "join": "join the files with another program first",
    "sql": "use select or group with --where, --derive and --agg",
    "convert": "use select --format NAME --output FILE",
    "split": "use select --where EXPR --output FILE for each part",
  ]

  static func spec(_ name: CommandName) -> CommandSpec {
    specs.first { $0.name == name }!
  }
}
