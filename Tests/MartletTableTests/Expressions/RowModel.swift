@testable import MartletTable

/// A slow and obvious evaluator: one record at a time, on `Scalar`s, with Swift's own strings and arithmetic.
///
/// The model of `BoundExpression`. It assumes that the types were checked. Beyond 64 bits it throws.
struct RowModel {
  struct Overflow: Error {}

  let names: [String]
  let types: [ColumnType]
  let row: [Scalar]
  /// Counts failed casts of the record.
  final class Failures { var count = 0 }
  let failures = Failures()

  // MARK: Types, as far as values depend on them

  func value(_ expression: Expression) throws -> Scalar {
    switch expression {
    case .column(let name): return row[names.firstIndex(of: name)!]
    case .literal(let scalar): return scalar
    case .negate(let operand):
      switch try value(operand) {
      case .int(let x):
        if x == .min { throw Overflow() }
        return .int(-x)
      case .double(let x): return .double(-x)
      default: return .null
      }
    case .not(let operand): return Self.not(try value(operand))
    case .binary(let op, let left, let right): return try binary(op, left, right)
    case .isNull(let operand, let negated): return .bool((try value(operand) == .null) != negated)
    case .isIn(let operand, let list, let negated):
      let x = try value(operand)
      var result = Scalar.bool(false)
      for item in list { result = Self.or(result, Self.compare(.equal, x, try value(item))) }
      return negated ? Self.not(result) : result
    case .between(let operand, let low, let high, let negated):
      let x = try value(operand)
      let result = Self.and(
        Self.compare(.greaterOrEqual, x, try value(low)), Self.compare(.lessOrEqual, x, try value(high)))
      return negated ? Self.not(result) : result
    case .like(let operand, let pattern, let escape, let foldsCase, let negated):
      guard case .text(let x) = try value(operand), case .text(let p) = try value(pattern) else { return .null }
      var (text, form) = (Self.string(x), Self.string(p))
      if foldsCase { (text, form) = (text.lowercased(), form.lowercased()) }
      let mark = escape.map { Unicode.Scalar($0) }
      let result = Self.like(
        Array(text.unicodeScalars), Array(form.unicodeScalars),
        foldsCase ? mark?.properties.lowercaseMapping.unicodeScalars.first : mark)
      return .bool(result != negated)
    case .conditional(let operand, let branches, let otherwise):
      let x = try operand.map { try value($0) }
      for branch in branches {
        let condition = try value(branch.condition)
        let holds = x.map { Self.compare(.equal, $0, condition) } ?? condition
        if holds == .bool(true) { return try value(branch.result) }
      }
      return try otherwise.map { try value($0) } ?? .null
    case .cast(let operand, let type): return cast(try value(operand), type)
    case .call(let function, let arguments): return try call(function, arguments)
    case .aggregate: return .null
    }
  }

  static func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  // MARK: Logic

  static func not(_ x: Scalar) -> Scalar {
    if case .bool(let value) = x { return .bool(!value) }
    return .null
  }

  static func and(_ a: Scalar, _ b: Scalar) -> Scalar {
    if a == .bool(false) || b == .bool(false) { return .bool(false) }
    return a == .null || b == .null ? .null : .bool(true)
  }

  static func or(_ a: Scalar, _ b: Scalar) -> Scalar {
    if a == .bool(true) || b == .bool(true) { return .bool(true) }
    return a == .null || b == .null ? .null : .bool(false)
  }

  /// -1, 0, 1; nil when a side is null.
  static func order(_ a: Scalar, _ b: Scalar) -> Int? {
    func sign<T: Comparable>(_ x: T, _ y: T) -> Int { x < y ? -1 : x == y ? 0 : 1 }
    switch (a, b) {
    case (.null, _), (_, .null): return nil
    case (.bool(let x), .bool(let y)): return sign(x ? 1 : 0, y ? 1 : 0)
    case (.int(let x), .int(let y)), (.date(let x), .date(let y)), (.timestamp(let x), .timestamp(let y)):
      return sign(x, y)
    case (.date(let x), .timestamp(let y)): return sign(x * 86_400_000_000, y)
    case (.timestamp(let x), .date(let y)): return sign(x, y * 86_400_000_000)
    case (.double(let x), .double(let y)):
      if x.isNaN || y.isNaN { return sign(x.isNaN ? 1 : 0, y.isNaN ? 1 : 0) }
      return sign(x, y)
    case (.int, .double): return order(b, a).map { -$0 }
    case (.double(let x), .int(let y)):
      if x.isNaN { return 1 }
      if x.magnitude > 1e25 { return x < 0 ? -1 : 1 }
      // Exact: both in 128 bits, scaled so that the fraction counts.
      let whole = Int128(x.rounded(.down))
      if whole != Int128(y) { return sign(whole, Int128(y)) }
      return x == x.rounded(.down) ? 0 : 1
    case (.text(let x), .text(let y)):
      return x == y ? 0 : x.lexicographicallyPrecedes(y) ? -1 : 1
    default: return nil
    }
  }

  static func compare(_ op: BinaryOperator, _ a: Scalar, _ b: Scalar) -> Scalar {
    guard let order = order(a, b) else { return .null }
    switch op {
    case .equal: return .bool(order == 0)
    case .notEqual: return .bool(order != 0)
    case .less: return .bool(order < 0)
    case .lessOrEqual: return .bool(order <= 0)
    case .greater: return .bool(order > 0)
    default: return .bool(order >= 0)
    }
  }

  static func like(_ text: [Unicode.Scalar], _ pattern: [Unicode.Scalar], _ escape: Unicode.Scalar?) -> Bool {
    guard let first = pattern.first else { return text.isEmpty }
    let rest = Array(pattern.dropFirst())
    if first == escape, let literal = rest.first {
      return text.first == literal && like(Array(text.dropFirst()), Array(rest.dropFirst()), escape)
    }
    if first == "%" { return (0...text.count).contains { like(Array(text.dropFirst($0)), rest, escape) } }
    guard let character = text.first, first == "_" || first == character else { return false }
    return like(Array(text.dropFirst()), rest, escape)
  }

  // MARK: Operators

  private func binary(_ op: BinaryOperator, _ left: Expression, _ right: Expression) throws -> Scalar {
    let a = try value(left)
    // What decides already keeps the other side from failing.
    if op == .and, a == .bool(false) { return a }
    if op == .or, a == .bool(true) { return a }
    let b = try value(right)
    switch op {
    case .and: return Self.and(a, b)
    case .or: return Self.or(a, b)
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: return Self.compare(op, a, b)
    case .concatenate:
      guard case .text(let x) = cast(a, .text), case .text(let y) = cast(b, .text) else { return .null }
      return .text(x + y)
    default: return try arithmetic(op, a, b)
    }
  }

  private func arithmetic(_ op: BinaryOperator, _ a: Scalar, _ b: Scalar) throws -> Scalar {
    switch (a, b) {
    case (.int(let x), .int(let y)) where op != .divide: return try whole(op, x, y).map { .int($0) } ?? .null
    case (.date(let x), .int(let y)): return try whole(op, x, y).map { .date($0) } ?? .null
    case (.int(let x), .date(let y)): return try whole(op, x, y).map { .date($0) } ?? .null
    case (.date(let x), .date(let y)): return try whole(op, x, y).map { .int($0) } ?? .null
    default: break
    }
    guard let x = Self.number(a), let y = Self.number(b) else { return .null }
    switch op {
    case .add: return .double(x + y)
    case .subtract: return .double(x - y)
    case .multiply: return .double(x * y)
    case .divide: return y == 0 ? .null : .double(x / y)
    default: return y == 0 ? .null : .double(x.truncatingRemainder(dividingBy: y))
    }
  }

  private func whole(_ op: BinaryOperator, _ x: Int64, _ y: Int64) throws -> Int64? {
    let (a, b) = (Int128(x), Int128(y))
    let result: Int128
    switch op {
    case .add: result = a + b
    case .subtract: result = a - b
    case .multiply: result = a * b
    case .divideWhole:
      if b == 0 { return nil }
      result = a / b
    default:
      if b == 0 { return nil }
      result = a % b
    }
    guard let narrow = Int64(exactly: result) else { throw Overflow() }
    return narrow
  }

  static func number(_ scalar: Scalar) -> Double? {
    switch scalar {
    case .int(let x): Double(x)
    case .double(let x): x
    default: nil
    }
  }

  // MARK: Casts

  func cast(_ scalar: Scalar, _ type: ColumnType) -> Scalar {
    if scalar == .null || scalar.type == type { return scalar }
    let result: Scalar?
    switch (scalar, type) {
    case (.bool(let x), .int): result = .int(x ? 1 : 0)
    case (.bool(let x), .double): result = .double(x ? 1 : 0)
    case (.bool(let x), .text): result = .text(x ? "true" : "false")
    case (.int(let x), .bool): result = .bool(x != 0)
    case (.int(let x), .double): result = .double(Double(x))
    case (.int(let x), .text): result = .text("\(x)")
    case (.double(let x), .bool): result = .bool(x != 0)
    case (.double(let x), .int):
      result = Int128(exactly: x.rounded(.toNearestOrEven)).flatMap { Int64(exactly: $0) }.map { .int($0) }
    case (.double(let x), .text): result = .text("\(x)")
    case (.date(let x), .timestamp): result = .timestamp(x * 86_400_000_000)
    case (.date(let x), .text): result = .text(Self.dateText(x))
    case (.timestamp(let x), .date): result = .date(Self.floor(x, 86_400_000_000))
    case (.timestamp(let x), .text):
      let day = Self.floor(x, 86_400_000_000)
      let rest = x - day * 86_400_000_000
      func two(_ n: Int64) -> String { n < 10 ? "0\(n)" : "\(n)" }
      var text = Self.dateText(day) + "T" + two(rest / 3_600_000_000) + ":" + two(rest / 60_000_000 % 60)
      text += ":" + two(rest / 1_000_000 % 60)
      if rest % 1_000_000 != 0 {
        var digits = String(String(1_000_000 + rest % 1_000_000).dropFirst())
        while digits.last == "0" { digits.removeLast() }
        text += "." + digits
      }
      result = .text(text)
    case (.text(let bytes), _):
      // The texts of the random tables are simple: the parsers have tests of their own.
      let text = Self.string(bytes.trimming { $0 == 0x20 || (9...13).contains($0) })
      switch type {
      case .int:
        result =
          Int64(text).map { .int($0) }
          ?? (text.allSatisfy { "0123456789.-".contains($0) }
            ? Double(text).flatMap { Int64(exactly: $0.rounded(.toNearestOrEven)) }.map { .int($0) } : nil)
      case .double: result = text.allSatisfy { "0123456789.-".contains($0) } ? Double(text).map { .double($0) } : nil
      case .bool: result = ["true": .bool(true), "false": .bool(false), "1": .bool(true), "0": .bool(false)][text]
      case .date: result = CellText.date(bytes).map { .date($0) }
      case .timestamp: result = CellText.timestamp(bytes).map { .timestamp($0) }
      default: result = nil
      }
    default: result = nil
    }
    if result == nil { failures.count += 1 }
    return result ?? .null
  }

  static func floor(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : -((-a + b - 1) / b) }

  /// By counting days year by year and month by month.
  static func fields(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    func isLeap(_ y: Int64) -> Bool { (y % 4 == 0 && y % 100 != 0) || y % 400 == 0 }
    var (year, left) = (Int64(1970), days)
    while left < 0 {
      year -= 1
      left += isLeap(year) ? 366 : 365
    }
    while left >= (isLeap(year) ? 366 : 365) {
      left -= isLeap(year) ? 366 : 365
      year += 1
    }
    var month: Int64 = 1
    for length: Int64 in [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
      if left < length { break }
      left -= length
      month += 1
    }
    return (year, month, left + 1)
  }

  static func dateText(_ days: Int64) -> String {
    let (year, month, day) = fields(days)
    func padded(_ n: Int64, _ width: Int) -> String {
      String(repeating: "0", count: max(0, width - "\(n)".count)) + "\(n)"
    }
    return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
  }
}

extension [UInt8] {
  /// The bytes between those at both ends that `isBlank` is true for.
  fileprivate func trimming(_ isBlank: (UInt8) -> Bool) -> [UInt8] {
    Array(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
  }
}
