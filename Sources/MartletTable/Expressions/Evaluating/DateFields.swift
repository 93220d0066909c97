/// Days and moments as the numbers that people read: the proleptic Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". Exact for every day within ±2^40.
struct DateFields {
  var year: Int64
  /// 1...12
  var month: Int64
  /// 1...31
  var day: Int64

  static let microsecondsADay: Int64 = 86_400_000_000

  /// The fields of the day `days` after 1970-01-01.
  init(days: Int64) {
    let shifted = days &+ 719_468
    let era = Self.floorDivide(shifted, 146_097)
    let dayOfEra = shifted &- era &* 146_097
    let yearOfEra =
      (dayOfEra &- dayOfEra / 1_460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
    let monthFromMarch = (5 &* dayOfYear &+ 2) / 153
    day = dayOfYear &- (153 &* monthFromMarch &+ 2) / 5 &+ 1
    month = monthFromMarch < 10 ? monthFromMarch &+ 3 : monthFromMarch &- 9
    year = yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0)
  }

  /// The days since 1970-01-01; the day may lie beyond its month.
  static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year &- 1 : year
    let era = floorDivide(shifted, 400)
    let yearOfEra = shifted &- era &* 400
    let dayOfYear = (153 &* (month > 2 ? month &- 3 : month &+ 9) &+ 2) / 5 &+ day &- 1
    let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
    return era &* 146_097 &+ dayOfEra &- 719_468
  }

  static func daysInMonth(_ year: Int64, _ month: Int64) -> Int64 {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  @inline(__always)
  static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
    let quotient = a / b
    return a % b < 0 ? quotient &- 1 : quotient
  }

  /// The day of a moment.
  @inline(__always)
  static func day(ofTimestamp microseconds: Int64) -> Int64 { floorDivide(microseconds, microsecondsADay) }

  /// `2024-01-31`
  static func dateText(_ days: Int64) -> String {
    let buffer = ByteBuffer()
    buffer.append(date: days)
    return buffer.string
  }

  /// `2024-01-31T06:00:00`, with up to six decimals where they are not zero.
  static func timestampText(_ microseconds: Int64) -> String {
    let buffer = ByteBuffer()
    buffer.append(timestamp: microseconds)
    return buffer.string
  }
}
