/// How often each text of a column occurs: for the most frequent values, and for the statistics of text columns.
///
/// Fed by one task, in batches.
package final class TextCounts {
  private let dictionary: TextDictionary
  private let scratch: LookupScratch
  private let ids: UnsafeMutablePointer<UInt32>

  package convenience init() { self.init(tuning: GroupTuning(), scratch: LookupScratch()) }

  init(tuning: GroupTuning, scratch: LookupScratch) {
    dictionary = TextDictionary(payloadBytes: 8, tuning: tuning)
    self.scratch = scratch
    ids = .allocate(capacity: LookupScratch.capacity)
  }

  deinit { ids.deallocate() }

  package var residentBytes: Int { dictionary.residentBytes }

  /// Adds the cells of a text vector; null is a value of its own.
  package func consume(_ vector: Vector, count: Int) {
    var start = 0
    while start < count {
      let step = min(LookupScratch.capacity, count - start)
      dictionary.lookup(vector, from: start, count: step, into: ids, scratch)
      let view = dictionary.rows.view
      for cell in 0..<step {
        (view.address(ids[cell]) + TextDictionary.payloadOffset).assumingMemoryBound(to: Int64.self).pointee &+= 1
      }
      start += step
    }
  }

  /// What was counted; the counter is used up.
  package func finish() -> TextCountsPartial {
    dictionary.freeze()
    return TextCountsPartial(dictionary)
  }

  fileprivate func absorb(_ part: TextCountsPartial) {
    let remap = dictionary.absorb(part.dictionary, scratch)
    for id in remap.indices {
      let place = dictionary.rows.view.address(remap[id]) + TextDictionary.payloadOffset
      place.assumingMemoryBound(to: Int64.self).pointee &+= part.count(id)
    }
  }

  /// The counts of all parts together, in any order.
  package static func merge(_ parts: [TextCountsPartial]) -> TextCountsPartial {
    if parts.count == 1 { return parts[0] }
    let target = TextCounts()
    for part in parts { target.absorb(part) }
    return target.finish()
  }
}

/// A value with how often it occurs.
package struct FrequentValue: Hashable, Sendable {
  /// The bytes of the cell; nil for null.
  package var value: [UInt8]?
  package var count: Int64
}

/// Distinct texts with their counts. Immutable.
// Sendable: nothing changes after `TextCounts.finish()`.
package final class TextCountsPartial: @unchecked Sendable {
  let dictionary: TextDictionary

  init(_ dictionary: TextDictionary) { self.dictionary = dictionary }

  package var residentBytes: Int { dictionary.residentBytes }
  /// How many distinct values there are, null not counted.
  package var distinctCount: Int { dictionary.count - (dictionary.nullID == TextDictionary.noID ? 0 : 1) }
  package var nullCount: Int64 { dictionary.nullID == TextDictionary.noID ? 0 : count(Int(dictionary.nullID)) }
  /// How many cells were counted, nulls too.
  package var cellCount: Int64 { (0..<dictionary.count).reduce(0) { $0 + count($1) } }

  @inline(__always)
  func count(_ id: Int) -> Int64 {
    (dictionary.rows.view.address(id) + TextDictionary.payloadOffset).load(as: Int64.self)
  }

  /// The `limit` most frequent values, the most frequent first; equally frequent ones by their bytes, null last.
  package func mostFrequent(_ limit: Int) -> [FrequentValue] {
    var ids = Array(0..<dictionary.count)
    if ids.count > limit && limit >= 0 {
      // The count of the last one that can be among them, so that only few are compared by their bytes.
      var counts = ids.map { count($0) }
      counts.withUnsafeMutableBufferPointer { counts in
        Quantile.select(counts.baseAddress!, count: counts.count, rank: counts.count - max(limit, 1))
      }
      let least = counts[counts.count - max(limit, 1)]
      ids = ids.filter { count($0) >= least }
    }
    ids.sort { left, right in
      let leftCount = count(left)
      let rightCount = count(right)
      if leftCount != rightCount { return leftCount > rightCount }
      if left == Int(dictionary.nullID) { return false }
      if right == Int(dictionary.nullID) { return true }
      return compareTexts(dictionary.text(left), dictionary.text(right)) < 0
    }
    return ids.prefix(max(limit, 0)).map { id in
      FrequentValue(value: id == Int(dictionary.nullID) ? nil : Array(dictionary.text(id)), count: count(id))
    }
  }

  /// The least and the greatest text by their bytes, and the fewest and most characters; nil without texts.
  ///
  /// Characters are Unicode scalars, counted as the bytes that do not continue one; so a byte that is no UTF-8 counts
  /// too, and the result never depends on a table of graphemes.
  func extremes() -> (minimum: [UInt8], maximum: [UInt8], shortest: Int, longest: Int)? {
    var least = -1
    var greatest = -1
    var shortest = Int.max
    var longest = 0
    for id in 0..<dictionary.count where id != Int(dictionary.nullID) {
      let text = dictionary.text(id)
      var characters = 0
      for byte in text { characters &+= byte & 0xc0 != 0x80 ? 1 : 0 }
      shortest = min(shortest, characters)
      longest = max(longest, characters)
      if least < 0 {
        least = id
        greatest = id
        continue
      }
      if compareTexts(text, dictionary.text(least)) < 0 { least = id }
      if compareTexts(text, dictionary.text(greatest)) > 0 { greatest = id }
    }
    if least < 0 { return nil }
    return (Array(dictionary.text(least)), Array(dictionary.text(greatest)), shortest, longest)
  }
}
