import TestSupport
import Testing

@testable import MartletTable

@Suite struct RowWriterTests {
  /// The cells of a random table: columns of all types and one of each kind of text.
  private struct Sample {
    var names = ["plain", "wild", "a\"b,c", "i", "d", "ok", "day", "at", "nothing", "raw"]
    var types: [ColumnType] = [.text, .text, .text, .int, .double, .bool, .date, .timestamp, .null, .double]
    var cells: [[Scalar]] = []
    var rows: Int

    init(seed: UInt64) {
      var source = RandomExpressions(seed: seed)
      rows = source.pick([0, 1, 5, 40])
      let bytes: [[UInt8]] = [
        [], [0x22], [0x2C], [0x0A], [0x0D], [0x09], [0x22, 0x22], Array("a,b".utf8), Array("say \"hi\"".utf8),
        Array("line\nline".utf8), Array("1234567\t".utf8), Array("12345678,".utf8), Array("a|b\\c".utf8), [0xFF, 0xFE],
        [0xC3], Array("ok\u{1}\u{7F}".utf8), Array("zäh € 😀".utf8), [0xED, 0xA0, 0x80], [0xF0, 0x9F, 0x98], [0],
        Array("a text that is a good deal longer than sixteen bytes, with a comma".utf8),
      ]
      let raw = ["1", "1.50", ".5", "5.", "-0", "1e5", "nan", "inf", "-Infinity", "1E-7", "0.10"]
      for (name, type) in zip(names, types) {
        cells.append(
          (0..<rows).map { _ in
            if source.chance(15) { return .null }
            switch name {
            case "plain": return .text(source.pick(["a", "id016", "sixteen bytes ok", "more than sixteen bytes"]))
            case "wild":
              return .text((0..<Int.random(in: 0...2, using: &source.random)).flatMap { _ in source.pick(bytes) })
            case "raw": return .text(source.pick(raw))
            default: return source.scalar(type)
            }
          })
      }
    }

    /// The types of the vectors: numbers of the last column are kept as they were written.
    var held: [ColumnType] { types.dropLast() + [.text] }

    var vectors: Vectors { Vectors(cells, Array(zip(names, held)).map { ($0, $1) }, rows: 0..<rows) }
  }

  private static func canonical(_ scalar: Scalar) -> [UInt8] {
    let model = RowModel(names: [], types: [], row: [])
    guard case .text(let bytes) = model.cast(scalar, .text) else { return [] }
    return bytes
  }

  /// Header, pieces of up to `size` rows, footer; each piece in a buffer of its own.
  private func write(_ sample: Sample, _ format: OutputFormat, size: Int) -> [UInt8] {
    let writer = RowWriter(format: format, names: sample.names, types: sample.types)
    let whole = ByteBuffer()
    writer.appendHeader(to: whole)
    let vectors = sample.vectors
    defer { withExtendedLifetime(vectors) {} }
    var skip = writer.firstPieceSkip
    for start in stride(from: 0, to: sample.rows, by: size) {
      let piece = ByteBuffer()
      let numbers = (start..<min(start + size, sample.rows)).map { UInt16($0) }
      numbers.withUnsafeBufferPointer {
        writer.append(vectors.vectors.compactMap { $0 }, count: $0.count, rows: $0.baseAddress!, to: piece)
      }
      whole.append(Array(piece.array.dropFirst(skip)))
      skip = 0
    }
    writer.appendFooter(to: whole)
    return whole.array
  }

  @Test(arguments: sampled(0..<40))
  func `CSV and TSV read back as the same cells`(seed: Int) {
    let sample = Sample(seed: UInt64(seed))
    for format in [OutputFormat.csv, .tsv] {
      let delimiter = UInt8(ascii: format == .csv ? "," : "\t")
      let bytes = write(sample, format, size: 7)
      let records = TinyCSV.records(bytes, delimiter: delimiter)
      #expect(records.count == sample.rows + 1, "seed \(seed)")
      #expect(records[0] == sample.names.map { Array($0.utf8) }, "seed \(seed)")
      for row in 0..<sample.rows {
        let expected = sample.cells.map { $0[row] == .null ? nil : Self.canonical($0[row]) }
        #expect(records[row + 1] == expected, "seed \(seed), row \(row)")
      }
      // Quotes only where they are needed: the obvious twin writes the same bytes.
      var twin: [UInt8] = []
      for (index, record) in records.enumerated() {
        for (column, cell) in record.enumerated() {
          if column > 0 { twin.append(delimiter) }
          guard let cell else { continue }
          let needs = cell.isEmpty || cell.contains { $0 == delimiter || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D }
          if needs { twin.append(0x22) }
          for byte in cell { twin += byte == 0x22 ? [0x22, 0x22] : [byte] }
          if needs { twin.append(0x22) }
        }
        twin.append(0x0A)
        if index == records.count - 1 { #expect(twin == bytes, "seed \(seed)") }
      }
    }
  }

  @Test(arguments: sampled(0..<40))
  func `JSON is valid and holds the cells`(seed: Int) throws {
    let sample = Sample(seed: UInt64(seed))
    guard case .array(let objects) = try TinyJSON.parse(write(sample, .json, size: 3)) else {
      Issue.record("no array")
      return
    }
    #expect(objects.count == sample.rows, "seed \(seed)")
    let lines = write(sample, .jsonl, size: 3).split(separator: 0x0A)
    #expect(lines.count == sample.rows, "seed \(seed)")
    for (row, object) in objects.enumerated() {
      #expect(try TinyJSON.parse(Array(lines[row])) == object, "seed \(seed), row \(row)")
      let members = zip(sample.names, zip(sample.types, sample.cells)).map { name, column in
        (name, Self.json(column.1[row], column.0))
      }
      #expect(object == .object(members), "seed \(seed), row \(row)")
    }
  }

  private static func json(_ scalar: Scalar, _ type: ColumnType) -> TinyJSON.Value {
    let text = String(decoding: canonical(scalar), as: UTF8.self)
    switch scalar {
    case .null: return .null
    case .bool(let value): return .bool(value)
    case .int: return .number(text)
    case .double(let value): return value.isFinite ? .number(text) : .null
    case .text(let bytes) where type == .double:
      switch text {
      case ".5": return .number("0.5")
      case "5.": return .number("5.0")
      case "nan", "inf", "-Infinity": return .null
      default: return .number(String(decoding: bytes, as: UTF8.self))
      }
    case .text(let bytes):
      // One U+FFFD for each byte that is no UTF-8, where Swift repairs longer pieces at once.
      var repaired = ""
      bytes.withUnsafeBufferPointer { bytes in
        var index = 0
        while index < bytes.count {
          let size = (1...4).first {
            index + $0 <= bytes.count
              && String(validating: UnsafeBufferPointer(rebasing: bytes[index..<index + $0]), as: UTF8.self) != nil
          }
          repaired.unicodeScalars.append(
            contentsOf: size.map { String(decoding: bytes[index..<index + $0], as: UTF8.self).unicodeScalars }
              ?? "\u{FFFD}".unicodeScalars)
          index += size ?? 1
        }
      }
      return .text(repaired)
    default: return .text(text)
    }
  }

  @Test func `each format has its frame`() {
    let column = Column(.texts(bytes: Array("a|b".utf8), offsets: [0, 3]))
    let frame = Frame(names: ["x", "n"], columns: [column, Column(.ints([-5]))], rowCount: 1)
    func text(_ format: OutputFormat, _ frame: Frame) -> String {
      let buffer = ByteBuffer()
      frame.write(format, to: buffer)
      return buffer.string
    }
    #expect(text(.csv, frame) == "x,n\na|b,-5\n")
    #expect(text(.tsv, frame) == "x\tn\na|b\t-5\n")
    #expect(text(.json, frame) == "[\n{\"x\":\"a|b\",\"n\":-5}\n]\n")
    #expect(text(.jsonl, frame) == "{\"x\":\"a|b\",\"n\":-5}\n")
    #expect(text(.markdown, frame) == "| x | n |\n| --- | ---: |\n| a\\|b | -5 |\n")
    let empty = Frame(names: ["x"], columns: [Column(.nulls(count: 0))], rowCount: 0)
    #expect(text(.csv, empty) == "x\n")
    #expect(text(.json, empty) == "[\n]\n")
    #expect(text(.jsonl, empty) == "")
  }

  @Test func `a null of a single column is a blank line and the empty text is not`() {
    let column = Column(
      .texts(bytes: Array("ab".utf8), offsets: [0, 1, 1, 1, 2]), validity: [true, false, true, true])
    let frame = Frame(names: [""], columns: [column], rowCount: 4)
    let buffer = ByteBuffer()
    frame.write(.csv, to: buffer)
    #expect(buffer.string == "\"\"\na\n\n\"\"\nb\n")
  }

  @Test func `whole numbers beyond 64 bits are written in all formats`() {
    let frame = Frame(names: ["s"], columns: [Column(.wideInts([Int128(Int64.max) * 4, -7]))], rowCount: 2)
    for (format, expected) in [
      (OutputFormat.csv, "s\n36893488147419103228\n-7\n"),
      (.jsonl, "{\"s\":36893488147419103228}\n{\"s\":-7}\n"),
      (.table, "                   s\n────────────────────\n36893488147419103228\n                  -7\n(2 rows)\n"),
    ] {
      let buffer = ByteBuffer()
      frame.write(format, to: buffer)
      #expect(buffer.string == expected)
    }
  }

  @Test func `columns go to vectors and back`() {
    for seed in 0..<10 {
      let sample = Sample(seed: UInt64(seed))
      let input = sample.vectors
      defer { withExtendedLifetime(input) {} }
      for (index, vector) in input.vectors.compactMap({ $0 }).enumerated() {
        var builder = ColumnBuilder(type: sample.held[index])
        builder.append(vector, rows: 0..<sample.rows)
        let column = builder.column()
        #expect(column.count == sample.rows && column.type == sample.held[index])
        let back = Vector(type: .null)
        let arena = TextArena()
        column.copy(0..<sample.rows, to: back, arena: arena)
        for row in 0..<sample.rows {
          #expect(EvaluationTests.same(back.scalar(row), vector.scalar(row)))
          #expect(column.isValid(row) == vector.isValid(row))
        }
      }
    }
  }
}
