/// Times and sizes for people.
package enum FigureText {
  /// Three digits and a unit: `1.23 s`, `45.6 ms`, `789 µs`, `12 ns`.
  package static func time(_ nanoseconds: UInt64) -> String {
    if nanoseconds < 1000 { return "\(nanoseconds) ns" }
    var value = Double(nanoseconds) / 1000
    var unit = "µs"
    if value >= 999.5 {
      value /= 1000
      unit = "ms"
      if value >= 999.5 {
        value /= 1000
        unit = "s"
      }
    }
    return digits(value) + " " + unit
  }

  /// `812 B`, `4.2 MiB`, `486 MiB`: three digits at most below 1000, powers of 1024.
  package static func bytes(_ bytes: UInt64) -> String {
    if bytes < 1000 { return "\(bytes) B" }
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    var value = Double(bytes) / 1024
    var unit = 0
    // 999.5 would be rounded to 1000.
    while value >= 999.5, unit + 1 < units.count {
      value /= 1024
      unit += 1
    }
    if value < 9.95 {
      let tenths = Int((value * 10).rounded())
      return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
    return "\(Int(value.rounded())) \(units[unit])"
  }

  private static func digits(_ value: Double) -> String {
    if value >= 99.95 { return "\(UInt64(value.rounded()))" }
    if value >= 9.995 {
      let tenths = Int((value * 10).rounded())
      return "\(tenths / 10).\(tenths % 10)"
    }
    let hundredths = Int((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }
}
