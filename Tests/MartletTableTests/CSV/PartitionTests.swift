import TestSupport
import Testing

@testable import MartletTable

@Suite struct PartitionTests {
  /// Small inputs with everything that makes cutting hard, each with its number of columns.
  static let inputs: [(text: String, columns: Int)] = [
    ("1,2\n3,4\n5,6\n", 2),
    ("1,2\r\n3,4\r\n5,6\r\n", 2),
    ("1,2\r3,4\r5,6\r", 2),
    ("1,2\r\n3,4\n\r5,6\r\r\n7,8", 2),
    ("\"a\nb\",2\n3,\"4\n\"\n\"\",\"\n\n\"\n", 2),
    ("\"1,2\n3,4\n5,6\n7,8\n\",x\ny,\"1,2\n3,4\n5,6\"\n", 2),
    ("\"\"\"a\"\"\n\"\"\",\"\"\"\"\n\"\"\"\n\"\"\",\"\r\"\"\r\n\"\n", 2),
    ("a\"b,c\"\nd\"\"e,\"f\"\n\"g\",h\"\n", 2),
    ("\n\n1\n\"\"\n\n\"x\ny\"\n\r\n2", 1),
    ("#c,\"\n1,2\n#\n\n3,\"#\n#4\"\n#x", 2),
    ("1,2\n3\n4,5,6\n\"7\n\"\n", 2),
    ("1,2\n3,\"4\"x\n5,6\n", 2),
    ("1,2\n3,\"4\n5,6\n", 2),
    (",\n,\n\"\",\n,\"\"\n", 2),
    ("1\n2,3,4\n5,6\n", 2),
    ("a\"b,c\",d\n1,2\n", 2),
    ("#c,d\n1,2\n#e,f\n3,4\n#\n", 2),
    ("\"\n\"\n\"\n\n\"\n\"\n\n\n\"", 1),
  ]

  @Test(arguments: inputs.indices)
  func `every cut and every partition size gives the records of the whole`(_ index: Int) {
    let (text, columns) = Self.inputs[index]
    let bytes = Array(text.utf8)
    for ragged in [CSVDialect.Ragged.error, .pad, .skip] {
      var dialect = CSVDialect()
      dialect.ragged = ragged
      dialect.comment = UInt8(ascii: "#")
      let model = CSVModel(bytes, from: 0, columnCount: columns, dialect)
      var cutSets = (0...bytes.count + 1).map { [$0] }
      cutSets += (1...bytes.count).map { Array(stride(from: $0, to: bytes.count, by: $0)) }
      for first in 1..<bytes.count where bytes.count < 24 && (ragged == .error || !isDebug) {
        for second in first..<bytes.count { cutSets.append([first, second]) }
      }
      for cuts in cutSets {
        for blockBytes in isDebug ? [1, 1 << 10] : [1, 7, 1 << 10] {
          let read = PartitionedRead(
            MemorySource(bytes), dialect, columnCount: columns, from: 0, cuts: cuts, blockBytes: blockBytes)
          expect(read, model, bytes, "cuts \(cuts), blocks of \(blockBytes), \(ragged)")
        }
      }
    }
  }

  @Test(arguments: RecordReader.Level.available)
  func `every block size and every level gives the same records`(_ level: RecordReader.Level) {
    for (text, columns) in Self.inputs {
      let bytes = Array(text.utf8)
      var dialect = CSVDialect()
      dialect.ragged = .pad
      dialect.comment = UInt8(ascii: "#")
      let model = CSVModel(bytes, from: 0, columnCount: columns, dialect)
      for blockBytes in 1...64 {
        let read = PartitionedRead(
          MemorySource(bytes), dialect, columnCount: columns, from: 0, cuts: [], blockBytes: blockBytes, level: level,
          step: 3)
        expect(read, model, bytes, "blocks of \(blockBytes)")
      }
    }
  }

  @Test(arguments: 0..<(isDebug ? 30 : 600))
  func `random tables`(_ seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    for _ in 0..<20 {
      let table = RandomTable(&random)
      let model = CSVModel(table.bytes, from: 0, columnCount: table.columns, table.dialect)
      for _ in 0..<4 {
        let size = table.bytes.count
        let cuts = (0..<Int.random(in: 0...4, using: &random)).map { _ in
          Int.random(in: 0...size + 2, using: &random)
        }.sorted()
        let blockBytes = Bool.random(using: &random) ? 1 << 12 : Int.random(in: 1...200, using: &random)
        let level = RecordReader.Level.available.randomElement(using: &random)!
        let read = PartitionedRead(
          MemorySource(table.bytes), table.dialect, columnCount: table.columns, from: 0, cuts: cuts,
          blockBytes: blockBytes, level: level, step: Int.random(in: 1...20, using: &random))
        expect(read, model, table.bytes, "seed \(seed), cuts \(cuts), blocks of \(blockBytes), \(level)")
      }
    }
  }

  private func expect(_ read: PartitionedRead, _ model: CSVModel, _ bytes: [UInt8], _ what: @autoclosure () -> String) {
    var isRight = read.records == model.records && (read.error == nil) == (model.failure == nil)
    if let failure = model.failure {
      isRight = isRight && read.error?.line == CSVModel.line(of: failure.offset, in: bytes)
    } else {
      isRight = isRight && read.notes == model.notes
    }
    if !isRight {
      Issue.record(
        """
        \(what()): \(String(decoding: bytes, as: UTF8.self).debugDescription)
        read \(read.records), \(String(describing: read.error)), \(read.notes)
        should be \(model.records), \(String(describing: model.failure)), \(model.notes)
        """)
    }
  }
}

/// Whether assertions are on, to keep debug runs short.
let isDebug: Bool = {
  var result = false
  assert(
    {
      result = true
      return true
    }())
  return result
}()

/// A table of random cells in a random dialect, mostly regular, with accidents.
struct RandomTable {
  var bytes: [UInt8] = []
  var columns: Int
  var dialect = CSVDialect()

  init(_ random: inout SeededGenerator) {
    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    columns = Int.random(in: 1...5, using: &random)
    if chance(20) { dialect.delimiter = Array(["\t", ";", "||", "→"].randomElement(using: &random)!.utf8) }
    if chance(15) { dialect.quote = chance(50) ? nil : UInt8(ascii: "'") }
    if chance(15) { dialect.escape = UInt8(ascii: "\\") }
    if chance(15) { dialect.comment = UInt8(ascii: "#") }
    if chance(15) { dialect.encoding = .latin1 }
    if chance(20) { dialect.nullTexts = [Array("NA".utf8), Array("x".utf8)] }
    dialect.ragged = [.error, .pad, .skip].randomElement(using: &random)!
    let accidents = chance(50) ? 0 : 3
    let ends = ["\n", "\r\n", "\r"]
    let end = ends.randomElement(using: &random)!
    let quotedShare = chance(50) ? 0 : 40
    for _ in 0..<Int.random(in: 0...30, using: &random) {
      if chance(accidents) { bytes += Array(end.utf8) }
      if chance(accidents) { bytes += Array("#a,\"b\(end)".utf8) }
      if chance(accidents) { bytes.append(UInt8(ascii: "#")) }
      var fields = columns
      if chance(accidents) { fields += Int.random(in: -1...1, using: &random) }
      for field in 0..<max(fields, 1) {
        if field > 0 { bytes += dialect.delimiter }
        if let quote = dialect.quote, chance(quotedShare) {
          bytes.append(quote)
          for _ in 0..<Int.random(in: 0...6, using: &random) {
            let byte = Array("ab,\n\r;\"'|#\\x\u{fc}".utf8).randomElement(using: &random)!
            bytes.append(byte)
            if byte == quote { bytes.append(quote) }
            if byte == dialect.escape { bytes.append(byte) }
          }
          bytes.append(quote)
          if chance(accidents) { bytes.append(UInt8(ascii: "y")) }
        } else {
          for _ in 0..<Int.random(in: 0...8, using: &random) {
            bytes.append(Array("abcdefgNAx0123456789. ".utf8).randomElement(using: &random)!)
          }
          if chance(5) { bytes += Array("NA".utf8) }
          if chance(accidents) { bytes += Array("\"\u{e9}\0".utf8) }
        }
      }
      bytes += Array((chance(accidents) ? ends.randomElement(using: &random)! : end).utf8)
    }
    if chance(30) && !bytes.isEmpty { bytes.removeLast() }
  }
}
