import MartletSystem

#if canImport(Glibc)
  import Glibc
#endif

/// Real numbers, to the last bit what `strtod` gives.
///
/// *Strict* is the classes int and double of type inference: digits with an optional point and exponent, no leading
/// zeros before another digit of the whole part, no leading `+`, no whole number beyond 64 bits; also `nan` and `inf`, `infinity` in their usual
/// spellings. `lenient` also takes a leading `+` and leading zeros, as `--type COL=double` and `CAST` do.
package enum DoubleParser {
  /// - Parameter address: 16 bytes or more are readable from there.
  /// - Returns: nil where the `count` bytes are no such number.
  ///
  /// One to six digits, a point and up to eight more are read as two whole numbers; their sum fits into 53 bits, so
  /// that one division gives the exact result (Clinger, How to Read Floating Point Numbers Accurately, 1990).
  @inline(__always)
  package static func parse(_ address: UnsafePointer<UInt8>, _ count: Int, lenient: Bool = false) -> Double? {
    if count > 0 {
      let isNegative = address[0] == UInt8(ascii: "-")
      let digits = isNegative ? address + 1 : address
      let n = isNegative ? count &- 1 : count
      let word = Digits.load(digits)
      let whole = pointMask(word).trailingZeroBitCount &>> 3
      let fraction = n &- whole &- 1
      if UInt(bitPattern: whole &- 1) < 6 && UInt(bitPattern: fraction &- 1) < 8 {
        let before = Digits.align(word, whole)
        let behind = Digits.loadAligned(digits + (whole &+ 1), fraction)
        if Digits.areDigits(before, behind) && (lenient || whole == 1 || digits[0] != 0x30) {
          let ten = martlet_power_of_ten(UInt32(truncatingIfNeeded: fraction))
          let value = (exact(Digits.value(before)) * ten + exact(Digits.value(behind))) / ten
          return isNegative ? -value : value
        }
      } else if UInt(bitPattern: n &- 1) < 8 && fraction < 0 {
        let before = Digits.align(word, n)
        if Digits.areDigits(before) && (lenient || n == 1 || digits[0] != 0x30) {
          let value = exact(Digits.value(before))
          return isNegative ? -value : value
        }
      }
    }
    return parseAny(address, count, lenient)
  }

  /// A whole number below 2^52 as a double.
  ///
  /// The conversion instruction keeps half of its target register and so waits for what was there before: in a loop,
  /// the division of the cell before. This addition does not (15 against 5 ns a cell).
  @inline(__always)
  private static func exact(_ value: UInt64) -> Double {
    Double(bitPattern: value | 0x4330_0000_0000_0000) - 0x1p52
  }

  /// The high bit of the first byte that is a point, and perhaps of later ones; zero when there is none.
  @inline(__always)
  static func pointMask(_ word: UInt64) -> UInt64 {
    let different = word ^ 0x2e2e_2e2e_2e2e_2e2e
    return (different &- 0x0101_0101_0101_0101) & ~different & 0x8080_8080_8080_8080
  }

  @inline(never)
  private static func parseAny(_ address: UnsafePointer<UInt8>, _ count: Int, _ lenient: Bool) -> Double? {
    guard count > 0 else { return nil }
    var i = 0
    let isNegative = address[0] == UInt8(ascii: "-")
    if isNegative || (lenient && address[0] == UInt8(ascii: "+")) { i = 1 }
    guard i < count else { return nil }
    if address[i] >= 0x41 { return special(address + i, count - i, isNegative) }
    let first = i
    // Nineteen digits fit into 64 bits; what comes behind only shifts the exponent and may turn the last bit.
    var mantissa: UInt64 = 0
    var significant = 0
    var dropped = 0
    var hasDropped = false
    var digits = 0
    while i < count, case let digit = address[i] &- 0x30, digit <= 9 {
      if significant < 19 {
        mantissa = mantissa &* 10 &+ UInt64(digit)
        if mantissa != 0 { significant += 1 }
      } else {
        dropped += 1
        if digit != 0 { hasDropped = true }
      }
      digits += 1
      i += 1
    }
    if !lenient && digits > 1 && address[first] == 0x30 { return nil }
    var fraction = 0
    var isWhole = true
    if i < count && address[i] == UInt8(ascii: ".") {
      isWhole = false
      i += 1
      while i < count, case let digit = address[i] &- 0x30, digit <= 9 {
        if significant < 19 {
          mantissa = mantissa &* 10 &+ UInt64(digit)
          if mantissa != 0 { significant += 1 }
          fraction += 1
        } else if digit != 0 {
          hasDropped = true
        }
        digits += 1
        i += 1
      }
    }
    guard digits > 0 else { return nil }
    var exponent = 0
    if i < count && (address[i] | 0x20) == UInt8(ascii: "e") {
      isWhole = false
      i += 1
      var isExponentNegative = false
      if i < count && (address[i] == UInt8(ascii: "-") || address[i] == UInt8(ascii: "+")) {
        isExponentNegative = address[i] == UInt8(ascii: "-")
        i += 1
      }
      guard i < count else { return nil }
      while i < count, case let digit = address[i] &- 0x30, digit <= 9 {
        // Beyond this the result is zero or infinite for any text that fits into memory with its zeros.
        if exponent < 1 << 40 { exponent = exponent * 10 + Int(digit) }
        i += 1
      }
      guard address[i - 1] &- 0x30 <= 9 else { return nil }
      if isExponentNegative { exponent = -exponent }
    }
    guard i == count else { return nil }
    if !lenient && isWhole && digits >= 19 && IntParser.parse(address, count) == nil { return nil }
    let power = exponent + dropped - fraction
    var value = scaled(mantissa, power)
    // With digits left out the true number lies between two neighbours: where both round alike, so does it.
    if hasDropped && value != scaled(mantissa &+ 1, power) { value = systemValue(address + first, count - first) }
    return isNegative ? -value : value
  }

  private static func special(_ address: UnsafePointer<UInt8>, _ count: Int, _ isNegative: Bool) -> Double? {
    func spells(_ words: StaticString...) -> Bool {
      words.contains { word in
        word.utf8CodeUnitCount == count && (0..<count).allSatisfy { word.utf8Start[$0] == address[$0] }
      }
    }
    switch count {
    case 3:
      if spells("nan", "NaN", "NAN") { return isNegative ? -Double.nan : Double.nan }
      if spells("inf", "Inf", "INF") { return isNegative ? -Double.infinity : Double.infinity }
    case 8:
      if spells("infinity", "Infinity", "INFINITY") { return isNegative ? -Double.infinity : Double.infinity }
    default: break
    }
    return nil
  }

  /// `mantissa` times ten to `power`, correctly rounded.
  ///
  /// Eisel and Lemire's method (Lemire, Number Parsing at a Gigabyte per Second, 2021): the leading bits of the
  /// product with a 128-bit power of five are the result; that they always suffice for 64-bit mantissas was shown by
  /// Mushtak and Lemire (Fast Number Parsing Without Fallback, 2023).
  static func scaled(_ mantissa: UInt64, _ power: Int) -> Double {
    if mantissa == 0 || power < -342 { return 0 }
    if power > 308 { return .infinity }
    if mantissa <= 1 << 53 && power >= -22 && power <= 22 {
      let ten = martlet_power_of_ten(UInt32(abs(power)))
      return power < 0 ? Double(mantissa) / ten : Double(mantissa) * ten
    }
    let leading = mantissa.leadingZeroBitCount
    let w = mantissa &<< UInt64(leading)
    let five = martlet_power_of_five(Int32(power))!
    var (high, low) = w.multipliedFullWidth(by: five[0])
    if high & 0x1ff == 0x1ff {
      let second = w.multipliedFullWidth(by: five[1]).high
      low = low &+ second
      if low < second { high = high &+ 1 }
    }
    let upper = Int(high &>> 63)
    let shift = upper + 64 - 52 - 3
    var bits = high &>> UInt64(shift)
    var binary = ((152170 + 65536) * power) >> 16
    binary += 63 + upper - leading + 1023
    if binary <= 0 {
      if -binary + 1 >= 64 { return 0 }
      bits = bits &>> UInt64(-binary + 1)
      bits = (bits &+ (bits & 1)) &>> 1
      // Rounding up may give the smallest normal number, whose exponent field is 1: adding does that by itself.
      return Double(bitPattern: bits)
    }
    // Exactly halfway, which only happens near these powers: round to even.
    if low <= 1 && power >= -4 && power <= 23 && bits & 3 == 1 && bits &<< UInt64(shift) == high { bits &= ~1 }
    bits = (bits &+ (bits & 1)) &>> 1
    if bits >= 1 &<< 53 {
      bits = 1 &<< 52
      binary += 1
    }
    if binary >= 0x7ff { return .infinity }
    return Double(bitPattern: (bits & ~(1 &<< 52)) | UInt64(binary) &<< 52)
  }

  /// What the C library makes of an unsigned number of any length.
  private static func systemValue(_ address: UnsafePointer<UInt8>, _ count: Int) -> Double {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: count + 1) { copy in
      for i in 0..<count { copy[i] = CChar(bitPattern: address[i]) }
      copy[count] = 0
      return strtod(copy.baseAddress!, nil)
    }
  }
}
