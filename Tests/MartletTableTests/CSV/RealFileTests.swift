import Testing

@testable import MartletTable

#if canImport(Glibc)
  import Glibc
#endif

/// Files that other people publish, where the folder with them is there.
private let dataFolder: String? = {
  var candidates: [String] = []
  if let path = getenv("MARTLET_SHARED_DATA") { candidates.append(String(cString: path)) }
  // This file is three folders below the package.
  let package = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
  candidates.append(package + "/../shared/data")
  return candidates.first { access($0, R_OK) == 0 }
}()

@Suite(.enabled(if: dataFolder != nil, "set MARTLET_SHARED_DATA to the folder of example files"))
struct RealFileTests {
  private func read(_ name: String, _ dialect: CSVDialect = CSVDialect(), step: Int? = nil) throws
    -> (read: PartitionedRead, header: CSVHeader, source: FileSource, dialect: CSVDialect)
  {
    let source = try FileSource(path: dataFolder! + "/" + name)
    let dialect = try dialect.sniffingDelimiter(of: source)
    let header = try CSVHeader.read(source, dialect)
    let cuts = step.map { Array(stride(from: $0, to: source.byteCount!, by: $0)) } ?? []
    let read = PartitionedRead(
      source, dialect, columnCount: header.names.count, from: header.bodyOffset, cuts: cuts)
    return (read, header, source, dialect)
  }

  /// Number of records, as other programs count them.
  @Test(arguments: [
    ("nycflights13/airlines.csv", 16, 2), ("nycflights13/airports.csv", 1458, 8),
    ("ourairports/countries.csv", 249, 6),
  ])
  func `every record and every cell`(_ name: String, _ records: Int, _ columns: Int) throws {
    let (read, header, source, dialect) = try read(name, step: 10_000)
    #expect(read.error == nil)
    #expect(read.repeated == 0)
    #expect(read.records.count == records)
    #expect(header.names.count == columns)
    let model = CSVModel(try source.everything(), from: header.bodyOffset, columnCount: columns, dialect)
    #expect(read.records == model.records)
  }

  @Test(arguments: ["nycflights13/weather.csv", "ourairports/runways.csv", "ourairports/airport-frequencies.csv"])
  func `the cuts change nothing, and are guessed right`(_ name: String) throws {
    let whole = try read(name).read
    let parts = try read(name, step: 100_003).read
    #expect(whole.error == nil && parts.error == nil)
    #expect(parts.repeated == 0)
    #expect(whole.records.count == parts.records.count)
    #expect(whole.records == parts.records)
  }

  @Test func `the types of the weather`() throws {
    var dialect = CSVDialect()
    dialect.nullTexts = [Array("NA".utf8)]
    let (_, header, source, _) = try read("nycflights13/weather.csv", dialect)
    let reader = RecordReader(
      source: source, dialect: dialect, columnCount: header.names.count,
      range: header.bodyOffset..<source.byteCount!, start: .known)
    var seen = [SeenTypes](repeating: [], count: header.names.count)
    let vector = Vector(type: .text)
    while let block = try reader.next() {
      for column in seen.indices {
        for first in stride(from: 0, to: block.count, by: Batch.capacity) {
          block.fill(vector, column: column, rows: first..<min(first + Batch.capacity, block.count))
          seen[column].formUnion(CellParser.seenTypes(of: vector))
        }
      }
    }
    let types = Dictionary(uniqueKeysWithValues: zip(header.names, seen.map(\.columnType)))
    #expect(types["origin"] == .text && types["year"] == .int && types["temp"] == .double)
    #expect(types["time_hour"] == .timestamp)
  }
}
