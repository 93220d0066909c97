extension ByteBuffer {
  /// The decimal digits, two at a time, of the numbers 0 to 99; never written again.
  nonisolated(unsafe) private static let pairs: UnsafePointer<UInt16> = {
    let table = UnsafeMutablePointer<UInt16>.allocate(capacity: 100)
    for value in 0..<100 { table[value] = UInt16(0x30 + value / 10) | UInt16(0x30 + value % 10) << 8 }
    return UnsafePointer(table)
  }()

  /// Writes the digits of `value` so that they end before `end`; returns where they begin.
  @inline(__always)
  static func writeDigits(_ value: UInt64, before end: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
    var rest = value
    var place = end
    while rest >= 100 {
      let quotient = rest / 100
      place -= 2
      UnsafeMutableRawPointer(place).storeBytes(of: pairs[Int(rest &- quotient &* 100)], as: UInt16.self)
      rest = quotient
    }
    if rest >= 10 {
      place -= 2
      UnsafeMutableRawPointer(place).storeBytes(of: pairs[Int(rest)], as: UInt16.self)
    } else {
      place -= 1
      place.pointee = 0x30 &+ UInt8(truncatingIfNeeded: rest)
    }
    return place
  }

  @inline(__always)
  private static func digitCount(_ value: UInt64) -> Int {
    var count = 1
    var limit: UInt64 = 10
    while count < 20, value >= limit {
      count &+= 1
      if count == 20 { break }
      limit = limit &* 10
    }
    return count
  }

  package func append(unsigned value: UInt64) {
    let count = Self.digitCount(value)
    let place = reserve(20)
    _ = Self.writeDigits(value, before: place + count)
    advance(count)
  }

  package func append(int value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    append(unsigned: value.magnitude)
  }

  package func append(wide value: Int128) {
    if let narrow = Int64(exactly: value) { return append(int: narrow) }
    append(value.description)
  }

  package func append(bool value: Bool) { append(value ? "true" : "false") }

  /// `value` in `width` digits, zeros before it.
  @inline(__always)
  private func append(_ value: Int64, width: Int) {
    let place = reserve(width)
    var rest = value
    var index = width
    while index > 0 {
      index &-= 1
      place[index] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    advance(width)
  }

  /// Days since 1970-01-01 as `2024-01-31`; years beyond 0 ... 9999 take a sign and as many digits as they need.
  package func append(date days: Int64) {
    let fields = DateFields(days: days)
    if fields.year >= 0, fields.year <= 9999 {
      append(fields.year, width: 4)
    } else {
      append(fields.year < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
      let digits = String(fields.year.magnitude)
      for _ in digits.utf8.count..<max(4, digits.utf8.count) { append(UInt8(ascii: "0")) }
      append(digits)
    }
    append(UInt8(ascii: "-"))
    append(fields.month, width: 2)
    append(UInt8(ascii: "-"))
    append(fields.day, width: 2)
  }

  /// Microseconds since 1970-01-01T00:00:00 as `2024-01-31T06:00:00`, with decimals (without trailing zeros) where
  /// the second is not whole.
  package func append(timestamp microseconds: Int64) {
    let day = DateFields.day(ofTimestamp: microseconds)
    let rest = microseconds &- day &* DateFields.microsecondsADay
    append(date: day)
    append(UInt8(ascii: "T"))
    let seconds = rest / 1_000_000
    append(seconds / 3_600, width: 2)
    append(UInt8(ascii: ":"))
    append(seconds / 60 % 60, width: 2)
    append(UInt8(ascii: ":"))
    append(seconds % 60, width: 2)
    var fraction = rest % 1_000_000
    guard fraction > 0 else { return }
    var width = 6
    while fraction % 10 == 0 {
      fraction /= 10
      width -= 1
    }
    append(UInt8(ascii: "."))
    append(fraction, width: width)
  }

  /// The shortest decimal that reads back as the same double, as Swift prints it: `3.0`, `0.1`, `1e+16`, `nan`, `inf`.
  package func append(double value: Double) {
    if appendShortDecimal(value) { return }
    append(value.description)
  }

  /// Writes a double that has at most 6 decimals and 15 digits without the general algorithm.
  ///
  /// `value * 10^k` is rounded to a whole number `m` below 10^15; both `m` and `10^k` are exact doubles, so `m / 10^k`
  /// is the correctly rounded double of the decimal `m * 10^-k`. When it equals `value`, that decimal reads back as
  /// `value`, and with at most 15 digits no shorter one does, once trailing zeros are cut off: two decimals of up to
  /// 15 digits never share a double.
  @inline(__always)
  private func appendShortDecimal(_ value: Double) -> Bool {
    let magnitude = value.magnitude
    guard magnitude < 1e9, magnitude >= 1e-3 else { return false }
    let scaled = magnitude * 1e6
    var whole = UInt64(scaled + 0.5)
    guard Double(whole) / 1e6 == magnitude else { return false }
    var decimals = 6
    while decimals > 1, whole % 10 == 0 {
      whole /= 10
      decimals &-= 1
    }
    var unit: UInt64 = 10
    for _ in 1..<decimals { unit &*= 10 }
    if value < 0 { append(UInt8(ascii: "-")) }
    append(unsigned: whole / unit)
    append(UInt8(ascii: "."))
    append(Int64(whole % unit), width: decimals)
    return true
  }
}
