import Martlet
import MartletTable

/// The values of options as what they stand for; a wrong one gets a line that says what is accepted.
extension Arguments {
  /// A whole number of at least `least` and at most `most`; nil where the option is not there.
  func integer(_ option: OptionName, atLeast least: Int, atMost most: Int = .max) throws(UsageError) -> Int? {
    guard let text = value(option) else { return nil }
    let digits = text.filter { $0 != "_" }
    guard let number = Int(digits), number >= least, number <= most else {
      let range = most == .max ? "of at least \(least)" : "from \(least) to \(most)"
      throw UsageError(
        "--\(option.rawValue) takes a whole number \(range), not '\(text)'",
        remedy: "write --\(option.rawValue) \(max(least, min(most, 10)))")
    }
    return number
  }

  /// The number of `--seed`; nil where the option is not there.
  func seed() throws(UsageError) -> UInt64? {
    guard let text = value(.seed) else { return nil }
    guard let number = UInt64(text) else {
      throw UsageError("--seed takes a whole number from 0 to \(UInt64.max), not '\(text)'", remedy: "write --seed 1")
    }
    return number
  }

  /// A number of bytes; nil where the option is not there.
  func bytes(_ option: OptionName) throws(UsageError) -> Int? {
    guard let text = value(option) else { return nil }
    guard let bytes = ByteSize.parse(text), bytes > 0 else {
      throw UsageError(
        "--\(option.rawValue) takes a size, not '\(text)'", remedy: "write a number with B, KB, KiB, MB, MiB, GB or GiB"
      )
    }
    return bytes
  }

  /// One of some words; nil where the option is not there.
  func choice<Choice: RawRepresentable & CaseIterable>(_ option: OptionName, of type: Choice.Type) throws(UsageError)
    -> Choice? where Choice.RawValue == String
  {
    guard let text = value(option) else { return nil }
    if let choice = Choice(rawValue: text.lowercased()) { return choice }
    let names = Choice.allCases.map(\.rawValue)
    let list = names.dropLast().joined(separator: ", ") + " or " + names.last!
    let near = Nearest.name(to: text, among: names)
    throw UsageError(
      "--\(option.rawValue) takes \(list), not '\(text)'",
      remedy: near.map { "did you mean \($0)?" } ?? "write --\(option.rawValue) \(names[0])")
  }

  /// The names of a comma separated list; nil where the option is not there.
  func columns(_ option: OptionName) throws(UsageError) -> [String]? {
    guard let text = value(option) else { return nil }
    return try NameList.parse(text, of: option, hasDirections: false).map(\.column)
  }

  /// The keys of an order; empty where the option is not there.
  func sortKeys() throws(UsageError) -> [SortKey] {
    guard let text = value(.sort) else { return [] }
    return try NameList.parse(text, of: .sort, hasDirections: true)
  }

  /// A single byte; nil where the option is not there.
  func byte(_ option: OptionName) throws(UsageError) -> UInt8? {
    guard let text = value(option) else { return nil }
    let bytes = Self.unescaped(text)
    guard bytes.count == 1, bytes[0] != 10, bytes[0] != 13 else {
      throw UsageError(
        "--\(option.rawValue) takes one character of one byte, not '\(text)'", remedy: "write --\(option.rawValue) '#'")
    }
    return bytes[0]
  }

  /// The files and their dialect.
  func tableInput() throws(UsageError) -> TableInput {
    var input = TableInput(files: files)
    if let text = value(.delimiter), text.lowercased() != "auto" {
      let bytes = Self.unescaped(text)
      guard (1...4).contains(bytes.count), !bytes.contains(10), !bytes.contains(13) else {
        throw UsageError("--delimiter takes one to four bytes or auto, not '\(text)'", remedy: "write --delimiter ';'")
      }
      input.delimiter = bytes
    }
    if let text = value(.quote) {
      input.quote = text.lowercased() == "none" ? nil : try byte(.quote)
    }
    input.escape = try byte(.escape)
    input.comment = try byte(.comment)
    input.hasHeader = !has(.noHeader)
    input.skippedLines = try integer(.skip, atLeast: 0) ?? 0
    input.isLatin1 = try isLatin1()
    input.nullTexts = all(.null)
    input.ragged = try choice(.ragged, of: TableInput.RaggedRecords.self) ?? .error
    for text in all(.type) {
      let (column, type) = try Self.columnType(text)
      if let other = input.types[column], other != type {
        throw UsageError(
          "--type gives '\(column)' two types, \(other.name) and \(type.name)", remedy: "keep one of them")
      }
      input.types[column] = type
    }
    return input
  }

  private func isLatin1() throws(UsageError) -> Bool {
    guard let text = value(.encoding) else { return false }
    switch text.lowercased() {
    case "utf-8", "utf8": return false
    case "latin1", "latin-1", "iso-8859-1": return true
    case "utf-16", "utf16", "utf-16le", "utf-16be":
      throw UsageError(
        "--encoding \(text) is not there yet", remedy: "convert the file first: iconv -f utf-16 -t utf-8 FILE")
    default:
      throw UsageError("--encoding takes utf-8 or latin1, not '\(text)'", remedy: "write --encoding latin1")
    }
  }

  private static func columnType(_ text: String) throws(UsageError) -> (column: String, type: ColumnType) {
    guard let equals = text.lastIndex(of: "="), equals != text.startIndex else {
      throw UsageError("--type takes COL=TYPE, not '\(text)'", remedy: "write --type zip=text")
    }
    let name = String(text[text.index(after: equals)...])
    guard let type = ColumnType(name: name) else {
      throw UsageError(
        "--type takes bool, int, double, date, timestamp or text, not '\(name)'", remedy: "write --type zip=text")
    }
    let names = try NameList.parse(String(text[..<equals]), of: .type, hasDirections: false, isSingle: true)
    return (names[0].column, type)
  }

  /// The bytes of a text in which `\t`, `\\`, `\xHH` and the word `tab` may stand for what cannot be typed.
  private static func unescaped(_ text: String) -> [UInt8] {
    switch text {
    case "\\t", "tab": return [9]
    case "\\\\": return [92]
    default: break
    }
    if text.hasPrefix("\\x"), text.utf8.count == 4, let code = UInt8(text.dropFirst(2), radix: 16) { return [code] }
    return Array(text.utf8)
  }
}
