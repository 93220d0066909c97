/// The one table of options.
enum OptionTable {
  static let specs: [OptionSpec] = [
    OptionSpec(.number, short: "n", value: "N", in: .own, "records to show (10)"),
    OptionSpec(.seed, value: "S", in: .own, "number that makes the draw repeatable"),
    OptionSpec(.top, value: "N", in: .own, "values to show for each column (10)"),
    OptionSpec(.types, in: .own, "print the types as --type options to paste"),
    OptionSpec(.by, value: "COLS", in: .own, "columns that make the groups: a,b or \"a, b\",c"),
    OptionSpec(
      .agg, value: "LIST", in: .own, isRepeatable: true,
      "aggregates, each with AS name if wanted: count(*) count(x) sum mean min max median quantile(x, p) var std "
        + "first last nunique mode corr(x, y) any all top(x, n) (count(*))"),
    OptionSpec(.unordered, in: .own, "leave the groups in any order"),
    OptionSpec(.kind, value: "KIND", in: .own, "trips, groupby or stations (trips)"),
    OptionSpec(.rows, value: "N", in: .own, "records to write (1000)"),

    OptionSpec(.filter, value: "EXPR", in: .records, "keep the records for which EXPR is true"),
    OptionSpec(
      .derive, value: "'NAME = EXPR'", in: .records, isRepeatable: true,
      "add a column; a later one may use an earlier one"),
    OptionSpec(.columns, value: "COLS", in: .records, "only these columns, in this order: a,b or \"a, b\",c"),
    OptionSpec(.sort, value: "COLS", in: .records, "order by these columns, -a for descending"),
    OptionSpec(.limit, value: "N", in: .records, "stop after N records"),

    OptionSpec(
      .delimiter, short: "d", value: "C", in: .dialect,
      "one to four bytes, \\t or tab, or auto (by extension, then by content)"),
    OptionSpec(.quote, value: "C", in: .dialect, "quoting character, or none (\")"),
    OptionSpec(.escape, value: "C", in: .dialect, "character that escapes the next one"),
    OptionSpec(.noHeader, in: .dialect, "the first record is data; columns are c1, c2, ..."),
    OptionSpec(.skip, value: "N", in: .dialect, "lines before the header (0)"),
    OptionSpec(.comment, value: "C", in: .dialect, "leave out lines that begin with C"),
    OptionSpec(.encoding, value: "NAME", in: .dialect, "utf-8 or latin1 (utf-8)"),
    OptionSpec(.null, value: "TEXT", in: .dialect, isRepeatable: true, "cells with this text are null, too"),
    OptionSpec(
      .ragged, value: "HOW", in: .dialect, "records with too few or too many fields: error, pad or skip (error)"),
    OptionSpec(
      .type, value: "COL=TYPE", in: .dialect, isRepeatable: true,
      "take bool, int, double, date, timestamp or text instead of the inferred type"),

    OptionSpec(
      .format, value: "NAME", in: .output,
      "table, csv, tsv, json, jsonl or markdown (table on a terminal, csv elsewhere)"),
    OptionSpec(
      .output, short: "o", value: "FILE", in: .output, "write to FILE, which is replaced only when all went well"),

    OptionSpec(.threads, value: "N", in: .execution, "threads that compute (one a core)"),
    OptionSpec(.partition, value: "SIZE", in: .execution, "bytes of input a task: 64MiB, 16MB"),
    OptionSpec(.memory, value: "SIZE", in: .execution, "peak resident memory to stay below: 1GiB"),
    OptionSpec(
      .cluster, value: "ADDRESS", in: .execution,
      "read the input on the workers of a cluster: tcp://HOST:PORT of its scheduler"),
    OptionSpec(
      .localCluster, value: "N", in: .execution,
      "read the input in N processes of this machine; --threads are those of each (1)"),
    OptionSpec(.secretFile, value: "FILE", in: .execution, "what the cluster's processes have in common"),
    OptionSpec(
      .sendData, in: .execution, "send the input to the workers, for files that they do not have, and pipes"),
    OptionSpec(.progress, value: "WHEN", in: .execution, "bar on standard error: auto, always or never (auto)"),
    OptionSpec(.explain, in: .execution, "print the plan; nothing is run"),
    OptionSpec(.graph, value: "FILE.svg", in: .execution, "draw the task graph; FILE.dot for Graphviz"),
    OptionSpec(.trace, value: "FILE.json", in: .execution, "timeline for Perfetto or chrome://tracing"),
    OptionSpec(.profile, in: .execution, "where the time went, in a table on standard error"),
    OptionSpec(.help, short: "h", in: .execution, "print this page"),
  ]

  static func spec(_ name: OptionName) -> OptionSpec {
    specs.first { $0.name == name }!
  }

  static func spec(short: Character) -> OptionSpec? {
    specs.first { $0.short == short }
  }
}
