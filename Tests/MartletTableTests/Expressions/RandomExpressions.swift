import TestSupport

@testable import MartletTable

/// Random tables and well-typed expressions over them.
struct RandomExpressions {
  var random: SeededGenerator
  let schema: [SchemaColumn] = [
    ("i", .int), ("j", .int), ("d", .double), ("e", .double), ("s", .text), ("t", .text), ("b", .bool), ("c", .bool),
    ("day", .date), ("until", .date), ("at", .timestamp), ("then", .timestamp), ("nothing", .null),
  ]

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  mutating func pick<T>(_ choices: [T]) -> T { choices.randomElement(using: &random)! }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  // MARK: Cells

  static let texts = [
    "", " ", "a", "A", "ab", "aB%", "a_b", "abc", "id016", "id017", "12345678", "123456789", "sixteen bytes ok",
    "seventeen bytes!!", "  padded ", "zäh", "ZÄH", "€uro", "日本語", "x😀y", "7", "-3", "2.5", "true", "2024-02-29",
    "2024-02-29T12:34:56", "a,b,,c", "aaa", "ſtraße",
  ]

  mutating func scalar(_ type: ColumnType) -> Scalar {
    switch type {
    case .null: return .null
    case .bool: return .bool(chance(50))
    case .int:
      return .int(pick([0, 1, -1, 2, 3, 7, -7, 10, 100, 12_345, 1 << 40, 9_007_199_254_740_993, .max, .min, .min + 1]))
    case .double:
      return .double(
        pick([
          0, -0.0, 1, -1, 0.5, 2.5, -2.5, 3, 7, 1e-5, 123.456789, 1e15, 9_007_199_254_740_992, 9.3e18, -9.3e18, 1e300,
          .infinity, -.infinity, .nan, 99.999999, Double.leastNonzeroMagnitude,
        ]))
    case .date: return .date(pick([0, -1, 1, 19_782, 19_783, 11_016, 15_706, -25_567, 59, 60, 24_836]))
    case .timestamp:
      return .timestamp(
        pick([0, -1, 1, 1_709_210_096_000_000, 1_709_210_096_250_000, -86_400_000_001, 1_356_998_400_000_000]))
    case .text: return .text(pick(Self.texts))
    }
  }

  /// Columns with the given share of nulls in percent.
  mutating func table(rows: Int, nulls: Int) -> [[Scalar]] {
    schema.map { column in (0..<rows).map { _ in chance(nulls) ? .null : scalar(column.type) } }
  }

  // MARK: Expressions

  private func columns(_ type: ColumnType) -> [Expression] {
    schema.filter { $0.type == type }.map { .column($0.name) }
  }

  mutating func expression(_ type: ColumnType, depth: Int) -> Expression {
    if depth <= 0 || chance(15) {
      if chance(3) { return chance(50) ? .literal(.null) : .column("nothing") }
      if chance(30) {
        let literal = scalar(type)
        if case .double(let x) = literal, !x.isFinite { return pick(columns(type)) }
        return .literal(literal)
      }
      return pick(columns(type))
    }
    let next = depth - 1
    if chance(12) {
      let branches = (0..<Int.random(in: 1...3, using: &random)).map { _ in
        Expression.Branch(condition: expression(.bool, depth: next), result: expression(type, depth: next))
      }
      return .conditional(operand: nil, branches: branches, otherwise: chance(60) ? expression(type, depth: next) : nil)
    }
    if chance(6) {
      let kind = pick([ColumnType.int, .text, .date, .bool])
      let branches = (0..<2).map { _ in
        Expression.Branch(condition: expression(kind, depth: next), result: expression(type, depth: next))
      }
      return .conditional(
        operand: expression(kind, depth: next), branches: branches,
        otherwise: chance(60) ? expression(type, depth: next) : nil)
    }
    if chance(12) {
      let function: ScalarFunction = pick([.coalesce, .greatest, .least, .nullif, .ifnull, .conditional])
      if function == .conditional {
        return .call(
          function, [expression(.bool, depth: next), expression(type, depth: next), expression(type, depth: next)])
      }
      return .call(function, [expression(type, depth: next), expression(type, depth: next)])
    }
    switch type {
    case .bool: return condition(next)
    case .int: return int(next)
    case .double: return double(next)
    case .text: return text(next)
    case .date:
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        return .binary(
          pick([.add, .subtract]), expression(.date, depth: next),
          .literal(.int(Int64.random(in: -400...400, using: &random))))
      case 1: return .cast(expression(.timestamp, depth: next), .date)
      case 2: return .cast(expression(.text, depth: next), .date)
      default:
        return .call(
          .dateTrunc,
          [.literal(.text(pick(["week", "month", "quarter", "year", "decade", "century"]))), pick(columns(.date))])
      }
    default:
      switch Int.random(in: 0..<3, using: &random) {
      case 0: return .cast(expression(.date, depth: next), .timestamp)
      case 1: return .cast(expression(.text, depth: next), .timestamp)
      default:
        return .call(
          .dateTrunc,
          [
            .literal(.text(pick(["second", "minute", "hour", "day", "week", "month", "year"]))),
            pick(columns(.timestamp)),
          ])
      }
    }
  }

  private mutating func condition(_ next: Int) -> Expression {
    let kind = pick([ColumnType.int, .double, .text, .text, .bool, .date, .timestamp])
    let comparisons: [BinaryOperator] = [.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual]
    switch Int.random(in: 0..<12, using: &random) {
    case 0, 1: return .binary(pick([.and, .or]), expression(.bool, depth: next), expression(.bool, depth: next))
    case 2: return .not(expression(.bool, depth: next))
    case 3: return .isNull(expression(kind, depth: next), negated: chance(50))
    case 4:
      let list = (0..<Int.random(in: 1...6, using: &random)).map { _ in
        chance(70) ? Expression.literal(finite(kind)) : expression(kind, depth: 0)
      }
      return .isIn(expression(kind, depth: next), list, negated: chance(30))
    case 5:
      return .between(
        expression(kind, depth: next), low: expression(kind, depth: next), high: expression(kind, depth: next),
        negated: chance(30))
    case 6:
      let pattern = pick([
        "%", "a%", "%b", "%b%", "_", "a_b", "a!_b", "%!%", "_%_", "z_h", "%本%", "", "a%b%c", "id01_", "x_y",
      ])
      return .like(
        expression(.text, depth: next), pattern: chance(80) ? .literal(.text(pattern)) : expression(.text, depth: 0),
        escape: UInt8(ascii: "!"), foldsCase: chance(30), negated: chance(30))
    case 7:
      return .call(
        pick([.contains, .startsWith, .endsWith]), [expression(.text, depth: next), expression(.text, depth: 0)])
    case 8:
      // Whole numbers with doubles, dates with timestamps.
      return chance(60)
        ? .binary(pick(comparisons), expression(.int, depth: next), expression(.double, depth: next))
        : .binary(pick(comparisons), expression(.timestamp, depth: next), expression(.date, depth: next))
    case 9: return .call(pick([.isNaN, .isFinite]), [expression(.double, depth: next)])
    default: return .binary(pick(comparisons), expression(kind, depth: next), expression(kind, depth: next))
    }
  }

  private mutating func finite(_ type: ColumnType) -> Scalar {
    while true {
      let literal = scalar(type)
      if case .double(let x) = literal, !x.isFinite { continue }
      return literal
    }
  }

  private mutating func int(_ next: Int) -> Expression {
    switch Int.random(in: 0..<8, using: &random) {
    case 0, 1:
      return .binary(
        pick([.add, .subtract, .multiply, .divideWhole, .remainder]), expression(.int, depth: next),
        expression(.int, depth: next))
    case 2: return .call(pick([.abs, .sign, .round, .floor]), [expression(.int, depth: next)])
    case 3: return .call(.length, [expression(.text, depth: next)])
    case 4:
      return .call(
        pick([.year, .quarter, .month, .week, .day, .hour, .minute, .second, .weekday, .isodow, .dayofyear, .epoch]),
        [chance(50) ? pick(columns(.date)) : pick(columns(.timestamp))])
    case 5: return .cast(expression(pick([.double, .text, .bool]), depth: next), .int)
    case 6:
      let kind = pick([ColumnType.date, .timestamp])
      let unit = pick(["second", "hour", "day", "week", "month", "quarter", "year", "decade"])
      return .call(.dateDiff, [.literal(.text(unit)), pick(columns(kind)), pick(columns(kind))])
    default:
      return chance(50)
        ? .call(.round, [expression(.int, depth: next), .literal(.int(Int64.random(in: -20...3, using: &random)))])
        : .call(.strpos, [expression(.text, depth: next), expression(.text, depth: 0)])
    }
  }

  private mutating func double(_ next: Int) -> Expression {
    let number = chance(70) ? expression(.double, depth: next) : expression(.int, depth: next)
    switch Int.random(in: 0..<6, using: &random) {
    case 0, 1:
      return .binary(pick([.add, .subtract, .multiply, .divide, .remainder]), number, expression(.double, depth: next))
    case 2: return .binary(.divide, expression(.int, depth: next), expression(.int, depth: next))
    case 3:
      return .call(pick([.sqrt, .ln, .log10, .log2, .exp]), [number])
    case 4:
      return chance(50)
        ? .call(.round, [expression(.double, depth: next), .literal(.int(Int64.random(in: -3...8, using: &random)))])
        : .call(pick([.floor, .ceil, .trunc, .abs, .round]), [expression(.double, depth: next)])
    default:
      return chance(50)
        ? .cast(expression(pick([.int, .text, .bool]), depth: next), .double)
        : .call(pick([.pow, .mod]), [number, expression(.double, depth: next)])
    }
  }

  private mutating func text(_ next: Int) -> Expression {
    let small = Expression.literal(.int(Int64.random(in: -4...6, using: &random)))
    let word = expression(.text, depth: next)
    switch Int.random(in: 0..<11, using: &random) {
    case 0: return .call(pick([.lower, .upper, .trim, .ltrim, .rtrim, .reverse]), [word])
    case 1: return .call(pick([.trim, .ltrim, .rtrim]), [word, expression(.text, depth: 0)])
    case 2:
      return .call(
        .substr, chance(50) ? [word, small] : [word, small, .literal(.int(Int64.random(in: -3...5, using: &random)))])
    case 3: return .call(pick([.left, .right, .repeatText]), [word, small])
    case 4: return .call(pick([.lpad, .rpad]), [word, small, expression(.text, depth: 0)])
    case 5: return .call(.replace, [word, expression(.text, depth: 0), expression(.text, depth: 0)])
    case 6: return .call(.splitPart, [word, .literal(.text(pick([",", "b", "", "ä"]))), small])
    case 7: return .call(.concat, [word, expression(pick([.int, .double, .text]), depth: next)])
    case 8: return .cast(expression(pick([.int, .double, .bool, .date, .timestamp]), depth: next), .text)
    default: return .binary(.concatenate, word, expression(pick([.int, .text, .date]), depth: next))
    }
  }
}
