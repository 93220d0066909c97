/// SHA-256 (FIPS 180-4), for proofs that two sides know the same secret. Some 4 ns a byte: for messages, not for data.
package struct SHA256: Sendable {
  /// The number of bytes of a digest.
  package static let byteCount = 32

  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private var block: [UInt8] = []
  private var length: UInt64 = 0

  /// A digest of nothing yet.
  package init() { block.reserveCapacity(64) }

  /// Adds bytes.
  package mutating func update(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      block.append(byte)
      length &+= 1
      if block.count == 64 { compress() }
    }
  }

  /// The digest of all that was added.
  package consuming func finish() -> [UInt8] {
    let bits = length &* 8
    update([0x80])
    while block.count != 56 { update([0]) }
    update((0..<8).map { UInt8(truncatingIfNeeded: bits &>> UInt64(56 - 8 * $0)) })
    return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word &>> UInt32(24 - 8 * $0)) } }
  }

  /// The digest of `bytes`.
  package static func hash(_ bytes: [UInt8]) -> [UInt8] {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }

  /// The keyed digest HMAC (RFC 2104) of `bytes`.
  package static func authenticate(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
    var padded = key.count > 64 ? hash(key) : key
    padded += [UInt8](repeating: 0, count: 64 - padded.count)
    return hash(padded.map { $0 ^ 0x5c } + hash(padded.map { $0 ^ 0x36 } + bytes))
  }

  private mutating func compress() {
    var words = [UInt32](repeating: 0, count: 64)
    for index in 0..<16 {
      words[index] = (0..<4).reduce(0) { $0 &<< 8 | UInt32(block[4 * index + $1]) }
    }
    for index in 16..<64 {
      let (near, far) = (words[index - 2], words[index - 15])
      let low = rotated(far, 7) ^ rotated(far, 18) ^ (far &>> 3)
      let high = rotated(near, 17) ^ rotated(near, 19) ^ (near &>> 10)
      words[index] = words[index - 16] &+ low &+ words[index - 7] &+ high
    }
    var v = state
    for index in 0..<64 {
      let sum = rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25)
      let choice = (v[4] & v[5]) ^ (~v[4] & v[6])
      let first = v[7] &+ sum &+ choice &+ SHA256.constants[index] &+ words[index]
      let other = rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22)
      let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2])
      v = [first &+ other &+ majority, v[0], v[1], v[2], v[3] &+ first, v[4], v[5], v[6]]
    }
    for index in 0..<8 { state[index] &+= v[index] }
    block.removeAll(keepingCapacity: true)
  }

  private func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word &>> count | word &<< (32 - count) }

  /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes: the standard gives them, and they
  /// are exact in integers, so they are computed here rather than listed.
  private static let constants: [UInt32] = {
    var primes: [UInt64] = []
    var candidate: UInt64 = 2
    while primes.count < 64 {
      if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
      candidate += 1
    }
    return primes.map { prime in
      // The largest root with root³ ≤ prime · 2⁹⁶; its low 32 bits are the fraction. root is below 2³⁵.
      var root: UInt64 = 0
      for bit in stride(from: 34, through: 0, by: -1) {
        let guess = root | 1 &<< UInt64(bit)
        let square = guess.multipliedFullWidth(by: guess)
        let low = square.low.multipliedFullWidth(by: guess)
        let (high, overflow) = (square.high &* guess).addingReportingOverflow(low.high)
        // prime · 2⁹⁶ as 128 bits: the upper word is prime · 2³².
        if !overflow, high < prime &<< 32 || (high == prime &<< 32 && low.low == 0) { root = guess }
      }
      return UInt32(truncatingIfNeeded: root)
    }
  }()
}
