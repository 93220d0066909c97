/// The key columns of merged groups, as each key was written at its group's first occurrence.
///
/// A group's number says its ranks, and a rank its text, so the rows of the parts need not be read again; except where
/// a rank stands for several texts.
///
/// Loops over addresses rather than objects: counting references from several threads would cost more than the copies.
struct KeyColumns {
  private let groups: MergedGroups
  private let order: GroupOrder

  init(_ groups: MergedGroups, _ order: GroupOrder) {
    self.groups = groups
    self.order = order
  }

  /// A key column, copied.
  func column(_ column: Int) -> Column {
    if let keys = rankedKeys(column) { return Self.copy(keys, count: groups.count) }
    return withWrittenKeys(column) { Self.copy($0, count: groups.count) }
  }

  /// Puts the keys of the groups `rows`, at most a batch, into a vector; their bytes stay in the dictionaries.
  func fill(_ column: Int, _ rows: Range<Int>, into vector: Vector) {
    vector.type = .text
    vector.count = rows.count
    vector.isPlain = order.isPlain(column)
    if let keys = rankedKeys(column) {
      Self.fill(keys, rows, into: vector)
    } else {
      withWrittenKeys(column) { Self.fill($0, rows, into: vector) }
    }
  }

  /// The keys of a column by their ranks; nil where the ranks do not tell.
  private func rankedKeys(_ column: Int) -> RankedKeys? {
    guard let (shift, mask) = order.digits(of: column) else { return nil }
    let ranking = order.rankings[column]
    return RankedKeys(
      entries: groups.entries, starts: groups.starts, shift: shift, mask: mask, ranked: ranking.entries,
      nullRank: ranking.nullRank.map { UInt64($0) } ?? .max)
  }

  private func withWrittenKeys<Result>(_ column: Int, _ body: (WrittenKeys) -> Result) -> Result {
    let sources = groups.plan.parts.map { part in
      WrittenKeys.Source(
        rows: part.rows.view, entries: part.dictionaries[column].rows.view, nullID: part.dictionaries[column].nullID)
    }
    return sources.withUnsafeBufferPointer { sources in
      body(
        WrittenKeys(
          entries: groups.entries, starts: groups.starts, sources: sources.baseAddress!,
          column: groups.plan.layout.spec.keyCount == 1 ? nil : column))
    }
  }

  /// Where nulls are, the entry is an empty text.
  @inline(__always)
  private static func fill(_ keys: some KeyEntries, _ rows: Range<Int>, into vector: Vector) {
    let texts = vector.texts
    let lengths = vector.lengths
    let valid = vector.valid
    var nullCount = 0
    for row in 0..<rows.count {
      let (address, isNull) = keys.entry(rows.lowerBound &+ row)
      let text = TextDictionary.text(at: address)
      texts[row] = text.baseAddress!
      lengths[row] = UInt32(truncatingIfNeeded: text.count)
      valid[row] = isNull ? 0 : 1
      nullCount &+= isNull ? 1 : 0
    }
    vector.hasNulls = nullCount > 0
  }

  @inline(__always)
  private static func copy(_ keys: some KeyEntries, count: Int) -> Column {
    let addresses = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: count)
    defer { addresses.deallocate() }
    var nullCount = 0
    let offsets = [Int](unsafeUninitializedCapacity: count + 1) { offsets, filled in
      filled = count + 1
      var sum = 0
      for group in 0..<count {
        let (address, isNull) = keys.entry(group)
        (addresses + group).initialize(to: address)
        nullCount &+= isNull ? 1 : 0
        offsets[group] = sum
        sum &+= Int((address + 16).load(as: UInt32.self))
      }
      offsets[count] = sum
    }
    let byteCount = offsets[count]
    let bytes = [UInt8](unsafeUninitializedCapacity: byteCount + 16) { bytes, filled in
      filled = byteCount
      let target = UnsafeMutableRawPointer(bytes.baseAddress!)
      offsets.withUnsafeBufferPointer { offsets in
        for group in 0..<count {
          let address = addresses[group]
          let start = offsets[group]
          let length = offsets[group &+ 1] &- start
          if length <= 16 {
            // Sixteen bytes at once: what is too much is the next text's place, or the spare room at the end.
            (target + start).storeBytes(of: address.loadUnaligned(as: UInt64.self), as: UInt64.self)
            (target + start + 8).storeBytes(
              of: address.loadUnaligned(fromByteOffset: 8, as: UInt64.self), as: UInt64.self)
          } else {
            (target + start).copyMemory(from: TextDictionary.text(at: address).baseAddress!, byteCount: length)
          }
        }
      }
    }
    var validity: [Bool]?
    if nullCount > 0 { validity = (0..<count).map { !keys.entry($0).isNull } }
    return Column(.texts(bytes: bytes, offsets: offsets), validity: validity)
  }
}

/// The dictionary entries of the keys of one column, group by group.
private protocol KeyEntries {
  func entry(_ group: Int) -> (address: UnsafeMutableRawPointer, isNull: Bool)
}

/// Keys that a group's number tells.
private struct RankedKeys: KeyEntries {
  let entries: UnsafePointer<GroupPlacement.Entry>
  let starts: UnsafePointer<Int>
  let shift: UInt64
  let mask: UInt64
  let ranked: RankedEntries
  let nullRank: UInt64

  @inline(__always)
  func entry(_ group: Int) -> (address: UnsafeMutableRawPointer, isNull: Bool) {
    let rank = (entries[starts[group]].number >> shift) & mask
    return (ranked.address(Int(truncatingIfNeeded: rank)), rank == nullRank)
  }
}

/// Keys as they stand in the part where the group occurred first.
private struct WrittenKeys: KeyEntries {
  struct Source {
    let rows: RowView
    let entries: RowView
    let nullID: UInt32
  }

  let entries: UnsafePointer<GroupPlacement.Entry>
  let starts: UnsafePointer<Int>
  let sources: UnsafePointer<Source>
  /// Which of the ids in a row; nil where the group is the id.
  let column: Int?

  @inline(__always)
  func entry(_ group: Int) -> (address: UnsafeMutableRawPointer, isNull: Bool) {
    let entry = entries[starts[group]]
    let source = sources[Int(entry.part)]
    let id = column.map { source.rows.address(entry.group).assumingMemoryBound(to: UInt32.self)[$0] } ?? entry.group
    return (source.entries.address(id), id == source.nullID)
  }
}
