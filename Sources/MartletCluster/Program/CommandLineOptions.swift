/// A command line that cannot be followed.
package struct UsageError: Error, Equatable, CustomStringConvertible {
  /// What is wrong, with the words that were typed.
  package let message: String
  /// What to type instead: one phrase.
  package let remedy: String

  package init(_ message: String, remedy: String) {
    self.message = message
    self.remedy = remedy
  }

  /// One line.
  package var description: String { "\(message) (\(remedy))" }
}

/// What the parser and the help know of an option.
package struct OptionSpec: Sendable {
  /// Without its dashes.
  package let name: String
  /// What stands for its value in the help; nil when it has none.
  package let value: String?
  package let help: String
  /// Whether it may stand there more than once.
  package let repeats: Bool
  /// The heading under which the help has it.
  package let group: String

  package init(_ name: String, value: String? = nil, repeats: Bool = false, in group: String, _ help: String) {
    self.repeats = repeats
    self.name = name
    self.value = value
    self.help = help
    self.group = group
  }
}

/// The options of a program without commands: reads them, and explains them.
package struct CommandLineOptions: Sendable {
  /// The name of the program.
  package let program: String
  private let specs: [OptionSpec]
  private var values: [String: String] = [:]
  /// All values of those that may stand there more than once, in their order.
  private var lists: [String: [String]] = [:]
  /// What stands beside the options.
  package private(set) var operands: [String] = []

  /// - Parameters:
  ///   - operandLimit: How many words may stand beside the options.
  /// - Throws: What is wrong with `words`, in one line with a suggestion.
  package init(
    program: String, specs: [OptionSpec], operandLimit: Int = 0, _ words: [String]
  ) throws(UsageError) {
    self.program = program
    self.specs = specs
    var position = 0
    var optionsEnded = false
    while position < words.count {
      let word = words[position]
      position += 1
      if optionsEnded || word == "-" || !word.hasPrefix("-") {
        if operands.count == operandLimit {
          throw UsageError("there is no use for '\(word)'", remedy: "\(program) --help lists the options")
        }
        operands.append(word)
        continue
      }
      if word == "--" {
        optionsEnded = true
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let spec = try find(String(parts[0]))
      if values[spec.name] != nil, !spec.repeats {
        throw UsageError("--\(spec.name) is there twice", remedy: "keep one of them")
      }
      guard let placeholder = spec.value else {
        if parts.count == 2 { throw UsageError("--\(spec.name) takes no value", remedy: "write --\(spec.name) alone") }
        values[spec.name] = ""
        continue
      }
      if parts.count == 2 {
        values[spec.name] = String(parts[1])
      } else {
        guard position < words.count, !words[position].hasPrefix("--") else {
          throw UsageError("--\(spec.name) needs a value", remedy: "write --\(spec.name) \(placeholder)")
        }
        values[spec.name] = words[position]
        position += 1
      }
      if spec.repeats, let value = values[spec.name] { lists[spec.name, default: []].append(value) }
    }
  }

  private func find(_ typed: String) throws(UsageError) -> OptionSpec {
    let bare = String(typed.drop { $0 == "-" })
    // Dask's users write either.
    let name = bare.replacing("_", with: "-")
    if typed.hasPrefix("--"), let spec = specs.first(where: { $0.name == name }) { return spec }
    if let near = Nearest.name(to: name, among: specs.map(\.name)) {
      throw UsageError("there is no option \(typed)", remedy: "did you mean --\(near)?")
    }
    throw UsageError("there is no option \(typed)", remedy: "\(program) --help lists the options")
  }

  package func has(_ name: String) -> Bool { values[name] != nil }

  package func value(_ name: String) -> String? { values[name] }

  /// The same command line without some options, for another process.
  func words(without names: Set<String>) -> [String] {
    let rest = values.filter { !names.contains($0.key) }.sorted { $0.key < $1.key }
    let options = rest.flatMap { name, value in
      specs.contains { $0.name == name && $0.value != nil }
        ? (lists[name] ?? [value]).map { "--\(name)=\($0)" } : ["--\(name)"]
    }
    return options + (operands.isEmpty ? [] : ["--"] + operands)
  }

  /// All values of an option that may stand there more than once, in their order.
  package func list(_ name: String) -> [String] { lists[name] ?? [] }

  /// A whole number, such as the example that is given to who writes another; nil where the option is not there.
  package func integer(_ name: String, in range: ClosedRange<Int>, such example: Int) throws(UsageError) -> Int? {
    guard let text = values[name] else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw UsageError(
        "--\(name) takes a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'",
        remedy: "write --\(name) \(example)")
    }
    return number
  }

  /// A span of time such as `30s`, `5min` or `250ms`; a number alone is seconds. Nil where the option is not there.
  package func duration(_ name: String) throws(UsageError) -> Duration? {
    guard let text = values[name] else { return nil }
    let digits = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
    let factor: Double? =
      switch text.dropFirst(digits.count) {
      case "ms": 1e-3
      case "", "s": 1
      case "m", "min": 60
      case "h": 3600
      case "d": 86_400
      default: nil
      }
    // A hundred years fit into every clock.
    guard let factor, let number = Double(digits), number > 0, number * factor < 3.2e9 else {
      throw UsageError("--\(name) takes a time, not '\(text)'", remedy: "write a number with ms, s, min, h or d")
    }
    return .nanoseconds(Int64(number * factor * 1e9))
  }

  /// A number of bytes such as `512MB` or `4GiB`; a number alone is bytes. Nil where the option is not there.
  package func size(_ name: String) throws(UsageError) -> Int64? {
    guard let text = values[name] else { return nil }
    let digits = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
    let factor: Double? =
      switch text.dropFirst(digits.count).lowercased() {
      case "", "b": 1
      case "k", "kb": 1e3
      case "m", "mb": 1e6
      case "g", "gb": 1e9
      case "t", "tb": 1e12
      case "kib": 1024
      case "mib": 1_048_576
      case "gib": 1_073_741_824
      case "tib": 1_099_511_627_776
      default: nil
      }
    guard let factor, let number = Double(digits), number * factor >= 1, number * factor < 1e18 else {
      throw UsageError("--\(name) takes a size, not '\(text)'", remedy: "write --\(name) 4GiB")
    }
    // A part of a machine, or of a unit that was forgotten: nobody means so many bytes.
    if factor == 1, digits.contains(".") {
      throw UsageError(
        "--\(name) takes whole bytes, not '\(text)'", remedy: "write a unit, such as --\(name) \(digits)GiB")
    }
    return Int64(number * factor)
  }

  /// One of some words; nil where the option is not there.
  package func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, of type: Choice.Type
  ) throws(UsageError) -> Choice? where Choice.RawValue == String {
    guard let text = values[name] else { return nil }
    if let choice = Choice(rawValue: text.lowercased()) { return choice }
    let names = Choice.allCases.map(\.rawValue)
    let near = Nearest.name(to: text, among: names)
    throw UsageError(
      "--\(name) takes \(names.dropLast().joined(separator: ", ")) or \(names.last ?? ""), not '\(text)'",
      remedy: near.map { "did you mean \($0)?" } ?? "write --\(name) \(names[0])")
  }

  // MARK: Help

  /// The options in groups, at most 80 columns wide.
  package static func help(_ specs: [OptionSpec]) -> String {
    var page = ""
    var groups: [String] = []
    for spec in specs where !groups.contains(spec.group) { groups.append(spec.group) }
    for group in groups {
      page += "\n\(group):\n"
      for spec in specs where spec.group == group {
        let head = "  --\(spec.name)" + (spec.value.map { " \($0)" } ?? "")
        var lines = wrapped(spec.help, indent: 28)
        if head.count + 2 <= 28 { lines[0] = head + lines[0].dropFirst(head.count) } else { lines.insert(head, at: 0) }
        page += lines.joined(separator: "\n") + "\n"
      }
    }
    return page
  }

  private static func wrapped(_ text: String, indent: Int) -> [String] {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = margin
    for word in text.split(separator: " ") {
      if line.count > indent, line.count + 1 + word.count > 80 {
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

/// Finds what somebody may have meant.
enum Nearest {
  /// The one of `names` that begins with `word`, when there is one alone, else the one with the fewest letters wrong, a
  /// third of them at most; nil when none is near.
  static func name(to word: String, among names: [String]) -> String? {
    let word = word.lowercased()
    let longer = names.filter { word.count >= 2 && $0.hasPrefix(word) }
    if longer.count == 1 { return longer[0] }
    let best = names.map { (distance(word, $0), $0) }.min { $0.0 < $1.0 }
    guard let best, best.0 <= max(1, max(word.count, best.1.count) / 3) else { return nil }
    return best.1
  }

  /// Letters to insert, drop, change, or swap with their neighbour (optimal string alignment).
  static func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left.utf8)
    let right = Array(right.utf8)
    var before: [Int] = []
    var last = Array(0...right.count)
    for row in left.indices {
      var next = [row + 1]
      for column in right.indices {
        var cost = min(last[column] + (left[row] == right[column] ? 0 : 1), last[column + 1] + 1, next[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          cost = min(cost, before[column - 1] + 1)
        }
        next.append(cost)
      }
      before = last
      last = next
    }
    return last[right.count]
  }
}
