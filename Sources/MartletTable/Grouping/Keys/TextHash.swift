/// A fast hash of keys. The same in every process, but of no cryptographic worth.
///
/// The mixing step is that of wyhash (Wang Yi, 2019): the two halves of a 128-bit product, xor-ed.
enum TextHash {
  private static let first: UInt64 = 0xa076_1d64_78bd_642f
  private static let second: UInt64 = 0xe703_7ed1_a0b4_28db

  @inline(__always)
  static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }

  /// Of a text of up to 16 bytes, given as two little-endian words padded with zeros.
  @inline(__always)
  static func short(_ low: UInt64, _ high: UInt64, _ count: Int) -> UInt32 {
    let hash = mix(low ^ first, high ^ second ^ UInt64(truncatingIfNeeded: count) &<< 56)
    return UInt32(truncatingIfNeeded: hash &>> 32)
  }

  /// Of a text of more than 16 bytes.
  static func long(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt32 {
    let raw = UnsafeRawPointer(bytes)
    var hash = UInt64(truncatingIfNeeded: count) ^ second
    var offset = 0
    while offset < count &- 16 {
      hash = mix(
        raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ first,
        raw.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self) ^ hash)
      offset &+= 16
    }
    hash = mix(
      raw.loadUnaligned(fromByteOffset: count &- 16, as: UInt64.self) ^ first,
      raw.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self) ^ hash)
    return UInt32(truncatingIfNeeded: mix(hash ^ first, second) &>> 32)
  }

  @inline(__always)
  static func combine(_ hash: UInt64, _ word: UInt64) -> UInt64 {
    mix(hash ^ word ^ first, second)
  }
}
