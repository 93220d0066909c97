/// Finds where a record starts in the middle of a file, without knowing whether the middle is inside quotes.
///
/// Both answers are tried on what follows, and the one under which the text looks more like this table wins (Ge, Li,
/// Eilebrecht, Chandramouli and Kossmann, Speculative Distributed CSV Data Parsing for Big Data Analytics, SIGMOD
/// 2019). A guess may be wrong; nothing but time depends on it.
struct RecordStartGuess {
  private let source: any ByteSource
  private let dialect: CSVDialect
  private let columnCount: Int

  /// Records that are looked at under each hypothesis, and the bytes that are read for it at first.
  private static let enoughRecords = 64
  private static let firstWindow = 1 << 14

  init(source: any ByteSource, dialect: CSVDialect, columnCount: Int) {
    self.source = source
    self.dialect = dialect
    self.columnCount = columnCount
  }

  /// The likely start of the first item at or behind `offset`; `bound`, when none is found before that.
  ///
  /// Beyond the end of the input the answer is that end, or `offset` when it is not known.
  func firstItem(from offset: Int, before bound: Int) throws(TableError) -> Int {
    // Start at a byte that is no quote, so that a pair of quotes is not cut in two; a line end may stand there.
    let lead = min(offset, 64)
    let windowStart = offset - lead
    var window = Self.firstWindow
    while true {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: lead + window, alignment: 64)
      defer { buffer.deallocate() }
      var count = 0
      var isAtEnd = false
      while count < buffer.count && !isAtEnd {
        let got = try source.read(
          at: windowStart + count, into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
        count += got
        isAtEnd = got == 0 || source.byteCount == windowStart + count
      }
      if count <= lead { return min(offset, source.byteCount ?? offset) }
      let bytes = UnsafePointer(buffer.baseAddress!.assumingMemoryBound(to: UInt8.self))
      var from = lead - 1
      while from > 0 && dialect.quote == bytes[from] { from -= 1 }
      let outside = judge(bytes, from, lead, count, isAtEnd, .unquoted)
      if let start = outside.start, outside.bad == 0, outside.good > 0, !outside.sawQuote {
        return windowStart + start
      }
      let inside = dialect.quote == nil ? nil : judge(bytes, from, lead, count, isAtEnd, .quoted)
      let best: Judgement
      if let inside, inside.start != nil, outside.start == nil || inside.errorShare < outside.errorShare {
        best = inside
      } else {
        best = outside
      }
      if let start = best.start, best.good > 0 || isAtEnd || windowStart + count >= bound {
        return windowStart + start
      }
      if isAtEnd { return windowStart + count }
      // Nothing starts here: the range may be in the middle of a giant record.
      if windowStart + count >= bound { return bound }
      window *= 4
    }
  }

  private struct Judgement {
    var start: Int?
    /// Records with as many fields as there are columns, and signs that the hypothesis is wrong.
    var good = 0
    var bad = 0
    var sawQuote = false

    var errorShare: Double { good + bad == 0 ? 1 : Double(bad) / Double(good + bad) }
  }

  private func judge(
    _ bytes: UnsafePointer<UInt8>, _ from: Int, _ first: Int, _ count: Int, _ isAtEnd: Bool,
    _ state: RecordScanner.State
  ) -> Judgement {
    let scanner = RecordScanner(dialect, fieldLimit: columnCount)
    var result = Judgement()
    var state = state
    var position = from
    while position < count && result.good + result.bad < Self.enoughRecords {
      let item = scanner.scan(bytes, from: position, count: count, isAtEnd: isAtEnd, in: state)
      let next: Int
      switch item {
      case .blank(let end), .comment(let end): next = end
      case .record(let end):
        next = end
        if state == .item {
          if scanner.fieldCount == columnCount { result.good += 1 } else { result.bad += 1 }
        }
        result.bad += scanner.strayQuoteCount
        for field in 0..<min(scanner.fieldCount, columnCount) where scanner.fields[field].isQuoted {
          result.sawQuote = true
        }
        if scanner.strayQuoteCount > 0 { result.sawQuote = true }
      case .incomplete: return result
      case .afterQuote, .unterminated:
        result.bad += 8
        result.sawQuote = true
        return result
      }
      state = .item
      position = next
      if result.start == nil && position >= first { result.start = position }
    }
    return result
  }
}
