import Testing

@testable import MartletTable

@Suite struct LargeRecordTests {
  @Test func `one giant record spans many partitions`() throws {
    let giant = String(repeating: "x,\ny\"\"\n", count: 30_000)
    let bytes = Array("a,b\n1,2\n3,\"\(giant)\"\n4,5\n".utf8)
    let model = CSVModel(bytes, from: 4, columnCount: 2, CSVDialect())
    let cuts = Array(stride(from: 1000, to: bytes.count, by: 20_011))
    for blockBytes in [100, 1 << 18] {
      let read = PartitionedRead(
        MemorySource(bytes), CSVDialect(), columnCount: 2, from: 4, cuts: cuts, blockBytes: blockBytes)
      #expect(read.error == nil)
      #expect(read.records == model.records)
    }
  }

  @Test func `a giant line without quotes spans many partitions`() throws {
    let bytes = Array("a,b\n1,\(String(repeating: "x", count: 300_000))\n4,5\n".utf8)
    let model = CSVModel(bytes, from: 4, columnCount: 2, CSVDialect())
    let cuts = Array(stride(from: 10, to: bytes.count, by: 20_000))
    let read = PartitionedRead(MemorySource(bytes), CSVDialect(), columnCount: 2, from: 4, cuts: cuts, blockBytes: 64)
    #expect(read.records == model.records)
  }

  @Test func `short records behind a giant one are all found`() {
    let bytes = Array(
      ("1," + String(repeating: "x", count: 10_000) + "\n" + String(repeating: ",\n", count: 4000)).utf8)
    let model = CSVModel(bytes, from: 0, columnCount: 2, CSVDialect())
    for level in RecordReader.Level.available {
      let read = PartitionedRead(
        MemorySource(bytes), CSVDialect(), columnCount: 2, from: 0, cuts: [], blockBytes: 16, level: level)
      #expect(read.error == nil)
      #expect(read.records == model.records)
    }
  }

  @Test(arguments: [CSVDialect.Ragged.error, .pad])
  func `ten thousand columns`(_ ragged: CSVDialect.Ragged) throws {
    let columns = 10_000
    var text = (1...columns).map { "n\($0)" }.joined(separator: ",") + "\n"
    for row in 0..<5 {
      text +=
        (0..<columns).map { $0 % 7 == row ? "" : $0 % 100 == row ? "\"q,\($0)\"" : "\($0 + row)" }.joined(
          separator: ",") + "\r\n"
    }
    if ragged == .pad { text += "1\n2\n" }
    let bytes = Array(text.utf8)
    var dialect = CSVDialect()
    dialect.ragged = ragged
    let source = MemorySource(bytes)
    let header = try CSVHeader.read(source, dialect)
    #expect(header.names.count == columns && header.names.last == "n10000")
    let model = CSVModel(bytes, from: header.bodyOffset, columnCount: columns, dialect)
    for (cuts, blockBytes) in [([], 1 << 18), (Array(stride(from: 0, to: bytes.count, by: 40_000)), 1000)] {
      let read = PartitionedRead(
        source, dialect, columnCount: columns, from: header.bodyOffset, cuts: cuts, blockBytes: blockBytes)
      #expect(read.error == nil && read.notes == model.notes)
      #expect(read.records == model.records)
    }
  }

  @Test func `padding many columns stays within bounded memory`() throws {
    var dialect = CSVDialect()
    dialect.ragged = .pad
    let bytes = Array(repeating: [UInt8](arrayLiteral: 49, 10), count: 5000).flatMap { $0 }
    let reader = RecordReader(
      source: MemorySource(bytes), dialect: dialect, columnCount: 1000, range: 0..<bytes.count, start: .known,
      blockBytes: 1 << 14)
    var records = 0
    while let block = try reader.next() {
      #expect(block.count <= 17)
      records += block.count
    }
    #expect(records == 5000 && reader.notes.padded == 5000)
  }

  @Test func `a record beyond the limit is an error with the line where it starts`() {
    let bytes = Array("1,2\n\"\(String(repeating: "x\n", count: 3000))\",3\n".utf8)
    for blockBytes in [16, 1 << 10] {
      let reader = RecordReader(
        source: MemorySource(bytes), dialect: CSVDialect(), columnCount: 2, range: 0..<bytes.count, start: .known,
        blockBytes: blockBytes, recordLimit: 4096)
      let error = #expect(throws: TableError.self) { while try reader.next() != nil {} }
      #expect(error?.line == 2 && error?.message.contains("longer than 4096 bytes") == true)
    }
  }

  @Test func `a range behind the end of the input has no records`() throws {
    for start in [RecordReader.Start.known, .guessed] {
      let reader = RecordReader(
        source: MemorySource(Array("1,2\n".utf8)), dialect: CSVDialect(), columnCount: 2, range: 100..<200,
        start: start)
      #expect(try reader.next() == nil)
      #expect(reader.begin == 4 && reader.end == 4)
    }
  }

  @Test func `an empty range has no records and ends where it begins`() throws {
    let reader = RecordReader(
      source: MemorySource(Array("1,2\n3,4\n".utf8)), dialect: CSVDialect(), columnCount: 2, range: 4..<4,
      start: .known)
    #expect(try reader.next() == nil)
    #expect(reader.begin == 4 && reader.end == 4)
  }
}
