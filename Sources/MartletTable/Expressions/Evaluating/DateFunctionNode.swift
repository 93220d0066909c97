/// The units of time that date functions know.
enum DateUnit: String, CaseIterable {
  case microsecond, millisecond, second, minute, hour, day, week, month, quarter, year, decade, century

  /// The unit of that name, singular or plural, in any case.
  init?(name: String) {
    let lowered = name.lowercased()
    let singular = lowered.hasSuffix("s") ? String(lowered.dropLast()) : lowered
    if let unit = DateUnit(rawValue: singular) {
      self = unit
    } else if lowered == "centuries" {
      self = .century
    } else {
      return nil
    }
  }

  /// Microseconds, for the units that always last equally long.
  var microseconds: Int64? {
    switch self {
    case .microsecond: 1
    case .millisecond: 1_000
    case .second: 1_000_000
    case .minute: 60_000_000
    case .hour: 3_600_000_000
    case .day: DateFields.microsecondsADay
    default: nil
    }
  }

  /// The number of the unit in which a day lies, for the units of a day and more; consecutive units differ by one.
  func number(ofDay days: Int64) -> Int64 {
    if self == .day { return days }
    // 1970-01-01 was a Thursday; weeks begin on Monday.
    if self == .week { return DateFields.floorDivide(days &+ 3, 7) }
    let fields = DateFields(days: days)
    switch self {
    case .month: return fields.year &* 12 &+ fields.month &- 1
    case .quarter: return fields.year &* 4 &+ (fields.month &- 1) / 3
    case .decade: return DateFields.floorDivide(fields.year, 10)
    case .century: return DateFields.floorDivide(fields.year, 100)
    default: return fields.year
    }
  }

  /// The first day of the unit in which a day lies.
  func firstDay(of days: Int64) -> Int64 {
    let number = number(ofDay: days)
    switch self {
    case .week: return number &* 7 &- 3
    case .month:
      return DateFields.days(
        DateFields.floorDivide(number, 12), number &- DateFields.floorDivide(number, 12) &* 12 &+ 1, 1)
    case .quarter:
      let year = DateFields.floorDivide(number, 4)
      return DateFields.days(year, (number &- year &* 4) &* 3 &+ 1, 1)
    case .year: return DateFields.days(number, 1, 1)
    case .decade: return DateFields.days(number &* 10, 1, 1)
    case .century: return DateFields.days(number &* 100, 1, 1)
    default: return days
    }
  }
}

/// A number of a day or moment: `year(d)`, `hour(t)` and the like.
final class DatePartNode: Node {
  private let function: ScalarFunction
  private let operand: Node

  init(_ function: ScalarFunction, _ operand: Node, register: Vector) {
    self.function = function
    self.operand = operand
    super.init(type: .int, canFail: operand.canFail, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let value = try operand.evaluate(context)
    let out = output(context)
    let isMoment = operand.type == .timestamp
    for row in 0..<context.count {
      let cell = value.ints[row]
      let days = isMoment ? DateFields.day(ofTimestamp: cell) : cell
      let rest = isMoment ? cell &- days &* DateFields.microsecondsADay : 0
      out.ints[row] = part(days, rest)
    }
    out.takeNulls(of: value)
    return out
  }

  @inline(__always)
  private func part(_ days: Int64, _ microseconds: Int64) -> Int64 {
    switch function {
    case .hour: return microseconds / 3_600_000_000
    case .minute: return microseconds / 60_000_000 % 60
    case .second: return microseconds / 1_000_000 % 60
    case .epoch: return days &* 86_400 &+ microseconds / 1_000_000
    // Sunday is 0, as in DuckDB.
    case .weekday: return days &+ 4 &- DateFields.floorDivide(days &+ 4, 7) &* 7
    // Monday is 1, Sunday 7.
    case .isodow: return days &+ 3 &- DateFields.floorDivide(days &+ 3, 7) &* 7 &+ 1
    case .week:
      // The ISO week of a day is that of its Thursday.
      let thursday = DateFields.floorDivide(days &+ 3, 7) &* 7
      return (thursday &- DateFields.days(DateFields(days: thursday).year, 1, 1)) / 7 &+ 1
    default: break
    }
    let fields = DateFields(days: days)
    switch function {
    case .quarter: return (fields.month &- 1) / 3 &+ 1
    case .month: return fields.month
    case .day: return fields.day
    case .dayofyear: return days &- DateFields.days(fields.year, 1, 1) &+ 1
    default: return fields.year
    }
  }
}

/// `date_trunc('unit', x)`: the begin of the unit in which x lies.
final class DateTruncationNode: Node {
  private let unit: DateUnit
  private let operand: Node

  init(_ unit: DateUnit, _ operand: Node, register: Vector) {
    self.unit = unit
    self.operand = operand
    super.init(type: operand.type, canFail: operand.canFail, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let value = try operand.evaluate(context)
    let out = output(context)
    for row in 0..<context.count {
      let cell = value.ints[row]
      if type == .date {
        out.ints[row] = unit.firstDay(of: cell)
      } else if let size = unit.microseconds {
        out.ints[row] = DateFields.floorDivide(cell, size) &* size
      } else {
        out.ints[row] = unit.firstDay(of: DateFields.day(ofTimestamp: cell)) &* DateFields.microsecondsADay
      }
    }
    out.takeNulls(of: value)
    return out
  }
}

/// `date_diff('unit', start, end)`: how many begins of a unit lie between the two, as DuckDB counts.
final class DateDifferenceNode: Node {
  private let unit: DateUnit
  private let start: Node
  private let end: Node

  /// Both have the same type, date or timestamp.
  init(_ unit: DateUnit, _ start: Node, _ end: Node, register: Vector) {
    self.unit = unit
    self.start = start
    self.end = end
    super.init(type: .int, canFail: start.canFail || end.canFail, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let first = try start.evaluate(context)
    let last = try end.evaluate(context)
    let out = output(context)
    for row in 0..<context.count { out.ints[row] = number(last.ints[row]) &- number(first.ints[row]) }
    out.takeNulls(of: first, last)
    return out
  }

  @inline(__always)
  private func number(_ cell: Int64) -> Int64 {
    if start.type == .timestamp {
      if let size = unit.microseconds { return DateFields.floorDivide(cell, size) }
      return unit.number(ofDay: DateFields.day(ofTimestamp: cell))
    }
    if let size = unit.microseconds, size < DateFields.microsecondsADay {
      return cell &* (DateFields.microsecondsADay / size)
    }
    return unit.number(ofDay: cell)
  }
}
