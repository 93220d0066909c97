/// Doubles as ints of the same order: -inf < … < -0.0 < 0.0 < … < inf < NaN. All NaNs are one.
enum OrderedDouble {
  @inline(__always)
  static func encode(_ value: Double) -> Int64 {
    let bits = Int64(bitPattern: value.bitPattern)
    let ordered = bits ^ ((bits &>> 63) & Int64.max)
    return value == value ? ordered : 0x7ff8_0000_0000_0000
  }

  @inline(__always)
  static func decode(_ ordered: Int64) -> Double {
    Double(bitPattern: UInt64(bitPattern: ordered ^ ((ordered &>> 63) & Int64.max)))
  }

  /// The zero without a sign: for what compares values for equality.
  @inline(__always)
  static func encodeEqualZeros(_ value: Double) -> Int64 { encode(value == 0 ? 0 : value) }
}
