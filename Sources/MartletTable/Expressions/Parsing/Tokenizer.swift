/// The words that no bare column name may be.
enum Keyword: String, CaseIterable {
  case and = "AND"
  case `as` = "AS"
  case between = "BETWEEN"
  case `case` = "CASE"
  case cast = "CAST"
  case distinct = "DISTINCT"
  case `else` = "ELSE"
  case end = "END"
  case escape = "ESCAPE"
  case `false` = "FALSE"
  case ilike = "ILIKE"
  case `in` = "IN"
  case `is` = "IS"
  case like = "LIKE"
  case not = "NOT"
  case null = "NULL"
  case or = "OR"
  case then = "THEN"
  case `true` = "TRUE"
  case when = "WHEN"
}

/// A piece of an expression's source.
struct Token {
  enum Kind: Equatable {
    case keyword(Keyword)
    /// A bare word: a column, a function or a type.
    case word(String)
    /// A name in double quotes.
    case quotedName(String)
    /// A text in single quotes.
    case text([UInt8])
    case number
    /// `( ) , + - * / // % || = <> < <= > >= ::`
    case symbol(String)
    case end
  }

  let kind: Kind
  /// Where it stands: bytes of the source.
  let range: Range<Int>
}

/// Cuts an expression's source into tokens. O(bytes).
struct Tokenizer {
  let source: [UInt8]
  /// What is read, for messages: `the expression`.
  let place: String
  private var position = 0

  init(_ source: String, place: String) {
    self.source = Array(source.utf8)
    self.place = place
  }

  /// Whether a word may begin with that byte; every character beyond ASCII may be part of a word.
  static func startsWord(_ byte: UInt8) -> Bool {
    (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_") || byte >= 0x80
  }

  static func continuesWord(_ byte: UInt8) -> Bool {
    startsWord(byte) || isDigit(byte) || byte == UInt8(ascii: "$")
  }

  static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  /// All tokens, the last of which is `.end`.
  mutating func tokens() throws(TableError) -> [Token] {
    var tokens: [Token] = []
    while true {
      while position < source.count, source[position] <= 0x20 { position += 1 }
      let start = position
      guard start < source.count else {
        tokens.append(Token(kind: .end, range: start..<start))
        return tokens
      }
      let kind = try nextKind()
      tokens.append(Token(kind: kind, range: start..<position))
    }
  }

  private func byte(_ offset: Int) -> UInt8 {
    position + offset < source.count ? source[position + offset] : 0
  }

  private mutating func nextKind() throws(TableError) -> Token.Kind {
    let start = position
    let first = source[start]
    if Self.startsWord(first) {
      repeat { position += 1 } while position < source.count && Self.continuesWord(source[position])
      let word = String(decoding: source[start..<position], as: UTF8.self)
      return Keyword(rawValue: word.uppercased()).map { .keyword($0) } ?? .word(word)
    }
    if Self.isDigit(first) || (first == UInt8(ascii: ".") && Self.isDigit(byte(1))) {
      try skipNumber()
      return .number
    }
    switch first {
    case UInt8(ascii: "'"): return .text(try quoted(by: first, kind: "text"))
    case UInt8(ascii: "\""):
      let name = try quoted(by: first, kind: "name")
      return .quotedName(String(decoding: name, as: UTF8.self))
    default: return .symbol(try symbol())
    }
  }

  private mutating func skipNumber() throws(TableError) {
    let start = position
    while Self.isDigit(byte(0)) { position += 1 }
    if byte(0) == UInt8(ascii: ".") {
      position += 1
      while Self.isDigit(byte(0)) { position += 1 }
    }
    if byte(0) | 0x20 == UInt8(ascii: "e") {
      let sign = byte(1) == UInt8(ascii: "+") || byte(1) == UInt8(ascii: "-") ? 1 : 0
      if Self.isDigit(byte(1 + sign)) {
        position += 1 + sign
        while Self.isDigit(byte(0)) { position += 1 }
      }
    }
    if Self.continuesWord(byte(0)) || byte(0) == UInt8(ascii: ".") {
      throw failure(
        at: start, "a number ends in what is no digit",
        remedy: "write a name that begins with a digit in double quotes")
    }
  }

  /// What stands between two `quote`s, of which two together stand for one.
  private mutating func quoted(by quote: UInt8, kind: String) throws(TableError) -> [UInt8] {
    let start = position
    position += 1
    var content: [UInt8] = []
    while position < source.count {
      let byte = source[position]
      position += 1
      guard byte == quote else {
        content.append(byte)
        continue
      }
      guard position < source.count, source[position] == quote else {
        if content.isEmpty, kind == "name" {
          throw failure(at: start, "a name is empty", remedy: "write a column's name between the double quotes")
        }
        return content
      }
      content.append(quote)
      position += 1
    }
    let mark = quote == UInt8(ascii: "'") ? "single" : "double"
    throw failure(
      at: start, "the \(kind) that begins here has no end",
      remedy: "close it with a \(mark) quote, and write a \(mark) quote in it twice")
  }

  private mutating func symbol() throws(TableError) -> String {
    let start = position
    let pair = String(decoding: source[start..<min(start + 2, source.count)], as: UTF8.self)
    switch pair {
    case "//", "||", "<>", "<=", ">=", "::":
      position += 2
      return pair
    case "==":
      position += 2
      return "="
    case "!=":
      position += 2
      return "<>"
    case "&&": throw failure(at: start, "there is no operator &&", remedy: "write AND")
    case "=<", "=>":
      throw failure(at: start, "there is no operator \(pair)", remedy: "write \(pair == "=<" ? "<=" : ">=")")
    default: break
    }
    switch source[start] {
    case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","), UInt8(ascii: "+"), UInt8(ascii: "-"),
      UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: "%"), UInt8(ascii: "="), UInt8(ascii: "<"),
      UInt8(ascii: ">"):
      position += 1
      return String(UnicodeScalar(source[start]))
    case UInt8(ascii: "!"): throw failure(at: start, "there is no operator !", remedy: "write NOT")
    case UInt8(ascii: "|"): throw failure(at: start, "there is no operator |", remedy: "write OR, or || to join texts")
    case UInt8(ascii: "&"): throw failure(at: start, "there is no operator &", remedy: "write AND")
    case UInt8(ascii: "^"): throw failure(at: start, "there is no operator ^", remedy: "write pow(base, exponent)")
    default:
      let shown = source[start] > 0x20 && source[start] < 0x7F ? String(UnicodeScalar(source[start])) : "of that code"
      throw failure(at: start, "a character \(shown) has no meaning here", remedy: "put names into double quotes")
    }
  }

  /// The error at byte `offset`, with the place shown.
  func failure(at offset: Int, _ problem: String, remedy: String) -> TableError {
    let text = String(decoding: source, as: UTF8.self)
    if text.utf8.allSatisfy({ $0 <= 0x20 }) {
      return .query("\(place) is empty: \(problem)", remedy: remedy)
    }
    let atEnd = offset >= source.count
    let character = String(decoding: source[..<min(offset, source.count)], as: UTF8.self).count + 1
    let near = excerpt(around: min(offset, source.count))
    let spot = atEnd ? "at its end, after" : "at character \(character), near"
    return .query("cannot read \(place) \(spot) \"\(near)\": \(problem)", remedy: remedy)
  }

  /// Some characters on both sides, on one line.
  private func excerpt(around offset: Int) -> String {
    let before = String(decoding: source[..<offset], as: UTF8.self)
    let after = String(decoding: source[offset...], as: UTF8.self)
    var shown = (before.count > 16 ? "…" : "") + before.suffix(16)
    shown += after.prefix(24) + (after.count > 24 ? "…" : "")
    let line = String(String.UnicodeScalarView(shown.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
    return String(line.drop(while: { $0 == " " }).reversed().drop(while: { $0 == " " }).reversed())
  }
}
