extension CSVDialect {
  /// This dialect with the delimiter that `source` seems to have.
  ///
  /// By extension: `.tsv` and `.tab` mean tabulators, `.psv` vertical bars. Otherwise the first 64 KiB are read with
  /// each of `, tab ; |`: the delimiter wins that gives the first record two fields or more and the largest share of
  /// records with as many as the first; among equals the comma, then the one with more fields. Where none splits
  /// the first record, it is the comma, and there is one column.
  package func sniffingDelimiter(of source: any ByteSource) throws(TableError) -> CSVDialect {
    var result = self
    let name = source.name.lowercased()
    if name.hasSuffix(".tsv") || name.hasSuffix(".tab") {
      result.delimiter = [9]
      return result
    }
    if name.hasSuffix(".psv") {
      result.delimiter = [UInt8(ascii: "|")]
      return result
    }
    var prefix = SourcePrefix(source)
    // A terminal or a slow pipe: judge by what comes first, rather than wait for more than is needed.
    let wanted = source.byteCount == nil ? 1 : 1 << 16
    try prefix.grow(to: wanted)
    while !prefix.isAtEnd && !Self.holdsRecord(prefix, self) && prefix.count < 1 << 16 { try prefix.growMore() }
    var best: (share: Double, fields: Int)?
    result.delimiter = [UInt8(ascii: ",")]
    for candidate in [UInt8(ascii: ","), 9, UInt8(ascii: ";"), UInt8(ascii: "|")] {
      if [quote, escape, comment].contains(candidate) { continue }
      var trial = self
      trial.delimiter = [candidate]
      guard let score = Self.score(prefix, trial) else { continue }
      let isBetter: Bool
      if let best, best.share >= score.share {
        let commaWon = result.delimiter == [UInt8(ascii: ",")]
        isBetter = best.share == score.share && !commaWon && score.fields > best.fields
      } else {
        isBetter = true
      }
      if isBetter {
        best = score
        result.delimiter = [candidate]
      }
    }
    return result
  }

  private static func holdsRecord(_ prefix: borrowing SourcePrefix, _ dialect: CSVDialect) -> Bool {
    var found = false
    eachRecord(prefix, dialect) { _ in
      found = true
      return false
    }
    return found
  }

  /// The share of records that have as many fields as the first; nil where that has only one.
  private static func score(_ prefix: borrowing SourcePrefix, _ dialect: CSVDialect) -> (share: Double, fields: Int)? {
    var first = 0
    var equal = 0
    var all = 0
    eachRecord(prefix, dialect) { fields in
      if all == 0 { first = fields }
      all += 1
      if fields == first { equal += 1 }
      return first > 1 && all < 1000
    }
    return first > 1 ? (Double(equal) / Double(all), first) : nil
  }

  private static func eachRecord(
    _ prefix: borrowing SourcePrefix, _ dialect: CSVDialect, _ body: (_ fields: Int) -> Bool
  ) {
    let scanner = RecordScanner(dialect, fieldLimit: 0)
    let bytes = prefix.bytes
    let count = prefix.count
    var position = prefix.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    for _ in 0..<dialect.skippedLines where position < count {
      position = scanner.lineSkip(bytes, from: position, count: count, isAtEnd: true) ?? count
    }
    while position < count {
      switch scanner.scan(bytes, from: position, count: count, isAtEnd: prefix.isAtEnd) {
      case .blank(let next), .comment(let next): position = next
      case .record(let next):
        position = next
        if !body(scanner.fieldCount) { return }
      case .afterQuote(let at):
        // A sign against this delimiter: a record of a length that no other has.
        if !body(0) { return }
        position = scanner.lineSkip(bytes, from: at, count: count, isAtEnd: true) ?? count
      case .incomplete, .unterminated: return
      }
    }
  }
}
