@testable import MartletTable

/// A file read in partitions as a query does: every one guesses its start, then the chain of ends and begins is
/// proven, and where it breaks the partition is read again from where it has to start.
struct PartitionedRead {
  var records: [CSVModel.Record] = []
  var notes = ReadNotes()
  var error: TableError?
  var repeated = 0

  init(
    _ source: any ByteSource, _ dialect: CSVDialect, columnCount: Int, from body: Int, cuts: [Int],
    blockBytes: Int = 1 << 18, level: RecordReader.Level = .best, step: Int = Batch.capacity
  ) {
    struct Part {
      var begin: Int
      var end: Int
      var records: [CSVModel.Record]
      var notes: ReadNotes
      var error: TableError?
    }
    func read(_ range: Range<Int>, _ start: RecordReader.Start) -> Part {
      let reader = RecordReader(
        source: source, dialect: dialect, columnCount: columnCount, range: range, start: start,
        blockBytes: blockBytes, level: level)
      var records: [CSVModel.Record] = []
      var error: TableError?
      do throws(TableError) {
        while let block = try reader.next() { records += Self.records(of: block, columnCount, step: step) }
      } catch let failure {
        error = failure
      }
      return Part(begin: reader.begin, end: reader.end, records: records, notes: reader.notes, error: error)
    }
    let bounds = [body] + cuts.filter { $0 > body } + [Int.max]
    var proven = body
    for index in 0..<bounds.count - 1 {
      var part = read(bounds[index]..<bounds[index + 1], index == 0 ? .known : .guessed)
      if part.begin != proven {
        repeated += 1
        if proven >= bounds[index + 1] { continue }
        part = read(proven..<bounds[index + 1], .known)
      }
      records += part.records
      notes.merge(part.notes)
      if part.error != nil {
        error = part.error
        return
      }
      proven = part.end
    }
  }

  /// The records of a block, cell by cell, filled `step` rows at a time.
  static func records(of block: RecordBlock, _ columnCount: Int, step: Int) -> [CSVModel.Record] {
    var records = (0..<block.count).map { CSVModel.Record(offset: block.offset(of: $0), cells: []) }
    let vector = Vector(type: .text)
    for column in 0..<columnCount {
      for first in stride(from: 0, to: block.count, by: step) {
        let rows = first..<min(first + step, block.count)
        block.fill(vector, column: column, rows: rows)
        for row in rows {
          records[row].cells.append(vector.isValid(row - first) ? Array(vector.text(row - first)) : nil)
        }
      }
    }
    return records
  }
}
