/// The keys of merged groups, as they were written at each group's first occurrence.
///
/// Reads the rows of the parts once for all columns, because they lie anywhere in memory; and keeps addresses rather than
/// objects, because counting references from several threads would cost more than the copies.
struct FirstKeys: ~Copyable {
  private let groups: MergedGroups
  private let count: Int
  private let keyCount: Int
  /// The part of each group's first entry.
  private let parts: UnsafeMutablePointer<UInt32>
  /// The dictionary ids of its keys, column by column.
  private let ids: UnsafeMutablePointer<UInt32>

  init(_ groups: MergedGroups) {
    let count = groups.count
    let keyCount = groups.plan.layout.spec.keyCount
    let parts = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
    let ids = UnsafeMutablePointer<UInt32>.allocate(capacity: count * keyCount)
    let views = groups.plan.parts.map(\.rows.view)
    let entries = groups.entries
    groups.starts.withUnsafeBufferPointer { starts in
      views.withUnsafeBufferPointer { views in
        for group in 0..<count {
          let entry = entries[starts[group]]
          parts[group] = entry.part
          if keyCount == 1 {
            ids[group] = entry.group
          } else if keyCount > 1 {
            let row = views[Int(entry.part)].address(entry.group).assumingMemoryBound(to: UInt32.self)
            for column in 0..<keyCount { ids[column &* count &+ group] = row[column] }
          }
        }
      }
    }
    self.groups = groups
    self.count = count
    self.keyCount = keyCount
    self.parts = parts
    self.ids = ids
  }

  deinit {
    parts.deallocate()
    ids.deallocate()
  }

  private struct Source {
    let view: RowView
    let nullID: UInt32
  }

  /// One key column.
  func column(_ column: Int) -> Column {
    let count = count
    let parts = parts
    let ids = ids + column * count
    let sources = groups.plan.parts.map { part in
      Source(view: part.dictionaries[column].rows.view, nullID: part.dictionaries[column].nullID)
    }
    return sources.withUnsafeBufferPointer { sources in
      var hasNulls = false
      let offsets = [Int](unsafeUninitializedCapacity: count + 1) { offsets, filled in
        filled = count + 1
        var sum = 0
        for group in 0..<count {
          let source = sources[Int(parts[group])]
          offsets[group] = sum
          sum &+= Int((source.view.address(ids[group]) + 16).load(as: UInt32.self))
          if ids[group] == source.nullID { hasNulls = true }
        }
        offsets[count] = sum
      }
      let byteCount = offsets[count]
      let bytes = [UInt8](unsafeUninitializedCapacity: byteCount + 16) { bytes, filled in
        filled = byteCount
        let target = UnsafeMutableRawPointer(bytes.baseAddress!)
        offsets.withUnsafeBufferPointer { offsets in
          for group in 0..<count {
            let entry = sources[Int(parts[group])].view.address(ids[group])
            let start = offsets[group]
            let length = offsets[group &+ 1] &- start
            if length <= 16 {
              // Sixteen bytes at once: what is too much is the next text's place, or the spare room at the end.
              (target + start).storeBytes(of: entry.loadUnaligned(as: UInt64.self), as: UInt64.self)
              (target + start + 8).storeBytes(
                of: entry.loadUnaligned(fromByteOffset: 8, as: UInt64.self), as: UInt64.self)
            } else {
              (target + start).copyMemory(from: TextDictionary.text(at: entry).baseAddress!, byteCount: length)
            }
          }
        }
      }
      var validity: [Bool]?
      if hasNulls {
        validity = [Bool](unsafeUninitializedCapacity: count) { cells, filled in
          filled = count
          for group in 0..<count { cells[group] = ids[group] != sources[Int(parts[group])].nullID }
        }
      }
      return Column(.texts(bytes: bytes, offsets: offsets), validity: validity)
    }
  }
}
