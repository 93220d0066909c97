package import MartletTable

/// The opened files of a table: one header, one dialect, and where each file's records begin.
package struct TableFiles: Sendable {
  /// One of the files.
  package struct File: Sendable {
    package let source: any ByteSource
    /// Where its records begin.
    package let bodyOffset: Int
  }

  package let files: [File]
  package let dialect: CSVDialect
  package let columnNames: [String]
  /// Columns whose name was made up because the header has none or has it twice, as a note says.
  package let renamedColumns: [String]

  /// All bytes, or nil while the end of a pipe was not reached.
  package var totalBytes: Int? {
    var total = 0
    for file in files {
      guard let bytes = file.source.byteCount else { return nil }
      total += bytes
    }
    return total
  }

  /// Throws where another process cannot read what this one reads.
  ///
  /// - Throws: `.unreadable` for standard input and pipes.
  func requireFiles() throws(TableError) {
    for file in files where !(file.source is FileSource) {
      let name = file.source.name == "-" ? "standard input" : "a pipe"
      throw TableError(
        .unreadable, file: file.source.name, "\(name) cannot be read by the workers of a cluster",
        remedy: "send it to them: --send-data")
    }
  }

  /// Opens all files and compares their headers.
  ///
  /// - Throws: `.unreadable` for a file that cannot be opened, `.malformedData` where headers differ.
  package init(_ input: TableInput) throws(TableError) {
    var dialect = CSVDialect()
    dialect.quote = input.quote
    dialect.escape = input.escape
    dialect.hasHeader = input.hasHeader
    dialect.skippedLines = input.skippedLines
    dialect.comment = input.comment
    dialect.encoding = input.isLatin1 ? .latin1 : .utf8
    dialect.nullTexts = input.nullTexts.map { Array($0.utf8) }
    dialect.ragged =
      switch input.ragged {
      case .error: .error
      case .pad: .pad
      case .skip: .skip
      }
    var sources: [any ByteSource] = []
    for path in try InputFiles.expand(input.files) { sources.append(try openSource(path: path)) }
    if let delimiter = input.delimiter {
      dialect.delimiter = delimiter
    } else {
      dialect = try dialect.sniffingDelimiter(of: sources[0])
    }
    var files: [File] = []
    var first: CSVHeader?
    for source in sources {
      let header = try CSVHeader.read(source, dialect)
      // An empty file has no header and no records; it goes with any other.
      if header.names.isEmpty && sources.count > 1 { continue }
      if let first, let difference = Self.difference(first.names, header.names, hasHeader: dialect.hasHeader) {
        throw TableError(
          .malformedData, file: source.name, "\(difference) \(sources[0].name)",
          remedy: "give only files of one table, or select the columns of each apart")
      }
      first = first ?? header
      files.append(File(source: source, bodyOffset: header.bodyOffset))
    }
    self.files = files
    self.dialect = dialect
    columnNames = first?.names ?? []
    renamedColumns = (first?.renamedColumns ?? []).map { [names = columnNames] in names[$0] }
  }

  /// How the header `other` differs from `names`, as the beginning of a sentence that the other file's name ends.
  private static func difference(_ names: [String], _ other: [String], hasHeader: Bool) -> String? {
    if names.count != other.count { return "has \(other.count) columns, not the \(names.count) of" }
    guard hasHeader, let index = names.indices.first(where: { names[$0] != other[$0] }) else { return nil }
    return "its column \(index + 1) is \(other[index]), not \(names[index]) as in"
  }
}
