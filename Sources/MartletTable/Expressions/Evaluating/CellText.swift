/// Texts as values of other types: what CAST and literals accept.
///
/// More lenient than type inference, because a CAST was asked for: blanks around a value, a leading `+` and leading
/// zeros are allowed.
enum CellText {
  typealias Bytes = UnsafeBufferPointer<UInt8>

  /// Without blanks at both ends.
  @inline(__always)
  static func trimmed(_ bytes: Bytes) -> Bytes {
    var low = 0
    var high = bytes.count
    while low < high, bytes[low] == 0x20 || bytes[low] &- 9 < 5 { low &+= 1 }
    while high > low, bytes[high &- 1] == 0x20 || bytes[high &- 1] &- 9 < 5 { high &-= 1 }
    return Bytes(rebasing: bytes[low..<high])
  }

  static func date(_ bytes: [UInt8]) -> Int64? { bytes.withUnsafeBufferPointer { date($0) } }

  static func timestamp(_ bytes: [UInt8]) -> Int64? { bytes.withUnsafeBufferPointer { timestamp($0) } }

  /// A whole number; a number with decimals is rounded, half to even.
  static func int(_ cell: Bytes) -> Int64? {
    let bytes = trimmed(cell)
    guard let first = bytes.first else { return nil }
    let isNegative = first == UInt8(ascii: "-")
    var index = isNegative || first == UInt8(ascii: "+") ? 1 : 0
    guard index < bytes.count else { return nil }
    var value: Int64 = 0
    while index < bytes.count {
      let digit = bytes[index] &- 0x30
      guard digit < 10 else { break }
      let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowedToo) =
        isNegative
        ? product.subtractingReportingOverflow(Int64(digit)) : product.addingReportingOverflow(Int64(digit))
      if overflowed || overflowedToo { return nil }
      value = sum
      index &+= 1
    }
    if index == bytes.count { return value }
    return double(bytes).flatMap(rounded)
  }

  /// The nearest whole number, half to even, as DuckDB casts; nil beyond 64 bits.
  @inline(__always)
  static func rounded(_ value: Double) -> Int64? {
    let whole = value.rounded(.toNearestOrEven)
    guard whole >= -0x1p63, whole < 0x1p63 else { return nil }
    return Int64(whole)
  }

  static func double(_ cell: Bytes) -> Double? {
    let bytes = trimmed(cell)
    guard !bytes.isEmpty, bytes.count <= 4096 else { return nil }
    // Swift reads hexadecimal floats too, which no table means.
    if bytes.contains(where: { $0 | 0x20 == UInt8(ascii: "x") || $0 | 0x20 == UInt8(ascii: "p") || $0 == 0 }) {
      return nil
    }
    var text = String(decoding: bytes, as: UTF8.self)
    if text.hasSuffix(".") { text += "0" }
    return Double(text)
  }

  static func bool(_ cell: Bytes) -> Bool? {
    let bytes = trimmed(cell)
    func equals(_ word: StaticString) -> Bool {
      word.utf8CodeUnitCount == bytes.count
        && (0..<bytes.count).allSatisfy { bytes[$0] | 0x20 == word.utf8Start[$0] | 0x20 }
    }
    if equals("true") || equals("t") || equals("yes") || equals("y") || equals("1") { return true }
    if equals("false") || equals("f") || equals("no") || equals("n") || equals("0") { return false }
    return nil
  }

  /// `2024-01-31`, also with a time behind it, which is cut off.
  static func date(_ cell: Bytes) -> Int64? {
    let bytes = trimmed(cell)
    if bytes.count == 10 { return day(bytes) }
    return timestamp(bytes).map(DateFields.day(ofTimestamp:))
  }

  private static func day(_ bytes: Bytes) -> Int64? {
    guard bytes.count >= 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
      let year = number(bytes, 0, 4), let month = number(bytes, 5, 2), let day = number(bytes, 8, 2),
      month >= 1, month <= 12, day >= 1, day <= DateFields.daysInMonth(year, month)
    else { return nil }
    return DateFields.days(year, month, day)
  }

  /// `2024-01-31`, `2024-01-31T06:00`, `2024-01-31 06:00:00.25+01:00` and the like, in UTC.
  static func timestamp(_ cell: Bytes) -> Int64? {
    let bytes = trimmed(cell)
    guard let days = day(bytes) else { return nil }
    var moment = days &* DateFields.microsecondsADay
    if bytes.count == 10 { return moment }
    guard bytes.count >= 16, bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: " "),
      bytes[13] == UInt8(ascii: ":"), let hour = number(bytes, 11, 2), let minute = number(bytes, 14, 2),
      hour < 24, minute < 60
    else { return nil }
    moment &+= (hour &* 3_600 &+ minute &* 60) &* 1_000_000
    var index = 16
    if index < bytes.count, bytes[index] == UInt8(ascii: ":") {
      guard let second = number(bytes, 17, 2), second < 60 else { return nil }
      moment &+= second &* 1_000_000
      index = 19
      if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
        index = 20
        var unit: Int64 = 100_000
        let start = index
        while index < bytes.count, bytes[index] &- 0x30 < 10 {
          moment &+= Int64(bytes[index] &- 0x30) &* unit
          unit /= 10
          index &+= 1
        }
        if index == start { return nil }
      }
    }
    if index == bytes.count { return moment }
    return offset(bytes, index).map { moment &- $0 }
  }

  /// Microseconds of `Z`, `+01`, `+0100`, `+01:00` at the end.
  private static func offset(_ bytes: Bytes, _ index: Int) -> Int64? {
    if bytes[index] | 0x20 == UInt8(ascii: "z") { return index + 1 == bytes.count ? 0 : nil }
    guard bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-"),
      let hours = number(bytes, index + 1, 2), hours < 24
    else { return nil }
    var minutes: Int64 = 0
    var end = index + 3
    if end < bytes.count {
      if bytes[end] == UInt8(ascii: ":") { end += 1 }
      guard let given = number(bytes, end, 2), given < 60 else { return nil }
      minutes = given
      end += 2
    }
    guard end == bytes.count else { return nil }
    let size = (hours &* 60 &+ minutes) &* 60_000_000
    return bytes[index] == UInt8(ascii: "-") ? -size : size
  }

  @inline(__always)
  private static func number(_ bytes: Bytes, _ start: Int, _ count: Int) -> Int64? {
    guard start &+ count <= bytes.count else { return nil }
    var value: Int64 = 0
    for index in start..<start &+ count {
      let digit = bytes[index] &- 0x30
      guard digit < 10 else { return nil }
      value = value &* 10 &+ Int64(digit)
    }
    return value
  }
}
