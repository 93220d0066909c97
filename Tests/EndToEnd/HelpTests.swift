import Testing

@testable import martlet_csv

@Suite struct HelpTests {
  @Test func `the program explains itself`() {
    let outcome = martlet("--help")
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    for command in CommandName.allCases { #expect(outcome.output.contains("\n  \(command.rawValue) ")) }
    #expect(martlet("-h").output == outcome.output)
    #expect(martlet("help").output == outcome.output)
  }

  @Test(arguments: CommandName.allCases)
  func `a command explains itself with an example, at most 80 columns wide`(command: CommandName) {
    let outcome = martlet(command.rawValue, "--help")
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    #expect(outcome.output.hasPrefix("Usage: martlet-csv \(command.rawValue) "))
    #expect(outcome.output.contains("\nExample:\n  martlet-csv \(command.rawValue) "))
    for line in outcome.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    #expect(martlet("help", command.rawValue).output == outcome.output)
    #expect(martlet(command.rawValue, "missing.csv", "--nonsense", "-h").output == outcome.output)
  }

  @Test(arguments: CommandTable.specs.map(\.name))
  func `every option of a command is in its help`(command: CommandName) {
    let page = HelpText.page(of: CommandTable.spec(command))
    for option in CommandTable.spec(command).options { #expect(page.contains("--\(option.rawValue)")) }
  }

  @Test(arguments: CommandTable.specs.map(\.name))
  func `the example of a command can be parsed`(command: CommandName) throws {
    let example = CommandTable.spec(command).example.split(separator: "\n").joined().split(separator: " ")
    #expect(example.first == "martlet-csv")
    // Words in quotes are glued together again: enough of a shell for our own examples.
    var words: [String] = []
    var open: Character?
    for word in example.dropFirst() where word != "\\" {
      let quotes = word.filter { $0 == (open ?? "'") || open == nil && $0 == "\"" }
      if open != nil { words[words.count - 1] += " " + word } else { words.append(String(word)) }
      if quotes.count % 2 == 1 { open = open == nil ? quotes.first : nil }
    }
    guard case .command(let arguments) = try Program.request(words) else { throw Unexpected() }
    #expect(arguments.command == command)
    #expect(command == .generate || arguments.files == ["Samples/trips.csv"])
  }

  @Test func `the language of expressions has a page`() {
    let outcome = martlet("help", "expressions")
    #expect(outcome.status == 0)
    for line in outcome.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    for function in ["coalesce(value, …)", "date_trunc('unit', date)", "count(*)", "corr(number, number)"] {
      #expect(outcome.output.contains(function))
    }
  }

  @Test func `the example of the expressions works on the sample`() {
    let example = HelpText.expressions().components(after: "Example:\n")
    let line = example.replacing("\\\n", with: " ").replacing("Samples/trips.csv", with: Trips.sample)
      .replacing("martlet-csv ", with: "\"$0\" ")
    let outcome = Command([], in: Sandbox(), shell: "\(line.trimmed); exit $?").outcome()
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(outcome.output.split(separator: "\n").count >= 4)
  }

  @Test func `the version is one line`() {
    let outcome = martlet("--version")
    #expect(outcome.status == 0)
    #expect(outcome.output == "martlet-csv \(HelpText.version)\n")
  }

  struct Unexpected: Error {}
}

extension String {
  /// What stands behind the first `mark`.
  fileprivate func components(after mark: String) -> String {
    firstRange(of: mark).map { String(self[$0.upperBound...]) } ?? ""
  }

  /// Without line ends and blanks around it.
  fileprivate var trimmed: String {
    var text = self[...]
    while let last = text.last, last == "\n" || last == " " { text.removeLast() }
    return String(text.drop { $0 == " " })
  }
}
