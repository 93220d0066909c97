/// Dates and timestamps.
package enum MomentParser {
  /// `YYYY-MM-DD`, a day that exists, as days since 1970-01-01; nil for anything else.
  ///
  /// - Parameter address: 16 bytes or more are readable from there.
  @inline(__always)
  package static func date(_ address: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    count == 10 ? leadingDate(address) : nil
  }

  /// `YYYY-MM-DD[T ]HH:MM[:SS[.fraction]][Z|±HH:MM]`, a fraction of 1 to 9 digits of which six count, as
  /// microseconds since 1970-01-01T00:00:00; nil for anything else. With `Z` or an offset that is UTC.
  ///
  /// `acceptsDate` also takes a date, as its midnight.
  ///
  /// - Parameter address: 16 bytes or more are readable from there.
  package static func timestamp(
    _ address: UnsafePointer<UInt8>, _ count: Int, acceptsDate: Bool = false
  ) -> Int64? {
    if count < 16 {
      guard acceptsDate, let days = date(address, count) else { return nil }
      return days &* CivilDate.microsecondsPerDay
    }
    guard let days = leadingDate(address), address[10] == UInt8(ascii: "T") || address[10] == UInt8(ascii: " "),
      address[13] == UInt8(ascii: ":"), let hour = pair(address + 11), let minute = pair(address + 14),
      hour < 24, minute < 60
    else { return nil }
    var microseconds = (hour &* 60 &+ minute) &* 60_000_000
    var i = 16
    if i < count && address[i] == UInt8(ascii: ":") {
      guard i + 3 <= count, let second = pair(address + 17), second < 60 else { return nil }
      microseconds += second &* 1_000_000
      i = 19
      if i < count && address[i] == UInt8(ascii: ".") {
        i += 1
        let first = i
        var unit: Int64 = 100_000
        while i < count && i < first + 9, case let digit = address[i] &- 0x30, digit <= 9 {
          microseconds += Int64(digit) &* unit
          unit /= 10
          i += 1
        }
        if i == first { return nil }
      }
    }
    if i < count {
      if address[i] == UInt8(ascii: "Z") {
        i += 1
      } else if address[i] == UInt8(ascii: "+") || address[i] == UInt8(ascii: "-") {
        guard i + 6 <= count, address[i + 3] == UInt8(ascii: ":"), let hours = pair(address + i + 1),
          let minutes = pair(address + i + 4), hours < 24, minutes < 60
        else { return nil }
        let offset = (hours &* 60 &+ minutes) &* 60_000_000
        microseconds += address[i] == UInt8(ascii: "+") ? -offset : offset
        i += 6
      }
    }
    return i == count ? days &* CivilDate.microsecondsPerDay &+ microseconds : nil
  }

  /// The date in the first ten bytes.
  @inline(__always)
  private static func leadingDate(_ address: UnsafePointer<UInt8>) -> Int64? {
    let head = Digits.load(address)
    // YYYY-MM-: bytes 4 and 7 are hyphens, the others digits.
    guard head & 0xff00_00ff_0000_0000 == 0x2d00_002d_0000_0000 else { return nil }
    let digits = (head & 0x00ff_ff00_ffff_ffff) | 0x3000_0030_0000_0000
    guard Digits.areDigits(digits), let day = pair(address + 8) else { return nil }
    let year =
      Int64(address[0] &- 0x30) &* 1000 &+ Int64(address[1] &- 0x30) &* 100 &+ Int64(address[2] &- 0x30) &* 10
      &+ Int64(address[3] &- 0x30)
    let month = Int64(address[5] &- 0x30) &* 10 &+ Int64(address[6] &- 0x30)
    guard month >= 1, month <= 12, day >= 1, day <= 28 || day <= CivilDate.daysInMonth(month, of: year) else {
      return nil
    }
    return CivilDate.days(year: year, month: month, day: day)
  }

  @inline(__always)
  private static func pair(_ address: UnsafePointer<UInt8>) -> Int64? {
    let tens = address[0] &- 0x30
    let ones = address[1] &- 0x30
    return tens <= 9 && ones <= 9 ? Int64(tens) &* 10 &+ Int64(ones) : nil
  }
}
