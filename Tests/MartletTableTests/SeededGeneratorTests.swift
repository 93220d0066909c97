import TestSupport
import Testing

@Suite struct SeededGeneratorTests {
  @Test func `streams of neighbouring seeds do not overlap`() {
    var seen: Set<UInt64> = []
    for seed in 0..<200 {
      var random = SeededGenerator(seed: UInt64(seed))
      for _ in 0..<200 { seen.insert(random.next()) }
    }
    #expect(seen.count == 200 * 200)
  }
}
