/// Collects the values of one argument, each with its group, while a partition is scanned.
///
/// What waits is kept in chunks of group and value (12 bytes a record) that are never copied to grow. For quantiles all
/// of it stays until `finish`; for counted values it is compacted into distinct values and their counts whenever
/// more waits than is already compacted, so that few distinct values never take the memory of many records.
final class ValueCollection {
  private static let chunkShift = 15
  private static let chunkSize = 1 << chunkShift

  let kind: CollectionKind
  let argument: Int
  private let storage: StorageClass
  private let isCounted: Bool
  private let pendingLimit: Int
  /// Ids of texts; nil for other types.
  private let dictionary: TextDictionary?
  private var groupChunks: [UnsafeMutablePointer<UInt32>] = []
  private var valueChunks: [UnsafeMutablePointer<Int64>] = []
  private var lastCount = 0
  private var compacted: CollectedValues?

  init(kind: CollectionKind, storage: StorageClass, tuning: GroupTuning) {
    self.kind = kind
    self.storage = storage
    pendingLimit = tuning.pendingValues
    switch kind {
    case .values(let argument):
      self.argument = argument
      isCounted = false
    case .counts(let argument):
      self.argument = argument
      isCounted = true
    }
    dictionary = storage == .texts ? TextDictionary(payloadBytes: 0, tuning: tuning) : nil
  }

  deinit { releaseChunks() }

  private func releaseChunks() {
    for chunk in groupChunks { chunk.deallocate() }
    for chunk in valueChunks { chunk.deallocate() }
    groupChunks = []
    valueChunks = []
    lastCount = 0
  }

  private var pendingCount: Int { max(groupChunks.count - 1, 0) * Self.chunkSize + lastCount }

  var residentBytes: Int {
    pendingCount * 12 + (compacted?.residentBytes ?? 0) + (dictionary?.residentBytes ?? 0)
  }

  /// Takes the values of records `start..<start + count`, at most `LookupScratch.capacity`.
  func append(
    _ vector: Vector, from start: Int, count: Int, groups: UnsafePointer<UInt32>, groupCount: Int,
    _ scratch: LookupScratch, ids: UnsafeMutablePointer<UInt32>
  ) {
    if groupChunks.isEmpty || lastCount + count > Self.chunkSize {
      if isCounted, pendingCount >= max(pendingLimit, 2 * (compacted?.count ?? 0), groupCount) {
        compacted = compact(groupCount: groupCount)
      }
      addChunk()
    }
    var filled = lastCount
    let chunkGroups = groupChunks[groupChunks.count - 1]
    let chunkValues = valueChunks[valueChunks.count - 1]
    // Written without a branch: a null's place is taken by the next value. The chunk has one spare place.
    let hasNulls = vector.hasNulls
    switch storage {
    case .ints:
      for record in 0..<count {
        chunkGroups[filled] = groups[record]
        chunkValues[filled] = vector.ints[start &+ record]
        filled &+= hasNulls && vector.valid[start &+ record] == 0 ? 0 : 1
      }
    case .doubles:
      let equalZeros = isCounted
      for record in 0..<count {
        let value = vector.doubles[start &+ record]
        chunkGroups[filled] = groups[record]
        chunkValues[filled] = equalZeros ? OrderedDouble.encodeEqualZeros(value) : OrderedDouble.encode(value)
        filled &+= hasNulls && vector.valid[start &+ record] == 0 ? 0 : 1
      }
    case .texts:
      dictionary!.lookup(vector, from: start, count: count, into: ids, scratch)
      for record in 0..<count {
        chunkGroups[filled] = groups[record]
        chunkValues[filled] = Int64(ids[record])
        filled &+= hasNulls && vector.valid[start &+ record] == 0 ? 0 : 1
      }
    case .nothing: break
    }
    lastCount = filled
  }

  private func addChunk() {
    if !groupChunks.isEmpty && lastCount < Self.chunkSize {
      // The rest of a chunk that the next batch did not fit into is filled with a group that does not exist.
      (groupChunks[groupChunks.count - 1] + lastCount).update(repeating: .max, count: Self.chunkSize - lastCount)
    }
    groupChunks.append(.allocate(capacity: Self.chunkSize + 1))
    valueChunks.append(.allocate(capacity: Self.chunkSize + 1))
    lastCount = 0
  }

  /// What was collected, by group; the collection is empty afterwards.
  func finish(groupCount: Int) -> CollectedValues {
    dictionary?.freeze()
    return isCounted ? compact(groupCount: groupCount) : sortedByGroup(groupCount: groupCount)
  }

  /// Counting sort by group.
  private func sortedByGroup(groupCount: Int) -> CollectedValues {
    let result = CollectedValues(groupCount: groupCount, isCounted: false, dictionary: dictionary)
    let offsets = result.offsets
    forEachChunk { groups, _, count in
      for index in 0..<count where groups[index] != .max { offsets[Int(groups[index]) &+ 1] &+= 1 }
    }
    result.sumOffsets()
    result.allocate()
    let values = result.values
    withUnsafeTemporaryAllocation(of: Int.self, capacity: max(groupCount, 1)) { next in
      next.baseAddress!.update(from: offsets, count: groupCount)
      let next = next.baseAddress!
      forEachChunk { groups, chunkValues, count in
        for index in 0..<count where groups[index] != .max {
          let group = Int(groups[index])
          values[next[group]] = chunkValues[index]
          next[group] &+= 1
        }
      }
    }
    releaseChunks()
    return result
  }

  private func forEachChunk(_ body: (UnsafePointer<UInt32>, UnsafePointer<Int64>, Int) -> Void) {
    for index in groupChunks.indices {
      let isLast = index == groupChunks.count - 1
      body(groupChunks[index], valueChunks[index], isLast ? lastCount : Self.chunkSize)
    }
  }

  /// Distinct values with counts, of what waits and what was compacted before.
  private func compact(groupCount: Int) -> CollectedValues {
    let waiting = sortedByGroup(groupCount: groupCount)
    return CollectedValues.counted(
      [CollectedValues.Source(values: compacted, groups: nil, ids: nil), .init(values: waiting, groups: nil, ids: nil)]
        .filter { $0.values != nil },
      groupCount: groupCount, dictionary: dictionary)
  }
}
