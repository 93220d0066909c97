import MartletSystem

extension TextDictionary {
  /// Looks texts up by their numbers, and those without one as ever.
  func lookupNumbers(
    _ index: DecimalIndex, _ vector: Vector, from start: Int, count: Int, into ids: UnsafeMutablePointer<UInt32>,
    _ scratch: LookupScratch
  ) {
    let cells = vector.texts + start
    let lengths = vector.lengths + start
    let places = scratch.places
    index.places(cells, lengths, count: count, into: places)
    if vector.hasNulls {
      let none = UInt32(truncatingIfNeeded: index.size)
      for cell in 0..<count where vector.valid[start + cell] == 0 { places[cell] = none }
    }
    let table = index.table
    let isLarge = index.size > 1 << 17
    if isLarge { for cell in 0..<count { martlet_prefetch(table + Int(places[cell])) } }
    let pending = scratch.pending
    let view = rows.view
    var pendingCount = 0
    if hasPayload && rows.count > 1 << 9 {
      for cell in 0..<count {
        let id = table[Int(places[cell])]
        ids[cell] = id &- 1
        if id != 0 { martlet_prefetch_write(view.address(id &- 1)) }
        pending[pendingCount] = UInt32(truncatingIfNeeded: cell)
        pendingCount &+= id == 0 ? 1 : 0
      }
    } else {
      for cell in 0..<count {
        let id = table[Int(places[cell])]
        ids[cell] = id &- 1
        pending[pendingCount] = UInt32(truncatingIfNeeded: cell)
        pendingCount &+= id == 0 ? 1 : 0
      }
    }
    let rest = pendingCount == 0 ? 0 : resolvePending(index, vector, from: start, pendingCount, into: ids, scratch)
    if index.isWorth(count: count, rest: rest) { index.grow(rows) } else { forgetNumbers() }
  }

  /// Finds or adds what has no entry in the table, in order of the cells.
  ///
  /// - Returns: How many cells have no place in the table.
  private func resolvePending(
    _ index: DecimalIndex, _ vector: Vector, from start: Int, _ pendingCount: Int,
    into ids: UnsafeMutablePointer<UInt32>, _ scratch: LookupScratch
  ) -> Int {
    let pending = scratch.pending
    let places = scratch.places
    let size = UInt32(truncatingIfNeeded: index.size)
    var rest = 0
    for position in 0..<pendingCount {
      let cell = Int(pending[position])
      if places[cell] < size { continue }
      scratch.texts[rest] = vector.texts[start + cell]
      scratch.lengths[rest] = vector.lengths[start + cell]
      rest += 1
    }
    var misses = 0
    if rest > 0 {
      hash(scratch.texts, scratch.lengths, rest, scratch)
      misses = findAll(
        cells: scratch.texts, lengths: scratch.lengths, count: rest, into: scratch.found, scratch)
    }
    var next = 0
    var miss = 0
    for position in 0..<pendingCount {
      let cell = Int(pending[position])
      let place = places[cell]
      let text = vector.texts[start + cell]
      let length = vector.lengths[start + cell]
      if place < size {
        var id = index.table[Int(place)]
        if id == 0 {
          id = UInt32(truncatingIfNeeded: append(text, length) + 1)
          index.table[Int(place)] = id
        }
        ids[cell] = id - 1
        continue
      }
      let isMissing = miss < misses && Int(scratch.misses[miss]) == next
      if isMissing { miss += 1 }
      if vector.hasNulls && vector.valid[start + cell] == 0 {
        ids[cell] = nullEntry()
      } else {
        ids[cell] = isMissing ? resolve(text, length, at: next, scratch, copying: true) : scratch.found[next]
      }
      next += 1
    }
    return rest
  }
}
