/// The ids of several key columns to the number of a group, in order of first occurrence.
///
/// While the product of the dictionaries' sizes is small, a table is indexed by the ids put side by side, which is
/// one load a record. Beyond that it is a hash table of groups: slots of 8 bytes (hash and group + 1), and the ids
/// themselves at the beginning of the group's row, where its state follows, so the compare brings in the state.
///
/// Looking up keys that are all different is waste: where nearly every record so far was a group of its own, the
/// following become groups without a look, and a group may then occur more than once. The finish, which sorts, makes one
/// of them. This is the partial aggregation that gives itself up of "Data Partitioning and Pre-Aggregation" engines, as in
/// DuckDB and Photon; every sixteenth batch is still looked up, to return when the keys begin to repeat.
final class GroupTable {
  let keyCount: Int
  /// Words of 8 bytes that a row's ids take: two ids a word, a spare half zero.
  let keyWords: Int
  let rows: RowStore
  /// The direct table's bits a column; nil once it is a hash table.
  private var directBits: [Int]?
  private let directLimit: Int
  private var direct: UnsafeMutablePointer<UInt32>
  private var directCount: Int
  private var slots: UnsafeMutablePointer<UInt64>
  private var slotBits: Int
  private let hashMask: UInt32
  private let keys: UnsafeMutablePointer<UInt64>
  private let hashes: UnsafeMutablePointer<UInt32>
  private let misses: UnsafeMutablePointer<UInt32>
  private var phase = Phase.finding(records: 0)
  private let repeatedGroups: Int

  /// What is done with the records of a hash table.
  private enum Phase {
    /// All are looked up; `records` were, as long as it is open whether that is worth it.
    case finding(records: Int)
    /// Each becomes a group; `batches` did.
    case appending(batches: Int)
    /// All are looked up, whatever comes: keys do repeat.
    case settled
  }

  init(keyCount: Int, stateBytes: Int, tuning: GroupTuning, prepare: (UnsafeMutableRawPointer) -> Void) {
    self.keyCount = keyCount
    let keyWords = (keyCount + 1) / 2
    self.keyWords = keyWords
    rows = RowStore(byteCount: keyWords * 8 + stateBytes) { prepare($0 + keyWords * 8) }
    directLimit = tuning.directBits
    directBits = [Int](repeating: 0, count: keyCount)
    directCount = 1
    direct = .allocate(capacity: 1)
    direct.initialize(to: 0)
    slotBits = tuning.slotBits
    slots = .allocate(capacity: 0)
    hashMask = tuning.hashMask
    repeatedGroups = tuning.repeatedGroups
    keys = .allocate(capacity: keyWords * LookupScratch.capacity)
    hashes = .allocate(capacity: LookupScratch.capacity)
    misses = .allocate(capacity: LookupScratch.capacity + 1)
  }

  deinit {
    direct.deallocate()
    slots.deallocate()
    keys.deallocate()
    hashes.deallocate()
    misses.deallocate()
  }

  var payloadOffset: Int { keyWords * 8 }
  var residentBytes: Int {
    rows.residentBytes + directCount * 4 + (directBits == nil && slotBits >= 0 ? 8 << slotBits : 0)
  }

  /// Gives the tables back: nothing can be looked up afterwards.
  func freeze() {
    direct.deallocate()
    direct = .allocate(capacity: 0)
    directCount = 0
    slots.deallocate()
    slots = .allocate(capacity: 0)
    directBits = nil
    slotBits = -1
  }

  /// Writes the groups of `count` records; new groups are added in order.
  ///
  /// - Parameters:
  ///   - ids: The ids of column `c` begin at `ids + c * LookupScratch.capacity`.
  ///   - sizes: How many ids each column has by now.
  ///   - count: At most `LookupScratch.capacity`.
  ///   - mayRepeat: Whether a group may be added although it is there.
  func lookup(
    _ ids: UnsafePointer<UInt32>, sizes: UnsafePointer<Int>, count: Int, into groups: UnsafeMutablePointer<UInt32>,
    mayRepeat: Bool = false
  ) {
    if let bits = directBits {
      var fits = true
      for column in 0..<keyCount where sizes[column] > 1 << bits[column] { fits = false }
      if fits || resizeDirect(sizes) {
        lookupDirect(ids, count, groups)
        return
      }
    }
    guard mayRepeat else { return lookupHashed(ids, count, groups) }
    switch phase {
    case .settled: lookupHashed(ids, count, groups)
    case .finding(let before):
      lookupHashed(ids, count, groups)
      phase = .finding(records: before + count)
      if rows.count >= repeatedGroups { phase = phase(after: before + count, sizes) }
    case .appending(let before):
      phase = .appending(batches: before &+ 1)
      if before & 15 == 15, repeats(ids, count) {
        phase = .settled
        return lookupHashed(ids, count, groups)
      }
      for record in 0..<count { groups[record] = UInt32(truncatingIfNeeded: appendGroup(ids + record)) }
    }
  }

  /// Whether to go on looking up after that many records.
  ///
  /// Groups that are no more than the texts of one column are no combinations that never end: the column's texts may come
  /// round again, as do the names of sensors that are read in turn.
  private func phase(after records: Int, _ sizes: UnsafePointer<Int>) -> Phase {
    let groups = rows.count
    if groups * 20 < records * 19 { return .settled }
    for column in 0..<keyCount where groups * 2 < sizes[column] * 3 { return .finding(records: records) }
    return .appending(batches: 0)
  }

  /// Whether a quarter of the records are groups that are in the table.
  private func repeats(_ ids: UnsafePointer<UInt32>, _ count: Int) -> Bool {
    probe(ids, count, misses)
    var found = 0
    for record in 0..<count where misses[record] != 0 { found += 1 }
    return found * 4 >= count
  }

  private func lookupDirect(
    _ ids: UnsafePointer<UInt32>, _ count: Int, _ groups: UnsafeMutablePointer<UInt32>
  ) {
    let bits = directBits!
    let indices = hashes
    indices.update(from: ids, count: count)
    var shift = UInt32(truncatingIfNeeded: bits[0])
    for column in 1..<keyCount {
      let columnIDs = ids + column &* LookupScratch.capacity
      for record in 0..<count { indices[record] |= columnIDs[record] &<< shift }
      shift &+= UInt32(truncatingIfNeeded: bits[column])
    }
    let direct = direct
    let misses = misses
    var missCount = 0
    for record in 0..<count {
      let group = direct[Int(indices[record])]
      groups[record] = group &- 1
      misses[missCount] = UInt32(truncatingIfNeeded: record)
      missCount &+= group == 0 ? 1 : 0
    }
    for miss in 0..<missCount {
      let record = Int(misses[miss])
      var group = direct[Int(indices[record])]
      if group == 0 {
        group = UInt32(truncatingIfNeeded: appendGroup(ids + record) &+ 1)
        direct[Int(indices[record])] = group
      }
      groups[record] = group &- 1
    }
  }

  private func appendGroup(_ ids: UnsafePointer<UInt32>) -> Int {
    let group = rows.append()
    let row = rows.view.address(group).assumingMemoryBound(to: UInt32.self)
    for column in 0..<keyCount { row[column] = ids[column &* LookupScratch.capacity] }
    return group
  }

  /// Makes the direct table large enough, with room to grow; false when it became a hash table instead.
  private func resizeDirect(_ sizes: UnsafePointer<Int>) -> Bool {
    var bits = [Int](repeating: 0, count: keyCount)
    var total = 0
    for column in 0..<keyCount {
      bits[column] = Int.bitWidth - (sizes[column] - 1).leadingZeroBitCount
      total += bits[column]
    }
    guard total <= directLimit else {
      becomeHashed()
      return false
    }
    let view = rows.view
    let table = UnsafeMutablePointer<UInt32>.allocate(capacity: 1 << total)
    table.initialize(repeating: 0, count: 1 << total)
    for group in 0..<rows.count {
      let key = view.address(group).assumingMemoryBound(to: UInt32.self)
      var index = 0
      var shift = 0
      for column in 0..<keyCount {
        index |= Int(key[column]) << shift
        shift += bits[column]
      }
      table[index] = UInt32(truncatingIfNeeded: group + 1)
    }
    direct.deallocate()
    direct = table
    directCount = 1 << total
    directBits = bits
    return true
  }

  private func becomeHashed() {
    direct.deallocate()
    direct = .allocate(capacity: 0)
    directCount = 0
    directBits = nil
    while rows.count * 2 >= 1 << slotBits { slotBits += 1 }
    slots.deallocate()
    slots = .allocate(capacity: 1 << slotBits)
    slots.initialize(repeating: 0, count: 1 << slotBits)
    let mask = (1 << slotBits) - 1
    let view = rows.view
    for group in 0..<rows.count {
      let hash = hash(of: view.address(group).assumingMemoryBound(to: UInt64.self))
      var index = Int(truncatingIfNeeded: UInt64(hash) &>> UInt64(32 &- slotBits))
      while slots[index] != 0 { index = (index &+ 1) & mask }
      slots[index] = UInt64(hash) &<< 32 | UInt64(truncatingIfNeeded: group &+ 1)
    }
  }

  private func grow() {
    let oldCount = 1 << slotBits
    slotBits += 1
    let mask = (1 << slotBits) - 1
    let shift = UInt64(32 - slotBits)
    let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: 1 << slotBits)
    larger.initialize(repeating: 0, count: 1 << slotBits)
    for old in 0..<oldCount {
      let slot = slots[old]
      if slot == 0 { continue }
      var index = Int(truncatingIfNeeded: (slot &>> 32) &>> shift)
      while larger[index] != 0 { index = (index &+ 1) & mask }
      larger[index] = slot
    }
    slots.deallocate()
    slots = larger
  }

  @inline(__always)
  private func hash(of key: UnsafePointer<UInt64>) -> UInt32 {
    var hash: UInt64 = 0
    for word in 0..<keyWords { hash = TextHash.combine(hash, key[word]) }
    return UInt32(truncatingIfNeeded: hash &>> 32) & hashMask
  }

  /// Puts the records' ids side by side into `keys`, and writes their hashes, and for each the first group of that hash
  /// plus one, or zero.
  @inline(__always)
  private func probe(
    _ ids: UnsafePointer<UInt32>, _ count: Int, _ candidates: UnsafeMutablePointer<UInt32>
  ) {
    let keyWords = keyWords
    let keys = keys
    for word in 0..<keyWords {
      let even = ids + word &* 2 &* LookupScratch.capacity
      if word &* 2 &+ 1 < keyCount {
        let odd = even + LookupScratch.capacity
        for record in 0..<count { keys[record &* keyWords &+ word] = UInt64(even[record]) | UInt64(odd[record]) &<< 32 }
      } else {
        for record in 0..<count { keys[record &* keyWords &+ word] = UInt64(even[record]) }
      }
    }
    let hashes = hashes
    for record in 0..<count { hashes[record] = hash(of: keys + record &* keyWords) }
    let slots = slots
    let mask = (1 &<< slotBits) &- 1
    let shift = UInt64(truncatingIfNeeded: 32 &- slotBits)
    for record in 0..<count {
      let hash = hashes[record]
      var index = Int(truncatingIfNeeded: UInt64(hash) &>> shift)
      var slot = slots[index]
      while slot != 0 && UInt32(truncatingIfNeeded: slot &>> 32) != hash {
        index = (index &+ 1) & mask
        slot = slots[index]
      }
      candidates[record] = UInt32(truncatingIfNeeded: slot)
    }
  }

  private func lookupHashed(
    _ ids: UnsafePointer<UInt32>, _ count: Int, _ groups: UnsafeMutablePointer<UInt32>
  ) {
    probe(ids, count, groups)
    let keyWords = keyWords
    let keys = keys
    let misses = misses
    let view = rows.view
    var missCount = 0
    for record in 0..<count {
      let candidate = groups[record]
      var found = false
      if candidate != 0 {
        let group = candidate &- 1
        groups[record] = group
        let row = view.address(group).assumingMemoryBound(to: UInt64.self)
        let key = keys + record &* keyWords
        var difference: UInt64 = 0
        for word in 0..<keyWords { difference |= row[word] ^ key[word] }
        found = difference == 0
      }
      misses[missCount] = UInt32(truncatingIfNeeded: record)
      missCount &+= found ? 0 : 1
    }
    for miss in 0..<missCount {
      let record = Int(misses[miss])
      groups[record] = resolve(record)
    }
  }

  /// The group of record `record` of `keys`, which is added when it is new.
  private func resolve(_ record: Int) -> UInt32 {
    let key = keys + record &* keyWords
    let hash = hashes[record]
    let mask = (1 &<< slotBits) &- 1
    var index = Int(truncatingIfNeeded: UInt64(hash) &>> UInt64(truncatingIfNeeded: 32 &- slotBits))
    while true {
      let slot = slots[index]
      if slot == 0 { break }
      if UInt32(truncatingIfNeeded: slot &>> 32) == hash {
        let group = UInt32(truncatingIfNeeded: slot) &- 1
        let row = rows.view.address(group).assumingMemoryBound(to: UInt64.self)
        var difference: UInt64 = 0
        for word in 0..<keyWords { difference |= row[word] ^ key[word] }
        if difference == 0 { return group }
      }
      index = (index &+ 1) & mask
    }
    let group = rows.append()
    let row = rows.view.address(group).assumingMemoryBound(to: UInt64.self)
    for word in 0..<keyWords { row[word] = key[word] }
    slots[index] = UInt64(hash) &<< 32 | UInt64(truncatingIfNeeded: group &+ 1)
    if rows.count &* 2 > mask { grow() }
    return UInt32(truncatingIfNeeded: group)
  }
}
