/// Values of states as text, for the lists that `top` gives.
enum ValueText {
  /// - Parameter value: As states keep it: doubles as `OrderedDouble`.
  static func append(_ value: Int64, type: ColumnType, to bytes: inout [UInt8]) {
    switch type {
    case .double: append(OrderedDouble.decode(value), to: &bytes)
    case .bool: bytes.append(contentsOf: (value != 0 ? "true" : "false").utf8)
    case .date: appendDate(value, to: &bytes)
    case .timestamp: appendTimestamp(value, to: &bytes)
    case .int, .null, .text: bytes.append(contentsOf: String(value).utf8)
    }
  }

  /// The shortest digits that read back as the same double; a whole number without a point.
  private static func append(_ value: Double, to bytes: inout [UInt8]) {
    var text = value.description
    if text.hasSuffix(".0") { text.removeLast(2) }
    bytes.append(contentsOf: text.utf8)
  }

  /// `YYYY-MM-DD` (Howard Hinnant: "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
  private static func appendDate(_ days: Int64, to bytes: inout [UInt8]) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    if year < 0 { bytes.append(UInt8(ascii: "-")) }
    append(abs(year), digits: 4, to: &bytes)
    bytes.append(UInt8(ascii: "-"))
    append(month, digits: 2, to: &bytes)
    bytes.append(UInt8(ascii: "-"))
    append(day, digits: 2, to: &bytes)
  }

  /// `YYYY-MM-DDThh:mm:ss`, with as many of six decimals as are not zero.
  private static func appendTimestamp(_ microseconds: Int64, to bytes: inout [UInt8]) {
    let perDay: Int64 = 86_400_000_000
    var days = microseconds / perDay
    var rest = microseconds % perDay
    if rest < 0 {
      days -= 1
      rest += perDay
    }
    appendDate(days, to: &bytes)
    bytes.append(UInt8(ascii: "T"))
    append(rest / 3_600_000_000, digits: 2, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
    append(rest / 60_000_000 % 60, digits: 2, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
    append(rest / 1_000_000 % 60, digits: 2, to: &bytes)
    let fraction = rest % 1_000_000
    if fraction > 0 {
      bytes.append(UInt8(ascii: "."))
      append(fraction, digits: 6, to: &bytes)
      while bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
    }
  }

  private static func append(_ value: Int64, digits: Int, to bytes: inout [UInt8]) {
    let text = String(value)
    for _ in 0..<max(0, digits - text.utf8.count) { bytes.append(UInt8(ascii: "0")) }
    bytes.append(contentsOf: text.utf8)
  }
}
