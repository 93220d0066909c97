/// Days and moments of the proleptic Gregorian calendar.
///
/// The conversions are Howard Hinnant's (chrono-Compatible Low-Level Date Algorithms, 2021,
/// https://howardhinnant.github.io/date_algorithms.html). No argument traps: beyond the range of 64 bits they wrap.
package enum CivilDate {
  package static let microsecondsPerDay: Int64 = 86_400_000_000

  /// Days since 1970-01-01; `month` is 1 to 12, `day` is 1 to 31.
  @inline(__always)
  package static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year &- 1 : year
    let era = floorDivide(shifted, 400)
    let yearOfEra = shifted &- era &* 400
    let dayOfYear = (153 &* (month &+ (month > 2 ? -3 : 9)) &+ 2) / 5 &+ day &- 1
    let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
    return era &* 146_097 &+ dayOfEra &- 719_468
  }

  /// The date of a number of days since 1970-01-01.
  @inline(__always)
  package static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days &+ 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted &- era &* 146_097
    let yearOfEra = (dayOfEra &- dayOfEra / 1460 &+ dayOfEra / 36524 &- dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
    let shiftedMonth = (5 &* dayOfYear &+ 2) / 153
    let day = dayOfYear &- (153 &* shiftedMonth &+ 2) / 5 &+ 1
    let month = shiftedMonth < 10 ? shiftedMonth &+ 3 : shiftedMonth &- 9
    return (yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0), month, day)
  }

  /// The days and the rest, 0 or more, of microseconds since 1970-01-01T00:00:00.
  @inline(__always)
  package static func split(microseconds: Int64) -> (days: Int64, microseconds: Int64) {
    let days = floorDivide(microseconds, microsecondsPerDay)
    return (days, microseconds &- days &* microsecondsPerDay)
  }

  package static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  package static func daysInMonth(_ month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  @inline(__always)
  static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    let quotient = value / divisor
    return value < 0 && quotient &* divisor != value ? quotient &- 1 : quotient
  }

  /// The most bytes that a `write` below writes.
  package static let writtenLimit = 48

  /// Writes `2013-01-01`; gives the number of bytes. Years beyond four digits take as many as they need.
  package static func write(days: Int64, to target: UnsafeMutablePointer<UInt8>) -> Int {
    let (year, month, day) = civil(days: days)
    var out = 0
    if year < 0 {
      target[0] = UInt8(ascii: "-")
      out = 1
    }
    var magnitude = year.magnitude
    var width = 4
    var power: UInt64 = 10_000
    while width < 19 && magnitude >= power {
      width += 1
      power = width < 20 ? power &* 10 : power
    }
    for i in stride(from: width - 1, through: 0, by: -1) {
      target[out + i] = 0x30 + UInt8(magnitude % 10)
      magnitude /= 10
    }
    out += width
    target[out] = UInt8(ascii: "-")
    writePair(month, target + out + 1)
    target[out + 3] = UInt8(ascii: "-")
    writePair(day, target + out + 4)
    return out + 6
  }

  /// Writes `2013-01-01T06:00:00`, and the fraction of the second where it is not zero, without trailing zeros;
  /// gives the number of bytes.
  package static func write(microseconds: Int64, to target: UnsafeMutablePointer<UInt8>) -> Int {
    let (days, rest) = split(microseconds: microseconds)
    var out = write(days: days, to: target)
    target[out] = UInt8(ascii: "T")
    let seconds = rest / 1_000_000
    writePair(seconds / 3600, target + out + 1)
    target[out + 3] = UInt8(ascii: ":")
    writePair(seconds / 60 % 60, target + out + 4)
    target[out + 6] = UInt8(ascii: ":")
    writePair(seconds % 60, target + out + 7)
    out += 9
    var fraction = rest % 1_000_000
    if fraction == 0 { return out }
    target[out] = UInt8(ascii: ".")
    var width = 6
    while fraction % 10 == 0 {
      fraction /= 10
      width -= 1
    }
    for i in stride(from: width, through: 1, by: -1) {
      target[out + i] = 0x30 + UInt8(fraction % 10)
      fraction /= 10
    }
    return out + 1 + width
  }

  @inline(__always)
  private static func writePair(_ value: Int64, _ target: UnsafeMutablePointer<UInt8>) {
    target[0] = 0x30 + UInt8(value / 10)
    target[1] = 0x30 + UInt8(value % 10)
  }
}
