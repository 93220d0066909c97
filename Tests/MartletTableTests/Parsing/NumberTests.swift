import MartletSystem
import TestSupport
import Testing

@testable import MartletTable

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct NumberTests {
  private func int(_ text: String, lenient: Bool = false) -> Int64? {
    padded(text) { IntParser.parse($0, $1, lenient: lenient) }
  }

  private func double(_ text: String, lenient: Bool = false) -> Double? {
    padded(text) { DoubleParser.parse($0, $1, lenient: lenient) }
  }

  /// Calls `body` with the text and digits and points behind it, which must not matter.
  private func padded<Result>(_ text: String, _ body: (UnsafePointer<UInt8>, Int) -> Result) -> Result {
    let bytes = Array((text + "01.23456789012345").utf8)
    return bytes.withUnsafeBufferPointer { body($0.baseAddress!, text.utf8.count) }
  }

  @Test func `whole numbers up to the limits of 64 bits`() {
    for value: Int64 in [0, 1, 7, 12, 99_999_999, 100_000_000, 123_456_789, .max, .max - 1, .min, .min + 1, -1] {
      #expect(int("\(value)") == value)
    }
    for text in [
      "9223372036854775808", "-9223372036854775809", "18446744073709551616", "99999999999999999999",
      "100000000000000000000",
    ] {
      #expect(int(text) == nil)
      #expect(int(text, lenient: true) == nil)
    }
  }

  @Test func `every whole number of up to nine digits' patterns`() {
    for digits in 1...18 {
      for digit in 1...9 {
        let text = String(repeating: "\(digit)", count: digits)
        #expect(int(text) == Int64(text))
        #expect(int("-" + text) == Int64("-" + text))
      }
    }
  }

  @Test func `what is no whole number`() {
    for text in ["", "-", "+", "+1", "00", "01", "-0", "-01", "1.", "1e5", " 1", "1 ", "1,000", "0x1", "/", ":", "--1"]
    {
      #expect(int(text) == nil, "\(text)")
    }
    #expect(int("+007", lenient: true) == 7)
    #expect(int("-0", lenient: true) == 0)
    #expect(int("000000000000000000000001", lenient: true) == 1)
    for text in ["", "-", "+", "+-1", "1.", "0x1", "1 "] { #expect(int(text, lenient: true) == nil, "\(text)") }
  }

  /// Each byte value in each place of a number of each length.
  @Test func `no byte but a digit passes for one`() {
    for length in 1...18 {
      for place in 0..<length {
        for byte in UInt8.min...UInt8.max {
          var bytes = [UInt8](repeating: UInt8(ascii: "3"), count: length) + [UInt8](repeating: 0, count: 16)
          bytes[place] = byte
          let isDigit = byte >= 0x30 && byte <= 0x39
          let isSign = byte == UInt8(ascii: "-") && place == 0 && length > 1
          let isZero = byte == 0x30 && place == 0 && length > 1
          let isPoint = byte == UInt8(ascii: ".") && length > 1
          let isExponent = (byte | 0x20) == UInt8(ascii: "e") && place > 0 && place + 1 < length
          let isInt = (isDigit && !isZero) || isSign
          let isRight = bytes.withUnsafeBufferPointer {
            (IntParser.parse($0.baseAddress!, length) != nil) == isInt
              && (DoubleParser.parse($0.baseAddress!, length) != nil) == (isInt || isPoint || isExponent)
          }
          if !isRight { Issue.record("byte \(byte) at \(place) of \(length)") }
        }
      }
    }
  }

  @Test func `real numbers`() {
    for text in [
      "0", "-0", "0.0", "-0.0", ".5", "5.", "-.5", "1.5", "10.25", "99.999999", "0.1", "0.30000000000000004", "1e5",
      "1E5", "1e+5", "1e-5", "1.7976931348623157e308", "1.7976931348623159e308", "2.2250738585072014e-308",
      "2.2250738585072011e-308", "5e-324", "2e-324", "3e-324", "1e-320", "1e400", "-1e400", "1e-400", "0e999999999999",
      "9007199254740993", "9007199254740992.9", "123456789012345678", "0.000001", "1e22", "1e23", "8.5e22",
      "1234567890123456.7", "12345678.12345678", "1234567.12345678",
    ] {
      #expect(double(text)?.bitPattern == strtod(text, nil).bitPattern, "\(text)")
    }
    for (text, value) in [("inf", Double.infinity), ("-inf", -.infinity), ("Infinity", .infinity)] {
      #expect(double(text) == value)
    }
    for text in ["nan", "NaN", "NAN", "-nan"] { #expect(double(text)?.isNaN == true) }
  }

  @Test func `what is no real number`() {
    for text in [
      "", ".", "-", "-.", "e5", "1e", "1e+", "1e5.", "1.2.3", "0x10", "1_0", "1,5", " 1.5", "1.5 ", "+1.5", "007.5",
      "-00.5", "00", "--1", "infinit", "nano", "in", "n", "+inf", "1d5", "9223372036854775808", "1e5x", "1ex",
    ] {
      #expect(double(text) == nil, "\(text)")
    }
    #expect(double("+007.5", lenient: true) == 7.5)
    #expect(double("9223372036854775808", lenient: true) == 9_223_372_036_854_775_808)
  }

  @Test func `random texts are read as strtod reads them`() {
    var random = SeededGenerator(seed: 11)
    var differences = 0
    func check(_ text: String) {
      // Lenient, since some of the texts start with zeros.
      if double(text, lenient: true)?.bitPattern != strtod(text, nil).bitPattern {
        differences += 1
        Issue.record("\(text)")
      }
    }
    for _ in 0..<(isDebug ? 1_000 : 400_000) where differences < 10 {
      let bits = Double(bitPattern: random.next())
      if bits.isFinite { check("\(bits)") }
      let whole = UInt64.random(in: 0...UInt64(Int64.max), using: &random) >> UInt64.random(in: 0..<64, using: &random)
      check("\(whole).\(random.next() >> UInt64.random(in: 0..<64, using: &random))")
      check("\(whole)e\(Int.random(in: -350...320, using: &random))")
      check("\(whole)\(random.next())e\(Int.random(in: -360...300, using: &random))")
      check("0.\(String(repeating: "0", count: Int.random(in: 0...30, using: &random)))\(random.next())")
      // Halfway between two neighbours, and one digit to either side.
      let half = Double(bitPattern: random.next() & 0x7fff_ffff_ffff_ffff)
      if half > 1e16 && half < 1e17 {
        let middle = (UInt64(half) + UInt64(half.nextUp)) / 2
        check("\(middle).0")
        check("\(middle).00000000000000000000001")
        check("\(middle - 1).99999999999999999999999")
      }
      let short = "\(Int.random(in: 0..<100, using: &random)).\(Int.random(in: 0..<1_000_000, using: &random))"
      check(short)
      check("-" + short)
    }
  }

  @Test func `halfway cases of whole numbers round to even`() {
    var random = SeededGenerator(seed: 12)
    for _ in 0..<(isDebug ? 200 : 20_000) {
      let mantissa = (random.next() >> 11) | 1 << 52
      for shift in 1...10 {
        let value = mantissa << UInt64(shift) | 1 << UInt64(shift - 1)
        for text in ["\(value).0", "\(value - 1).0", "\(value + 1).0", "\(value).00000000000000000000001"] {
          if double(text)?.bitPattern != strtod(text, nil).bitPattern { Issue.record("\(text)") }
        }
      }
    }
  }

  @Test func `the table of powers holds the leading bits of powers of five`() {
    /// Little-endian words of 32 bits.
    func times5(_ number: [UInt32]) -> [UInt32] {
      var result: [UInt32] = []
      var carry: UInt64 = 0
      for word in number {
        let product = UInt64(word) * 5 + carry
        result.append(UInt32(truncatingIfNeeded: product))
        carry = product >> 32
      }
      if carry > 0 { result.append(UInt32(carry)) }
      return result
    }
    func bitLength(_ number: [UInt32]) -> Int { number.count * 32 - number.last!.leadingZeroBitCount }
    func bit(_ number: [UInt32], _ at: Int) -> Bool {
      at >= 0 && at / 32 < number.count && number[at / 32] >> UInt32(at % 32) & 1 == 1
    }
    var power: [UInt32] = [1]
    for q in 0...342 {
      if q <= 308 {
        let length = bitLength(power)
        var leading: UInt128 = 0
        for i in 0..<128 { leading = leading << 1 | (bit(power, length - 1 - i) ? 1 : 0) }
        let entry = martlet_power_of_five(Int32(q))!
        #expect(UInt128(entry[0]) << 64 | UInt128(entry[1]) == leading)
      }
      if q > 0 {
        // Long division of a power of two by 5^q, bit by bit: the first 128 bits of the quotient, rounded up.
        var quotient: UInt128 = 0
        var remainder: [UInt32] = [1]
        func compare(_ a: [UInt32], _ b: [UInt32]) -> Bool {  // a >= b
          let n = max(a.count, b.count)
          for i in stride(from: n - 1, through: 0, by: -1) {
            let x = i < a.count ? a[i] : 0
            let y = i < b.count ? b[i] : 0
            if x != y { return x > y }
          }
          return true
        }
        while quotient >> 127 == 0 {
          var doubled: [UInt32] = []
          var carry: UInt32 = 0
          for word in remainder {
            doubled.append(word << 1 | carry)
            carry = word >> 31
          }
          if carry > 0 { doubled.append(carry) }
          quotient <<= 1
          if compare(doubled, power) {
            quotient |= 1
            var borrow: Int64 = 0
            for i in 0..<doubled.count {
              let difference = Int64(doubled[i]) - (i < power.count ? Int64(power[i]) : 0) - borrow
              borrow = difference < 0 ? 1 : 0
              doubled[i] = UInt32(truncatingIfNeeded: difference)
            }
            while doubled.count > 1 && doubled.last == 0 { doubled.removeLast() }
          }
          remainder = doubled
        }
        let entry = martlet_power_of_five(Int32(-q))!
        // Down to 5^-27 one is added to the 128 bits; below, to a longer quotient that is then cut.
        #expect(UInt128(entry[0]) << 64 | UInt128(entry[1]) == quotient + (q <= 27 ? 1 : 0), "\(q)")
      }
      power = times5(power)
    }
  }
}
