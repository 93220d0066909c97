/// Eight decimal digits at a time in one register (SWAR), the first digit in the lowest byte.
enum Digits {
  @inline(__always)
  static func load(_ address: UnsafePointer<UInt8>) -> UInt64 {
    UInt64(littleEndian: UnsafeRawPointer(address).loadUnaligned(as: UInt64.self))
  }

  /// The first `count` bytes, 1 to 8, behind as many `0` as make eight.
  @inline(__always)
  static func loadAligned(_ address: UnsafePointer<UInt8>, _ count: Int) -> UInt64 { align(load(address), count) }

  /// The first `count` bytes of `word`, 1 to 8, behind as many `0` as make eight.
  @inline(__always)
  static func align(_ word: UInt64, _ count: Int) -> UInt64 {
    let shift = UInt64(truncatingIfNeeded: 64 &- 8 &* count)
    return (word &<< shift) | (0x3030_3030_3030_3030 & ((1 &<< shift) &- 1))
  }

  /// Whether all eight bytes are `0` to `9`: the high nibble is 3, also when 6 is added.
  @inline(__always)
  static func areDigits(_ word: UInt64) -> Bool {
    ((word ^ 0x3030_3030_3030_3030) | ((word &+ 0x0606_0606_0606_0606) ^ 0x3030_3030_3030_3030))
      & 0xf0f0_f0f0_f0f0_f0f0 == 0
  }

  /// `areDigits` of two words.
  @inline(__always)
  static func areDigits(_ first: UInt64, _ second: UInt64) -> Bool {
    ((first ^ 0x3030_3030_3030_3030) | ((first &+ 0x0606_0606_0606_0606) ^ 0x3030_3030_3030_3030)
      | (second ^ 0x3030_3030_3030_3030) | ((second &+ 0x0606_0606_0606_0606) ^ 0x3030_3030_3030_3030))
      & 0xf0f0_f0f0_f0f0_f0f0 == 0
  }

  /// The number that eight digits spell.
  @inline(__always)
  static func value(_ word: UInt64) -> UInt64 {
    let pairs = ((word & 0x0f0f_0f0f_0f0f_0f0f) &* (10 &<< 8 &+ 1)) &>> 8
    let fours = ((pairs & 0x00ff_00ff_00ff_00ff) &* (100 &<< 16 &+ 1)) &>> 16
    return ((fours & 0x0000_ffff_0000_ffff) &* (10000 &<< 32 &+ 1)) &>> 32
  }
}
