/// What stands before the records: the names of the columns and where the records begin.
package struct CSVHeader: Hashable, Sendable {
  /// A name a column, all different. Empty when the input has no record at all.
  package var names: [String]
  /// Where the first item after the header starts: behind a byte order mark, the skipped lines and the header.
  package var bodyOffset: Int
  /// Columns whose name is not the one in the file, because that was empty or taken.
  package var renamedColumns: [Int]

  package init(names: [String], bodyOffset: Int, renamedColumns: [Int] = []) {
    self.names = names
    self.bodyOffset = bodyOffset
    self.renamedColumns = renamedColumns
  }

  /// Reads the header of `source`, whose dialect has been settled.
  ///
  /// Without a header the columns are `c1, c2, …`, as many as the first record has fields. An empty name becomes
  /// `c` and the number of its column; the second and third `a` become `a_1` and `a_2`.
  ///
  /// - Throws: `.malformedData` when the header does not end, or the input is UTF-16; whatever the source throws.
  package static func read(_ source: any ByteSource, _ dialect: CSVDialect) throws(TableError) -> CSVHeader {
    try dialect.validate()
    var prefix = SourcePrefix(source)
    try prefix.grow(to: 4)
    if prefix.starts(with: [0xff, 0xfe]) || prefix.starts(with: [0xfe, 0xff]) { throw .isUTF16(source) }
    var position = prefix.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    let scanner = RecordScanner(dialect)
    for _ in 0..<dialect.skippedLines {
      while true {
        if position >= prefix.count && prefix.isAtEnd { break }
        let next = scanner.lineSkip(prefix.bytes, from: position, count: prefix.count, isAtEnd: prefix.isAtEnd)
        if let next {
          position = next
          break
        }
        try prefix.growMore()
      }
    }
    let bodyWithoutHeader = position
    while true {
      if position >= prefix.count {
        if prefix.isAtEnd { return CSVHeader(names: [], bodyOffset: prefix.count) }
        try prefix.growMore()
        continue
      }
      switch scanner.scan(prefix.bytes, from: position, count: prefix.count, isAtEnd: prefix.isAtEnd) {
      case .incomplete: try prefix.growMore()
      case .blank(let next), .comment(let next): position = next
      case .record(let next):
        if !dialect.hasHeader {
          return CSVHeader(names: (0..<scanner.fieldCount).map { "c\($0 + 1)" }, bodyOffset: bodyWithoutHeader)
        }
        let (names, renamed) = unique(texts(of: scanner, prefix.bytes, dialect.encoding))
        return CSVHeader(names: names, bodyOffset: next, renamedColumns: renamed)
      case .afterQuote(let at): throw try .afterQuote(source, at: at, field: scanner.fieldCount)
      case .unterminated(let at): throw try .unterminated(source, at: at)
      }
    }
  }

  private static func texts(
    of scanner: RecordScanner, _ bytes: UnsafePointer<UInt8>, _ encoding: CSVDialect.Encoding
  ) -> [String] {
    (0..<scanner.fieldCount).map { index in
      let field = scanner.fields[index]
      let content = [UInt8](unsafeUninitializedCapacity: scanner.writtenLimit(field, encoding)) { buffer, count in
        guard let target = buffer.baseAddress else { return }
        count = scanner.write(field, of: bytes, encoding, to: target)
      }
      return String(decoding: content, as: UTF8.self)
    }
  }

  private static func unique(_ names: [String]) -> (names: [String], renamed: [Int]) {
    // Names that stand in the file keep their place before made ones do: in `a,a,a_1` the second column is a_2.
    var taken = Set(names)
    var seen: Set<String> = []
    var lastSuffix: [String: Int] = [:]
    var result: [String] = []
    var renamed: [Int] = []
    for (index, original) in names.enumerated() {
      var name = original
      if name.isEmpty {
        name = "c\(index + 1)"
        if taken.insert(name).inserted {
          seen.insert(name)
          result.append(name)
          renamed.append(index)
          continue
        }
      } else if seen.insert(name).inserted {
        result.append(name)
        continue
      }
      var suffix = lastSuffix[name] ?? 0
      repeat { suffix += 1 } while !taken.insert("\(name)_\(suffix)").inserted
      lastSuffix[name] = suffix
      seen.insert("\(name)_\(suffix)")
      result.append("\(name)_\(suffix)")
      renamed.append(index)
    }
    return (result, renamed)
  }
}

/// The first bytes of a source, as many as turn out to be needed.
struct SourcePrefix: ~Copyable {
  private let source: any ByteSource
  private var buffer: UnsafeMutableRawBufferPointer
  private(set) var count = 0
  private(set) var isAtEnd = false

  init(_ source: any ByteSource) {
    self.source = source
    buffer = .allocate(byteCount: 1 << 12, alignment: 64)
  }

  deinit { buffer.deallocate() }

  var bytes: UnsafePointer<UInt8> { UnsafePointer(buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)) }

  func starts(with mark: [UInt8]) -> Bool { count >= mark.count && buffer.starts(with: mark) }

  /// Reads until `wanted` bytes are there or the source ends.
  mutating func grow(to wanted: Int) throws(TableError) {
    while count < wanted && !isAtEnd { try growMore() }
  }

  /// Reads some bytes more: what is there at the moment, up to twice as many as before.
  mutating func growMore() throws(TableError) {
    if count == buffer.count {
      let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 64)
      larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
      buffer.deallocate()
      buffer = larger
    }
    let got = try source.read(at: count, into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
    count += got
    if got == 0 || source.byteCount == count { isAtEnd = true }
  }
}
