/// Texts as values of other types: what CAST and literals accept.
///
/// More lenient than type inference, because a CAST was asked for: blanks around a value, a leading `+` and leading
/// zeros are allowed.
enum CellText {
  typealias Bytes = UnsafeBufferPointer<UInt8>

  static func date(_ bytes: [UInt8]) -> Int64? { bytes.withUnsafeBufferPointer { date($0) } }

  static func timestamp(_ bytes: [UInt8]) -> Int64? { bytes.withUnsafeBufferPointer { timestamp($0) } }

  /// A whole number; one with decimals is rounded, half to even.
  static func int(_ cell: Bytes) -> Int64? {
    trimmed(cell) { start, count in
      IntParser.parse(start, count, lenient: true)
        ?? DoubleParser.parse(start, count, lenient: true).flatMap(rounded)
    }
  }

  /// The nearest whole number, half to even, as DuckDB casts; nil beyond 64 bits.
  @inline(__always)
  static func rounded(_ value: Double) -> Int64? {
    let whole = value.rounded(.toNearestOrEven)
    guard whole >= -0x1p63, whole < 0x1p63 else { return nil }
    return Int64(whole)
  }

  static func double(_ cell: Bytes) -> Double? {
    trimmed(cell) { start, count in DoubleParser.parse(start, count, lenient: true) }
  }

  static func bool(_ cell: Bytes) -> Bool? {
    trimmed(cell) { start, count in CellParser.bool(start, count, lenient: true).map { $0 != 0 } }
  }

  /// `2024-01-31`, also with a time behind it, which is cut off.
  static func date(_ cell: Bytes) -> Int64? {
    trimmed(cell) { start, count in
      MomentParser.date(start, count)
        ?? MomentParser.timestamp(start, count).map { CivilDate.split(microseconds: $0).days }
    }
  }

  /// `2024-01-31`, `2024-01-31T06:00`, `2024-01-31 06:00:00.25+01:00` and the like, in UTC.
  static func timestamp(_ cell: Bytes) -> Int64? {
    trimmed(cell) { start, count in MomentParser.timestamp(start, count, acceptsDate: true) }
  }

  /// Calls `body` with the text without blanks at both ends, at an address from which 16 bytes may be read; nil for an
  /// empty one.
  @inline(__always)
  private static func trimmed<Value>(_ bytes: Bytes, _ body: (UnsafePointer<UInt8>, Int) -> Value?) -> Value? {
    var low = 0
    var high = bytes.count
    while low < high, isBlank(bytes[low]) { low &+= 1 }
    while high > low, isBlank(bytes[high &- 1]) { high &-= 1 }
    guard low < high else { return nil }
    return CellParser.padded(Bytes(rebasing: bytes[low..<high])) { body($0, high &- low) }
  }

  @inline(__always)
  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 9 < 5 }
}
