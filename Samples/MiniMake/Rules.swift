/// How one target is made.
struct Rule {
  let target: String
  /// Files or other targets that the target is made from.
  var inputs: [String] = []
  /// Targets that only have to be made before.
  var before: [String] = []
  /// Shell commands, one after the other.
  var commands: [String] = []
  /// How often the commands are run again when they fail.
  var retries = 0
  let line: Int
}

/// A file of rules, in the manner of make:
///
///     # comment
///     target: input input | only-before
///         command
///         command
///     retry 3
struct RuleFile {
  var rules: [Rule] = []

  /// Reads the rules.
  ///
  /// - Throws: `MakeError` that names the line.
  init(_ text: String, name: String) throws {
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let number = index + 1
      let words = line.split(whereSeparator: \.isWhitespace)
      if words.isEmpty || words[0].hasPrefix("#") { continue }
      if line.first!.isWhitespace {
        guard !rules.isEmpty else { throw MakeError("\(name):\(number): a command before the first target") }
        rules[rules.count - 1].commands.append(words.joined(separator: " "))
      } else if words[0] == "retry" {
        guard words.count == 2, let count = Int(words[1]), (1...100).contains(count), !rules.isEmpty else {
          throw MakeError("\(name):\(number): write `retry N` with N from 1 to 100 below the rule that it is for")
        }
        rules[rules.count - 1].retries = count
      } else {
        rules.append(try Self.rule(line, words: words.map(String.init), place: "\(name):\(number)", number))
      }
    }
  }

  private static func rule(_ line: Substring, words: [String], place: String, _ number: Int) throws -> Rule {
    guard let colon = line.firstIndex(of: ":") else { throw MakeError("\(place): write `target: inputs`") }
    let target = line[..<colon].filter { !$0.isWhitespace }
    guard !target.isEmpty else { throw MakeError("\(place): there is no target before the colon") }
    let sides = line[line.index(after: colon)...].split(separator: "|", omittingEmptySubsequences: false)
    guard sides.count <= 2 else { throw MakeError("\(place): more than one `|`") }
    let names = sides.map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
    var rule = Rule(target: String(target), line: number)
    rule.inputs = names[0]
    rule.before = names.count > 1 ? names[1] : []
    return rule
  }
}

/// What is wrong, in a line.
struct MakeError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
