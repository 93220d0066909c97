import TestSupport
import Testing

@testable import MartletTable

@Suite struct KernelTests {
  @Test func `days have the fields of the calendar`() {
    for days in Int64(-400_000)...400_000 {
      let fields = DateFields(days: days)
      let (year, month, day) = CivilDate.civil(days: days)
      if fields.year != year || fields.month != month || fields.day != day {
        Issue.record("\(days): \(fields), not \(year)-\(month)-\(day)")
        return
      }
    }
    var random = SeededGenerator(seed: 3)
    for _ in 0..<100_000 {
      let days = Int64.random(in: -100_000_000...100_000_000, using: &random)
      let fields = DateFields(days: days)
      let (year, month, day) = CivilDate.civil(days: days)
      if fields.year != year || fields.month != month || fields.day != day {
        Issue.record("\(days): \(fields), not \(year)-\(month)-\(day)")
        return
      }
    }
  }

  private func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + Array(repeating: UInt8(ascii: "a"), count: 16) }

  private func check(_ text: [UInt8], _ part: [UInt8], from: Int) {
    let expected = (from...max(from, text.count)).first {
      $0 + part.count <= text.count && Array(text[$0..<$0 + part.count]) == part
    }
    let found = padded(text).withUnsafeBufferPointer { text in
      padded(part).withUnsafeBufferPointer { part in
        TextNeedle(part.baseAddress!, part.count - 16).find(in: text.baseAddress!, text.count - 16, from: from)
      }
    }
    if found != expected { Issue.record("\(part) in \(text) from \(from): \(String(describing: found))") }
  }

  @Test func `a text is found where it first stands`() {
    /// All texts of a and b with `count` letters.
    func words(_ count: Int) -> [[UInt8]] {
      (0..<1 << count).map { bits in (0..<count).map { bits >> $0 & 1 == 0 ? UInt8(ascii: "a") : UInt8(ascii: "b") } }
    }
    for count in 0...7 {
      for text in words(count) {
        for size in 0...3 { for part in words(size) { check(text, part, from: 0) } }
      }
    }
    var random = SeededGenerator(seed: 4)
    for _ in 0..<4000 {
      let text = (0..<Int.random(in: 0...90, using: &random)).map { _ in UInt8.random(in: 97...99, using: &random) }
      let part = (0..<Int.random(in: 0...10, using: &random)).map { _ in UInt8.random(in: 97...99, using: &random) }
      check(text, part, from: Int.random(in: 0...text.count, using: &random))
      guard !text.isEmpty else { continue }
      let start = Int.random(in: 0..<text.count, using: &random)
      check(text, Array(text[start..<min(text.count, start + Int.random(in: 1...20, using: &random))]), from: 0)
    }
  }

  @Test(arguments: [1, 2, 6, 7, 40, 700])
  func `sets of constants hold what was put in`(size: Int) throws {
    var source = RandomExpressions(seed: UInt64(size))
    for type in [ColumnType.int, .double, .text, .date, .timestamp, .bool] {
      for long in [false, true] {
        func cell() -> Scalar {
          if type == .text {
            let number = Int.random(in: 0..<size * 2, using: &source.random)
            return .text(long ? "a text that is rather long, number \(number), and goes on" : "t\(number)")
          }
          if type == .int, size > 20 { return .int(Int64.random(in: 0..<Int64(size) * 2, using: &source.random)) }
          return source.scalar(type)
        }
        let items = (0..<size).map { _ in cell() }
        let cells = (0..<300).map { _ in source.chance(10) ? Scalar.null : cell() }
        let schema: [SchemaColumn] = [("x", type)]
        let input = Vectors([cells], schema, rows: 0..<300)
        defer { withExtendedLifetime(input) {} }
        let bound = try BoundExpression(
          .isIn(.column("x"), items.map { .literal($0) }, negated: false), schema: schema)
        let result = try bound.evaluate(input.vectors, count: 300, arena: TextArena())
        for row in 0..<300 {
          var expected = Scalar.bool(false)
          for item in items { expected = RowModel.or(expected, RowModel.compare(.equal, cells[row], item)) }
          #expect(result.scalar(row) == expected, "\(type) \(cells[row])")
        }
      }
    }
  }

  @Test(arguments: sampled(0..<20))
  func `filters keep what evaluation finds true`(seed: Int) throws {
    var source = RandomExpressions(seed: UInt64(seed))
    let table = source.table(rows: Batch.capacity, nulls: source.pick([0, 0, 10]))
    let input = Vectors(table, source.schema, rows: 0..<Batch.capacity)
    defer { withExtendedLifetime(input) {} }
    let selection = UnsafeMutablePointer<UInt16>.allocate(capacity: Batch.capacity)
    defer { selection.deallocate() }
    for _ in 0..<20 {
      let conditions = (0..<source.pick([1, 2, 3])).map { _ -> Expression in
        let column = source.pick([("i", ColumnType.int), ("d", .double), ("s", .text), ("day", .date), ("b", .bool)])
        let op = source.pick([BinaryOperator.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual])
        var literal = Expression.literal(source.scalar(column.1))
        if column.1 == .int, source.chance(20) { literal = .literal(source.scalar(.double)) }
        if column.1 == .double, source.chance(20) { literal = .literal(source.scalar(.int)) }
        let column0 = Expression.column(column.0)
        return source.chance(30) ? .binary(op, literal, column0) : .binary(op, column0, literal)
      }
      let filter = conditions.dropFirst().reduce(conditions[0]) { .binary(.and, $0, $1) }
      let bound = try BoundExpression(filter, schema: source.schema)
      let result = try bound.evaluate(input.vectors, count: Batch.capacity, arena: TextArena())
      let values = (0..<Batch.capacity).map { result.scalar($0) }
      let expected = values.indices.filter { values[$0] == .bool(true) }
      let kept = try bound.evaluateFilter(input.vectors, count: Batch.capacity, arena: TextArena(), into: selection)
      #expect((0..<kept).map { Int(selection[$0]) } == expected, "seed \(seed): \(filter)")
      // The constants are exact, so the model decides too.
      for row in stride(from: 0, to: Batch.capacity, by: 97) {
        let model = RowModel(
          names: source.schema.map(\.name), types: source.schema.map(\.type), row: table.map { $0[row] })
        #expect(try model.value(filter) == values[row], "seed \(seed), row \(table.map { $0[row] }): \(filter)")
      }
    }
  }

  @Test func `bytes that are no UTF-8 are characters of their own and stay`() throws {
    let schema: [SchemaColumn] = [("x", .text)]
    let text: [UInt8] = [0xFF, 0x41, 0xC3, 0xC3, 0xA4, 0xED, 0xA0, 0x80, 0xF0, 0x9F]
    let input = Vectors([[.text(text)]], schema, rows: 0..<1)
    defer { withExtendedLifetime(input) {} }
    for (source, expected) in [
      ("length(x)", Scalar.int(9)),
      ("lower(x)", .text([0xFF, 0x61, 0xC3, 0xC3, 0xA4, 0xED, 0xA0, 0x80, 0xF0, 0x9F])),
      ("upper(x)", .text([0xFF, 0x41, 0xC3, 0xC3, 0x84, 0xED, 0xA0, 0x80, 0xF0, 0x9F])),
      ("substr(x, 3, 2)", .text([0xC3, 0xC3, 0xA4])), ("reverse(left(x, 4))", .text([0xC3, 0xA4, 0xC3, 0x41, 0xFF])),
      ("x LIKE '_A%'", .bool(true)), ("x LIKE '_________'", .bool(true)), ("x LIKE '________'", .bool(false)),
    ] {
      let bound = try BoundExpression(try Expression.parse(source), schema: schema)
      #expect(try bound.evaluate(input.vectors, count: 1, arena: TextArena()).scalar(0) == expected, "\(source)")
    }
  }

  @Test func `the nearest name is found where one is near`() {
    let names = ["id1", "id2", "v1", "pickup_datetime", "tip_amount"]
    #expect(EditDistance.nearest(to: "pikup_datetime", among: names) == "pickup_datetime")
    #expect(EditDistance.nearest(to: "TIP_AMOUNT", among: names) == "tip_amount")
    #expect(EditDistance.nearest(to: "tip_amuont", among: names) == "tip_amount")
    #expect(EditDistance.nearest(to: "di1", among: names) == "id1")
    #expect(EditDistance.nearest(to: "something else", among: names) == nil)
    #expect(EditDistance.nearest(to: "", among: names) == nil)
    let letters = ["", "a", "b", "ab", "ba", "abc", "acb", "bca"]
    for a in letters {
      for b in letters {
        let (x, y) = (Array(a.unicodeScalars), Array(b.unicodeScalars))
        #expect(EditDistance.distance(x, y) == EditDistance.distance(y, x))
        #expect((EditDistance.distance(x, y) == 0) == (a == b))
      }
    }
    #expect(EditDistance.distance(Array("abc".unicodeScalars), Array("acb".unicodeScalars)) == 1)
  }
}

@Suite struct HostileExpressionTests {
  private static let pieces = [
    "a", "i", "d", "s", "day", "at", "b", "\"x y\"", "(", ")", "(", ")", ",", "+", "-", "*", "/", "//", "%", "||", "=",
    "<", ">=", "<>",
    "AND", "OR", "NOT", "IS", "NULL", "IN", "BETWEEN", "LIKE", "ILIKE", "ESCAPE", "CASE", "WHEN", "THEN", "ELSE", "END",
    "CAST", "AS",
    "int", "text", "date", "TRUE", "'x'", "''", "'2024-01-01'", "1", "0", "-1", "2.5", "1e300", "9223372036854775807",
    "lower", "substr",
    "round", "sum", "count", "count(*)", "top", "quantile", "date_trunc", "coalesce", "lpad", "repeat", "::",
    "DISTINCT", "é", "'\u{0}'", "'a\nb'", "\"c\nd\"",
  ]

  @Test(arguments: sampled(0..<12))
  func `no text makes the parser or the binder stop the program`(seed: Int) {
    var source = RandomExpressions(seed: UInt64(seed) &+ 1000)
    let empty = (0..<source.schema.count).map { index in Vector(type: source.schema[index].type) }
    for _ in 0..<400 {
      let count = Int.random(in: 1...14, using: &source.random)
      var text = (0..<count).map { _ in source.pick(Self.pieces) }.joined(separator: source.chance(70) ? " " : "")
      if source.chance(10) {
        // A byte in it is replaced by any other.
        var bytes = Array(text.utf8)
        bytes[Int.random(in: 0..<bytes.count, using: &source.random)] = UInt8.random(in: 0...255, using: &source.random)
        text = String(decoding: bytes, as: UTF8.self)
      }
      for vector in empty { vector.count = 3 }
      do {
        let expression = try Expression.parse(text)
        #expect(try Expression.parse(expression.description).description == expression.description, "\(text)")
        let bound = try BoundExpression(expression, schema: source.schema)
        for (index, vector) in empty.enumerated() where source.schema[index].type == .text {
          for row in 0..<3 { vector.texts[row] = emptyText }
        }
        _ = try bound.evaluate(empty, count: 3, arena: TextArena())
      } catch {
        #expect(!error.description.contains("\n"), "\(text)")
      }
      _ = try? OutputColumn.parse(list: text)
      _ = try? OutputColumn.parse(derivation: text)
    }
  }

  @Test func `the deepest expressions can be written, bound and evaluated`() throws {
    let schema: [SchemaColumn] = [("a", .int), ("b", .bool)]
    let vector = Vector(type: .int)
    vector.count = 2
    let truth = Vector(type: .bool)
    truth.count = 2
    for source in [
      String(repeating: "(", count: 248) + "a" + String(repeating: " + 1)", count: 248),
      String(repeating: "- ", count: 248) + "a",
      String(repeating: "NOT ", count: 248) + "b",
      String(repeating: "CASE WHEN b THEN 1 ELSE ", count: 120) + "a" + String(repeating: " END", count: 120),
      String(repeating: "coalesce(a, ", count: 120) + "a" + String(repeating: ")", count: 120),
      "a" + String(repeating: " BETWEEN 1 AND 2", count: 1),
    ] {
      let expression = try Expression.parse(source)
      #expect(try Expression.parse(expression.description) == expression)
      let bound = try BoundExpression(expression, schema: schema)
      #expect(try bound.evaluate([vector, truth], count: 2, arena: TextArena()).count == 2)
    }
  }
}
