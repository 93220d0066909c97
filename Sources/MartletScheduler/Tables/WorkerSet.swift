/// A set of workers, a bit each. Who comes next after a number is found by looking at 64 of them at a time.
struct WorkerSet: Sendable {
  private var words: [UInt64] = []
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  func contains(_ worker: UInt32) -> Bool {
    Int(worker >> 6) < words.count && words[Int(worker >> 6)] & (1 << UInt64(worker & 63)) != 0
  }

  mutating func set(_ worker: UInt32, _ isMember: Bool) {
    while words.count <= Int(worker >> 6) { words.append(0) }
    let bit: UInt64 = 1 << UInt64(worker & 63)
    let old = words[Int(worker >> 6)]
    if (old & bit != 0) == isMember { return }
    words[Int(worker >> 6)] = old ^ bit
    count += isMember ? 1 : -1
  }

  /// The first member that is not below a number, or else the first of all; nil in an empty set.
  func next(from worker: UInt32) -> UInt32? {
    if count == 0 { return nil }
    var place = Int(worker >> 6)
    var mask: UInt64 = ~0 << UInt64(worker & 63)
    if place >= words.count {
      place = 0
      mask = ~0
    }
    // The word of the beginning is looked at again at the end, then with all its bits.
    for _ in 0...words.count {
      let found = words[place] & mask
      if found != 0 { return UInt32(place * 64 + found.trailingZeroBitCount) }
      place = place + 1 == words.count ? 0 : place + 1
      mask = ~0
    }
    return nil
  }
}
