import Testing

@testable import MartletTable

@Suite struct RecordReaderTests {
  /// Cells as text, null as `nil`.
  private func rows(_ text: String, _ change: (inout CSVDialect) -> Void = { _ in }) throws -> [[String?]] {
    var dialect = CSVDialect()
    change(&dialect)
    let source = MemorySource(Array(text.utf8))
    let header = try CSVHeader.read(source, dialect)
    let read = PartitionedRead(
      source, dialect, columnCount: header.names.count, from: header.bodyOffset, cuts: [])
    if let error = read.error { throw error }
    return read.records.map { $0.cells.map { $0.map { String(decoding: $0, as: UTF8.self) } } }
  }

  @Test func `plain records`() throws {
    #expect(try rows("a,b\n1,2\n3,4\n") == [["1", "2"], ["3", "4"]])
  }

  @Test func `the last line needs no end`() throws {
    #expect(try rows("a,b\n1,2\n3,4") == [["1", "2"], ["3", "4"]])
    #expect(try rows("a,b\n1,2\n3,") == [["1", "2"], ["3", nil]])
    #expect(try rows("a,b\n1,2\n3,\"x\"") == [["1", "2"], ["3", "x"]])
  }

  @Test(arguments: ["\n", "\r\n", "\r"])
  func `line ends`(_ end: String) throws {
    #expect(try rows(["a,b", "1,2", "3,4", ""].joined(separator: end)) == [["1", "2"], ["3", "4"]])
    #expect(try rows(["a,b", "1,2", "3,\"4\""].joined(separator: end)) == [["1", "2"], ["3", "4"]])
  }

  @Test func `line ends may be mixed`() throws {
    #expect(try rows("a,b\r1,2\n3,4\r\n5,6\r7,8") == [["1", "2"], ["3", "4"], ["5", "6"], ["7", "8"]])
  }

  @Test func `quotes protect delimiters, line ends and quotes`() throws {
    #expect(
      try rows("a,b\n\"1,5\",\"x\ny\"\n\"\"\"q\"\"\",\"\r\n\"\n") == [["1,5", "x\ny"], ["\"q\"", "\r\n"]])
  }

  @Test func `a quote inside an unquoted field is an ordinary byte`() throws {
    #expect(try rows("a,b\n5\" pipe,x\"y\"\n") == [["5\" pipe", "x\"y\""]])
  }

  @Test func `the empty cell is null, the quoted empty cell is not`() throws {
    #expect(try rows("a,b,c\n,\"\",\n\"\",,x\n") == [[nil, "", nil], ["", nil, "x"]])
    #expect(try rows("a,b,c\n,\"\",\n\"\",,x\"\n") == [[nil, "", nil], ["", nil, "x\""]])
  }

  @Test func `null texts match with and without quotes, but never the quoted empty cell`() throws {
    let texts = ["NA", "", "-"].map { Array($0.utf8) }
    #expect(
      try rows("a,b,c\nNA,\"NA\",N\n-,\"\",\n") { $0.nullTexts = texts } == [[nil, nil, "N"], [nil, "", nil]])
  }

  @Test func `blank lines are no records where there are two columns`() throws {
    #expect(try rows("\n\na,b\n\n1,2\r\n\r\n\n3,4\n\n") == [["1", "2"], ["3", "4"]])
  }

  @Test func `a blank line of one column is a null`() throws {
    #expect(try rows("a\n1\n\n2\r\n\r\n") == [["1"], [nil], ["2"], [nil]])
  }

  @Test func `comments are no records`() throws {
    let text = "# one, \"two\na,b\n1,2\n#,\n# it's \"quoted\n3,#4\n#"
    #expect(try rows(text) { $0.comment = UInt8(ascii: "#") } == [["1", "2"], ["3", "#4"]])
  }

  @Test func `other delimiters, of up to four bytes`() throws {
    #expect(try rows("a;b\n1;2,5\n") { $0.delimiter = Array(";".utf8) } == [["1", "2,5"]])
    #expect(try rows("a||b\n1|x||\"2||\"\n") { $0.delimiter = Array("||".utf8) } == [["1|x", "2||"]])
    #expect(try rows("a→b\n1→\"2\"\n") { $0.delimiter = Array("→".utf8) } == [["1", "2"]])
    #expect(try rows("a<=>b\n1<=2<=>3\n") { $0.delimiter = Array("<=>".utf8) } == [["1<=2", "3"]])
  }

  @Test func `another quote, or none`() throws {
    #expect(try rows("a,b\n'1,''',\"\n") { $0.quote = UInt8(ascii: "'") } == [["1,'", "\""]])
    #expect(try rows("a,b\n\"1,2\"\n") { $0.quote = nil } == [["\"1", "2\""]])
  }

  @Test func `an escape takes the meaning from a quote and from itself`() throws {
    let text = #"a,b"# + "\n" + #""x\"y\\",C:\"# + "\n" + #""C:\new","a""b""# + "\n"
    #expect(
      try rows(text) { $0.escape = UInt8(ascii: "\\") } == [[#"x"y\"#, #"C:\"#], [#"C:\new"#, #"a"b"#]])
  }

  @Test func `Latin 1 becomes UTF-8`() throws {
    var dialect = CSVDialect()
    dialect.encoding = .latin1
    let source = MemorySource([0xe4, 44, 98, 10, 49, 44, 0xff, 10, 34, 0xe9, 34, 34, 34, 44, 50, 10])
    let header = try CSVHeader.read(source, dialect)
    #expect(header.names == ["ä", "b"])
    let read = PartitionedRead(source, dialect, columnCount: 2, from: header.bodyOffset, cuts: [])
    #expect(
      read.records.map { $0.cells.map { $0.map { String(decoding: $0, as: UTF8.self) } } }
        == [["1", "ÿ"], ["é\"", "2"]])
  }

  @Test func `invalid UTF-8 and NUL bytes pass through`() throws {
    let source = MemorySource([97, 44, 98, 10, 0, 44, 0xff, 0xfe, 10, 34, 0, 34, 44, 0xc3, 10])
    let read = PartitionedRead(source, CSVDialect(), columnCount: 2, from: 4, cuts: [])
    #expect(read.records.map(\.cells) == [[[0], [0xff, 0xfe]], [[0], [0xc3]]])
  }

  @Test func `a byte order mark is no part of the first name`() throws {
    let header = try CSVHeader.read(MemorySource([0xef, 0xbb, 0xbf] + Array("\"a\",b\n1,2\n".utf8)), CSVDialect())
    #expect(header == CSVHeader(names: ["a", "b"], bodyOffset: 9))
  }

  @Test func `lines before the header can be skipped`() throws {
    #expect(try rows("made by \"x\r\nb\ra,b\n1,2") { $0.skippedLines = 2 } == [["1", "2"]])
    #expect(try rows("one\ntwo") { $0.skippedLines = 5 } == [])
  }

  @Test func `without a header the columns are numbered`() throws {
    var dialect = CSVDialect()
    dialect.hasHeader = false
    let source = MemorySource(Array("\n1,2,3\n4,5,6".utf8))
    #expect(try CSVHeader.read(source, dialect) == CSVHeader(names: ["c1", "c2", "c3"], bodyOffset: 0))
    #expect(try rows("\n1,2,3\n4,5,6") { $0.hasHeader = false } == [["1", "2", "3"], ["4", "5", "6"]])
  }

  @Test func `ragged records are padded and cut, or skipped, and counted`() throws {
    let source = MemorySource(Array("a,b\n1\n2,3\n4,5,6\n\"7\"\n".utf8))
    var dialect = CSVDialect()
    dialect.ragged = .pad
    let padded = PartitionedRead(source, dialect, columnCount: 2, from: 4, cuts: [])
    #expect(padded.records.map(\.cells) == [[[49], nil], [[50], [51]], [[52], [53]], [[55], nil]])
    #expect(padded.notes.padded == 2 && padded.notes.cut == 1 && padded.notes.skipped == 0)
    dialect.ragged = .skip
    let skipped = PartitionedRead(source, dialect, columnCount: 2, from: 4, cuts: [])
    #expect(skipped.records.map(\.cells) == [[[50], [51]]])
    #expect(skipped.notes.padded == 0 && skipped.notes.cut == 0 && skipped.notes.skipped == 3)
  }

  private func failure(_ text: String, _ change: (inout CSVDialect) -> Void = { _ in }) -> String? {
    do {
      _ = try rows(text, change)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func `a ragged record is an error with its line`() {
    #expect(
      failure("a,b\n\"x\ny\",2\n3\n")
        == "memory:4: record has 1 field, the header has 2 (correct it, or pass --ragged pad or --ragged skip)")
    #expect(
      failure("1,2\n1,2,3\n") { $0.hasHeader = false }
        == "memory:2: record has 3 fields, the first has 2 (correct it, or pass --ragged pad or --ragged skip)")
  }

  @Test func `text behind a closing quote is an error with its line`() {
    #expect(
      failure("a,b\r\n1,2\r\n3,\"4\"5\r\n")
        == "memory:3: field 2 goes on after its closing quote "
        + "(double the quotes inside it, or pass --quote none if quotes mean nothing here)")
  }

  @Test func `a quote that is never closed is an error with the line where it opens`() {
    let expected =
      "memory:3: a quote opens here and is never closed "
      + "(close it, or pass --quote none if quotes mean nothing here)"
    #expect(failure("a,b\n1,2\n3,\"4\n5,6\n") == expected)
    #expect(failure("a,b\n1,2\n3,\"4\n5,6") == expected)
    #expect(failure("a,b\n1,2\n3,\"") == expected)
    #expect(failure("\"a,b\n1,2\n") == expected.replacing("memory:3", with: "memory:1"))
  }

  @Test func `records before a bad one are given first`() throws {
    let source = MemorySource(Array("1,2\n3,4\n5\n6,7\n".utf8))
    let reader = RecordReader(
      source: source, dialect: CSVDialect(), columnCount: 2, range: 0..<14, start: .known)
    #expect(try reader.next()?.count == 2)
    #expect(throws: TableError.self) { try reader.next() }
  }

  @Test func `UTF-16 is refused by name`() {
    #expect(throws: TableError.self) { try CSVHeader.read(MemorySource([0xff, 0xfe, 97, 0]), CSVDialect()) }
  }

  @Test func `an input without records has no columns`() throws {
    for text in ["", "\n", "\r\n\n", "\u{feff}"] {
      let header = try CSVHeader.read(MemorySource(Array(text.utf8)), CSVDialect())
      #expect(header == CSVHeader(names: [], bodyOffset: text.utf8.count))
      let read = PartitionedRead(
        MemorySource(Array(text.utf8)), CSVDialect(), columnCount: 0, from: header.bodyOffset, cuts: [])
      #expect(read.records.isEmpty && read.error == nil)
    }
  }

  @Test func `a header alone has no records`() throws {
    for text in ["a,b", "a,b\n", "a,b\r\n", "a,b\n\n\n"] { #expect(try rows(text) == []) }
  }

  @Test func `names are made unique`() throws {
    func names(_ text: String) throws -> [String] {
      try CSVHeader.read(MemorySource(Array(text.utf8)), CSVDialect()).names
    }
    #expect(try names("a,b,a,a") == ["a", "b", "a_1", "a_2"])
    #expect(try names("a,a,a_1") == ["a", "a_2", "a_1"])
    #expect(try names("a,,c,") == ["a", "c2", "c", "c4"])
    #expect(try names(",c1,") == ["c1_1", "c1", "c3"])
    #expect(try names("\"x\ny\",\"a \"\"b\"\"\"") == ["x\ny", "a \"b\""])
  }
}
