@testable import MartletTable

/// CSV read the slow and obvious way: the whole input at once, a byte at a time, without any of the reader's code.
struct CSVModel {
  struct Record: Equatable {
    var offset: Int
    /// nil is null.
    var cells: [[UInt8]?]
  }

  enum Failure: Equatable {
    case ragged(offset: Int, fields: Int)
    case afterQuote(offset: Int)
    case unterminated(offset: Int)

    var offset: Int {
      switch self {
      case .ragged(let offset, _), .afterQuote(let offset), .unterminated(let offset): offset
      }
    }
  }

  var records: [Record] = []
  var failure: Failure?
  var notes = ReadNotes()

  /// Reads `bytes` from `start`, where an item starts.
  init(_ bytes: [UInt8], from start: Int, columnCount: Int, _ dialect: CSVDialect) {
    var i = start
    func isLineEnd(_ at: Int) -> Bool { bytes[at] == 10 || bytes[at] == 13 }
    func isDelimiter(_ at: Int) -> Bool { bytes[at...].starts(with: dialect.delimiter) }
    func afterLineEnd(_ at: Int) -> Int {
      if at >= bytes.count { return bytes.count }
      return bytes[at] == 13 && at + 1 < bytes.count && bytes[at + 1] == 10 ? at + 2 : at + 1
    }
    func decoded(_ text: [UInt8]) -> [UInt8] {
      dialect.encoding == .utf8 ? text : Array(String(String.UnicodeScalarView(text.map { Unicode.Scalar($0) })).utf8)
    }
    let escape = dialect.escape == dialect.quote ? nil : dialect.escape
    while i < bytes.count {
      let first = i
      if bytes[i] == dialect.comment {
        while i < bytes.count && !isLineEnd(i) { i += 1 }
        i = afterLineEnd(i)
        continue
      }
      if isLineEnd(i) {
        i = afterLineEnd(i)
        if columnCount == 1 { records.append(Record(offset: first, cells: [nil])) }
        continue
      }
      var cells: [[UInt8]?] = []
      while true {
        var text: [UInt8] = []
        var isQuoted = false
        if i < bytes.count && bytes[i] == dialect.quote {
          isQuoted = true
          let opening = i
          i += 1
          while true {
            if i == bytes.count {
              failure = .unterminated(offset: opening)
              return
            }
            let following = i + 1 < bytes.count ? bytes[i + 1] : nil
            if let escape, bytes[i] == escape, following != nil, following == escape || following == dialect.quote {
              text.append(bytes[i + 1])
              i += 2
            } else if bytes[i] == dialect.quote && following == dialect.quote {
              text.append(bytes[i])
              i += 2
            } else if bytes[i] == dialect.quote {
              i += 1
              break
            } else {
              text.append(bytes[i])
              i += 1
            }
          }
          if i < bytes.count && !isDelimiter(i) && !isLineEnd(i) {
            failure = .afterQuote(offset: i)
            return
          }
        } else {
          while i < bytes.count && !isDelimiter(i) && !isLineEnd(i) {
            text.append(bytes[i])
            i += 1
          }
        }
        let content = decoded(text)
        let isNull = content.isEmpty ? !isQuoted : dialect.nullTexts.contains(content)
        cells.append(isNull ? nil : content)
        if i < bytes.count && isDelimiter(i) {
          i += dialect.delimiter.count
          continue
        }
        i = afterLineEnd(i)
        break
      }
      if cells.count != columnCount {
        switch dialect.ragged {
        case .error:
          failure = .ragged(offset: first, fields: cells.count)
          return
        case .skip:
          notes.skipped += 1
          continue
        case .pad:
          if cells.count < columnCount {
            notes.padded += 1
            cells += Array(repeating: nil, count: columnCount - cells.count)
          } else {
            notes.cut += 1
            cells = Array(cells[..<columnCount])
          }
        }
      }
      records.append(Record(offset: first, cells: cells))
    }
  }

  /// The line of byte `offset`, counted without the reader's code.
  static func line(of offset: Int, in bytes: [UInt8]) -> Int {
    var line = 1
    for i in 0..<offset {
      if bytes[i] == 10 { line += 1 }
      if bytes[i] == 13 && !(i + 1 < bytes.count && bytes[i + 1] == 10) { line += 1 }
    }
    return line
  }
}
