import MartletBytes

/// Finds a slot by digest: open addressing, at most half full, without marks for what was removed (entries move back).
/// The digests themselves are the caller's.
struct DigestTable {
  private var table: [UInt32] = []
  private(set) var count = 0

  /// The slot with `digest`, or nil.
  func slot(of digest: Digest128, _ digests: (UInt32) -> Digest128) -> UInt32? {
    guard !table.isEmpty else { return nil }
    var place = home(digest)
    while table[place] != 0 {
      if digests(table[place] - 1) == digest { return table[place] - 1 }
      place = (place + 1) & (table.count - 1)
    }
    return nil
  }

  /// Adds a slot whose digest is not in the table.
  mutating func insert(_ slot: UInt32, _ digests: (UInt32) -> Digest128) {
    if (count + 1) * 2 > table.count {
      let old = table
      table = [UInt32](repeating: 0, count: max(64, old.count * 2))
      for entry in old where entry != 0 { put(entry, home(digests(entry - 1))) }
    }
    put(slot + 1, home(digests(slot)))
    count += 1
  }

  /// Takes the slot with `digest` out.
  mutating func remove(_ digest: Digest128, _ digests: (UInt32) -> Digest128) {
    guard !table.isEmpty else { return }
    var hole = home(digest)
    while table[hole] != 0, digests(table[hole] - 1) != digest { hole = (hole + 1) & (table.count - 1) }
    guard table[hole] != 0 else { return }
    count -= 1
    // Entries behind the hole that would not be found any more move into it.
    var place = hole
    while true {
      place = (place + 1) & (table.count - 1)
      guard table[place] != 0 else { break }
      let wanted = home(digests(table[place] - 1))
      // Whether `wanted` lies cyclically in (hole, place]: then the entry stays.
      let stays = hole <= place ? hole < wanted && wanted <= place : hole < wanted || wanted <= place
      if !stays {
        table[hole] = table[place]
        hole = place
      }
    }
    table[hole] = 0
  }

  private func home(_ digest: Digest128) -> Int { Int(truncatingIfNeeded: digest.low) & (table.count - 1) }

  private mutating func put(_ entry: UInt32, _ home: Int) {
    var place = home
    while table[place] != 0 { place = (place + 1) & (table.count - 1) }
    table[place] = entry
  }
}
