/// A day as the numbers that people read: the proleptic Gregorian calendar.
struct DateFields {
  var year: Int64
  /// 1...12
  var month: Int64
  /// 1...31
  var day: Int64

  /// The fields of the day `days` after 1970-01-01.
  ///
  /// Within about ±100,000 years by Cassio Neri and Lorenz Schneider, "Euclidean affine functions and their application
  /// to calendar algorithms" (2022), in unsigned 32-bit arithmetic: three multiplications instead of a dozen divisions.
  @inline(__always)
  init(days: Int64) {
    // Days since 0000-03-01, moved by 300 eras of 400 years so that they are positive.
    let shifted = days &+ 719_468 &+ 146_097 &* 300
    guard UInt64(bitPattern: shifted) < 80_000_000 else {
      (year, month, day) = CivilDate.civil(days: days)
      return
    }
    let quarters = UInt32(truncatingIfNeeded: shifted) &* 4 &+ 3
    let century = quarters / 146_097
    let dayOfCentury = quarters % 146_097 / 4
    let product = UInt64(dayOfCentury &* 4 &+ 3) &* 2_939_745
    let yearOfCentury = UInt32(truncatingIfNeeded: product &>> 32)
    let dayOfYear = UInt32(truncatingIfNeeded: product) / 2_939_745 / 4
    let months = dayOfYear &* 2_141 &+ 197_913
    // January and February belong to the year that began in the March before.
    let isNextYear = dayOfYear >= 306
    year = Int64(century &* 100 &+ yearOfCentury) &- 120_000 &+ (isNextYear ? 1 : 0)
    month = Int64(months &>> 16) &- (isNextYear ? 12 : 0)
    day = Int64((months & 0xFFFF) / 2_141) &+ 1
  }

  /// The day of a moment.
  @inline(__always)
  static func day(ofTimestamp microseconds: Int64) -> Int64 { CivilDate.split(microseconds: microseconds).days }

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
