import Martlet

/// The pages of `--help`, at most 80 columns wide.
enum HelpText {
  static let width = 80
  static let version = "\(MartletRelease.version)"

  /// The program's page.
  static func program() -> String {
    var page = """
      martlet-csv \(version): questions to CSV files of any size, answered on all cores

      Usage: martlet-csv COMMAND [options] [FILE ...]

      FILE is a path, a quoted glob ('logs/2026-*.csv') or - for standard input.
      Several files with the same header are one table.

      Commands:

      """
    for command in CommandTable.specs {
      page += item(command.name.rawValue, command.summary, indent: 2, column: 12)
    }
    page += """

      martlet-csv COMMAND --help      options of a command, with an example
      martlet-csv help expressions    what --where, --derive and --agg understand
      martlet-csv --version           version

      Example:
        martlet-csv stats Samples/trips.csv

      """
    return page
  }

  /// The page of one command.
  static func page(of command: CommandSpec) -> String {
    var page = "Usage: martlet-csv \(command.name.rawValue) \(command.usage)\n\n"
    page += wrapped(command.details, width: width, indent: 0).joined(separator: "\n") + "\n"
    for group in OptionGroup.allCases {
      let specs = OptionTable.specs.filter { $0.group == group && command.accepts($0.name) }
      if specs.isEmpty { continue }
      page += "\n\(group.rawValue):\n"
      for spec in specs {
        var term = spec.short.map { "-\($0), " } ?? "    "
        term += "--\(spec.name.rawValue)"
        if let value = spec.value { term += " \(value)" }
        page += item(term, spec.help, indent: 2, column: 30)
      }
    }
    if command.accepts(.filter) {
      page += "\nmartlet-csv help expressions lists the operators, functions and aggregates.\n"
    }
    page += "\nExample:\n"
    for line in command.example.split(separator: "\n") { page += "  \(line)\n" }
    return page
  }

  /// A term with its explanation beside it, from column `column` on.
  private static func item(_ term: String, _ text: String, indent: Int, column: Int) -> String {
    var lines = wrapped(text, width: width, indent: column)
    let head = String(repeating: " ", count: indent) + term
    if head.count + 2 <= column {
      lines[0] = head + lines[0].dropFirst(head.count)
    } else {
      lines.insert(head, at: 0)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The words of a text in lines of at most `width` columns, each after `indent` blanks.
  static func wrapped(_ text: String, width: Int, indent: Int) -> [String] {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = margin
    for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
      if line.count > indent, line.count + 1 + word.count > width {
        lines.append(line)
        line = margin
      }
      if line.count > indent { line += " " }
      line += word
    }
    lines.append(line)
    return lines
  }
}
