/// Random numbers that follow from a seed and the index of a row alone, so that any thread can make any row.
///
/// Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (2014): SplitMix64. A row's stream begins at
/// the mixed value of its index; two of the 2^64 streams of a few numbers overlap with negligible probability.
struct RowRandom {
  private var state: UInt64

  /// - Parameter seed: From `scrambled`, once a data set.
  @inline(__always)
  init(seed: UInt64, row: Int) {
    state = Self.mix(seed &+ UInt64(truncatingIfNeeded: row) &* 0x9E37_79B9_7F4A_7C15)
  }

  /// A seed without the structure of those that people type: 1 and 2 are to give unrelated tables.
  static func scrambled(_ seed: UInt64) -> UInt64 { mix(seed &+ 0x6A09_E667_F3BC_C909) }

  /// 64 random bits.
  @inline(__always)
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Self.mix(state)
  }

  /// A whole number in `0..<count`, without noticeable bias for counts far below 2^64.
  @inline(__always)
  mutating func next(below count: UInt64) -> Int {
    Int(truncatingIfNeeded: next().multipliedFullWidth(by: count).high)
  }

  /// Of 32 random bits, a whole number in `0..<count`, without noticeable bias for counts far below 2^32.
  @inline(__always)
  static func scaled(_ bits: UInt64, below count: UInt64) -> Int {
    Int(truncatingIfNeeded: ((bits & 0xFFFF_FFFF) &* count) &>> 32)
  }

  @inline(__always)
  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }
}
