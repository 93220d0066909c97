import MartletBytes

/// The different labels of a graph, each with a number, its digest, and how many tasks it was given to.
package struct LabelTable: Sendable {
  /// The labels by number.
  package private(set) var names: [String] = []
  private var digests: [Digest128] = []
  private var ordinals: [UInt64] = []
  /// Open addressing by digest; a number plus one, or 0.
  private var table = [UInt32](repeating: 0, count: 16)
  /// Numbers of labels met lately, by the bytes of the `String` itself: a literal in a loop is found without hashing.
  private var recent = [UInt32](repeating: 0, count: 16)

  init() {}

  /// The number of `label`, the same for equal labels.
  mutating func intern(_ label: String) -> UInt32 {
    // Equal bytes of two strings that are both alive mean equal text. The converse does not hold, hence the table.
    let raw = unsafeBitCast(label, to: (UInt64, UInt64).self)
    let place = Int(truncatingIfNeeded: ((raw.0 ^ raw.1 &* 31) &* 0x9e37_79b9_7f4a_7c15) &>> 60)
    let known = Int(recent[place])
    if known < names.count, unsafeBitCast(names[known], to: (UInt64, UInt64).self) == raw { return UInt32(known) }
    let number = look(up: label)
    recent[place] = number
    return number
  }

  /// A digest for the next task called `label` that has no content of its own.
  @inline(__always)
  mutating func nextMember(of label: UInt32) -> Digest128 {
    let ordinal = ordinals[Int(label)]
    ordinals[Int(label)] = ordinal &+ 1
    return digests[Int(label)].member(ordinal)
  }

  private mutating func look(up label: String) -> UInt32 {
    var hasher = StableHasher()
    hasher.combine("martlet.label")
    hasher.combine(label)
    let digest = hasher.digest()
    var place = Int(truncatingIfNeeded: digest.low) & (table.count - 1)
    while table[place] != 0 {
      if digests[Int(table[place]) - 1] == digest { return table[place] - 1 }
      place = (place + 1) & (table.count - 1)
    }
    let number = UInt32(names.count)
    names.append(label)
    digests.append(digest)
    ordinals.append(0)
    table[place] = number + 1
    if names.count * 2 > table.count { grow() }
    return number
  }

  private mutating func grow() {
    table = [UInt32](repeating: 0, count: table.count * 2)
    for number in digests.indices {
      var place = Int(truncatingIfNeeded: digests[number].low) & (table.count - 1)
      while table[place] != 0 { place = (place + 1) & (table.count - 1) }
      table[place] = UInt32(number) + 1
    }
  }
}
