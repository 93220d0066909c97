/// Reads the header of a request (RFC 9112), strictly: what it does not understand is refused, never guessed.
enum HTTPParser {
  /// What was found at the beginning of the bytes.
  enum Found: Equatable {
    /// Not a whole header yet.
    case nothing
    /// A request, and how many bytes it takes.
    case request(HTTPRequest, consumed: Int)
    /// An answer to give, before the connection is closed.
    case refusal(HTTPResponse)
  }

  /// Looks at the beginning of `bytes`.
  /// - Parameter limit: The largest header, in bytes.
  static func next(_ bytes: UnsafeRawBufferPointer, limit: Int) -> Found {
    // Empty lines before a request are allowed (RFC 9112, section 2.2), as many as fit.
    var start = 0
    while start < bytes.count, bytes[start] == 13 || bytes[start] == 10 { start += 1 }
    guard let end = headerEnd(bytes, from: start) else {
      if bytes.count > limit { return .refusal(.text("The header has more than \(limit) bytes.\n", status: 431)) }
      // A first line that cannot be one is refused at once, whatever would follow: TLS, or another protocol.
      if let wrong = bytes[start...].first(where: { $0 >= 0x80 || $0 < 0x20 && $0 != 13 && $0 != 10 && $0 != 9 }) {
        return .refusal(.text("This is HTTP without TLS; byte \(wrong) has no place in a request.\n", status: 400))
      }
      return .nothing
    }
    if end > limit { return .refusal(.text("The header has more than \(limit) bytes.\n", status: 431)) }
    let lines = lines(of: bytes[start..<end])
    guard let lines else { return .refusal(.text("The header is not plain text.\n", status: 400)) }
    return parse(lines, consumed: end)
  }

  /// The first byte behind the empty line.
  private static func headerEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    var place = start
    while place < bytes.count {
      if bytes[place] == 10 {
        if place + 1 < bytes.count, bytes[place + 1] == 10 { return place + 2 }
        if place + 2 < bytes.count, bytes[place + 1] == 13, bytes[place + 2] == 10 { return place + 3 }
      }
      place += 1
    }
    return nil
  }

  /// The lines before the empty one; nil where there are control characters or bytes beyond ASCII.
  private static func lines(of bytes: Slice<UnsafeRawBufferPointer>) -> [String]? {
    var lines: [String] = []
    for line in bytes.split(separator: 10) {
      let text = line.last == 13 ? line.dropLast() : line
      if text.contains(where: { $0 >= 0x7f || $0 < 0x20 && $0 != 9 }) { return nil }
      if !text.isEmpty { lines.append(String(decoding: text, as: UTF8.self)) }
    }
    return lines
  }

  private static func bad(_ text: String, status: Int = 400) -> Found { .refusal(.text(text + "\n", status: status)) }

  private static func parse(_ lines: [String], consumed: Int) -> Found {
    let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3, !words[0].isEmpty, !words[1].isEmpty else {
      return bad("The first line is not METHOD TARGET VERSION.")
    }
    guard words[2].hasPrefix("HTTP/") else { return bad("The first line does not end with a version of HTTP.") }
    guard words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0" else {
      return bad("HTTP/1.1 is spoken here.", status: 505)
    }
    var fields: [(name: String, value: String)] = []
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":"), colon != line.startIndex, line[..<colon].allSatisfy(isTokenCharacter)
      else { return bad("A line of the header is not NAME: VALUE.") }
      let value = line[line.index(after: colon)...]
      fields.append((line[..<colon].lowercased(), trimmed(value)))
    }
    let isNew = words[2] == "HTTP/1.1"
    let hosts = fields.count { $0.name == "host" }
    if hosts > 1 || isNew && hosts == 0 { return bad("There has to be one Host.") }
    guard words[0] == "GET" || words[0] == "HEAD" else {
      var response = HTTPResponse.text("Only GET and HEAD are answered here.\n", status: 405)
      response.fields = [("Allow", "GET, HEAD")]
      return .refusal(response)
    }
    for field in fields {
      if field.name == "transfer-encoding" { return bad("A body has no place in this request.") }
      if field.name == "content-length", field.value != "0" {
        return bad("A body has no place in this request.", status: 413)
      }
    }
    guard let target = target(words[1]) else { return bad("The target is not a path.") }
    let connection = fields.filter { $0.name == "connection" }
      .flatMap { $0.value.lowercased().split(separator: ",") }.map { trimmed($0) }
    let keepsAlive = isNew ? !connection.contains("close") : connection.contains("keep-alive")
    let request = HTTPRequest(
      path: target.path, query: target.query, fields: fields, isHead: words[0] == "HEAD", keepsAlive: keepsAlive)
    return .request(request, consumed: consumed)
  }

  private static func target(_ word: Substring) -> (path: String, query: [(name: String, value: String)])? {
    var word = word
    // A whole address is what a proxy is asked (RFC 9112, section 3.2.2); its host was checked by nobody.
    if word.hasPrefix("http://") {
      guard let slash = word.dropFirst(7).firstIndex(of: "/") else { return nil }
      word = word[slash...]
    }
    guard word.hasPrefix("/"), !word.contains("#") else { return nil }
    let parts = word.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard let path = decoded(parts[0], plusIsSpace: false) else { return nil }
    var query: [(name: String, value: String)] = []
    if parts.count == 2 {
      for field in parts[1].split(separator: "&") {
        let sides = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = decoded(sides[0], plusIsSpace: true),
          let value = decoded(sides.count == 2 ? sides[1] : "", plusIsSpace: true)
        else { return nil }
        query.append((name, value))
      }
    }
    return (path, query)
  }

  /// A text with `%41` read as `A`; nil where that gives no text.
  static func decoded(_ text: Substring, plusIsSpace: Bool) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else { return nil }
        if high << 4 | low == 0 { return nil }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
      default: bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private static func isTokenCharacter(_ character: Character) -> Bool {
    character.isASCII && (character.isLetter || character.isNumber || "!#$%&'*+-.^_`|~".contains(character))
  }

  private static func trimmed(_ text: Substring) -> String {
    let start = text.drop { $0 == " " || $0 == "\t" }
    guard let last = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
    return String(start[...last])
  }
}
