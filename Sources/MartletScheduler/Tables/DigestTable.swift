import MartletBytes

/// Finds a slot by digest: open addressing, at most three quarters full. Beside each slot stand eight bits of its digest,
/// so that a look touches a record other than the right one once in 254 times. Five bytes a place. The digests themselves
/// are the caller's.
struct DigestTable {
  private var slots: [UInt32] = []
  /// 0: nothing was here; 1: something was; else bits of the digest.
  private var tags: [UInt8] = []
  private(set) var count = 0
  /// Places where something was.
  private var removed = 0

  /// The slot with `digest`, or nil.
  func slot(of digest: Digest128, _ digests: (UInt32) -> Digest128) -> UInt32? {
    guard let place = place(of: digest, digests) else { return nil }
    return slots[place]
  }

  private func place(of digest: Digest128, _ digests: (UInt32) -> Digest128) -> Int? {
    guard count > 0 else { return nil }
    let tag = tag(digest)
    var place = home(digest)
    while tags[place] != 0 {
      if tags[place] == tag, digests(slots[place]) == digest { return place }
      place = (place + 1) & (tags.count - 1)
    }
    return nil
  }

  /// Adds a slot whose digest is not in the table.
  mutating func insert(_ slot: UInt32, _ digests: (UInt32) -> Digest128) {
    if (count + removed + 1) * 4 > tags.count * 3 { rebuild(digests) }
    put(slot, digests(slot))
    count += 1
  }

  /// Takes the slot with `digest` out.
  mutating func remove(_ digest: Digest128, _ digests: (UInt32) -> Digest128) {
    guard let place = place(of: digest, digests) else { return }
    count -= 1
    if tags[(place + 1) & (tags.count - 1)] != 0 {
      tags[place] = 1
      removed += 1
      return
    }
    // Nobody looks past an empty place, so this one, and those before it where something was, can be empty too.
    tags[place] = 0
    var before = (place - 1) & (tags.count - 1)
    while tags[before] == 1 {
      tags[before] = 0
      removed -= 1
      before = (before - 1) & (tags.count - 1)
    }
  }

  /// The same entries in a table of the right size, without places where something was.
  private mutating func rebuild(_ digests: (UInt32) -> Digest128) {
    let oldSlots = slots
    let oldTags = tags
    var size = 64
    while (count + 1) * 2 > size { size *= 2 }
    slots = [UInt32](repeating: 0, count: size)
    tags = [UInt8](repeating: 0, count: size)
    removed = 0
    for place in oldTags.indices where oldTags[place] > 1 { put(oldSlots[place], digests(oldSlots[place])) }
  }

  private func home(_ digest: Digest128) -> Int { Int(truncatingIfNeeded: digest.low) & (tags.count - 1) }

  private func tag(_ digest: Digest128) -> UInt8 { max(2, UInt8(truncatingIfNeeded: digest.high &>> 56)) }

  private mutating func put(_ slot: UInt32, _ digest: Digest128) {
    var place = home(digest)
    while tags[place] > 1 { place = (place + 1) & (tags.count - 1) }
    if tags[place] == 1 { removed -= 1 }
    slots[place] = slot
    tags[place] = tag(digest)
  }
}
