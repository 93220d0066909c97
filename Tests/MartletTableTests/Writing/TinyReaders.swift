@testable import MartletTable

/// RFC 4180, a byte at a time: nil for the empty cell without quotes.
enum TinyCSV {
  static func records(_ bytes: [UInt8], delimiter: UInt8) -> [[[UInt8]?]] {
    var records: [[[UInt8]?]] = []
    var record: [[UInt8]?] = []
    var cell: [UInt8] = []
    var (isQuoted, isInside, index) = (false, false, 0)
    func ended() -> [UInt8]? { cell.isEmpty && !isQuoted ? nil : cell }
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if isInside {
        if byte != UInt8(ascii: "\"") {
          cell.append(byte)
        } else if index < bytes.count, bytes[index] == UInt8(ascii: "\"") {
          cell.append(byte)
          index += 1
        } else {
          isInside = false
        }
      } else if byte == UInt8(ascii: "\""), cell.isEmpty, !isQuoted {
        (isQuoted, isInside) = (true, true)
      } else if byte == delimiter || byte == UInt8(ascii: "\n") {
        record.append(ended())
        (cell, isQuoted) = ([], false)
        if byte == UInt8(ascii: "\n") {
          records.append(record)
          record = []
        }
      } else {
        cell.append(byte)
      }
    }
    precondition(cell.isEmpty && record.isEmpty && !isInside, "the last line has no end")
    return records
  }
}

/// JSON as RFC 8259 has it, strictly; a wrong document throws.
struct TinyJSON {
  indirect enum Value: Equatable {
    case null, bool(Bool), number(String), text(String), array([Value]), object([(String, Value)])

    static func == (a: Value, b: Value) -> Bool {
      switch (a, b) {
      case (.null, .null): true
      case (.bool(let x), .bool(let y)): x == y
      case (.number(let x), .number(let y)): x == y
      case (.text(let x), .text(let y)): x.unicodeScalars.elementsEqual(y.unicodeScalars)
      case (.array(let x), .array(let y)): x == y
      case (.object(let x), .object(let y)): x.count == y.count && zip(x, y).allSatisfy { $0.0 == $1.0 && $0.1 == $1.1 }
      default: false
      }
    }
  }

  struct Wrong: Error { let offset: Int }

  private var scalars: [Unicode.Scalar]
  private var index = 0

  static func parse(_ bytes: [UInt8]) throws -> Value {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw Wrong(offset: -1) }
    var parser = TinyJSON(scalars: Array(text.unicodeScalars))
    let value = try parser.value()
    parser.blanks()
    guard parser.index == parser.scalars.count else { throw Wrong(offset: parser.index) }
    return value
  }

  private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

  private var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  private mutating func blanks() {
    while let scalar = next, " \n\r\t".unicodeScalars.contains(scalar) { index += 1 }
  }

  private mutating func expect(_ text: String) throws {
    for scalar in text.unicodeScalars {
      guard next == scalar else { throw Wrong(offset: index) }
      index += 1
    }
  }

  private mutating func value() throws -> Value {
    blanks()
    switch next {
    case "n":
      try expect("null")
      return .null
    case "t":
      try expect("true")
      return .bool(true)
    case "f":
      try expect("false")
      return .bool(false)
    case "\"": return .text(try text())
    case "[":
      index += 1
      var items: [Value] = []
      blanks()
      while next != "]" {
        if !items.isEmpty { try expect(",") }
        items.append(try value())
        blanks()
      }
      index += 1
      return .array(items)
    case "{":
      index += 1
      var members: [(String, Value)] = []
      blanks()
      while next != "}" {
        if !members.isEmpty { try expect(",") }
        blanks()
        let key = try text()
        blanks()
        try expect(":")
        members.append((key, try value()))
        blanks()
      }
      index += 1
      return .object(members)
    default: return .number(try number())
    }
  }

  private mutating func number() throws -> String {
    let start = index
    func isDigit(_ scalar: Unicode.Scalar?) -> Bool { scalar.map { ("0"..."9").contains($0) } ?? false }
    func digits() throws {
      guard isDigit(next) else { throw Wrong(offset: index) }
      while isDigit(next) { index += 1 }
    }
    if next == "-" { index += 1 }
    if next == "0" { index += 1 } else { try digits() }
    if next == "." {
      index += 1
      try digits()
    }
    if next == "e" || next == "E" {
      index += 1
      if next == "+" || next == "-" { index += 1 }
      try digits()
    }
    return String(String.UnicodeScalarView(scalars[start..<index]))
  }

  private mutating func text() throws -> String {
    try expect("\"")
    var text = String.UnicodeScalarView()
    while let scalar = next, scalar != "\"" {
      index += 1
      guard scalar.value >= 0x20 else { throw Wrong(offset: index) }
      if scalar != "\\" {
        text.append(scalar)
        continue
      }
      guard let escape = next else { throw Wrong(offset: index) }
      index += 1
      switch escape {
      case "n": text.append("\n")
      case "t": text.append("\t")
      case "r": text.append("\r")
      case "b": text.append("\u{8}")
      case "f": text.append("\u{C}")
      case "\"", "\\", "/": text.append(escape)
      case "u":
        guard index + 4 <= scalars.count,
          let code = UInt32(String(String.UnicodeScalarView(scalars[index..<index + 4])), radix: 16),
          let made = Unicode.Scalar(code)
        else { throw Wrong(offset: index) }
        text.append(made)
        index += 4
      default: throw Wrong(offset: index)
      }
    }
    try expect("\"")
    return String(text)
  }
}
