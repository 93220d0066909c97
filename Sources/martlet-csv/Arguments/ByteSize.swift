/// Sizes as people type them.
enum ByteSize {
  /// The number of bytes that `64MiB`, `64MB`, `64M`, `1.5GiB` or `4096` stand for; nil for anything else.
  ///
  /// `KB`, `MB`, `GB`, `TB` are powers of 1000; `KiB` and so on powers of 1024, and so are the single letters, as
  /// `sort -S` and `dd` read them.
  static func parse(_ text: String) -> Int? {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    guard let number = Double(digits), number.isFinite, let factor = factor(String(text.dropFirst(digits.count)))
    else { return nil }
    let bytes = (number * factor).rounded()
    guard bytes < 9.2e18 else { return nil }
    return Int(bytes)
  }

  private static func factor(_ unit: String) -> Double? {
    var unit = unit.lowercased()
    if unit.hasPrefix(" ") { unit.removeFirst() }
    switch unit {
    case "", "b": return 1
    case "k", "kib": return 1024
    case "m", "mib": return 1024 * 1024
    case "g", "gib": return 1024 * 1024 * 1024
    case "t", "tib": return 1024 * 1024 * 1024 * 1024
    case "kb": return 1e3
    case "mb": return 1e6
    case "gb": return 1e9
    case "tb": return 1e12
    default: return nil
    }
  }
}
