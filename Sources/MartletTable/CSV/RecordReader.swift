import MartletSystem

/// Reads the records that start in one range of a source, block by block, in bounded memory.
///
/// The last record is read to its end beyond the range. Which range reads which record is settled by the items of
/// `RecordScanner` (records, blank lines, comments): an item belongs to the range that holds its first byte. `begin`
/// and `end` are starts of items, so consecutive ranges fit when the `end` of one is the `begin` of the next;
/// README.md in this folder says how that proves the guesses.
///
/// Most blocks are cut by `martlet_csv_index`, 64 bytes at a time; where that meets something out of the ordinary,
/// `RecordScanner` reads the block byte by byte. Both give the same records. Not thread safe.
package final class RecordReader {
  /// What is known about the first byte of the range.
  package enum Start: Sendable {
    /// An item starts there.
    case known
    /// Nothing: the first item at or behind it has to be guessed.
    case guessed
  }

  /// The instructions that look for separators; for tests, the default is right elsewhere.
  package enum Level: Int32, Sendable, CaseIterable {
    /// `RecordScanner` alone.
    case scanner = -1
    case portable = 0
    case sse2 = 1
    case avx2 = 2
    case avx512 = 3

    package static let best = Level(rawValue: martlet_csv_best_level()) ?? .portable
    /// All that this processor has.
    package static var available: [Level] { allCases.filter { $0.rawValue <= best.rawValue } }
  }

  /// Where the first item that was read starts: the end of the range before, if the guess was right.
  ///
  /// Known after the first `next()`, also when that throws. An error of a guessed reader counts only once its
  /// `begin` is proven: a wrong guess finds errors in sound input.
  package private(set) var begin: Int
  /// Where the item after the last one starts, or the input ends; known when `next()` has given nil.
  package private(set) var end: Int
  /// What was let pass so far.
  package private(set) var notes = ReadNotes()

  private let source: any ByteSource
  private let dialect: CSVDialect
  private let columnCount: Int
  private let upperBound: Int
  private let blockBytes: Int
  private let recordLimit: Int
  private let level: Level
  private let scanner: RecordScanner
  private let block: RecordBlock

  private var isGuessPending: Bool
  private var isFinished = false
  private var isAtEnd = false
  /// What the buffer holds beyond `cursor` may contain whole items that were not cut yet.
  private var mayCut = false
  /// Up to here in the source the scanner goes on without another try of the fast path.
  private var scannedUntil = 0

  private var buffer: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private var bufferOffset: Int
  private var cursor = 0
  private var filled = 0
  private var rewritten: UnsafeMutablePointer<UInt8>
  private var rewrittenCapacity = 0

  /// Readable bytes behind the buffer's content: the indexer loads 64 at a time, and texts promise 16.
  private static let padding = 128

  /// - Parameters:
  ///   - columnCount: Fields of a record, as `CSVHeader` counted them.
  ///   - range: Where the records start; its upper bound may lie beyond the end of the input.
  ///   - blockBytes: Bytes read at a time; a longer record makes the block longer.
  ///   - recordLimit: The longest record in bytes, beyond which the input is refused.
  package init(
    source: any ByteSource, dialect: CSVDialect, columnCount: Int, range: Range<Int>, start: Start,
    blockBytes: Int = 1 << 18, recordLimit: Int = 1 << 30, level: Level = .best
  ) {
    self.source = source
    self.dialect = dialect
    self.columnCount = columnCount
    self.blockBytes = max(blockBytes, 1)
    self.recordLimit = min(recordLimit, 1 << 30)
    upperBound = range.upperBound
    // A wider delimiter and escapes are the scanner's.
    self.level = dialect.delimiter.count == 1 ? level : .scanner
    scanner = RecordScanner(dialect, fieldLimit: columnCount)
    block = RecordBlock(columnCount: columnCount, dialect: dialect)
    begin = range.lowerBound
    end = range.lowerBound
    bufferOffset = range.lowerBound
    isGuessPending = start == .guessed && range.lowerBound > 0
    capacity = self.blockBytes
    buffer = .allocate(capacity: capacity + Self.padding)
    buffer.initialize(repeating: 0, count: capacity + Self.padding)
    rewritten = .allocate(capacity: Self.padding)
  }

  deinit {
    buffer.deallocate()
    rewritten.deallocate()
  }

  /// The next records, at least one; nil when none is left.
  ///
  /// - Throws: `.malformedData` for a record that cannot be read, after all records before it were given;
  ///   `.unreadable` when the source fails.
  package func next() throws(TableError) -> RecordBlock? {
    if isFinished { return nil }
    if isGuessPending {
      isGuessPending = false
      begin = try RecordStartGuess(source: source, dialect: dialect, columnCount: columnCount)
        .firstItem(from: begin, before: upperBound)
      bufferOffset = begin
    }
    while bufferOffset + cursor < upperBound && columnCount > 0 {
      if mayCut && cursor < filled {
        let count = try cut()
        if count > 0 { return block }
        if bufferOffset + cursor >= upperBound { break }
      }
      if isAtEnd {
        if cursor == filled { break }
        mayCut = true
        continue
      }
      try readMore()
    }
    isFinished = true
    end = bufferOffset + cursor
    if let total = source.byteCount, end > total {
      // The range lies behind the end of the input.
      end = total
      begin = min(begin, total)
    }
    return nil
  }

  // MARK: Reading

  private func readMore() throws(TableError) {
    let tail = filled - cursor
    if cursor > 0 {
      buffer.update(from: buffer + cursor, count: tail)
      bufferOffset += cursor
      cursor = 0
      filled = tail
    }
    if tail >= recordLimit { throw try .recordTooLong(source, at: bufferOffset, limit: recordLimit) }
    if tail * 2 > capacity || tail == capacity { grow(to: capacity * 2) }
    // Beyond the range only the rest of its last record is wanted; a long one is followed in doubling steps.
    let position = bufferOffset + filled
    let slack = max(4096, tail)
    var wanted = capacity - filled
    if upperBound - slack < position + wanted { wanted = min(wanted, max(upperBound - position, 0) + slack) }
    let got = try source.read(at: position, into: UnsafeMutableRawBufferPointer(start: buffer + filled, count: wanted))
    filled += got
    if got == 0 || source.byteCount == bufferOffset + filled { isAtEnd = true }
    mayCut = true
  }

  private func grow(to wanted: Int) {
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted + Self.padding)
    larger.update(from: buffer, count: filled)
    (larger + filled).initialize(repeating: 0, count: wanted + Self.padding - filled)
    buffer.deallocate()
    buffer = larger
    capacity = wanted
  }

  // MARK: Cutting

  /// Makes the block of the records at `cursor`, as many as there are, and moves `cursor` behind them. Zero records:
  /// there are not enough bytes, or only blank lines and comments were left.
  private func cut() throws(TableError) -> Int {
    if level != .scanner && bufferOffset + cursor >= scannedUntil {
      if let count = cutIndexed() { return count }
    }
    scannedUntil = bufferOffset + filled
    return try cutScanned()
  }

  /// The fast path; nil where the bytes are not for it.
  private func cutIndexed() -> Int? {
    let bytes = UnsafePointer(buffer + cursor)
    var byteCount = filled - cursor
    // A regular record needs `columnCount` positions, so twice as many hold a whole one.
    let positions = min(byteCount, max(blockBytes, 2 * columnCount)) + 64
    let separators = block.separators(capacity: positions)
    if isAtEnd && buffer[filled - 1] != 10 {
      // The last record needs a line end to be found by.
      buffer[filled] = 10
      byteCount += 1
    }
    if dialect.encoding == .latin1 && martlet_csv_is_ascii(bytes, byteCount) == 0 { return nil }
    if let escape = dialect.escape, escape != dialect.quote, dialect.quote != nil,
      UnsafeBufferPointer(start: bytes, count: byteCount).contains(escape)
    {
      return nil
    }
    let index = martlet_csv_index(
      bytes, UInt32(byteCount), dialect.delimiter[0], dialect.quote.map(Int32.init) ?? -1, separators,
      UInt32(positions), level.rawValue)
    let flags = Int(index.flags)
    if flags & MARTLET_CSV_IRREGULAR != 0 { return nil }
    var records = Int(index.records)
    if records == 0 {
      if isAtEnd || flags & MARTLET_CSV_TRUNCATED != 0 { return nil }
      mayCut = false
      return 0
    }
    guard records * columnCount == Int(index.separators),
      martlet_csv_is_strided(bytes, separators, index.records, UInt32(columnCount)) != 0
    else { return nil }
    if let comment = dialect.comment,
      martlet_csv_starts_with(bytes, separators, index.records, UInt32(columnCount), comment) != 0
    {
      return nil
    }
    if isAtEnd && flags & MARTLET_CSV_TRUNCATED == 0 && Int(separators[Int(index.separators) - 1]) != byteCount - 1 {
      return nil  // a quote that is not closed, or what only the scanner can tell
    }
    // The indexer knows nothing of the range: keep the records that start in it.
    let limit = upperBound - (bufferOffset + cursor)
    if columnCount * records > 0, records > 1, Int(separators[columnCount * (records - 1) - 1]) + 1 >= limit {
      var low = 1
      var high = records - 1
      while low < high {
        let middle = (low + high) / 2
        if Int(separators[columnCount * middle - 1]) + 1 >= limit { high = middle } else { low = middle + 1 }
      }
      records = low
    }
    block.setAsRead(bytes, sourceOffset: bufferOffset + cursor, count: records, flags: index.flags)
    cursor = min(cursor + Int(separators[columnCount * records - 1]) + 1, filled)
    mayCut = flags & MARTLET_CSV_TRUNCATED != 0
    return records
  }

  /// The slow path: the same for any input.
  private func cutScanned() throws(TableError) -> Int {
    let separatorLimit = max(blockBytes, columnCount)
    let separators = block.separators(capacity: separatorLimit + columnCount)
    let byteLimit = max(4 * blockBytes, 1 << 16)
    var separatorCount = 0
    var written = 0
    var offsets: [Int] = []
    var needsMore = false
    scanning: while cursor < filled && bufferOffset + cursor < upperBound && separatorCount < separatorLimit
      && written < byteLimit
    {
      let item = scanner.scan(buffer, from: cursor, count: filled, isAtEnd: isAtEnd)
      switch item {
      case .comment(let next): cursor = next
      case .blank(let next):
        if columnCount == 1 {
          // A blank line of a table with one column is a record with a null.
          reserveRewritten(written + 1, written)
          offsets.append(bufferOffset + cursor)
          rewritten[written] = RecordBlock.plainMark
          separators[separatorCount] = UInt32(written)
          written += 1
          separatorCount += 1
        }
        cursor = next
      case .record(let next):
        if scanner.fieldCount != columnCount {
          switch dialect.ragged {
          case .error:
            if !offsets.isEmpty { break scanning }
            throw try .ragged(
              source, at: bufferOffset + cursor, fields: scanner.fieldCount, columns: columnCount,
              hasHeader: dialect.hasHeader)
          case .skip:
            notes.skipped += 1
            cursor = next
            continue scanning
          case .pad:
            if scanner.fieldCount < columnCount { notes.padded += 1 } else { notes.cut += 1 }
          }
        }
        reserveRewritten(written + (next - cursor) * 2 + columnCount, written)
        offsets.append(bufferOffset + cursor)
        for column in 0..<columnCount {
          var mark = RecordBlock.plainMark
          if column < scanner.fieldCount {
            let field = scanner.fields[column]
            if field.isQuoted && field.start == field.end { mark = RecordBlock.quotedEmptyMark }
            written += scanner.write(field, of: buffer, dialect.encoding, to: rewritten + written)
          }
          rewritten[written] = mark
          separators[separatorCount] = UInt32(written)
          written += 1
          separatorCount += 1
        }
        cursor = next
      case .incomplete:
        needsMore = true
        break scanning
      case .afterQuote(let position):
        if !offsets.isEmpty { break scanning }
        throw try .afterQuote(source, at: bufferOffset + position, field: scanner.fieldCount)
      case .unterminated(let position):
        if !offsets.isEmpty { break scanning }
        throw try .unterminated(source, at: bufferOffset + position)
      }
    }
    mayCut = !needsMore
    if offsets.isEmpty { return 0 }
    block.setRewritten(rewritten, offsets: offsets)
    return offsets.count
  }

  private func reserveRewritten(_ wanted: Int, _ used: Int) {
    if wanted <= rewrittenCapacity { return }
    let larger = max(wanted, rewrittenCapacity * 2, 1 << 12)
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: larger + Self.padding)
    memory.initialize(repeating: 0, count: larger + Self.padding)
    memory.update(from: rewritten, count: used)
    rewritten.deallocate()
    rewritten = memory
    rewrittenCapacity = larger
  }
}
