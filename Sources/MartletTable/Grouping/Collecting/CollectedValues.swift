/// The values of one argument, group by group.
///
/// Those of group `g` are `values[offsets[g]..<offsets[g + 1]]`: every value in file order, or, when counted, each
/// distinct one in ascending order with its count. Doubles are kept as `OrderedDouble`, texts as dictionary ids.
/// Immutable once it is filled.
final class CollectedValues {
  let groupCount: Int
  let isCounted: Bool
  let dictionary: TextDictionary?
  let offsets: UnsafeMutablePointer<Int>
  private(set) var values: UnsafeMutablePointer<Int64>
  private(set) var counts: UnsafeMutablePointer<Int64>?

  init(groupCount: Int, isCounted: Bool, dictionary: TextDictionary?) {
    self.groupCount = groupCount
    self.isCounted = isCounted
    self.dictionary = dictionary
    offsets = .allocate(capacity: groupCount + 2)
    offsets.initialize(repeating: 0, count: groupCount + 2)
    values = .allocate(capacity: 0)
  }

  deinit {
    offsets.deallocate()
    values.deallocate()
    counts?.deallocate()
  }

  var count: Int { offsets[groupCount] }
  var residentBytes: Int {
    (groupCount + 2) * 8 + count * (isCounted ? 16 : 8) + (dictionary?.residentBytes ?? 0)
  }

  /// Turns sizes at `group + 1` into offsets.
  func sumOffsets() {
    var sum = 0
    for group in 0...groupCount {
      sum &+= offsets[group]
      offsets[group] = sum
    }
  }

  /// Takes the room that the offsets ask for.
  func allocate() {
    values.deallocate()
    values = .allocate(capacity: count)
    if isCounted { counts = .allocate(capacity: count) }
  }

  /// Where some of a merge's values come from.
  struct Source {
    let values: CollectedValues?
    /// Its groups in the result; nil where they are the same.
    let groups: [UInt32]?
    /// Its text ids in the result; nil where they are the same or there are none.
    let ids: [UInt32]?

    @inline(__always)
    func group(_ group: Int) -> Int { groups.map { Int($0[group]) } ?? group }
  }

  /// The values of all sources, one source after the other within a group.
  static func joined(_ sources: [Source], groupCount: Int) -> CollectedValues {
    let result = CollectedValues(groupCount: groupCount, isCounted: false, dictionary: nil)
    for source in sources {
      guard let values = source.values else { continue }
      for group in 0..<values.groupCount {
        result.offsets[source.group(group) + 1] &+= values.offsets[group + 1] &- values.offsets[group]
      }
    }
    result.sumOffsets()
    result.allocate()
    var next = [Int](UnsafeBufferPointer(start: result.offsets, count: groupCount))
    for source in sources {
      guard let values = source.values else { continue }
      for group in 0..<values.groupCount {
        let start = values.offsets[group]
        let count = values.offsets[group + 1] - start
        if count == 0 { continue }
        let target = source.group(group)
        (result.values + next[target]).update(from: values.values + start, count: count)
        next[target] += count
      }
    }
    return result
  }

  /// The distinct values of all sources with their counts; a source that is not counted counts one each.
  static func counted(_ sources: [Source], groupCount: Int, dictionary: TextDictionary?) -> CollectedValues {
    let result = CollectedValues(groupCount: groupCount, isCounted: true, dictionary: dictionary)
    var next = [Int](repeating: 0, count: groupCount + 1)
    for source in sources {
      guard let values = source.values else { continue }
      for group in 0..<values.groupCount {
        next[source.group(group) + 1] += values.offsets[group + 1] - values.offsets[group]
      }
    }
    for group in 0..<groupCount { next[group + 1] += next[group] }
    let total = next[groupCount]
    let ends = next
    let pairs = UnsafeMutablePointer<CountedValue>.allocate(capacity: total)
    defer { pairs.deallocate() }
    for source in sources {
      guard let values = source.values else { continue }
      for group in 0..<values.groupCount {
        var place = next[source.group(group)]
        for index in values.offsets[group]..<values.offsets[group + 1] {
          var value = values.values[index]
          if let ids = source.ids { value = Int64(ids[Int(value)]) }
          pairs[place] = CountedValue(value: value, count: values.counts?[index] ?? 1)
          place += 1
        }
        next[source.group(group)] = place
      }
    }
    var longest = 0
    for group in 0..<groupCount { longest = max(longest, ends[group + 1] - ends[group]) }
    let scratch = UnsafeMutablePointer<CountedValue>.allocate(capacity: longest)
    defer { scratch.deallocate() }
    var kept = 0
    for group in 0..<groupCount {
      let start = ends[group]
      let count = ends[group + 1] - start
      // Runs move to the left only, so they never overwrite what is still to be read.
      kept += CountedValue.sortAndCombine(pairs + start, count: count, scratch: scratch, into: pairs + kept)
      result.offsets[group + 1] = kept
    }
    result.allocate()
    for index in 0..<kept {
      result.values[index] = pairs[index].value
      result.counts![index] = pairs[index].count
    }
    return result
  }
}

/// A value and how often it occurred.
struct CountedValue: BitwiseCopyable {
  var value: Int64
  var count: Int64

  /// Sorts by value and adds the counts of equal values up.
  ///
  /// - Parameter target: Takes the result; may be `pairs` itself or memory before it.
  /// - Returns: How many distinct values there are.
  static func sortAndCombine(
    _ pairs: UnsafeMutablePointer<CountedValue>, count: Int, scratch: UnsafeMutablePointer<CountedValue>,
    into target: UnsafeMutablePointer<CountedValue>
  ) -> Int {
    if count == 0 { return 0 }
    radixSort(pairs, scratch: scratch, count: count) { unsignedOrder($0.value) }
    var kept = 0
    var current = pairs[0]
    for index in 1..<count {
      let pair = pairs[index]
      if pair.value == current.value {
        current.count &+= pair.count
      } else {
        target[kept] = current
        kept &+= 1
        current = pair
      }
    }
    target[kept] = current
    return kept + 1
  }
}
