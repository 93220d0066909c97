import MartletSystem

#if canImport(Glibc)
  import Glibc
#endif

/// Distinct texts, each with a dense id in order of first occurrence; null has an id of its own once it occurred.
///
/// An entry is a row of a `RowStore`: the first 16 bytes of the text, its length, its hash, and then whatever the
/// owner keeps of each text (`payloadOffset`): a group's state, a count. Texts of more than 16 bytes keep 8 bytes
/// in the entry and the address of the whole. A slot is 8 bytes, hash and id + 1: an open-addressing table with linear
/// probing over the hash's upper bits, at most half full, so that growing walks old and new table in the same order.
///
/// Texts that are as good as small numbers are found by these instead (`DecimalIndex`).
///
/// Lookups go over a batch in passes (hash all; find the slots; compare the entries; then, one by one, the few that
/// were not found at once), each a loop of independent loads that the processor overlaps: the idea of batched
/// probing from "Vectorization vs. Compilation in Query Execution" (Sompolski et al., 2011).
///
/// Not thread safe while it grows; read-only use by many threads is fine.
final class TextDictionary {
  /// Where in an entry the owner's part begins.
  static let payloadOffset = 24
  static let noID = UInt32.max

  let rows: RowStore
  /// The id of null; `noID` while none occurred.
  private(set) var nullID = TextDictionary.noID
  private var slots: UnsafeMutablePointer<UInt64>
  private var slotBits: Int
  /// How many texts are in the slots.
  private var slotted = 0
  private let hashMask: UInt32
  private let tuning: GroupTuning
  let hasPayload: Bool
  private var decimals = Decimals.unknown
  private let texts = TextStore()
  /// Stores of absorbed dictionaries, whose long texts are pointed to.
  private var retained: [AnyObject] = []
  private var retainedBytes = 0

  /// Whether texts are looked up by number.
  private enum Decimals {
    /// None was seen yet.
    case unknown
    case indexed(DecimalIndex)
    case hashed
  }

  /// - Parameters:
  ///   - payloadBytes: How much the owner keeps of each text.
  ///   - prepare: Writes the payload that a new entry starts with; it is zero before.
  init(payloadBytes: Int, tuning: GroupTuning, prepare: (UnsafeMutableRawPointer) -> Void = { _ in }) {
    rows = RowStore(byteCount: Self.payloadOffset + payloadBytes) { prepare($0 + Self.payloadOffset) }
    slotBits = tuning.slotBits
    hashMask = tuning.hashMask
    self.tuning = tuning
    hasPayload = payloadBytes > 0
    slots = .allocate(capacity: 1 << slotBits)
    slots.initialize(repeating: 0, count: 1 << slotBits)
  }

  /// Texts that were written down, one behind the other: frozen, nothing can be looked up or added.
  ///
  /// - Parameters:
  ///   - payloadBytes: How much the owner keeps of each text; zero to begin with.
  ///   - lengths: Those of the texts; they add up to the size of `bytes`.
  ///   - nullID: Which text, an empty one, is null; `noID` for none.
  init(payloadBytes: Int, lengths: [UInt32], nullID: UInt32, bytes: UnsafeRawBufferPointer) {
    rows = RowStore(byteCount: Self.payloadOffset + payloadBytes) { _ in }
    self.nullID = nullID
    slotBits = -1
    hashMask = .max
    tuning = GroupTuning()
    hasPayload = payloadBytes > 0
    slots = .allocate(capacity: 0)
    var place = 0
    for (id, length) in lengths.enumerated() {
      let count = Int(length)
      if id == Int(nullID) {
        _ = appendEntry(0, 0, 0, 0)
      } else if count > 16 {
        let text = UnsafeRawPointer(bytes.baseAddress! + place).assumingMemoryBound(to: UInt8.self)
        let address = UInt64(UInt(bitPattern: texts.copy(text, count)))
        _ = appendEntry(text.loadWord, address, length, TextHash.long(text, count))
      } else {
        var words = SIMD2<UInt64>()
        withUnsafeMutableBytes(of: &words) { words in
          words.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[place..<place + count]))
        }
        let (low, high) = (UInt64(littleEndian: words.x), UInt64(littleEndian: words.y))
        _ = appendEntry(low, high, length, TextHash.short(low, high, count))
      }
      place += count
    }
  }

  deinit { slots.deallocate() }

  var count: Int { rows.count }
  var residentBytes: Int {
    var bytes = rows.residentBytes + (slotBits < 0 ? 0 : 8 << slotBits) + texts.residentBytes + retainedBytes
    if case .indexed(let index) = decimals { bytes += index.residentBytes }
    return bytes
  }
  /// Bytes of texts that absorbing this dictionary keeps alive.
  private var textBytes: Int { texts.residentBytes + retainedBytes }

  /// Gives the hash table back: nothing can be looked up or added afterwards.
  func freeze() {
    slots.deallocate()
    slots = .allocate(capacity: 0)
    slotBits = -1
    decimals = .hashed
  }

  /// The bytes of text `id`; for up to 16 bytes valid while the dictionary lives.
  @inline(__always)
  func text(_ id: Int) -> UnsafeBufferPointer<UInt8> { Self.text(at: rows.view.address(id)) }

  @inline(__always)
  static func text(at entry: UnsafeMutableRawPointer) -> UnsafeBufferPointer<UInt8> {
    let count = Int((entry + 16).load(as: UInt32.self))
    if count <= 16 {
      return UnsafeBufferPointer(start: UnsafePointer(entry.assumingMemoryBound(to: UInt8.self)), count: count)
    }
    return UnsafeBufferPointer(start: longText(entry), count: count)
  }

  @inline(__always)
  private static func longText(_ entry: UnsafeMutableRawPointer) -> UnsafePointer<UInt8> {
    (entry + 8).load(as: UnsafePointer<UInt8>.self)
  }

  /// Writes the ids of cells `start..<start + count` of a text vector to `ids`; new texts are added in order.
  ///
  /// - Parameter count: At most `LookupScratch.capacity`.
  func lookup(
    _ vector: Vector, from start: Int, count: Int, into ids: UnsafeMutablePointer<UInt32>, _ scratch: LookupScratch
  ) {
    switch decimals {
    case .unknown:
      if let index = DecimalIndex.make(vector, from: start, count: count, tuning: tuning) {
        decimals = .indexed(index)
        lookupNumbers(index, vector, from: start, count: count, into: ids, scratch)
        return
      }
      if !vector.hasNulls || (start..<start + count).contains(where: { vector.valid[$0] != 0 }) { decimals = .hashed }
    case .indexed(let index):
      lookupNumbers(index, vector, from: start, count: count, into: ids, scratch)
      return
    case .hashed: break
    }
    let cells = vector.texts + start
    let lengths = vector.lengths + start
    hash(cells, lengths, count, scratch)
    let misses = findAll(cells: cells, lengths: lengths, count: count, into: ids, scratch)
    // Nulls are hashed as empty texts above, which is cheaper than a branch, and put right here.
    if vector.hasNulls {
      resolveNullsAndMisses(vector, from: start, count: count, misses: misses, into: ids, scratch)
      return
    }
    for miss in 0..<misses {
      let cell = Int(scratch.misses[miss])
      ids[cell] = resolve(cells[cell], lengths[cell], at: cell, scratch, copying: true)
    }
  }

  /// Pass one: the texts' first sixteen bytes and their hashes.
  @inline(__always)
  func hash(
    _ cells: UnsafePointer<UnsafePointer<UInt8>>, _ lengths: UnsafePointer<UInt32>, _ count: Int,
    _ scratch: LookupScratch
  ) {
    let lows = scratch.lows
    let highs = scratch.highs
    let hashes = scratch.hashes
    let hashMask = hashMask
    for cell in 0..<count {
      let length = Int(lengths[cell])
      let raw = UnsafeRawPointer(cells[cell])
      var low = raw.loadUnaligned(as: UInt64.self)
      var high = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      let hash: UInt32
      if length <= 16 {
        let lowMask = length >= 8 ? UInt64.max : (1 &<< (8 &* UInt64(truncatingIfNeeded: length))) &- 1
        // For 16 bytes the shift is by 0 after masking to 6 bits; 0 - 1 would keep nothing, hence the shift to the right.
        let highMask = length > 8 ? UInt64.max &>> (8 &* UInt64(truncatingIfNeeded: 16 &- length)) : 0
        low &= lowMask
        high &= highMask
        hash = TextHash.short(low, high, length)
      } else {
        hash = TextHash.long(cells[cell], length)
      }
      lows[cell] = low
      highs[cell] = high
      hashes[cell] = hash & hashMask
    }
  }

  /// From now on all texts are looked up by their hashes.
  func forgetNumbers() {
    decimals = .hashed
    rehash()
  }

  /// The entry of null.
  func nullEntry() -> UInt32 {
    if nullID == Self.noID { nullID = UInt32(truncatingIfNeeded: appendEntry(0, 0, 0, 0)) }
    return nullID
  }

  /// Adds a text of up to sixteen bytes, which is new, but to no table.
  func append(_ text: UnsafePointer<UInt8>, _ length: UInt32) -> Int {
    let raw = UnsafeRawPointer(text)
    let bits = UInt64(length) * 8
    // Shifts by more than there is give zero here.
    let low = raw.loadUnaligned(as: UInt64.self) & ~(UInt64.max << bits)
    let high = bits <= 64 ? 0 : raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self) & ~(UInt64.max << (bits - 64))
    return appendEntry(low, high, length, TextHash.short(low, high, Int(length)) & hashMask)
  }

  private func resolveNullsAndMisses(
    _ vector: Vector, from start: Int, count: Int, misses: Int, into ids: UnsafeMutablePointer<UInt32>,
    _ scratch: LookupScratch
  ) {
    let cells = vector.texts + start
    let lengths = vector.lengths + start
    let valid = vector.valid + start
    var miss = 0
    for cell in 0..<count {
      let missed = miss < misses && Int(scratch.misses[miss]) == cell
      if missed { miss += 1 }
      if valid[cell] == 0 {
        ids[cell] = nullEntry()
      } else if missed {
        ids[cell] = resolve(cells[cell], lengths[cell], at: cell, scratch, copying: true)
      }
    }
  }

  /// The ids in `self` of all texts of `other`, which are added where they are new.
  ///
  /// Long texts are not copied: `other`'s store is kept alive. Only distinct texts are looked up, so the cost is that of
  /// the dictionary, not of the records behind it.
  func absorb(_ other: TextDictionary, _ scratch: LookupScratch) -> [UInt32] {
    if other.textBytes > 0 {
      retained.append(other.texts)
      retained.append(contentsOf: other.retained)
      retainedBytes += other.textBytes
    }
    let view = other.rows.view
    return [UInt32](unsafeUninitializedCapacity: other.count) { remap, filled in
      filled = other.count
      var start = 0
      while start < filled {
        let count = min(LookupScratch.capacity, filled - start)
        for offset in 0..<count {
          let entry = view.address(start + offset)
          scratch.lows[offset] = entry.load(as: UInt64.self)
          scratch.highs[offset] = (entry + 8).load(as: UInt64.self)
          scratch.lengths[offset] = (entry + 16).load(as: UInt32.self)
          scratch.hashes[offset] = (entry + 20).load(as: UInt32.self)
          scratch.texts[offset] = Self.text(at: entry).baseAddress!
        }
        let ids = remap.baseAddress! + start
        let misses = findAll(cells: scratch.texts, lengths: scratch.lengths, count: count, into: ids, scratch)
        var miss = 0
        for offset in 0..<count {
          let missed = miss < misses && Int(scratch.misses[miss]) == offset
          if missed { miss += 1 }
          if UInt32(truncatingIfNeeded: start + offset) == other.nullID {
            ids[offset] = nullEntry()
          } else if missed {
            ids[offset] = resolve(
              scratch.texts[offset], scratch.lengths[offset], at: offset, scratch, copying: false)
          }
        }
        start += count
      }
    }
  }

  /// Passes two and three: ids of the texts that are known, and the list of those that are not or were not found at
  /// their first slot with this hash.
  func findAll(
    cells: UnsafePointer<UnsafePointer<UInt8>>, lengths: UnsafePointer<UInt32>, count: Int,
    into ids: UnsafeMutablePointer<UInt32>, _ scratch: LookupScratch
  ) -> Int {
    let slots = slots
    let shift = UInt32(truncatingIfNeeded: 32 &- slotBits)
    let mask = (1 &<< slotBits) &- 1
    let lows = scratch.lows
    let highs = scratch.highs
    let hashes = scratch.hashes
    // A large table is asked for ahead: a load that waits would stop at the first mispredicted branch.
    let isLarge = slotBits > 12
    if isLarge {
      for cell in 0..<count {
        martlet_prefetch(slots + Int(truncatingIfNeeded: UInt64(hashes[cell]) &>> UInt64(shift)))
      }
    }
    for cell in 0..<count {
      let hash = hashes[cell]
      var index = Int(truncatingIfNeeded: UInt64(hash) &>> UInt64(shift))
      var slot = slots[index]
      while slot != 0 && UInt32(truncatingIfNeeded: slot &>> 32) != hash {
        index = (index &+ 1) & mask
        slot = slots[index]
      }
      ids[cell] = UInt32(truncatingIfNeeded: slot)
    }
    let misses = scratch.misses
    let view = rows.view
    if isLarge {
      for cell in 0..<count where ids[cell] != 0 { martlet_prefetch_write(view.address(ids[cell] &- 1)) }
    }
    var missCount = 0
    for cell in 0..<count {
      let candidate = ids[cell]
      var found = false
      if candidate != 0 {
        let id = candidate &- 1
        let entry = view.address(id)
        let length = lengths[cell]
        if length <= 16 {
          let difference =
            (entry.load(as: UInt64.self) ^ lows[cell]) | ((entry + 8).load(as: UInt64.self) ^ highs[cell])
            | UInt64((entry + 16).load(as: UInt32.self) ^ length)
          found = difference == 0
        } else {
          found =
            (entry + 16).load(as: UInt32.self) == length && memcmp(Self.longText(entry), cells[cell], Int(length)) == 0
        }
        ids[cell] = id
      }
      misses[missCount] = UInt32(truncatingIfNeeded: cell)
      missCount &+= found ? 0 : 1
    }
    return missCount
  }

  /// The id of one text, whose words and hash are at `place` of `scratch`; it is added when it is new.
  func resolve(
    _ text: UnsafePointer<UInt8>, _ length: UInt32, at place: Int, _ scratch: LookupScratch, copying: Bool
  ) -> UInt32 {
    let low = scratch.lows[place]
    let high = scratch.highs[place]
    let hash = scratch.hashes[place]
    let mask = (1 &<< slotBits) &- 1
    var index = Int(truncatingIfNeeded: UInt64(hash) &>> UInt64(32 &- slotBits))
    while true {
      let slot = slots[index]
      if slot == 0 { break }
      if UInt32(truncatingIfNeeded: slot &>> 32) == hash {
        let id = UInt32(truncatingIfNeeded: slot) &- 1
        let entry = rows.view.address(id)
        if (entry + 16).load(as: UInt32.self) == length {
          if length <= 16 {
            if entry.load(as: UInt64.self) == low && (entry + 8).load(as: UInt64.self) == high { return id }
          } else if memcmp(Self.longText(entry), text, Int(length)) == 0 {
            return id
          }
        }
      }
      index = (index &+ 1) & mask
    }
    var second = high
    if length > 16 {
      let kept = copying ? UnsafePointer(texts.copy(text, Int(length))) : text
      second = UInt64(UInt(bitPattern: kept))
    }
    let id = appendEntry(low, second, length, hash)
    slots[index] = UInt64(hash) &<< 32 | UInt64(truncatingIfNeeded: id &+ 1)
    slotted &+= 1
    if slotted &<< Self.spareShift(slotBits) > mask { grow() }
    return UInt32(truncatingIfNeeded: id)
  }

  private func appendEntry(_ low: UInt64, _ high: UInt64, _ length: UInt32, _ hash: UInt32) -> Int {
    let id = rows.append()
    let entry = rows.view.address(id)
    entry.storeBytes(of: low, as: UInt64.self)
    (entry + 8).storeBytes(of: high, as: UInt64.self)
    (entry + 16).storeBytes(of: length, as: UInt32.self)
    (entry + 20).storeBytes(of: hash, as: UInt32.self)
    return id
  }

  /// How much larger the table is than its texts, as a power of two. While it fits the first-level cache, space is
  /// cheaper than the mispredicted branch of a second probe.
  @inline(__always)
  private static func spareShift(_ slotBits: Int) -> Int { slotBits <= 12 ? 3 : slotBits <= 20 ? 2 : 1 }

  /// Makes the table of slots anew, with all texts in it.
  private func rehash() {
    while rows.count &<< Self.spareShift(slotBits) > 1 << slotBits { slotBits += 1 }
    slotted = rows.count
    let mask = (1 << slotBits) - 1
    slots.deallocate()
    slots = .allocate(capacity: 1 << slotBits)
    slots.initialize(repeating: 0, count: 1 << slotBits)
    let view = rows.view
    for id in 0..<rows.count where id != Int(nullID) {
      let hash = UInt64((view.address(id) + 20).load(as: UInt32.self))
      var index = Int(truncatingIfNeeded: hash &>> UInt64(32 - slotBits))
      while slots[index] != 0 { index = (index &+ 1) & mask }
      slots[index] = hash &<< 32 | UInt64(truncatingIfNeeded: id + 1)
    }
  }

  private func grow() {
    let oldCount = 1 << slotBits
    let newBits = slotBits + 1
    let mask = (1 << newBits) - 1
    let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: 1 << newBits)
    larger.initialize(repeating: 0, count: 1 << newBits)
    let shift = UInt64(32 - newBits)
    for old in 0..<oldCount {
      let slot = slots[old]
      if slot == 0 { continue }
      var index = Int(truncatingIfNeeded: (slot &>> 32) &>> shift)
      while larger[index] != 0 { index = (index &+ 1) & mask }
      larger[index] = slot
    }
    slots.deallocate()
    slots = larger
    slotBits = newBits
  }
}

extension UnsafePointer<UInt8> {
  /// The first eight bytes as they lie in an entry.
  fileprivate var loadWord: UInt64 { UnsafeRawPointer(self).loadUnaligned(as: UInt64.self) }
}
