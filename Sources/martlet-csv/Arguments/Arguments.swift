/// A command line, taken apart: which command, which files, which options.
struct Arguments: Equatable {
  let command: CommandName
  var files: [String] = []
  /// The values of each option in the order in which they were typed; an empty text for an option without value.
  private(set) var values: [OptionName: [String]] = [:]

  func has(_ option: OptionName) -> Bool { values[option] != nil }

  func all(_ option: OptionName) -> [String] { values[option] ?? [] }

  func value(_ option: OptionName) -> String? { values[option]?.last }

  /// Reads what stands behind the command. Options and files may be mixed; `--` ends the options.
  init(_ command: CommandSpec, _ words: [String]) throws(UsageError) {
    self.command = command.name
    var position = 0
    var optionsEnded = false
    while position < words.count {
      let word = words[position]
      position += 1
      if optionsEnded || word == "-" || !word.hasPrefix("-") {
        files.append(word)
      } else if word == "--" {
        optionsEnded = true
      } else {
        let (typed, attached) = Self.split(word)
        let spec = try Self.option(typed, of: command)
        if spec.value == nil {
          if attached != nil {
            throw UsageError("\(typed) takes no value", remedy: "write \(typed) alone")
          }
          values[spec.name] = [""]
        } else if let attached {
          try append(attached, to: spec)
        } else {
          guard position < words.count, !Self.isOption(words[position]) else {
            throw UsageError(
              "\(typed) needs a value",
              remedy: "write \(typed) \(spec.value!); martlet-csv \(command.name.rawValue) --help"
            )
          }
          try append(words[position], to: spec)
          position += 1
        }
      }
    }
    if !command.takesFiles, let file = files.first {
      throw UsageError(
        "\(command.name.rawValue) reads no file, but there is '\(file)'",
        remedy: "leave it out, or write --output '\(file)'")
    }
  }

  private mutating func append(_ value: String, to spec: OptionSpec) throws(UsageError) {
    if values[spec.name] != nil, !spec.isRepeatable {
      throw UsageError("--\(spec.name.rawValue) is there twice", remedy: "keep one of them")
    }
    values[spec.name, default: []].append(value)
  }

  /// `--name=value`, `-nVALUE` and `-n=VALUE` are a name and a value; all else is a name.
  private static func split(_ word: String) -> (name: String, value: String?) {
    if word.hasPrefix("--") {
      guard let equals = word.firstIndex(of: "=") else { return (word, nil) }
      return (String(word[..<equals]), String(word[word.index(after: equals)...]))
    }
    guard word.count > 2, let letter = word.dropFirst().first, let spec = OptionTable.spec(short: letter),
      spec.value != nil
    else { return (word, nil) }
    let rest = word.dropFirst(2)
    return (String(word.prefix(2)), String(rest.hasPrefix("=") ? rest.dropFirst() : rest))
  }

  /// Whether a word can only be an option, so that it is no value of the option before it: `--sort -a` has one.
  private static func isOption(_ word: String) -> Bool {
    guard word.hasPrefix("--") else { return false }
    return OptionName(rawValue: String(split(word).name.dropFirst(2))) != nil
  }

  private static func option(_ typed: String, of command: CommandSpec) throws(UsageError) -> OptionSpec {
    let name = command.name.rawValue
    let bare = String(typed.drop { $0 == "-" })
    let known: OptionSpec?
    if typed.hasPrefix("--") {
      known = OptionName(rawValue: bare).map(OptionTable.spec)
    } else {
      known = bare.count == 1 ? OptionTable.spec(short: bare.first!) : nil
    }
    if let known, command.accepts(known.name) { return known }
    if known != nil {
      throw UsageError("\(name) has no option \(typed)", remedy: "martlet-csv \(name) --help lists its options")
    }
    let candidates = OptionName.allCases.filter { command.accepts($0) }.map(\.rawValue)
    if let near = Nearest.name(to: bare, among: candidates) {
      throw UsageError("there is no option \(typed)", remedy: "did you mean --\(near)?")
    }
    throw UsageError("there is no option \(typed)", remedy: "martlet-csv \(name) --help lists the options")
  }
}
