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

  func column(_ column: Int) -> Column {
    let count = groups.count
    let entries = groups.entries
    return groups.starts.withUnsafeBufferPointer { starts in
      if let (shift, mask) = order.digits(of: column) {
        let ranking = order.rankings[column]
        let nullRank = ranking.nullRank.map { UInt64($0) } ?? .max
        return ranking.withEntries { ranked in
          Self.gather(count) { group in
            let rank = (entries[starts[group]].number >> shift) & mask
            return (ranked.address(Int(truncatingIfNeeded: rank)), rank == nullRank)
          }
        }
      }
      let keyCount = groups.plan.layout.spec.keyCount
      let sources = groups.plan.parts.map { part in
        Source(
          rows: part.rows.view, entries: part.dictionaries[column].rows.view,
          nullID: part.dictionaries[column].nullID)
      }
      return sources.withUnsafeBufferPointer { sources in
        Self.gather(count) { group in
          let entry = entries[starts[group]]
          let source = sources[Int(entry.part)]
          let id =
            keyCount == 1
            ? entry.group : source.rows.address(entry.group).assumingMemoryBound(to: UInt32.self)[column]
          return (source.entries.address(id), id == source.nullID)
        }
      }
    }
  }

  private struct Source {
    let rows: RowView
    let entries: RowView
    let nullID: UInt32
  }

  /// A column of the texts of dictionary entries.
  @inline(__always)
  private static func gather(
    _ count: Int, _ entry: (Int) -> (address: UnsafeMutableRawPointer, isNull: Bool)
  ) -> Column {
    let addresses = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: count)
    defer { addresses.deallocate() }
    var nullCount = 0
    let offsets = [Int](unsafeUninitializedCapacity: count + 1) { offsets, filled in
      filled = count + 1
      var sum = 0
      for group in 0..<count {
        let (address, isNull) = entry(group)
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
    if nullCount > 0 {
      validity = [Bool](unsafeUninitializedCapacity: count) { cells, filled in
        filled = count
        for group in 0..<count { cells[group] = !entry(group).isNull }
      }
    }
    return Column(.texts(bytes: bytes, offsets: offsets), validity: validity)
  }
}
