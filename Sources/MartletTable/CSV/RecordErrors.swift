/// What is wrong with a record, in the words that users see.
extension TableError {
  static func ragged(
    _ source: any ByteSource, at offset: Int, fields: Int, columns: Int, hasHeader: Bool
  ) throws(TableError) -> TableError {
    TableError(
      .malformedData, file: source.name, line: try lineNumber(of: offset, in: source),
      "record has \(fields) \(fields == 1 ? "field" : "fields"), the \(hasHeader ? "header" : "first") has \(columns)",
      remedy: "correct it, or pass --ragged pad or --ragged skip")
  }

  static func afterQuote(_ source: any ByteSource, at offset: Int, field: Int) throws(TableError) -> TableError {
    TableError(
      .malformedData, file: source.name, line: try lineNumber(of: offset, in: source),
      "field \(field) goes on after its closing quote",
      remedy: "double the quotes inside it, or pass --quote none if quotes mean nothing here")
  }

  static func unterminated(_ source: any ByteSource, at offset: Int) throws(TableError) -> TableError {
    TableError(
      .malformedData, file: source.name, line: try lineNumber(of: offset, in: source),
      "a quote opens here and is never closed",
      remedy: "close it, or pass --quote none if quotes mean nothing here")
  }

  static func recordTooLong(_ source: any ByteSource, at offset: Int, limit: Int) throws(TableError) -> TableError {
    TableError(
      .malformedData, file: source.name, line: try lineNumber(of: offset, in: source),
      "a record that starts here is longer than \(limit) bytes",
      remedy: "look for a quote that is never closed, or pass --quote none if quotes mean nothing here")
  }

  static func isUTF16(_ source: any ByteSource) -> TableError {
    TableError(
      .malformedData, file: source.name, "the file is UTF-16",
      remedy: "convert it first, for instance with iconv -f UTF-16 -t UTF-8")
  }
}
