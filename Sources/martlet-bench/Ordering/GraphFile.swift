import Glibc

/// A graph as it stands in a file: `{"key": ["dependency", …], …}`, in the order of the file.
struct GraphFile {
  var keys: [String] = []
  var dependencies: [[String]] = []

  /// Reads a file.
  ///
  /// - Throws: `GraphFileError` with the line and column of what is no such JSON.
  init(path: String) throws {
    guard let file = fopen(path, "r") else {
      throw GraphFileError(description: "\(path): \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&block, 1, block.count, file), count > 0 { bytes += block[..<count] }
    if ferror(file) != 0 { throw GraphFileError(description: "\(path): it cannot be read (is it a directory?)") }
    var reader = GraphReader(bytes, path: path)
    try reader.read(into: &self)
  }
}

/// A file that is no graph.
struct GraphFileError: Error, CustomStringConvertible { let description: String }

/// Reads the one shape of JSON that a graph has; nothing in it nests deeper than a list in an object.
private struct GraphReader {
  private let bytes: [UInt8]
  private let path: String
  private var offset = 0

  init(_ bytes: [UInt8], path: String) {
    self.bytes = bytes
    self.path = path
  }

  mutating func read(into file: inout GraphFile) throws {
    try expect(UInt8(ascii: "{"), "an object `{\"key\": [\"dependency\", …], …}`")
    if peek() == UInt8(ascii: "}") {
      offset += 1
    } else {
      while true {
        file.keys.append(try text("a key in quotes"))
        try expect(UInt8(ascii: ":"), "`:` behind a key")
        file.dependencies.append(try list())
        if peek() == UInt8(ascii: ",") {
          offset += 1
          continue
        }
        try expect(UInt8(ascii: "}"), "`,` or `}` behind a list")
        break
      }
    }
    if peek() != nil { throw failure("nothing behind the last `}`") }
  }

  private mutating func list() throws -> [String] {
    try expect(UInt8(ascii: "["), "a list of dependencies")
    var texts: [String] = []
    if peek() == UInt8(ascii: "]") {
      offset += 1
      return texts
    }
    while true {
      texts.append(try text("a dependency in quotes"))
      if peek() == UInt8(ascii: ",") {
        offset += 1
        continue
      }
      try expect(UInt8(ascii: "]"), "`,` or `]` behind a dependency")
      return texts
    }
  }

  /// The next byte that is no white space.
  private mutating func peek() -> UInt8? {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x09, 0x0a, 0x0d: offset += 1
      default: return bytes[offset]
      }
    }
    return nil
  }

  private mutating func expect(_ byte: UInt8, _ what: String) throws {
    guard peek() == byte else { throw failure(what) }
    offset += 1
  }

  private mutating func text(_ what: String) throws -> String {
    try expect(UInt8(ascii: "\""), what)
    let start = offset
    while offset < bytes.count, bytes[offset] != UInt8(ascii: "\""), bytes[offset] != UInt8(ascii: "\\"),
      bytes[offset] >= 0x20
    { offset += 1 }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") {
      defer { offset += 1 }
      guard let text = String(validating: bytes[start..<offset], as: UTF8.self) else { throw failure("UTF-8") }
      return text
    }
    offset = start
    return try escapedText()
  }

  /// A text with escapes, from its first character.
  private mutating func escapedText() throws -> String {
    var units: [UInt16] = []
    var text = ""
    func flush() throws(GraphFileError) {
      guard let part = String(validating: units, as: UTF16.self) else { throw failure("a pair of surrogates") }
      text += part
      units = []
    }
    while offset < bytes.count {
      let byte = bytes[offset]
      if byte == UInt8(ascii: "\"") {
        offset += 1
        try flush()
        return text
      }
      guard byte >= 0x20 else { throw failure("`\"` before the end of the line") }
      guard byte == UInt8(ascii: "\\") else {
        let start = offset
        while offset < bytes.count, bytes[offset] >= 0x20, bytes[offset] != UInt8(ascii: "\""),
          bytes[offset] != UInt8(ascii: "\\")
        { offset += 1 }
        guard let part = String(validating: bytes[start..<offset], as: UTF8.self) else { throw failure("UTF-8") }
        units += Array(part.utf16)
        continue
      }
      offset += 1
      guard offset < bytes.count else { break }
      defer { offset += 1 }
      switch bytes[offset] {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(UInt16(bytes[offset]))
      case UInt8(ascii: "b"): units.append(8)
      case UInt8(ascii: "f"): units.append(12)
      case UInt8(ascii: "n"): units.append(10)
      case UInt8(ascii: "r"): units.append(13)
      case UInt8(ascii: "t"): units.append(9)
      case UInt8(ascii: "u"):
        guard offset + 4 < bytes.count,
          let unit = UInt16(String(decoding: bytes[(offset + 1)...(offset + 4)], as: UTF8.self), radix: 16)
        else { throw failure("four hexadecimal digits behind `\\u`") }
        units.append(unit)
        offset += 4
      default: throw failure("a known escape")
      }
    }
    throw failure("`\"` at the end of a text")
  }

  private func failure(_ expected: String) -> GraphFileError {
    let before = bytes[..<min(offset, bytes.count)]
    let line = before.count { $0 == 0x0a } + 1
    let column = before.count - (before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0) + 1
    return GraphFileError(description: "\(path):\(line):\(column): expected \(expected)")
  }
}
