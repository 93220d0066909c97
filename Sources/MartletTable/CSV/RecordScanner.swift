/// Reads CSV byte by byte: the definition of what a record is, of every option of the dialect.
///
/// The fast path of `RecordReader` gives the same records; it leaves to this type whatever is out of the ordinary.
/// An input is a sequence of *items*: records, blank lines and comments, each with its line end. Line ends are LF,
/// CRLF and CR. A field that starts with a quote goes on to the closing quote, inside which a doubled quote (or an
/// escaped one) stands for one; a quote anywhere else in a field is an ordinary byte. Between the closing quote and
/// the end of the field nothing may stand.
///
/// Not thread safe; reused from record to record.
final class RecordScanner {
  struct Field {
    /// The content: without the quotes around it.
    var start: Int
    var end: Int
    var isQuoted: Bool
    /// The content has doubled quotes or escapes, which are still in it.
    var hasEscapes: Bool
  }

  enum Item: Equatable {
    /// `fieldCount` fields are known; the next item starts at `next`.
    case record(next: Int)
    case blank(next: Int)
    case comment(next: Int)
    /// The end of the item is not among the bytes.
    case incomplete
    /// Something at `position` stands between a closing quote and the end of its field.
    case afterQuote(position: Int)
    /// The input ends inside the quotes that open at `position`.
    case unterminated(position: Int)
  }

  /// In the middle of what `scan` starts.
  enum State {
    case item
    /// Inside a field without quotes.
    case unquoted
    /// Inside quotes.
    case quoted
  }

  private let delimiter: UInt8
  private let delimiterCount: Int
  private let delimiterWord: UInt32
  private let quote: Int
  private let escape: Int
  private let comment: Int
  /// How many fields of a record are kept in `fields`.
  private let fieldLimit: Int

  /// The number of fields of the record that was scanned last.
  private(set) var fieldCount = 0
  /// Of them, those without quotes that have a quote inside: legal, but a sign of a wrong guess.
  private(set) var strayQuoteCount = 0
  private(set) var fields: UnsafeMutablePointer<Field>
  private var capacity: Int
  /// A byte a byte value: whether that may end or alter a field without quotes (1) or inside them (2).
  private let stops: UnsafeMutablePointer<UInt8>

  init(_ dialect: CSVDialect, fieldLimit: Int = .max) {
    delimiter = dialect.delimiter.first ?? UInt8(ascii: ",")
    delimiterCount = max(dialect.delimiter.count, 1)
    delimiterWord = dialect.delimiter.reduce(0) { $0 << 8 | UInt32($1) }
    quote = dialect.quote.map(Int.init) ?? -1
    escape = dialect.escape == dialect.quote || dialect.quote == nil ? -1 : dialect.escape.map(Int.init) ?? -1
    comment = dialect.comment.map(Int.init) ?? -1
    self.fieldLimit = fieldLimit
    capacity = min(max(fieldLimit, 1), 64)
    fields = .allocate(capacity: capacity)
    stops = .allocate(capacity: 256)
    stops.initialize(repeating: 0, count: 256)
    for byte in [10, 13, delimiter] { stops[Int(byte)] |= 1 }
    if quote >= 0 { stops[quote] |= 3 }
    if escape >= 0 { stops[escape] |= 2 }
  }

  deinit {
    fields.deallocate()
    stops.deallocate()
  }

  /// Scans one item that starts at `start` (or goes on there, in `state`), `start < count`.
  ///
  /// `isAtEnd` says that nothing follows byte `count - 1`: then the last record needs no line end.
  func scan(
    _ bytes: UnsafePointer<UInt8>, from start: Int, count: Int, isAtEnd: Bool, in state: State = .item
  ) -> Item {
    fieldCount = 0
    strayQuoteCount = 0
    var i = start
    if state == .item {
      if Int(bytes[i]) == comment {
        while i < count && !Self.isLineEnd(bytes[i]) { i += 1 }
        guard let next = lineEnd(bytes, i, count, isAtEnd) else { return .incomplete }
        return .comment(next: next)
      }
      if Self.isLineEnd(bytes[i]) {
        guard let next = lineEnd(bytes, i, count, isAtEnd) else { return .incomplete }
        return .blank(next: next)
      }
    }
    var isQuoted = state == .quoted
    var isUnquoted = state == .unquoted
    while true {
      let opening = i
      if isQuoted || (!isUnquoted && i < count && Int(bytes[i]) == quote) {
        var j = isQuoted ? i : i + 1
        isQuoted = false
        let content = j
        var hasEscapes = false
        while true {
          while j < count && stops[Int(bytes[j])] & 2 == 0 { j &+= 1 }
          guard j < count else { return isAtEnd ? .unterminated(position: opening) : .incomplete }
          let byte = Int(bytes[j])
          if byte == escape {
            guard j + 1 < count else { return isAtEnd ? .unterminated(position: opening) : .incomplete }
            if Int(bytes[j + 1]) == quote || Int(bytes[j + 1]) == escape {
              hasEscapes = true
              j += 1
            }
          } else if byte == quote {
            guard j + 1 < count else {
              if isAtEnd { break }
              return .incomplete
            }
            if Int(bytes[j + 1]) != quote { break }
            hasEscapes = true
            j += 1
          }
          j += 1
        }
        append(Field(start: content, end: j, isQuoted: true, hasEscapes: hasEscapes))
        i = j + 1
        if i >= count { return .record(next: count) }
        switch delimiterMatch(bytes, i, count, isAtEnd) {
        case .yes:
          i += delimiterCount
          continue
        case .unknown: return .incomplete
        case .no: break
        }
        guard Self.isLineEnd(bytes[i]) else { return .afterQuote(position: i) }
        guard let next = lineEnd(bytes, i, count, isAtEnd) else { return .incomplete }
        return .record(next: next)
      }
      isUnquoted = false
      var strayQuote = false
      var match = Match.no
      while true {
        while i < count && stops[Int(bytes[i])] & 1 == 0 { i &+= 1 }
        guard i < count else { break }
        let byte = bytes[i]
        if byte == delimiter {
          match = delimiterMatch(bytes, i, count, isAtEnd)
          if match != .no { break }
        }
        if Self.isLineEnd(byte) { break }
        if Int(byte) == quote { strayQuote = true }
        i += 1
      }
      if match == .unknown { return .incomplete }
      if i >= count && !isAtEnd { return .incomplete }
      append(Field(start: opening, end: i, isQuoted: false, hasEscapes: false))
      if strayQuote { strayQuoteCount += 1 }
      if match == .yes {
        i += delimiterCount
        continue
      }
      guard let next = lineEnd(bytes, i, count, isAtEnd) else { return .incomplete }
      return .record(next: next)
    }
  }

  /// The position after the line that `start` is in the middle of; nil when its end is not among the bytes.
  func lineSkip(_ bytes: UnsafePointer<UInt8>, from start: Int, count: Int, isAtEnd: Bool) -> Int? {
    var i = start
    while i < count && !Self.isLineEnd(bytes[i]) { i += 1 }
    return lineEnd(bytes, i, count, isAtEnd)
  }

  @inline(__always)
  private static func isLineEnd(_ byte: UInt8) -> Bool { byte == 10 || byte == 13 }

  /// The position after the line end at `i`, which may be the end of the input; nil when more bytes have to tell.
  @inline(__always)
  private func lineEnd(_ bytes: UnsafePointer<UInt8>, _ i: Int, _ count: Int, _ isAtEnd: Bool) -> Int? {
    guard i < count else { return isAtEnd ? count : nil }
    if bytes[i] == 10 { return i + 1 }
    if i + 1 < count { return bytes[i + 1] == 10 ? i + 2 : i + 1 }
    return isAtEnd ? i + 1 : nil
  }

  private enum Match { case yes, no, unknown }

  @inline(__always)
  private func delimiterMatch(_ bytes: UnsafePointer<UInt8>, _ i: Int, _ count: Int, _ isAtEnd: Bool) -> Match {
    if bytes[i] != delimiter { return .no }
    if delimiterCount == 1 { return .yes }
    for k in 1..<delimiterCount {
      if i + k >= count { return isAtEnd ? .no : .unknown }
      if bytes[i + k] != UInt8(truncatingIfNeeded: delimiterWord >> UInt32(8 * (delimiterCount - 1 - k))) {
        return .no
      }
    }
    return .yes
  }

  @inline(__always)
  private func append(_ field: Field) {
    if fieldCount < fieldLimit {
      if fieldCount == capacity { grow() }
      fields[fieldCount] = field
    }
    fieldCount += 1
  }

  private func grow() {
    let larger = UnsafeMutablePointer<Field>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: fields, count: capacity)
    fields.deallocate()
    fields = larger
    capacity *= 2
  }

  /// The most bytes that `write` makes of `field`.
  func writtenLimit(_ field: Field, _ encoding: CSVDialect.Encoding) -> Int {
    (field.end - field.start) * (encoding == .latin1 ? 2 : 1)
  }

  /// Writes the content of `field`, its doubled quotes and escapes resolved, as UTF-8 where it was Latin 1; gives
  /// the number of bytes.
  func write(
    _ field: Field, of bytes: UnsafePointer<UInt8>, _ encoding: CSVDialect.Encoding,
    to target: UnsafeMutablePointer<UInt8>
  ) -> Int {
    if !field.hasEscapes && encoding == .utf8 {
      target.update(from: bytes + field.start, count: field.end - field.start)
      return field.end - field.start
    }
    var out = 0
    var i = field.start
    while i < field.end {
      var byte = bytes[i]
      if field.hasEscapes && i + 1 < field.end {
        let next = Int(bytes[i + 1])
        if (Int(byte) == escape && (next == quote || next == escape)) || (Int(byte) == quote && next == quote) {
          i += 1
          byte = bytes[i]
        }
      }
      if encoding == .latin1 && byte >= 0x80 {
        target[out] = 0xc0 | byte >> 6
        target[out + 1] = 0x80 | byte & 0x3f
        out += 2
      } else {
        target[out] = byte
        out += 1
      }
      i += 1
    }
    return out
  }
}
