/// Makes a `Digest128` of content: the same in every process, on every machine, in every version of Martlet.
///
/// Swift's `Hasher` is seeded anew in each process and must not be used for keys.
///
/// The algorithm is SipHash-1-3 with 128-bit output (Aumasson and Bernstein, 2012; the 128-bit output as in their
/// reference code) under the fixed key `00 01 … 0f`, over a sequence of 64-bit little-endian words:
/// - an integer, a Boolean or the bit pattern of a double is one word;
/// - a digest is two words, `low` then `high`;
/// - bytes and UTF-8 text are a word with their count, then the bytes eight to a word, the last one padded with zeros.
///
/// Two different sequences of words differ in length or content, and the count in front of bytes says where they end,
/// so no two sequences of combined values collide by being joined differently. Types are not mixed in: who may hash
/// an integer or a text at the same place says which by a word of its own. The last block is SipHash's: the number of
/// bytes so far, modulo 256, in the top byte.
///
/// Test vectors: nothing combined gives `e77ebcb22788a5befd62db6add303001`, the word 1
/// `bd2946305a442f7c013687728df8cbeb`, the words 1 and 2 `dcac95b749733b33115b844a5c52fb98`, and the text `martlet`
/// `020a7562e3f9b7c5378851e5e6258686`.
///
/// Not a cryptographic hash: it stands against accidents and against careless input, not against somebody who knows
/// the key and looks for collisions. Some 15 ns for a digest of few integers, and 2 ns for each further word.
public struct StableHasher: Sendable {
  @usableFromInline var core = SipState(key0: 0x0706_0504_0302_0100, key1: 0x0f0e_0d0c_0b0a_0908)
  @usableFromInline var wordCount: UInt64 = 0

  /// A hasher that nothing was combined into.
  @inlinable public init() {}

  /// Combines one word.
  @inlinable public mutating func combine(_ word: UInt64) {
    core.absorb(word)
    wordCount &+= 1
  }

  /// Combines an integer, as its 64-bit two's complement.
  @inlinable public mutating func combine(_ value: Int) { combine(UInt64(bitPattern: Int64(value))) }

  /// Combines an integer, as its two's complement.
  @inlinable public mutating func combine(_ value: Int64) { combine(UInt64(bitPattern: value)) }

  /// Combines an integer.
  @inlinable public mutating func combine(_ value: UInt32) { combine(UInt64(value)) }

  /// Combines a truth value, as 1 or 0.
  @inlinable public mutating func combine(_ value: Bool) { combine(value ? 1 as UInt64 : 0) }

  /// Combines a number by its bit pattern: 0 and -0 differ, and so do NaNs of different payload.
  @inlinable public mutating func combine(_ value: Double) { combine(value.bitPattern) }

  /// Combines a digest.
  @inlinable public mutating func combine(_ digest: Digest128) {
    combine(digest.low)
    combine(digest.high)
  }

  /// Combines a text by its UTF-8, after its length. Texts that only look alike (composed and decomposed) differ.
  public mutating func combine(_ text: String) {
    var text = text
    text.withUTF8 { combine(bytes: UnsafeRawBufferPointer($0)) }
  }

  /// Combines bytes, after their count.
  public mutating func combine(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { combine(bytes: $0) }
  }

  /// Combines bytes, after their count.
  public mutating func combine(bytes: UnsafeRawBufferPointer) {
    combine(UInt64(bytes.count))
    var offset = 0
    while offset &+ 8 <= bytes.count {
      combine(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
      offset &+= 8
    }
    guard offset < bytes.count else { return }
    var last: UInt64 = 0
    for index in offset..<bytes.count {
      last |= UInt64(bytes[index]) &<< UInt64(8 &* (index &- offset))
    }
    combine(last)
  }

  /// The digest of all that was combined; more may be combined afterwards.
  @inlinable public func digest() -> Digest128 {
    var end = core
    return end.finish(lastBlock: (wordCount &* 8) &<< 56)
  }
}

/// The four words of SipHash with one compression round and three finalisation rounds.
@usableFromInline
struct SipState: Sendable, BitwiseCopyable {
  @usableFromInline var v0: UInt64
  @usableFromInline var v1: UInt64
  @usableFromInline var v2: UInt64
  @usableFromInline var v3: UInt64

  @inlinable init(key0: UInt64, key1: UInt64) {
    v0 = key0 ^ 0x736f_6d65_7073_6575
    v1 = key1 ^ 0x646f_7261_6e64_6f6d ^ 0xee  // 0xee: the variant with 128 bits of output
    v2 = key0 ^ 0x6c79_6765_6e65_7261
    v3 = key1 ^ 0x7465_6462_7974_6573
  }

  @inlinable mutating func absorb(_ word: UInt64, rounds: Int = 1) {
    v3 ^= word
    for _ in 0..<rounds { round() }
    v0 ^= word
  }

  @inlinable mutating func finish(lastBlock: UInt64, compressing: Int = 1, finishing: Int = 3) -> Digest128 {
    absorb(lastBlock, rounds: compressing)
    v2 ^= 0xee
    for _ in 0..<finishing { round() }
    let low = v0 ^ v1 ^ v2 ^ v3
    v1 ^= 0xdd
    for _ in 0..<finishing { round() }
    return Digest128(low: low, high: v0 ^ v1 ^ v2 ^ v3)
  }

  @inlinable mutating func round() {
    v0 = v0 &+ v1
    v1 = SipState.rotate(v1, 13) ^ v0
    v0 = SipState.rotate(v0, 32)
    v2 = v2 &+ v3
    v3 = SipState.rotate(v3, 16) ^ v2
    v0 = v0 &+ v3
    v3 = SipState.rotate(v3, 21) ^ v0
    v2 = v2 &+ v1
    v1 = SipState.rotate(v1, 17) ^ v2
    v2 = SipState.rotate(v2, 32)
  }

  @inlinable static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 {
    (word &<< count) | (word &>> (64 &- count))
  }
}
