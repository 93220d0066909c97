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
    case .day: CivilDate.microsecondsPerDay
    default: nil
    }
  }

  /// The number of the unit in which a day lies, for the units of a day and more; consecutive units differ by one.
  @inline(__always)
  func number(ofDay days: Int64) -> Int64 {
    if self == .day { return days }
    // 1970-01-01 was a Thursday; weeks begin on Monday.
    if self == .week { return CivilDate.floorDivide(days &+ 3, 7) }
    let fields = DateFields(days: days)
    switch self {
    case .month: return fields.year &* 12 &+ fields.month &- 1
    case .quarter: return fields.year &* 4 &+ (fields.month &- 1) / 3
    case .decade: return CivilDate.floorDivide(fields.year, 10)
    case .century: return CivilDate.floorDivide(fields.year, 100)
    default: return fields.year
    }
  }

  /// The first day of the unit in which a day lies.
  @inline(__always)
  func firstDay(of days: Int64) -> Int64 {
    if self == .week { return CivilDate.floorDivide(days &+ 3, 7) &* 7 &- 3 }
    let fields = DateFields(days: days)
    switch self {
    case .month: return days &- fields.day &+ 1
    case .quarter: return CivilDate.days(year: fields.year, month: (fields.month &- 1) / 3 &* 3 &+ 1, day: 1)
    case .year: return CivilDate.days(year: fields.year, month: 1, day: 1)
    case .decade: return CivilDate.days(year: CivilDate.floorDivide(fields.year, 10) &* 10, month: 1, day: 1)
    case .century: return CivilDate.days(year: CivilDate.floorDivide(fields.year, 100) &* 100, month: 1, day: 1)
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
    switch function {
    case .hour: each(value, out) { _, rest in rest / 3_600_000_000 }
    case .minute: each(value, out) { _, rest in rest / 60_000_000 % 60 }
    case .second: each(value, out) { _, rest in rest / 1_000_000 % 60 }
    case .epoch: each(value, out) { days, rest in days &* 86_400 &+ rest / 1_000_000 }
    // Sunday is 0, as in DuckDB.
    case .weekday: each(value, out) { days, _ in days &+ 4 &- CivilDate.floorDivide(days &+ 4, 7) &* 7 }
    // Monday is 1, Sunday 7.
    case .isodow: each(value, out) { days, _ in days &+ 4 &- CivilDate.floorDivide(days &+ 3, 7) &* 7 }
    case .week:
      // The ISO week of a day is that of its Thursday.
      each(value, out) { days, _ in
        let thursday = CivilDate.floorDivide(days &+ 3, 7) &* 7
        return (thursday &- CivilDate.days(year: DateFields(days: thursday).year, month: 1, day: 1)) / 7 &+ 1
      }
    case .quarter: each(value, out) { days, _ in (DateFields(days: days).month &- 1) / 3 &+ 1 }
    case .month: each(value, out) { days, _ in DateFields(days: days).month }
    case .day: each(value, out) { days, _ in DateFields(days: days).day }
    case .dayofyear:
      each(value, out) { days, _ in
        days &- CivilDate.days(year: DateFields(days: days).year, month: 1, day: 1) &+ 1
      }
    default: each(value, out) { days, _ in DateFields(days: days).year }
    }
    out.takeNulls(of: value)
    return out
  }

  /// Calls `part` with the day and the microseconds in it.
  @inline(__always)
  private func each(_ value: Vector, _ out: Vector, _ part: (Int64, Int64) -> Int64) {
    let (cells, results, count) = (value.ints, out.ints, out.count)
    if operand.type == .timestamp {
      for row in 0..<count {
        let (days, rest) = CivilDate.split(microseconds: cells[row])
        results[row] = part(days, rest)
      }
    } else {
      for row in 0..<count { results[row] = part(cells[row], 0) }
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
    let (cells, results, unit) = (value.ints, out.ints, unit)
    if type == .date {
      for row in 0..<context.count { results[row] = unit.firstDay(of: cells[row]) }
    } else if let size = unit.microseconds {
      for row in 0..<context.count { results[row] = CivilDate.floorDivide(cells[row], size) &* size }
    } else {
      for row in 0..<context.count {
        results[row] = unit.firstDay(of: DateFields.day(ofTimestamp: cells[row])) &* CivilDate.microsecondsPerDay
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
      if let size = unit.microseconds { return CivilDate.floorDivide(cell, size) }
      return unit.number(ofDay: DateFields.day(ofTimestamp: cell))
    }
    if let size = unit.microseconds, size < CivilDate.microsecondsPerDay {
      return cell &* (CivilDate.microsecondsPerDay / size)
    }
    return unit.number(ofDay: cell)
  }
}
