/// Whole numbers of 64 bits.
///
/// *Strict* is the class int of type inference: what a number looks like when it is written again. `lenient` also
/// takes a leading `+`, leading zeros and `-0`, as `--type COL=int` and `CAST` do.
package enum IntParser {
  /// - Parameter address: 16 bytes or more are readable from there.
  /// - Returns: nil where the `count` bytes are no such number, or it is beyond 64 bits.
  @inline(__always)
  package static func parse(_ address: UnsafePointer<UInt8>, _ count: Int, lenient: Bool = false) -> Int64? {
    if count &- 1 < 8 && count > 0 {
      let word = Digits.loadAligned(address, count)
      if Digits.areDigits(word) && (count == 1 || lenient || address[0] != 0x30) {
        return Int64(truncatingIfNeeded: Digits.value(word))
      }
    }
    return parseAny(address, count, lenient)
  }

  @inline(never)
  private static func parseAny(_ address: UnsafePointer<UInt8>, _ count: Int, _ lenient: Bool) -> Int64? {
    guard count > 0 else { return nil }
    var digits = address
    var n = count
    let isNegative = digits[0] == UInt8(ascii: "-")
    if isNegative || (lenient && digits[0] == UInt8(ascii: "+")) {
      digits += 1
      n -= 1
    }
    if lenient {
      while n > 1 && digits[0] == 0x30 {
        digits += 1
        n -= 1
      }
    } else if n > 1 ? digits[0] == 0x30 : isNegative && n == 1 && digits[0] == 0x30 {
      return nil
    }
    guard n >= 1 && n <= 19 else { return nil }
    // Nineteen digits fit into 64 bits without a sign.
    var value: UInt64 = 0
    for i in 0..<n {
      let digit = digits[i] &- 0x30
      guard digit <= 9 else { return nil }
      value = value &* 10 &+ UInt64(digit)
    }
    if isNegative {
      return value <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- value) : nil
    }
    return value < 1 << 63 ? Int64(truncatingIfNeeded: value) : nil
  }
}
