import Testing

@testable import MartletTable

@Suite struct BindingTests {
  private static let schema: [SchemaColumn] = [
    ("id1", .text), ("v1", .int), ("v2", .int), ("v3", .double), ("day", .date), ("at", .timestamp), ("ok", .bool),
    ("none", .null), ("Name", .text), ("NAME", .text),
  ]

  private func type(_ source: String) -> String {
    do {
      return try BoundExpression(try Expression.parse(source), schema: Self.schema).type.name
    } catch {
      return error.description
    }
  }

  @Test(arguments: [
    ("v1 + v2", "int"), ("v1 / v2", "double"), ("v1 + v3", "double"), ("v1 // v2", "int"), ("v1 % v3", "double"),
    ("id1 || v1", "text"), ("day + 1", "date"), ("day - day", "int"), ("v1 > v3", "bool"), ("NULL", "text"),
    ("none + 1", "int"), ("none > 1", "bool"), ("lower(none)", "text"), ("CASE WHEN ok THEN 1 ELSE 2.5 END", "double"),
    ("coalesce(day, '2024-01-01')", "date"), ("coalesce(day, at)", "timestamp"), ("CAST(id1 AS date)", "date"),
    ("date_trunc('month', day)", "date"), ("date_trunc('hour', at)", "timestamp"), ("year(day)", "int"),
    ("round(v1)", "int"), ("round(v3, 2)", "double"), ("greatest(v1, v3)", "double"), ("V1 + 1", "int"),
    ("length(id1)", "int"), ("day = '2024-01-01'", "bool"), ("day = '2024-01-01T05:00'", "bool"),
  ])
  func `types follow from the columns'`(source: String, expected: String) {
    #expect(type(source) == expected)
  }

  @Test(arguments: [
    (
      "id1 = 3",
      "id1 is text, 3 is int: they cannot be compared (write '3', or CAST(id1 AS int))"
    ),
    (
      "v1 = '3'",
      "v1 is int, '3' is text: they cannot be compared (write the value without quotes, or CAST(v1 AS text))"
    ),
    (
      "v1 IN (1, 'x')",
      "v1 is int, 'x' is text: they cannot be compared (write the value without quotes, or CAST(v1 AS text))"
    ),
    (
      "idd1 = 'x'",
      "there is no column idd1 (did you mean id1? text is written in single quotes)"
    ),
    (
      "id1 = \"something\"",
      "there is no column something (the columns are id1, v1, v2, v3, day, at, ok, none, …; text is written in single quotes)"
    ),
    ("name = 'x'", "name could be Name and NAME (write the column's name with its exact letters)"),
    ("v1 AND ok", "AND takes a condition, and v1 is int (compare it, for instance v1 <> 0)"),
    ("id1 + 1", "+ takes numbers, and id1 is text (write || to join texts, or CAST(id1 AS double))"),
    ("v3 // 2", "// divides whole numbers, and v3 is double (write trunc(a / b))"),
    (
      "lower(v1)",
      "lower takes text, and v1 is int (write lower(text), perhaps with CAST(v1 AS text))"
    ),
    (
      "day = 'tomorrow'",
      "'tomorrow' is no date, and day is date (write it as '2024-01-31' or '2024-01-31T06:00:00')"
    ),
    (
      "sum(v1) > 3",
      "sum(v1) takes a whole group, and one record is computed here (use aggregates in --agg only, one deep)"
    ),
    (
      "year(id1)", "year takes a date or timestamp, and id1 is text (use CAST(id1 AS date))"
    ),
    (
      "date_trunc('fortnight', day)",
      "there is no unit 'fortnight' (use one of microsecond millisecond second minute hour day week month quarter year decade century)"
    ),
    ("CAST(day AS int)", "day is date, which has no form as int (use another type)"),
    (
      "CASE WHEN ok THEN 1 ELSE 'x' END",
      "1 is int, 'x' is text: they cannot be results of one CASE (write the value without quotes, or CAST(1 AS text))"
    ),
    (
      "9223372036854775807 + 1",
      "9223372036854775807 + 1 goes beyond 64 bits: 9223372036854775807 + 1 (compute with doubles: CAST(x AS double))"
    ),
  ])
  func `a mistake names the column and its type`(source: String, message: String) {
    #expect(type(source) == message)
  }

  @Test func `columns that are read are known and constants are folded`() throws {
    let bound = try BoundExpression(try Expression.parse("v2 > 1 + 2 * 3 AND id1 = lower('ABC')"), schema: Self.schema)
    #expect(bound.columns == [0, 2])
    let constant = try BoundExpression(try Expression.parse("1 + 2 * 3 > 6 AND 'a' LIKE 'A'"), schema: Self.schema)
    #expect(constant.constant == .bool(false))
  }

  @Test func `aggregates move into slots and equal calls share one`() throws {
    let columns = try OutputColumn.parse(list: "max(v1) - min(v2) AS d, MAX(v1), upper(id1) || sum(v1), count(*)")
    let extraction = try AggregateExtraction(columns, keys: ["id1"])
    #expect(extraction.calls.map(\.description) == ["max(v1)", "min(v2)", "sum(v1)", "count(*)"])
    #expect(extraction.slotNames == ["max(v1)", "min(v2)", "sum(v1)", "count(*)"])
    #expect(
      extraction.outputs.map(\.expression.description) == [
        "\"max(v1)\" - \"min(v2)\"", "\"max(v1)\"", "upper(id1) || \"sum(v1)\"", "\"count(*)\"",
      ])
    #expect(extraction.outputs.map(\.name) == ["d", "MAX(v1)", "upper(id1) || sum(v1)", "count(*)"])
  }

  @Test func `a slot never takes the name of a key`() throws {
    let extraction = try AggregateExtraction(try OutputColumn.parse(list: "sum(v1), \"SUM(v1)\""), keys: ["SUM(v1)"])
    #expect(extraction.slotNames == ["sum(v1)'"])
    #expect(extraction.outputs[1].expression == .column("SUM(v1)"))
  }

  @Test(arguments: [
    (
      "v1 + sum(v2)",
      "v1 has many values in a group: it is no key of the grouping and in no aggregate (write first(v1), or group by it)"
    ),
    (
      "sum(max(v2))",
      "max(v2) stands inside sum(max(v2)): an aggregate of an aggregate (group once, and group the result again)"
    ),
  ])
  func `an output that has no single value in a group is an error`(list: String, message: String) throws {
    let columns = try OutputColumn.parse(list: list)
    let error = #expect(throws: TableError.self) { try AggregateExtraction(columns, keys: ["id1"]) }
    #expect(error?.description == message)
  }

  @Test(arguments: [
    ("sum(v1)", "int"), ("sum(v3)", "double"), ("sum(ok)", "int"), ("mean(v1)", "double"), ("min(id1)", "text"),
    ("max(day)", "date"), ("first(at)", "timestamp"), ("count(*)", "int"), ("count(DISTINCT id1)", "int"),
    ("any(v1 > 3)", "bool"), ("top(v3, 2)", "text"), ("corr(v1, v3)", "double"), ("sum(none)", "text"),
    ("sum(id1)", "sum takes numbers, and id1 is text (write CAST(id1 AS double))"),
    ("all(v1)", "all takes conditions, and v1 is int (compare it, for instance all(v1 <> 0))"),
    ("mean(day)", "mean takes numbers, and day is date (write min(day) or max(day))"),
  ])
  func `an aggregate's type follows from its arguments'`(source: String, expected: String) throws {
    guard case .aggregate(let call) = try Expression.parse(source) else {
      Issue.record("\(source) is no aggregate")
      return
    }
    do {
      let arguments = try call.bindArguments(schema: Self.schema)
      #expect(try call.resultType(arguments: arguments.map(\.type)).name == expected)
    } catch { #expect(error.description == expected) }
  }
}
