import Martlet
import MartletTable

/// Lists of column names as people type them: `a,b`, `"a, b",c`, `a,-b`.
enum NameList {
  /// Reads a list.
  ///
  /// Blanks around a name are left out. A name in double quotes may hold anything, a quote written twice. With
  /// `hasDirections` a `-` before a name makes it descending; with `isSingle` a comma is part of a name.
  static func parse(_ text: String, of option: OptionName, hasDirections: Bool, isSingle: Bool = false)
    throws(UsageError) -> [SortKey]
  {
    let bytes = Array(text.utf8)
    var keys: [SortKey] = []
    var position = 0
    repeat {
      skipBlanks(bytes, &position)
      var isDescending = false
      if hasDirections, position < bytes.count, bytes[position] == UInt8(ascii: "-") {
        isDescending = true
        position += 1
      }
      let name: String
      if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
        name = try quoted(bytes, &position, of: option)
        skipBlanks(bytes, &position)
        if position < bytes.count, isSingle || bytes[position] != UInt8(ascii: ",") {
          throw UsageError(
            "--\(option.rawValue) has something behind the quoted name \"\(name)\"", remedy: "separate names by commas")
        }
      } else {
        let start = position
        while position < bytes.count, isSingle || bytes[position] != UInt8(ascii: ",") { position += 1 }
        var end = position
        while end > start, isBlank(bytes[end - 1]) { end -= 1 }
        guard end > start else {
          throw UsageError(
            keys.isEmpty && position == bytes.count
              ? "--\(option.rawValue) names no column" : "--\(option.rawValue) has an empty name in '\(text)'",
            remedy: "write --\(option.rawValue) a,b")
        }
        name = String(decoding: bytes[start..<end], as: UTF8.self)
      }
      keys.append(SortKey(column: name, isDescending: isDescending))
      position += 1  // the comma
    } while position <= bytes.count
    return keys
  }

  private static func quoted(_ bytes: [UInt8], _ position: inout Int, of option: OptionName) throws(UsageError)
    -> String
  {
    var name: [UInt8] = []
    position += 1
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") {
        guard position < bytes.count, bytes[position] == byte else {
          return String(decoding: name, as: UTF8.self)
        }
        position += 1
      }
      name.append(byte)
    }
    throw UsageError("--\(option.rawValue) has a quoted name without its last \"", remedy: "write \"a, b\",c")
  }

  private static func skipBlanks(_ bytes: [UInt8], _ position: inout Int) {
    while position < bytes.count, isBlank(bytes[position]) { position += 1 }
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }
}
