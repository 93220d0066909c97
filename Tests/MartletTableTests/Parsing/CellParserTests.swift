import TestSupport
import Testing

@testable import MartletTable

@Suite struct CellParserTests {
  static let examples: [(text: String, type: SeenTypes)] = [
    ("0", .int), ("-1", .int), ("9223372036854775807", .int), ("-9223372036854775808", .int),
    ("9223372036854775808", .text), ("-9223372036854775809", .text), ("123456789012345678901234567890", .text),
    ("-0", .double), ("1.5", .double), (".5", .double), ("5.", .double), ("1e5", .double), ("-1.5E-3", .double),
    ("nan", .double), ("NaN", .double), ("inf", .double), ("-inf", .double), ("Infinity", .double),
    ("-Infinity", .double), ("9223372036854775808.0", .double), ("1e999", .double),
    ("02134", .text), ("007.5", .text), ("+1", .text), ("+1.5", .text), ("00", .text), ("0x10", .text),
    ("1,000", .text), (" 1", .text), ("1 ", .text), ("", .text), (" ", .text), ("-", .text), (".", .text),
    ("Nan", .text), ("nano", .text), ("info", .text), ("1.2.3", .text), ("1e", .text), ("--1", .text),
    ("true", .bool), ("false", .bool), ("True", .text), ("FALSE", .text), ("t", .text), ("truer", .text),
    ("2013-01-01", .date), ("2013-02-29", .text), ("2013-01-01T06:00", .timestamp),
    ("2013-01-01 06:00:00.123456789+01:00", .timestamp), ("2013-01-01 06:00:00 ", .text), ("2013-1-1", .text),
    ("hello", .text), ("é", .text), ("\0", .text), ("1\0", .text),
  ]

  private func vector(_ cells: [String?], _ body: (Vector) throws -> Void) rethrows {
    let arena = TextArena()
    let vector = Vector(type: .text)
    vector.count = cells.count
    for (row, cell) in cells.enumerated() {
      let bytes = Array((cell ?? "").utf8)
      let memory = arena.allocate(bytes.count)
      memory.update(from: bytes, count: bytes.count)
      vector.texts[row] = UnsafePointer(memory)
      vector.lengths[row] = UInt32(bytes.count)
      vector.valid[row] = cell == nil ? 0 : 1
      if cell == nil { vector.hasNulls = true }
    }
    try withExtendedLifetime(arena) { try body(vector) }
  }

  @Test(arguments: examples.indices)
  func `a cell belongs to one class`(_ index: Int) {
    let (text, type) = Self.examples[index]
    let bytes = Array(text.utf8)
    #expect(bytes.withUnsafeBufferPointer { CellParser.classify($0) } == type)
    vector([nil, text, nil]) { #expect(CellParser.seenTypes(of: $0) == type) }
  }

  @Test(arguments: examples.indices)
  func `a column of a type parses the classes it accepts and no other`(_ index: Int) {
    let (text, type) = Self.examples[index]
    let into = Vector(type: .int)
    for column in ColumnType.allCases {
      vector([nil, text]) {
        #expect((CellParser.parse($0, as: column, into: into) == nil) == type.isSubset(of: .accepted(by: column)))
      }
    }
  }

  @Test func `the classes of a vector are those of its cells`() {
    vector(["1", nil, "x", "2013-01-01"]) { #expect(CellParser.seenTypes(of: $0) == [.int, .text, .date]) }
    vector([nil, nil]) { #expect(CellParser.seenTypes(of: $0) == []) }
    vector([]) { #expect(CellParser.seenTypes(of: $0) == []) }
  }

  @Test func `vectors are parsed with their nulls`() {
    let into = Vector(type: .int)
    vector(["1", nil, "-3"]) {
      #expect(CellParser.parse($0, as: .int, into: into) == nil)
      #expect(into.type == .int && into.count == 3 && into.hasNulls)
      #expect((0..<3).map { into.isValid($0) } == [true, false, true])
      #expect((0..<3).map { into.ints[$0] } == [1, 0, -3])
    }
    vector(["1", "2.5", nil]) {
      #expect(CellParser.parse($0, as: .int, into: into) == 1)
      #expect(CellParser.parse($0, as: .double, into: into) == nil)
      #expect((0..<3).map { into.doubles[$0] } == [1, 2.5, 0])
    }
    vector(["true", "false"]) {
      #expect(CellParser.parse($0, as: .bool, into: into) == nil)
      #expect(!into.hasNulls && into.ints[0] == 1 && into.ints[1] == 0)
    }
    vector(["1970-01-02", "1970-01-01T00:00:00.5"]) {
      #expect(CellParser.parse($0, as: .date, into: into) == 1)
      #expect(CellParser.parse($0, as: .timestamp, into: into) == nil)
      #expect(into.ints[0] == 86_400_000_000 && into.ints[1] == 500_000)
    }
    vector(["x", nil]) {
      #expect(CellParser.parse($0, as: .text, into: into) == nil)
      #expect(Array(into.text(0)) == [120] && !into.isValid(1))
      #expect(CellParser.parse($0, as: .null, into: into) == 0)
    }
  }

  @Test(.enabled(if: CellParser.hasRegisterParsers, "the processor has no such parsers"))
  func `the parsers that use one register agree with the general ones`() {
    let fast = Vector(type: .int)
    let slow = Vector(type: .int)
    for seed in 0..<(isDebug ? 300 : 20_000) {
      var random = SeededGenerator(seed: UInt64(seed))
      let alphabet = Array(
        ["0123456789", "0123456789.", "0123456789.-", "01.", "0123456789.-+e /:"].randomElement(using: &random)!)
      let cells: [String?] = (0..<Int.random(in: 0...40, using: &random)).map { _ -> String? in
        if Int.random(in: 0..<20, using: &random) == 0 { return nil }
        let length = Int.random(in: 0...(Bool.random(using: &random) ? 9 : 19), using: &random)
        return String((0..<length).map { _ in alphabet.randomElement(using: &random)! })
      }
      // Misfits would end the comparison at once.
      let ints = cells.map { cell -> String? in cell.flatMap { Int64($0) } == nil ? nil : cell }
      let doubles = cells.map { cell -> String? in cell.flatMap { Double($0) } == nil ? nil : cell }
      for kept in [cells, ints, doubles] {
        vector(kept) { text in
          for type in [ColumnType.int, .double] {
            for lenient in [false, true] {
              let first = CellParser.parse(text, as: type, into: fast, lenient: lenient, usesRegisters: true)
              let second = CellParser.parse(text, as: type, into: slow, lenient: lenient, usesRegisters: false)
              let rows = first ?? text.count
              let isRight = first == second && (0..<rows).allSatisfy { fast.ints[$0] == slow.ints[$0] }
              if !isRight { Issue.record("seed \(seed): \(kept) as \(type)") }
            }
          }
        }
      }
    }
  }

  @Test(arguments: examples.indices)
  func `the general parsers take the same classes`(_ index: Int) {
    let (text, type) = Self.examples[index]
    let into = Vector(type: .int)
    for column in [ColumnType.int, .double] {
      vector([nil, text]) {
        let misfit = CellParser.parse($0, as: column, into: into, lenient: false, usesRegisters: false)
        #expect((misfit == nil) == type.isSubset(of: .accepted(by: column)))
      }
    }
  }

  @Test func `lenient parsing takes what a user asks for`() {
    let into = Vector(type: .int)
    vector(["007", "+5", "-0"]) {
      #expect(CellParser.parse($0, as: .int, into: into) == 0)
      #expect(CellParser.parse($0, as: .int, into: into, lenient: true) == nil)
      #expect((0..<3).map { into.ints[$0] } == [7, 5, 0])
      #expect(CellParser.parse($0, as: .double, into: into, lenient: true) == nil)
      #expect((0..<3).map { into.doubles[$0] } == [7, 5, 0])
    }
    vector(["True", "no", "1", "maybe"]) {
      #expect(CellParser.parse($0, as: .bool, into: into) == 0)
      #expect(CellParser.parse($0, as: .bool, into: into, lenient: true) == 3)
      #expect((0..<3).map { into.ints[$0] } == [1, 0, 1])
    }
  }
}
