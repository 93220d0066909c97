import Testing

@testable import MartletBytes

@Suite struct StableHasherTests {
  @Test func `digests are those of the specification`() {
    func digest(_ body: (inout StableHasher) -> Void) -> String {
      var hasher = StableHasher()
      body(&hasher)
      return "\(hasher.digest())"
    }
    #expect(digest { _ in } == "e77ebcb22788a5befd62db6add303001")
    #expect(digest { $0.combine(1 as UInt64) } == "bd2946305a442f7c013687728df8cbeb")
    #expect(
      digest {
        $0.combine(1 as UInt64)
        $0.combine(2 as UInt64)
      } == "dcac95b749733b33115b844a5c52fb98")
    #expect(digest { $0.combine("martlet") } == "020a7562e3f9b7c5378851e5e6258686")
  }

  @Test func `the core is SipHash, as its authors' vectors show`() {
    // SipHash-2-4 with 128 bits under the key 00 01 … 0f, of no bytes and of the byte 00.
    var empty = SipState(key0: 0x0706_0504_0302_0100, key1: 0x0f0e_0d0c_0b0a_0908)
    #expect("\(empty.finish(lastBlock: 0, compressing: 2, finishing: 4))" == "a3817f04ba25a8e66df67214c7550293")
    var one = SipState(key0: 0x0706_0504_0302_0100, key1: 0x0f0e_0d0c_0b0a_0908)
    #expect("\(one.finish(lastBlock: 1 << 56, compressing: 2, finishing: 4))" == "da87c1d86b99af44347659119b22fc45")
  }

  @Test func `texts and bytes that are joined differently do not collide`() {
    let parts = ["", "a", "b", "ab", "ba", "aab", "\0", "\0\0", "12345678", "123456789", "1234567\0"]
    var seen: Set<Digest128> = []
    for first in parts {
      for second in parts {
        var hasher = StableHasher()
        hasher.combine(first)
        hasher.combine(second)
        seen.insert(hasher.digest())
      }
    }
    #expect(seen.count == parts.count * parts.count)
  }

  @Test func `bytes hash like the text that they are`() {
    for text in ["", "a", "1234567", "12345678", "123456789", "größer als acht Bytes"] {
      var first = StableHasher()
      first.combine(text)
      var second = StableHasher()
      second.combine(Array(text.utf8))
      #expect(first.digest() == second.digest())
    }
  }

  @Test func `numbers hash by their bits`() {
    func digest(_ value: Double) -> Digest128 {
      var hasher = StableHasher()
      hasher.combine(value)
      return hasher.digest()
    }
    #expect(digest(0) != digest(-0.0))
    #expect(digest(.nan) == digest(.nan))
    #expect(digest(1) != digest(1.0.nextUp))
  }

  @Test func `members of a family differ, and families differ`() {
    let families = (0..<40).map { Digest128(low: $0, high: 0) }
    var lows: Set<UInt64> = []
    var highs: Set<UInt64> = []
    var all: Set<Digest128> = []
    for family in families { for ordinal in 0..<100 as Range<UInt64> { all.insert(family.member(ordinal)) } }
    #expect(all.count == 4000)
    for ordinal in 0..<10_000 as Range<UInt64> {
      lows.insert(families[3].member(ordinal).low)
      highs.insert(families[3].member(ordinal).high)
    }
    #expect(lows.count == 10_000 && highs.count == 10_000)
    #expect("\(Digest128(low: 1, high: 2).member(3))" == "5e5532fbeea293f84d1024f183276733")
  }
}
