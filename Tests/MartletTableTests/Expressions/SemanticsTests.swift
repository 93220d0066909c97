import Testing

@testable import MartletTable

/// Single values, as a user would try them out.
@Suite struct SemanticsTests {
  private func value(_ source: String) -> String {
    do {
      let bound = try BoundExpression(try Expression.parse(source), schema: [])
      let result = try bound.evaluate([], count: 1, arena: TextArena())
      return result.scalar(0).description
    } catch { return error.message }
  }

  /// Typed, since the compiler takes seconds to find the type of so many pairs.
  private static let documented: [(String, String)] = [
    // Whole numbers truncate towards zero, as in DuckDB; division is of reals.
    ("7 / 2", "3.5"), ("-7 // 2", "-3"), ("7 // -2", "-3"), ("-7 % 2", "-1"), ("7 % -2", "1"), ("-7.5 % 2", "-1.5"),
    ("1 / 0", "NULL"), ("1 // 0", "NULL"), ("1 % 0", "NULL"), ("1.5 / 0", "NULL"), ("1.5 % 0.0", "NULL"),
    ("(-9223372036854775807 - 1) % -1", "0"),
    ("(-9223372036854775807 - 1) // -1", "(-9223372036854775807 - 1) // -1 goes beyond 64 bits"),
    // Whole numbers and doubles compare exactly.
    ("9007199254740993 = 9007199254740992.0", "FALSE"), ("9007199254740993 > 9007199254740992.0", "TRUE"),
    ("9223372036854775807 < 9223372036854775808.0", "TRUE"), ("3 = 3.0", "TRUE"), ("-0.0 = 0", "TRUE"),
    // NaN is the largest number and equals itself.
    ("CAST('nan' AS double) = CAST('nan' AS double)", "TRUE"), ("CAST('nan' AS double) > 1e308", "TRUE"),
    // NULL.
    ("NULL = NULL", "NULL"), ("NULL AND FALSE", "FALSE"), ("NULL OR TRUE", "TRUE"), ("NOT NULL", "NULL"),
    ("1 IN (2, NULL)", "NULL"), ("1 IN (1, NULL)", "TRUE"), ("1 NOT IN (2, NULL)", "NULL"),
    ("NULL BETWEEN 1 AND 2", "NULL"), ("3 BETWEEN NULL AND 2", "FALSE"), ("1 BETWEEN NULL AND 2", "NULL"),
    ("CASE WHEN NULL THEN 1 ELSE 2 END", "2"), ("CASE 1 WHEN NULL THEN 1 END", "NULL"),
    ("NULL IS TRUE", "FALSE"), ("NULL IS NOT FALSE", "TRUE"),
    ("concat('a', NULL, 1)", "'a1'"), ("'a' || NULL", "NULL"), ("greatest(1, NULL, 3)", "3"),
    // Casts round half to even and take blanks and signs.
    ("CAST(2.5 AS int)", "2"), ("CAST(3.5 AS int)", "4"), ("CAST(' +042 ' AS int)", "42"), ("CAST('2.5' AS int)", "2"),
    ("CAST('9e99' AS int)", "NULL"), ("CAST('x' AS int)", "NULL"), ("CAST('' AS int)", "NULL"),
    ("CAST(' 1e3 ' AS double)", "1000.0"), ("CAST('YES' AS bool)", "TRUE"), ("CAST('maybe' AS bool)", "NULL"),
    ("CAST(1.0 AS text)", "'1.0'"), ("CAST(TRUE AS int)", "1"), ("CAST(0.5 AS bool)", "TRUE"),
    ("CAST('2024-02-29T23:00' AS date)", "DATE '2024-02-29'"), ("CAST('2023-02-29' AS date)", "NULL"),
    ("CAST('2024-02-29T23:00:00.5+01:00' AS timestamp)", "TIMESTAMP '2024-02-29T22:00:00.5'"),
    ("CAST(DATE '2024-02-29' AS timestamp)", "TIMESTAMP '2024-02-29T00:00:00'"),
    // Rounding is half away from zero.
    ("round(2.5)", "3.0"), ("round(-2.5)", "-3.0"), ("round(2.345, 2)", "2.35"), ("round(1234, -2)", "1200"),
    ("round(1250, -2)", "1300"), ("round(-1250, -2)", "-1300"), ("round(1e300, 20)", "1e+300"), ("round(5, 30)", "5"),
    ("sign(-2.5)", "-1"), ("sqrt(-1) IS NULL", "FALSE"), ("isnan(sqrt(-1))", "TRUE"), ("log(100)", "2.0"),
    ("abs(-9223372036854775807 - 1)", "abs(-9223372036854775807 - 1) goes beyond 64 bits"),
    // Text is counted in characters (code points) from 1.
    ("length('zäh€')", "4"), ("substr('zäh€', 2, 2)", "'äh'"), ("substr('hello', -3)", "'llo'"),
    ("substr('hello', 0, 2)", "'h'"), ("substr('hello', 2, -1)", "'h'"), ("left('zäh', 2)", "'zä'"),
    ("left('zäh', -1)", "'zä'"), ("right('zäh', 2)", "'äh'"), ("strpos('zäh', 'h')", "3"), ("strpos('a', 'b')", "0"),
    ("upper('straße ÄÖ ﬁ')", "'STRAßE ÄÖ ﬁ'"), ("lower('ÄÖ İ')", "'äö İ'"), ("reverse('aé€')", "'€éa'"),
    ("lpad('7', 3, '0')", "'007'"), ("rpad('abc', 2, 'x')", "'ab'"), ("lpad('a', 5, 'äö')", "'äöäöa'"),
    ("split_part('a,b,c', ',', 2)", "'b'"), ("split_part('a,b,c', ',', -1)", "'c'"), ("split_part('a', ',', 5)", "''"),
    ("replace('aaa', 'a', 'bb')", "'bbbbbb'"), ("replace('abc', '', 'x')", "'abc'"), ("trim('  a ')", "'a'"),
    ("rtrim('zäh', 'hä')", "'z'"), ("trim('€x€', '€')", "'x'"), ("rtrim('x😀', '😀')", "'x'"),
    ("trim('xxaxx', 'x')", "'a'"), ("repeat('ab', 3)", "'ababab'"), ("'a' || 1 || 2.5 || TRUE", "'a12.5true'"),
    ("repeat(repeat(repeat('x', 100000), 1000), 100)", "repeat would make more than 512 MiB of text at once"),
    ("'50%' LIKE '50!%' ESCAPE '!'", "TRUE"), ("'50x' LIKE '50!%' ESCAPE '!'", "FALSE"), ("'zäh' LIKE 'z_h'", "TRUE"),
    ("'ZÄH' ILIKE 'z_h'", "TRUE"), ("'a' LIKE ''", "FALSE"), ("'' LIKE '%'", "TRUE"),
    // Days.
    ("DATE '2024-03-01' - DATE '2024-02-01'", "29"), ("DATE '2024-02-28' + 2", "DATE '2024-03-01'"),
    ("DATE '2024-01-01' < '2024-01-01T00:00:01'", "TRUE"), ("weekday(DATE '2024-03-03')", "0"),
    ("isodow(DATE '2024-03-03')", "7"), ("week(DATE '2021-01-03')", "53"), ("dayofyear('2024-12-31')", "366"),
    ("quarter('2024-05-31')", "2"), ("hour('2024-05-31T07:08:09')", "7"), ("epoch('1970-01-02')", "86400"),
    ("date_trunc('week', DATE '2024-03-03')", "DATE '2024-02-26'"), ("date_part('years', '2024-05-31')", "2024"),
    ("date_trunc('minute', TIMESTAMP '2024-03-03 10:11:12')", "TIMESTAMP '2024-03-03T10:11:00'"),
    ("date_trunc('quarter', DATE '2024-12-03')", "DATE '2024-10-01'"),
    ("date_diff('month', DATE '2024-01-31', DATE '2024-02-01')", "1"),
    ("date_diff('day', '2024-02-28T23:00', '2024-03-01T01:00')", "2"),
    ("date_diff('hour', DATE '2024-02-28', DATE '2024-02-27')", "-24"),
    ("year(DATE '2024-01-01' + 4000000000000) IS NULL", "FALSE"),
    ("CAST(DATE '2024-01-01' + 4000000000000 AS timestamp)", "NULL"),
  ]

  @Test(arguments: documented)
  func `a value is what the documentation says`(source: String, expected: String) {
    let result = value(source)
    #expect(result == expected || result.hasPrefix(expected + ":"), "\(source) gave \(result)")
  }

  private static let schema: [SchemaColumn] = [("t", .text), ("i", .int), ("b", .bool)]

  private func batch(_ rows: [[Scalar]]) -> Vectors {
    Vectors((0..<3).map { column in rows.map { $0[column] } }, Self.schema, rows: 0..<rows.count)
  }

  @Test(arguments: [
    ("CAST(t AS int) > 0", 2),
    ("t <> 'n/a' AND CAST(t AS int) > 0", 1),
    ("t = 'n/a' OR CAST(t AS int) > 0", 1),
    ("CASE WHEN t <> 'n/a' THEN CAST(t AS int) ELSE 0 END > 0", 1),
    ("coalesce(i, CAST(t AS int)) > 0", 1),
    ("if(b, CAST(t AS int), 0) > 0", 1),
    ("CAST(t AS int) IS NULL OR CAST(t AS double) > 0", 2),
  ])
  func `only casts that are asked for are counted`(source: String, failures: Int) throws {
    let input = batch([
      [.text("1"), .int(1), .bool(true)], [.text("n/a"), .null, .bool(false)], [.text("?"), .int(3), .bool(true)],
      [.null, .null, .null],
    ])
    defer { withExtendedLifetime(input) {} }
    let bound = try BoundExpression(try Expression.parse(source), schema: Self.schema)
    _ = try bound.evaluate(input.vectors, count: 4, arena: TextArena())
    #expect(bound.castFailures == failures)
  }

  @Test func `an overflow in a branch that is not taken is none`() throws {
    let input = batch([[.text(""), .int(.max), .bool(false)], [.text(""), .int(1), .bool(true)]])
    defer { withExtendedLifetime(input) {} }
    for source in [
      "CASE WHEN i < 100 THEN i * i ELSE 0 END = 1", "i < 100 AND i * i = 1", "i > 100 OR i + 1 = 2",
      "if(b, -(0 - i - 2), 1) = 3",
    ] {
      let bound = try BoundExpression(try Expression.parse(source), schema: Self.schema)
      #expect(throws: Never.self) { _ = try bound.evaluate(input.vectors, count: 2, arena: TextArena()) }
    }
    let bound = try BoundExpression(try Expression.parse("i * i = 1"), schema: Self.schema)
    let error = #expect(throws: TableError.self) {
      try bound.evaluate(input.vectors, count: 2, arena: TextArena())
    }
    #expect(
      error?.description
        == "i * i goes beyond 64 bits: 9223372036854775807 * 9223372036854775807 (compute with doubles: CAST(x AS double))"
    )
  }

  @Test func `a filter does not fail in records that an earlier condition dropped`() throws {
    let input = batch([
      [.text("x"), .int(.max), .bool(false)], [.text("2"), .int(5), .bool(true)], [.text("y"), .int(.max), .null],
    ])
    defer { withExtendedLifetime(input) {} }
    let bound = try BoundExpression(
      try Expression.parse("b AND CAST(t AS int) = 2 AND i + 1 = 6"), schema: Self.schema)
    let selection = UnsafeMutablePointer<UInt16>.allocate(capacity: 3)
    defer { selection.deallocate() }
    #expect(try bound.evaluateFilter(input.vectors, count: 3, arena: TextArena(), into: selection) == 1)
    #expect(selection[0] == 1)
    #expect(bound.castFailures == 0)
  }

  @Test func `a batch without any value of a column is a batch of nulls`() throws {
    let empty = Vector(type: .null)
    empty.count = 2
    empty.makeAllNull()
    let bound = try BoundExpression(try Expression.parse("coalesce(t, 'none') || i"), schema: Self.schema)
    let result = try bound.evaluate([empty, empty, nil], count: 2, arena: TextArena())
    #expect(result.scalar(1) == .null)
    let other = try BoundExpression(try Expression.parse("coalesce(t, 'none')"), schema: Self.schema)
    #expect(try other.evaluate([empty, nil, nil], count: 2, arena: TextArena()).scalar(1) == .text("none"))
  }

  @Test func `a sum beyond 64 bits is not computed with in silence`() throws {
    let column = Column(.wideInts([Int128(Int64.max) * 2]))
    let vector = Vector(type: .int)
    let arena = TextArena()
    column.copy(0..<1, to: vector, arena: arena)
    let bound = try BoundExpression(try Expression.parse("i / 2"), schema: Self.schema)
    let error = #expect(throws: TableError.self) { try bound.evaluate([nil, vector, nil], count: 1, arena: arena) }
    #expect(error?.message == "i goes beyond 64 bits, and something is computed from it")
    #expect(try BoundExpression(.column("I"), schema: Self.schema).passedColumn == 1)
  }
}
