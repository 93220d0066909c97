import MartletBytes

/// The different labels of a graph, each with a number, its digest, and how many tasks it was given to. A label that was
/// written at several places of the program has a number for each of them.
package struct LabelTable: Sendable {
  /// The labels by number.
  package private(set) var names: [String] = []
  /// Where they were written, by number.
  private var places: [CompactLocation] = []
  /// The least number that has the same name: the one that counts its tasks.
  private var owners: [UInt32] = []
  private var digests: [Digest128] = []
  private var ordinals: [UInt64] = []
  /// Open addressing by the digests of name and place; a number plus one, or 0.
  private var table = [UInt32](repeating: 0, count: 16)
  private var keys: [Digest128] = []
  /// Numbers of labels met lately, by the bytes of the `String` itself: a literal in a loop is found without hashing.
  private var recent = [UInt32](repeating: 0, count: 16)

  init() {}

  /// The number of `label`, the same for equal labels that were written at the same place.
  mutating func intern(_ label: String, at place: CompactLocation = CompactLocation()) -> UInt32 {
    // Equal bytes of two strings that are both alive mean equal text. The converse does not hold, hence the table.
    let raw = unsafeBitCast(label, to: (UInt64, UInt64).self)
    let mixed = raw.0 ^ raw.1 &* 31 ^ UInt64(place.line) &* 0x85eb_ca6b
    let slot = Int(truncatingIfNeeded: (mixed &* 0x9e37_79b9_7f4a_7c15) &>> 60)
    let known = Int(recent[slot])
    if known < names.count, unsafeBitCast(names[known], to: (UInt64, UInt64).self) == raw,
      places[known].line == place.line, places[known].file == place.file
    {
      return UInt32(known)
    }
    let number = look(up: label, place)
    recent[slot] = number
    return number
  }

  /// Where the label was written; nil when nobody said.
  func location(of number: UInt32) -> TaskLocation? { places[Int(number)].location }

  /// A digest for the next task called `label` that has no content of its own.
  @inline(__always)
  mutating func nextMember(of label: UInt32) -> Digest128 {
    let owner = Int(owners[Int(label)])
    let ordinal = ordinals[owner]
    ordinals[owner] = ordinal &+ 1
    return digests[owner].member(ordinal)
  }

  private mutating func look(up label: String, _ place: CompactLocation) -> UInt32 {
    var hasher = StableHasher()
    hasher.combine("martlet.label")
    hasher.combine(label)
    let digest = hasher.digest()
    guard let location = place.location else { return add(label, place, digest, key: digest, owner: nil) }
    // Its name without a place owns the count of its tasks, so that keys do not depend on where tasks are written.
    let owner = add(label, CompactLocation(), digest, key: digest, owner: nil)
    hasher.combine(location.fileID)
    hasher.combine(location.line)
    return add(label, place, digest, key: hasher.digest(), owner: owner)
  }

  /// The number for `key`, which is added where it is not there.
  private mutating func add(
    _ label: String, _ place: CompactLocation, _ digest: Digest128, key: Digest128, owner: UInt32?
  ) -> UInt32 {
    var slot = Int(truncatingIfNeeded: key.low) & (table.count - 1)
    while table[slot] != 0 {
      if keys[Int(table[slot]) - 1] == key { return table[slot] - 1 }
      slot = (slot + 1) & (table.count - 1)
    }
    let number = UInt32(names.count)
    names.append(label)
    places.append(place)
    owners.append(owner ?? number)
    digests.append(digest)
    ordinals.append(0)
    keys.append(key)
    table[slot] = number + 1
    if names.count * 2 > table.count { grow() }
    return number
  }

  private mutating func grow() {
    table = [UInt32](repeating: 0, count: table.count * 2)
    for number in keys.indices {
      var slot = Int(truncatingIfNeeded: keys[number].low) & (table.count - 1)
      while table[slot] != 0 { slot = (slot + 1) & (table.count - 1) }
      table[slot] = UInt32(number) + 1
    }
  }
}
