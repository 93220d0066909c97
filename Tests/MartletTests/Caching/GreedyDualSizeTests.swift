import TestSupport
import Testing

@testable import Martlet

@Suite struct GreedyDualSizeTests {
  /// The same rules, by looking at everything.
  private struct Model {
    struct Thing {
      var key: UInt64
      var value: Int
      var bytes: Int
      var worth: Double
      var priority: Double
      var lastUse: Int
    }

    let budget: Int
    var things: [Thing] = []
    var inflation = 0.0
    var clock = 0

    mutating func use(_ key: UInt64) -> Int? {
      guard let index = things.firstIndex(where: { $0.key == key }) else { return nil }
      clock += 1
      things[index].priority = inflation + things[index].worth
      things[index].lastUse = clock
      return things[index].value
    }

    mutating func insert(_ value: Int, _ key: UInt64, _ bytes: Int, _ seconds: Double) -> [Int] {
      var dropped = things.filter { $0.key == key }.map(\.value)
      things.removeAll { $0.key == key }
      if bytes > budget { return dropped + [value] }
      clock += 1
      let worth = seconds / Double(max(1, bytes))
      things.append(
        Thing(key: key, value: value, bytes: bytes, worth: worth, priority: inflation + worth, lastUse: clock))
      while things.reduce(0, { $0 + $1.bytes }) > budget {
        let first = things.indices.min {
          (things[$0].priority, things[$0].lastUse) < (things[$1].priority, things[$1].lastUse)
        }!
        inflation = max(inflation, things[first].priority)
        dropped.append(things.remove(at: first).value)
      }
      return dropped
    }
  }

  @Test(arguments: sampled(0..<200)) func `it does what the slow twin does`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let budget = random.pick([0, 1, 10, 100, 1000])
    var fast = GreedyDualSize<Int>(budget: budget)
    var slow = Model(budget: budget)
    for step in 0..<300 {
      let key = UInt64(random.below(20))
      let digest = Digest128(low: key, high: 0)
      switch random.below(10) {
      case 0..<5: #expect(fast.use(digest) == slow.use(key), "seed \(seed), step \(step)")
      case 5:
        let removed = fast.remove(digest)
        #expect(removed == slow.things.first { $0.key == key }?.value, "seed \(seed), step \(step)")
        slow.things.removeAll { $0.key == key }
      default:
        let bytes = random.below(random.pick([2, 20, 200]))
        let seconds = Double(random.below(4)) * random.pick([0, 1, 1000])
        #expect(
          fast.insert(step, for: digest, bytes: bytes, seconds: seconds) == slow.insert(step, key, bytes, seconds),
          "seed \(seed), step \(step)")
      }
      #expect(fast.count == slow.things.count && fast.bytes == slow.things.reduce(0) { $0 + $1.bytes })
      #expect(fast.inflation == slow.inflation)
    }
    #expect(Set(fast.removeAll()) == Set(slow.things.map(\.value)))
    #expect(fast.count == 0 && fast.bytes == 0)
  }

  @Test func `what was dear for its bytes stays, until it was not used for long`() {
    var kept = GreedyDualSize<Int>(budget: 10)
    func key(_ number: Int) -> Digest128 { Digest128(low: UInt64(number), high: 1) }
    _ = kept.insert(0, for: key(0), bytes: 1, seconds: 5)
    for number in 1...9 { _ = kept.insert(number, for: key(number), bytes: 1, seconds: 1) }
    #expect(kept.insert(10, for: key(10), bytes: 1, seconds: 1) == [1])
    var number = 11
    while kept.insert(number, for: key(number), bytes: 1, seconds: 1) != [0] {
      number += 1
      if number > 1000 { break }
    }
    // Each nine insertions age the rest by a second a byte.
    #expect((30...60).contains(number))
  }

  @Test(arguments: [Double.nan, -1, .infinity, -.infinity, 0]) func `any cost is taken`(seconds: Double) {
    let worth = GreedyDualSize<Int>.worth(seconds: seconds, bytes: 0)
    #expect(worth.isFinite && worth >= 0)
  }
}
