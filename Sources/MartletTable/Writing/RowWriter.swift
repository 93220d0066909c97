/// Writes records in one of the formats that can be written piece by piece: all but `table`.
///
/// Pieces of the same result may be written by several threads, each into a buffer of its own. The whole is
/// `header`, then the pieces in order, then `footer`; of the first piece that is not empty the first
/// `firstPieceSkip` bytes are left out (the comma that stands before each JSON object but the first).
///
/// Rules of each format:
/// - `csv`, `tsv`: LF ends; quotes where a cell holds the delimiter, a quote, CR or LF. NULL is the empty cell, the empty
///   text `""`. In a table of one column a NULL is therefore a blank line, which our reader takes for a record there.
/// - `json`, `jsonl`: numbers as they were written where JSON has such a number, else in canonical form; nan and inf
///   are null; what is no UTF-8 becomes U+FFFD.
/// - `markdown`: `|` and line breaks in cells are escaped.
package struct RowWriter: Sendable {
  package let format: OutputFormat
  package let names: [String]
  /// The types as people see them: they decide which cells JSON quotes and markdown aligns to the right.
  package let types: [ColumnType]
  /// JSON: what stands before each value: `{` or a comma, and `"name":`.
  ///
  /// One after the other, each followed by 16 zeros so that short ones can be copied as 16 bytes.
  private let keys: [UInt8]
  /// Where each key begins in `keys`, and where the next one would.
  private let keyOffsets: [Int]

  /// A writer for `names.count` columns. `format` is not `.table`; see `TableWriter` for that.
  package init(format: OutputFormat, names: [String], types: [ColumnType]) {
    if format == .table { invariantFailure("a table for people is not written row by row") }
    self.format = format
    self.names = names
    self.types = types
    let buffer = ByteBuffer()
    var offsets = [0]
    for (index, name) in names.enumerated() {
      buffer.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
      JSONText.append(name, to: buffer)
      buffer.append(UInt8(ascii: ":"))
      buffer.append(Array(repeating: 0, count: 16))
      offsets.append(buffer.count)
    }
    keys = buffer.array
    keyOffsets = offsets
  }

  /// How many bytes to leave out at the start of the first piece that has any.
  package var firstPieceSkip: Int { format == .json ? 1 : 0 }

  /// What stands before the first piece.
  package func appendHeader(to buffer: ByteBuffer) {
    switch format {
    case .csv, .tsv:
      for (index, name) in names.enumerated() {
        if index > 0 { buffer.append(delimiter) }
        appendText(name, to: buffer)
      }
      buffer.append(UInt8(ascii: "\n"))
    case .json: buffer.append(UInt8(ascii: "["))
    case .jsonl, .table: break
    case .markdown:
      for name in names {
        buffer.append("| ")
        MarkdownText.append(Array(name.utf8), to: buffer)
        buffer.append(UInt8(ascii: " "))
      }
      buffer.append("|\n")
      for type in types { buffer.append(type.isNumeric ? "| ---: " : "| --- ") }
      buffer.append("|\n")
    }
  }

  /// What stands after the last piece.
  package func appendFooter(to buffer: ByteBuffer) {
    if format == .json { buffer.append("\n]\n") }
  }

  /// Writes records as the next part of a piece.
  ///
  /// - Parameters:
  ///   - vectors: One a column. A column that was not computed may be a text vector whatever its type: its bytes
  ///     are written as they are.
  ///   - count: How many records.
  ///   - rows: Which rows of the vectors they are; nil for the first `count`.
  package func append(
    _ vectors: [Vector], count: Int, rows: UnsafePointer<UInt16>? = nil, to buffer: ByteBuffer
  ) {
    let cells = vectors.map(Cells.init)
    cells.withUnsafeBufferPointer { cells in
      switch format {
      case .csv, .tsv: appendDelimited(cells, count, rows, buffer)
      case .json, .jsonl:
        keys.withUnsafeBufferPointer { keys in
          for index in 0..<count {
            if format == .json { buffer.append(word: ",\n") }
            appendObject(cells, keys, rows.map { Int($0[index]) } ?? index, buffer)
            if format == .jsonl { buffer.append(UInt8(ascii: "\n")) }
          }
        }
      case .markdown, .table:
        for index in 0..<count { appendMarkdown(cells, rows.map { Int($0[index]) } ?? index, buffer) }
      }
    }
  }

  private var delimiter: UInt8 { format == .tsv ? UInt8(ascii: "\t") : UInt8(ascii: ",") }

  // MARK: CSV

  /// The place of the next byte is kept in a register, and a delimiter written behind every cell, which the record's
  /// end then overwrites: together half the time that appending to the buffer piece by piece takes.
  private func appendDelimited(
    _ cells: UnsafeBufferPointer<Cells>, _ count: Int, _ rows: UnsafePointer<UInt16>?, _ buffer: ByteBuffer
  ) {
    let delimiter = delimiter
    var place = buffer.reserve(1)
    var end = buffer.end
    @inline(__always)
    func reserve(_ count: Int) {
      if end - place < count {
        buffer.commit(place)
        place = buffer.reserve(count)
        end = buffer.end
      }
    }
    for index in 0..<count {
      let row = rows.map { Int($0[index]) } ?? index
      for column in cells {
        if column.isValid(row) {
          if column.type == .text {
            let length = Int(column.lengths[row])
            reserve(DelimitedText.room(length) &+ 1)
            place = DelimitedText.write(column.texts[row], length, delimiter, isPlain: column.isPlain, to: place)
          } else {
            buffer.commit(place)
            column.appendNumber(row, to: buffer)
            place = buffer.reserve(1)
            end = buffer.end
          }
        } else {
          reserve(1)
        }
        place.pointee = delimiter
        place += 1
      }
      if cells.isEmpty {
        reserve(1)
        place += 1
      }
      place[-1] = UInt8(ascii: "\n")
    }
    buffer.commit(place)
  }

  private func appendText(_ text: String, to buffer: ByteBuffer) {
    let padded = Array(text.utf8) + Array(repeating: 0, count: 16)
    padded.withUnsafeBufferPointer {
      let count = padded.count - 16
      buffer.commit(
        DelimitedText.write(
          $0.baseAddress!, count, delimiter, isPlain: false, to: buffer.reserve(DelimitedText.room(count))))
    }
  }

  // MARK: JSON

  private func appendObject(
    _ cells: UnsafeBufferPointer<Cells>, _ keys: UnsafeBufferPointer<UInt8>, _ row: Int, _ buffer: ByteBuffer
  ) {
    for index in 0..<cells.count {
      let start = keyOffsets[index]
      buffer.append(padded: keys.baseAddress! + start, count: keyOffsets[index + 1] &- start &- 16)
      let column = cells[index]
      if column.isValid(row) {
        JSONText.append(column, row, as: types[index], to: buffer)
      } else {
        buffer.append(word: "null")
      }
    }
    if cells.isEmpty { buffer.append(UInt8(ascii: "{")) }
    buffer.append(UInt8(ascii: "}"))
  }

  // MARK: Markdown

  private func appendMarkdown(_ cells: UnsafeBufferPointer<Cells>, _ row: Int, _ buffer: ByteBuffer) {
    for index in 0..<cells.count {
      buffer.append(word: "| ")
      let column = cells[index]
      if column.isValid(row) {
        if column.type == .text {
          MarkdownText.append(
            UnsafeBufferPointer(start: column.texts[row], count: Int(column.lengths[row])), to: buffer)
        } else {
          column.appendNumber(row, to: buffer)
        }
      }
      buffer.append(UInt8(ascii: " "))
    }
    buffer.append(word: "|\n")
  }
}

/// The memory of a vector, read without going through the object.
struct Cells {
  let type: ColumnType
  let hasNulls: Bool
  let isPlain: Bool
  let ints: UnsafeMutablePointer<Int64>
  let doubles: UnsafeMutablePointer<Double>
  let texts: UnsafeMutablePointer<UnsafePointer<UInt8>>
  let lengths: UnsafeMutablePointer<UInt32>
  let valid: UnsafeMutablePointer<UInt8>

  init(_ vector: Vector) {
    type = vector.type
    hasNulls = vector.hasNulls || vector.type == .null
    isPlain = vector.isPlain
    ints = vector.ints
    doubles = vector.doubles
    texts = vector.texts
    lengths = vector.lengths
    valid = vector.valid
  }

  @inline(__always)
  func isValid(_ row: Int) -> Bool { !hasNulls || (type != .null && valid[row] != 0) }

  /// The canonical text of a cell that is neither null nor text.
  @inline(__always)
  func appendNumber(_ row: Int, to buffer: ByteBuffer) {
    switch type {
    case .int: buffer.append(int: ints[row])
    case .double: buffer.append(double: doubles[row])
    case .bool: buffer.append(bool: ints[row] != 0)
    case .date: buffer.append(date: ints[row])
    case .timestamp: buffer.append(timestamp: ints[row])
    case .text, .null: break
    }
  }
}
