/// Random numbers that repeat themselves for a seed: SplitMix64.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// - Parameter seed: Mixed before use: `next` walks in equal steps, so seeds that are a step or a few apart would
  ///   start on the same stream, some numbers further on.
  package init(seed: UInt64) {
    state = seed
    state = next()
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  /// A number in `0..<bound`.
  package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// One of `elements`.
  package mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

  /// True with this probability in percent.
  package mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}
