/// The result of `schema` as `--type` options.
enum TypeOptions {
  /// One line: `--type id=int --type 'day of week=text'`, quoted for a POSIX shell.
  ///
  /// - Parameter schema: The CSV that `schema` writes; its first two columns are name and type.
  static func line(_ schema: [UInt8]) -> String {
    records(schema).dropFirst().filter { $0.count >= 2 }.map { record in
      "--type " + quotedForShell(listed(record[0]) + "=" + record[1])
    }.joined(separator: " ") + "\n"
  }

  /// A column's name as `--type` reads it: in double quotes where blanks or quotes stand at its ends.
  private static func listed(_ name: String) -> String {
    let isPlain = !name.isEmpty && !name.hasPrefix("\"") && name.first != " " && name.last != " " && name.first != "\t"
    guard !isPlain || name.last == "\t" else { return name }
    var quoted = "\""
    for character in name { quoted += character == "\"" ? "\"\"" : String(character) }
    return quoted + "\""
  }

  private static func quotedForShell(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "="), UInt8(ascii: "."),
        UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "%"):
        true
      default: byte >= 0x80
      }
    }
    if isPlain { return text }
    return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }

  /// The records of a small CSV with LF ends.
  private static func records(_ bytes: [UInt8]) -> [[String]] {
    var records: [[String]] = []
    var record: [String] = []
    var cell: [UInt8] = []
    var isQuoted = false
    var follows: UInt8 = 0
    for byte in bytes {
      if byte == UInt8(ascii: "\"") {
        // The second quote of a pair opens again what the first one closed, and is itself part of the cell.
        if !isQuoted, follows == byte { cell.append(byte) }
        isQuoted.toggle()
      } else if isQuoted || byte != UInt8(ascii: ",") && byte != UInt8(ascii: "\n") {
        cell.append(byte)
      } else {
        record.append(String(decoding: cell, as: UTF8.self))
        cell.removeAll()
        if byte == UInt8(ascii: "\n") {
          records.append(record)
          record.removeAll()
        }
      }
      follows = byte
    }
    return records
  }
}
