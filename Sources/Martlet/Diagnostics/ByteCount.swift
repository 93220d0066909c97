/// Numbers of bytes for people.
package enum ByteCount {
  /// `812 B`, `4.2 MiB`, `486 MiB`: three digits at most below 1000, powers of 1024.
  package static func text(_ bytes: Int) -> String {
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
}
