package import MartletTable

extension TableFiles {
  /// The columns with the classes of cells in a sample: the beginning of the input, and where it can be read from
  /// any place, some of its middle and end.
  ///
  /// Only a guess to start with: every scan checks every cell of the columns that it parses. What the sample cannot
  /// read is left to the scan, which reports it with its place.
  package func sampledColumns(givenTypes: [String: ColumnType]) throws(TableError) -> [ScanColumn] {
    var columns = columnNames.map { ScanColumn(name: $0, seen: [], givenType: givenTypes[$0]) }
    for name in givenTypes.keys.sorted() where !columnNames.contains(name) {
      // Says which names there are.
      _ = try BoundExpression(.column(name), schema: columnNames.map { (name: $0, type: .text) })
    }
    guard !columns.isEmpty else { return columns }
    let vector = Vector(type: .text)
    for (file, range, start) in samplePlaces() {
      // A record that cannot be read here is reported by the scan, with its line.
      let reader = RecordReader(
        source: file.source, dialect: dialect, columnCount: columns.count, range: range, start: start,
        blockBytes: Self.sampleBytes)
      guard let block = try? reader.next() else { continue }
      let rows = 0..<min(block.count, Batch.capacity)
      for index in columns.indices where columns[index].givenType == nil {
        block.fill(vector, column: index, rows: rows)
        columns[index].seen.formUnion(CellParser.seenTypes(of: vector))
      }
    }
    return columns
  }

  private static let sampleBytes = 64 << 10

  private func samplePlaces() -> [(File, Range<Int>, RecordReader.Start)] {
    var places = files.prefix(1).map { file in
      (file, file.bodyOffset..<file.bodyOffset + Self.sampleBytes, RecordReader.Start.known)
    }
    for file in [files.first, files.count > 1 ? files.last : nil].compactMap({ $0 }) {
      guard let bytes = file.source.byteCount, bytes > 8 * Self.sampleBytes else { continue }
      for offset in [bytes / 2, bytes - 2 * Self.sampleBytes] {
        places.append((file, offset..<offset + Self.sampleBytes, .guessed))
      }
    }
    return places
  }
}
