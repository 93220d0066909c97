extension ByteBuffer {
  /// The decimal digits, two at a time, of the numbers 0 to 99; never written again.
  nonisolated(unsafe) private static let pairs: UnsafePointer<UInt16> = {
    let table = UnsafeMutablePointer<UInt16>.allocate(capacity: 100)
    for value in 0..<100 { table[value] = UInt16(0x30 + value / 10) | UInt16(0x30 + value % 10) << 8 }
    return UnsafePointer(table)
  }()

  /// Writes the digits of `value` so that they end before `end`; returns where they begin.
  @inline(__always)
  static func writeDigits(_ value: UInt64, before end: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
    var rest = value
    var place = end
    while rest >= 100 {
      let quotient = rest / 100
      place -= 2
      UnsafeMutableRawPointer(place).storeBytes(of: pairs[Int(rest &- quotient &* 100)], as: UInt16.self)
      rest = quotient
    }
    if rest >= 10 {
      place -= 2
      UnsafeMutableRawPointer(place).storeBytes(of: pairs[Int(rest)], as: UInt16.self)
    } else {
      place -= 1
      place.pointee = 0x30 &+ UInt8(truncatingIfNeeded: rest)
    }
    return place
  }

  /// How many decimal digits `value` has.
  ///
  /// The bits times log10(2) are the digits or one less; the table decides (Hacker's Delight, 2nd edition, 11-4).
  @inline(__always)
  private static func digitCount(_ value: UInt64) -> Int {
    let guess = ((64 &- (value | 1).leadingZeroBitCount) &* 1233) &>> 12
    return guess &+ (value >= powers[guess] ? 1 : 0)
  }

  /// 10^0 to 10^19, where the first is 0, so that zero has a digit; never written again.
  nonisolated(unsafe) private static let powers: UnsafePointer<UInt64> = {
    let table = UnsafeMutablePointer<UInt64>.allocate(capacity: 20)
    var power: UInt64 = 1
    for exponent in 0..<20 {
      table[exponent] = exponent == 0 ? 0 : power
      power = power &* 10
    }
    return UnsafePointer(table)
  }()

  @inline(__always)
  package func append(unsigned value: UInt64) {
    let place = reserve(20)
    if value < 10 {
      place.pointee = 0x30 &+ UInt8(truncatingIfNeeded: value)
      advance(1)
      return
    }
    let count = Self.digitCount(value)
    _ = Self.writeDigits(value, before: place + count)
    advance(count)
  }

  @inline(__always)
  package func append(int value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    append(unsigned: value.magnitude)
  }

  package func append(wide value: Int128) {
    if let narrow = Int64(exactly: value) { return append(int: narrow) }
    append(value.description)
  }

  @inline(__always)
  package func append(bool value: Bool) {
    if value { append(word: "true") } else { append(word: "false") }
  }

  /// `value` in `width` digits, zeros before it.
  @inline(__always)
  private func append(_ value: Int64, width: Int) {
    let place = reserve(width)
    var rest = UInt64(bitPattern: value)
    var index = width
    while index > 1 {
      index &-= 2
      UnsafeMutableRawPointer(place + index).storeBytes(of: Self.pairs[Int(rest % 100)], as: UInt16.self)
      rest /= 100
    }
    if index > 0 { place[0] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10) }
    advance(width)
  }

  @inline(__always)
  private static func write(_ pair: Int64, _ place: UnsafeMutablePointer<UInt8>) {
    UnsafeMutableRawPointer(place).storeBytes(of: pairs[Int(truncatingIfNeeded: pair)], as: UInt16.self)
  }

  /// Days since 1970-01-01 as `2024-01-31`; years beyond 0...9999 as `CivilDate` writes them.
  @inline(__always)
  package func append(date days: Int64) {
    let fields = DateFields(days: days)
    guard UInt64(bitPattern: fields.year) <= 9999 else {
      advance(CivilDate.write(days: days, to: reserve(CivilDate.writtenLimit)))
      return
    }
    let place = reserve(10)
    Self.write(fields.year / 100, place)
    Self.write(fields.year % 100, place + 2)
    place[4] = UInt8(ascii: "-")
    Self.write(fields.month, place + 5)
    place[7] = UInt8(ascii: "-")
    Self.write(fields.day, place + 8)
    advance(10)
  }

  /// Microseconds since 1970-01-01T00:00:00 as `2024-01-31T06:00:00`, with decimals (without trailing zeros) where
  /// the second is not whole.
  package func append(timestamp microseconds: Int64) {
    let (days, rest) = CivilDate.split(microseconds: microseconds)
    append(date: days)
    let seconds = rest / 1_000_000
    let place = reserve(9)
    place[0] = UInt8(ascii: "T")
    Self.write(seconds / 3_600, place + 1)
    place[3] = UInt8(ascii: ":")
    Self.write(seconds / 60 % 60, place + 4)
    place[6] = UInt8(ascii: ":")
    Self.write(seconds % 60, place + 7)
    advance(9)
    var fraction = rest % 1_000_000
    guard fraction > 0 else { return }
    var width = 6
    while fraction % 10 == 0 {
      fraction /= 10
      width -= 1
    }
    append(UInt8(ascii: "."))
    append(fraction, width: width)
  }

  /// The shortest decimal that reads back as the same double, as Swift prints it: `3.0`, `0.1`, `1e+16`, `nan`, `inf`.
  @inline(__always)
  package func append(double value: Double) {
    if appendShortDecimal(value) { return }
    append(value.description)
  }

  /// Writes a double that has at most 6 decimals and 15 digits without the general algorithm.
  ///
  /// `value * 10^k` is rounded to a whole number `m` below 10^15; both `m` and `10^k` are exact doubles, so `m / 10^k`
  /// is the correctly rounded double of the decimal `m * 10^-k`. When it equals `value`, that decimal reads back as
  /// `value`, and with at most 15 digits no shorter one does, once trailing zeros are cut off: two decimals of up to
  /// 15 digits never share a double.
  @inline(__always)
  private func appendShortDecimal(_ value: Double) -> Bool {
    let magnitude = value.magnitude
    guard magnitude < 1e9, magnitude >= 1e-3 || value.bitPattern == 0 else { return false }
    let whole = UInt64(magnitude * 1e6 + 0.5)
    guard Double(whole) / 1e6 == magnitude else { return false }
    if value < 0 { append(UInt8(ascii: "-")) }
    append(unsigned: whole / 1_000_000)
    let decimals = UInt32(truncatingIfNeeded: whole % 1_000_000)
    let place = reserve(8)
    place[0] = UInt8(ascii: ".")
    Self.write(Int64(decimals / 10_000), place + 1)
    Self.write(Int64(decimals / 100 % 100), place + 3)
    Self.write(Int64(decimals % 100), place + 5)
    var count = 7
    while count > 2, place[count &- 1] == UInt8(ascii: "0") { count &-= 1 }
    advance(count)
    return true
  }
}
