import Testing

@testable import MartletTable

@Suite struct ParserTests {
  private func canonical(_ source: String) -> String {
    do { return try Expression.parse(source).description } catch { return error.description }
  }

  @Test(arguments: [
    ("a OR b AND c", "a OR b AND c"),
    ("(a OR b) AND c", "(a OR b) AND c"),
    ("not a and b", "NOT a AND b"),
    ("NOT (a AND b)", "NOT (a AND b)"),
    ("NOT a = b", "NOT a = b"),
    ("a = 1 || b", "a = 1 || b"),
    ("a + b * c - d", "a + b * c - d"),
    ("(a + b) * c", "(a + b) * c"),
    ("a - (b - c)", "a - (b - c)"),
    ("a // b % c / d", "a // b % c / d"),
    ("-a * b", "-a * b"),
    ("-(a * b)", "-(a * b)"),
    ("- 3", "-3"),
    ("-(3)", "-(3)"),
    ("a - -3", "a - -3"),
    ("a --3", "a - -3"),
    ("+a", "a"),
    ("a == 1 and b != 2", "a = 1 AND b <> 2"),
    ("a is null", "a IS NULL"),
    ("a IS NOT NULL", "a IS NOT NULL"),
    ("a = 1 IS NULL", "(a = 1) IS NULL"),
    ("a is true", "coalesce(a, FALSE)"),
    ("a is not false", "coalesce(a, TRUE)"),
    ("a IN (1, 2.5, 'x''y')", "a IN (1, 2.5, 'x''y')"),
    ("a not in (1)", "a NOT IN (1)"),
    ("a between 1 and 2 and b", "a BETWEEN 1 AND 2 AND b"),
    ("a NOT BETWEEN b + 1 AND c || d", "a NOT BETWEEN b + 1 AND c || d"),
    ("a like 'x%' escape '!' ", "a LIKE 'x%' ESCAPE '!'"),
    ("a not ilike 'x_'", "a NOT ILIKE 'x_'"),
    ("case when a then 1 else 2 end", "CASE WHEN a THEN 1 ELSE 2 END"),
    ("CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' END", "CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' END"),
    ("cast(a as bigint)", "CAST(a AS int)"),
    ("a::text || 'x'", "CAST(a AS text) || 'x'"),
    ("date '2024-02-29'", "DATE '2024-02-29'"),
    ("TIMESTAMP '2024-02-29 06:00'", "TIMESTAMP '2024-02-29T06:00:00'"),
    ("\"a b\" + \"and\" + \"q\"\"q\" + \"plain\"", "\"a b\" + \"and\" + \"q\"\"q\" + plain"),
    ("Größe > .5e1", "Größe > 5.0"),
    ("9223372036854775807", "9223372036854775807"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("SUBSTRING(a, 1, 2)", "substr(a, 1, 2)"),
    ("position('x' in a)", "strpos(a, 'x')"),
    ("position(a, 'x')", "strpos(a, 'x')"),
    ("count(*) + COUNT(x) + count(distinct y)", "count(*) + count(x) + count(DISTINCT y)"),
    ("avg(a) + stddev(b) + variance(c)", "mean(a) + std(b) + var(c)"),
    ("quantile(a, 0.9) + top(b, 2) + corr(a, b)", "quantile(a, 0.9) + top(b, 2) + corr(a, b)"),
    ("a AND b AND c AND d", "a AND b AND c AND d"),
    ("((a AND b) AND c) AND d", "a AND b AND c AND d"),
  ])
  func `canonical text keeps the meaning and reads back as the same`(source: String, expected: String) throws {
    #expect(canonical(source) == expected)
    let first = try Expression.parse(source)
    #expect(try Expression.parse(first.description) == first)
  }

  @Test func `AND binds more tightly than OR and chains are balanced`() throws {
    let source = (0..<5000).map { "x = \($0)" }.joined(separator: " OR ")
    let expression = try Expression.parse(source)
    func depth(_ expression: Expression) -> Int {
      var deepest = 0
      expression.forEachChild { deepest = max(deepest, depth($0)) }
      return deepest + 1
    }
    #expect(depth(expression) < 20)
    #expect(try Expression.parse(expression.description) == expression)
  }

  @Test(arguments: [
    (
      "id1 = = 3",
      "cannot read the expression at character 7, near \"id1 = = 3\": expected a value (correct the expression)"
    ),
    ("", "the expression is empty: expected a value (correct the expression)"),
    (
      "a +", "cannot read the expression at its end, after \"a +\": expected a value (correct the expression)"
    ),
    (
      "(a + b",
      "cannot read the expression at its end, after \"(a + b\": a ( has no ) (correct the expression)"
    ),
    (
      "a + b)",
      "cannot read the expression at character 6, near \"a + b)\": there is a ) too many (correct the expression)"
    ),
    (
      "a && b",
      "cannot read the expression at character 3, near \"a && b\": there is no operator && (write AND)"
    ),
    (
      "a = 'x",
      "cannot read the expression at character 5, near \"a = 'x\": the text that begins here has no end "
        + "(close it with a single quote, and write a single quote in it twice)"
    ),
    (
      "a < b < c",
      "cannot read the expression at character 7, near \"a < b < c\": comparisons do not chain (write a < b AND b < c)"
    ),
    (
      "lenght(a) > 2",
      "cannot read the expression at character 1, near \"lenght(a) > 2\": there is no function lenght "
        + "(did you mean length?)"
    ),
    (
      "round()",
      "cannot read the expression at character 1, near \"round()\": round takes other arguments than the 0 given "
        + "(write round(number[, digits]))"
    ),
    (
      "CAST(a AS number)",
      "cannot read the expression at character 11, near \"CAST(a AS number)\": expected a type "
        + "(the types are bool, int, double, date, timestamp and text)"
    ),
    (
      "9223372036854775808",
      "cannot read the expression at character 1, near \"9223372036854775808\": 9223372036854775808 is beyond 64 bits "
        + "(write 9223372036854775808.0 for the nearest double)"
    ),
    (
      "date '2023-02-29'",
      "cannot read the expression at character 6, near \"date '2023-02-29'\": '2023-02-29' is no date "
        + "(write it as 2024-01-31)"
    ),
    (
      "quantile(x, 2)",
      "cannot read the expression at character 1, near \"quantile(x, 2)\": the p of quantile is a number from 0 to 1 "
        + "(write quantile(x, 0.9))"
    ),
    (
      "min(a, b)",
      "cannot read the expression at character 1, near \"min(a, b)\": min takes other arguments than the 2 given "
        + "(write min(value), or least(a, b) for the smaller of two columns)"
    ),
    (
      "a b",
      "cannot read the expression at character 3, near \"a b\": expected an operator, or the end (correct the expression)"
    ),
    (
      "when = 1",
      "cannot read the expression at character 1, near \"when = 1\": expected a value "
        + "(write a column called WHEN in double quotes: \"WHEN\")"
    ),
    (
      "1st > 2",
      "cannot read the expression at character 1, near \"1st > 2\": a number ends in what is no digit "
        + "(write a name that begins with a digit in double quotes)"
    ),
    (
      "some_quite_long_column_name > 3 AND other ! 4 AND yet_another_column IS NULL",
      "cannot read the expression at character 43, near \"…e > 3 AND other ! 4 AND yet_another_colu…\": "
        + "there is no operator ! (write NOT)"
    ),
  ])
  func `a mistake is one line that points at its place`(source: String, message: String) {
    #expect(canonical(source) == message)
  }

  @Test func `nesting deeper than the limit is an error and not a crash`() throws {
    let opening = String(repeating: "(", count: 100_000)
    #expect(canonical(opening).contains("nested more than 250 levels deep"))
    #expect(canonical(opening + "a").contains("nested more than 250 levels deep"))
    #expect(canonical(String(repeating: "NOT ", count: 100_000) + "a").contains("nested more than"))
    #expect(canonical(String(repeating: "- ", count: 100_000) + "a").contains("nested more than"))
    #expect(canonical((0..<100_000).map { "\($0)" }.joined(separator: " + ")).contains("nested more than"))
    #expect(
      canonical(String(repeating: "a::int", count: 1) + String(repeating: "::int", count: 9_999)).contains("nested"))
    #expect(canonical("a" + String(repeating: " IS NULL", count: 9_999)).contains("nested more than"))
    let deepest = String(repeating: "(", count: 200) + "a" + String(repeating: " + 1)", count: 200)
    #expect(throws: Never.self) { try Expression.parse(deepest) }
    let layered = String(repeating: "(", count: 150) + "a" + String(repeating: " + 1 + 1 + 1)", count: 150)
    #expect(canonical(layered).contains("nested more than"))
  }

  @Test func `a derivation has a name`() throws {
    #expect(
      try OutputColumn.parse(derivation: "total = price * 2")
        == OutputColumn(name: "total", expression: try Expression.parse("price * 2")))
    #expect(try OutputColumn.parse(derivation: "\"a b\"=c = 1").name == "a b")
    #expect(throws: TableError.self) { try OutputColumn.parse(derivation: "price * 2") }
    #expect(throws: TableError.self) { try OutputColumn.parse(derivation: "= 2") }
  }

  @Test func `a column of a list is called as it was written unless AS names it`() throws {
    let columns = try OutputColumn.parse(
      list:
        "sum( v1 ) AS s, MAX(v1)-min(v2) ,count(*), quantile(x, 0.9) as \"p 90\", top(v3, 2), corr(a,b), count(DISTINCT x), \"a b\""
    )
    #expect(
      columns.map(\.name) == [
        "s", "MAX(v1)-min(v2)", "count(*)", "p 90", "top(v3, 2)", "corr(a,b)", "count(DISTINCT x)", "a b",
      ])
    #expect(columns[1].expression.description == "max(v1) - min(v2)")
    #expect(throws: TableError.self) { try OutputColumn.parse(list: "sum(a) max(b)") }
    #expect(throws: TableError.self) { try OutputColumn.parse(list: "sum(a),") }
  }
}
