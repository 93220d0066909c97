/// 128 bits that stand for some content, the same in every process, on every machine and in every version.
public struct Digest128: Hashable, Sendable, Comparable, CustomStringConvertible, BitwiseCopyable {
  /// The first eight bytes, as a little-endian number.
  public let low: UInt64
  /// The last eight bytes, as a little-endian number.
  public let high: UInt64

  /// A digest of these two halves.
  @inlinable public init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// The digest of the member `ordinal` of the family that this digest names.
  ///
  /// For one family no two ordinals give the same digest (each half is a bijection of the ordinal). Some 2 ns, where
  /// hashing anew costs 15: for tasks that are numbered rather than described. The finaliser is Stafford's mix 13.
  @inlinable public func member(_ ordinal: UInt64) -> Digest128 {
    Digest128(
      low: Digest128.mix(low &+ ordinal &* 0x9e37_79b9_7f4a_7c15),
      high: Digest128.mix(high ^ (ordinal &* 0xd1b5_4a32_d192_ed03)))
  }

  @inlinable static func mix(_ word: UInt64) -> UInt64 {
    var word = word
    word = (word ^ (word &>> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word &>> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word &>> 31)
  }

  /// Orders by `high`, then `low`: an order without meaning, the same everywhere.
  @inlinable public static func < (left: Digest128, right: Digest128) -> Bool {
    left.high != right.high ? left.high < right.high : left.low < right.low
  }

  /// Thirty-two hexadecimal digits, the bytes in their order.
  public var description: String {
    var text = ""
    text.reserveCapacity(32)
    for half in [low, high] {
      for byte in 0..<8 {
        let value = Int(truncatingIfNeeded: (half &>> UInt64(byte * 8)) & 0xff)
        text.unicodeScalars.append(Digest128.hexadecimal[value &>> 4])
        text.unicodeScalars.append(Digest128.hexadecimal[value & 15])
      }
    }
    return text
  }

  private static let hexadecimal: [Unicode.Scalar] = Array("0123456789abcdef".unicodeScalars)
}
