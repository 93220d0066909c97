/// Everything in a simulation that is left to chance, from a seed: SplitMix64 (Steele, Lea, Flood: Fast splittable
/// pseudorandom number generators, OOPSLA 2014).
struct SimulatedChance: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
    // Neighbouring seeds would otherwise begin on one stream, a step apart.
    state = next()
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  /// A number in `0..<bound`; 0 when there is none.
  mutating func below(_ bound: Int) -> Int { bound < 1 ? 0 : Int(next() % UInt64(bound)) }

  /// True once in so many times.
  mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

  /// Mostly short, now and then much longer: how long things take in networks and on machines.
  mutating func delay(_ usual: Int64) -> Int64 {
    let longer: Int64 = oneIn(50) ? 100 : oneIn(5) ? 10 : 1
    return 1 + Int64(below(Int(usual * longer)))
  }
}
