/// Groups the records of one partition and accumulates their aggregates.
///
/// Fed with batches in file order, by one task. Costs no allocation a record: memory grows with the groups, and with
/// the values of those aggregates that need them all (`median`, `quantile`, `mode`, `countDistinct`, a long `top`).
package final class GroupAccumulator {
  let layout: StateLayout
  let keyCount: Int
  /// A dictionary a key column. With one key column its entries carry the group's state.
  let dictionaries: [TextDictionary]
  /// Groups of several key columns.
  let table: GroupTable?
  /// The one group there is without keys.
  let single: RowStore?
  let nullCounts: SideCounts
  /// How often the sums of ints went over.
  let turns: SideCounts
  private var collections: [ValueCollection]
  /// Collected values of absorbed partials, a list a collection; used instead of `collections` in a merge.
  private var absorbed: [[CollectedValues.Source]]
  private var absorbedDictionaries: [TextDictionary?]
  let texts = TextStore()
  private var retained: [AnyObject] = []
  private var retainedBytes = 0
  private(set) var recordCount = 0

  let scratch = LookupScratch()
  private let ids: UnsafeMutablePointer<UInt32>
  /// Of the records at hand.
  let groups: UnsafeMutablePointer<UInt32>
  private let states: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let sizes: UnsafeMutablePointer<Int>

  /// - Throws: `TableError` (`.invalidQuery`) when the aggregates do not fit their arguments.
  package convenience init(_ spec: GroupSpec) throws(TableError) {
    try self.init(spec, tuning: GroupTuning())
  }

  package init(_ spec: GroupSpec, tuning: GroupTuning) throws(TableError) {
    try spec.validate()
    let layout = StateLayout(spec, tuning: tuning)
    self.layout = layout
    keyCount = spec.keyCount
    if spec.keyCount == 1 {
      dictionaries = [TextDictionary(payloadBytes: layout.byteCount, tuning: tuning, prepare: layout.prepare)]
    } else {
      dictionaries = (0..<spec.keyCount).map { _ in TextDictionary(payloadBytes: 0, tuning: tuning) }
    }
    table =
      spec.keyCount < 2
      ? nil
      : GroupTable(
        keyCount: spec.keyCount, stateBytes: layout.byteCount, tuning: tuning, prepare: layout.prepare)
    if spec.keyCount == 0 {
      let rows = RowStore(byteCount: layout.byteCount, prepare: layout.prepare)
      _ = rows.append()
      single = rows
    } else {
      single = nil
    }
    nullCounts = SideCounts(width: spec.argumentTypes.count)
    turns = SideCounts(width: layout.sumCount)
    collections = layout.collections.map { kind in
      let argument =
        switch kind {
        case .values(let argument), .counts(let argument): argument
        }
      return ValueCollection(kind: kind, storage: layout.storages[argument], tuning: tuning)
    }
    absorbed = layout.collections.map { _ in [] }
    absorbedDictionaries = collections.map {
      layout.storages[$0.argument] == .texts ? TextDictionary(payloadBytes: 0, tuning: tuning) : nil
    }
    ids = .allocate(capacity: LookupScratch.capacity * max(spec.keyCount, 1))
    groups = .allocate(capacity: LookupScratch.capacity)
    groups.initialize(repeating: 0, count: LookupScratch.capacity)
    states = .allocate(capacity: LookupScratch.capacity)
    sizes = .allocate(capacity: max(spec.keyCount, 1))
  }

  deinit {
    ids.deallocate()
    groups.deallocate()
    states.deallocate()
    sizes.deallocate()
  }

  /// How many groups there are by now.
  package var groupCount: Int { rows.count }

  /// Bytes that this accumulator holds by now; cheap enough to be asked for every batch.
  package var residentBytes: Int {
    var bytes = nullCounts.residentBytes + turns.residentBytes + texts.residentBytes + retainedBytes
    for dictionary in dictionaries { bytes += dictionary.residentBytes }
    if let table { bytes += table.residentBytes }
    for collection in collections { bytes += collection.residentBytes }
    return bytes
  }

  var rows: RowStore { single ?? table?.rows ?? dictionaries[0].rows }
  var stateOffset: Int { Self.stateOffset(keyCount: keyCount) }

  /// Where in a row the state begins: behind the dictionary entry, or behind the ids of several keys.
  static func stateOffset(keyCount: Int) -> Int {
    keyCount == 0 ? 0 : keyCount == 1 ? TextDictionary.payloadOffset : (keyCount + 1) / 2 * 8
  }

  /// Adds `count` records.
  ///
  /// - Parameters:
  ///   - keys: A text vector a key column: the raw bytes of the cells. Null is a key of its own.
  ///   - arguments: A vector for each of `GroupSpec.argumentTypes`, of that type.
  /// - Throws: `TableError` (`.memoryExceeded`) when there are more groups than 32 bits can number.
  package func consume(keys: [Vector], arguments: [Vector], count: Int) throws(TableError) {
    var start = 0
    while start < count {
      let step = min(LookupScratch.capacity, count - start)
      findGroups(keys, from: start, count: step)
      let states = locate(groups, count: step)
      countRecords(states, count: step)
      for entry in layout.entries {
        update(entry, arguments, from: start, states: states, count: step)
      }
      for (argument, vector) in arguments.enumerated() where vector.hasNulls {
        countNulls(vector, argument: argument, from: start, count: step)
      }
      if !collections.isEmpty {
        let groupCount = rows.count
        for collection in collections {
          collection.append(
            arguments[collection.argument], from: start, count: step, groups: groups, groupCount: groupCount, scratch,
            ids: ids)
        }
      }
      recordCount &+= step
      start &+= step
    }
    try checkGroupCount()
  }

  private func checkGroupCount() throws(TableError) {
    var most = rows.count
    for dictionary in dictionaries { most = max(most, dictionary.count) }
    guard most < Int(UInt32.max) - Batch.capacity else {
      throw TableError(
        .memoryExceeded, "the grouping has more than \(most) groups, which is more than can be numbered",
        remedy: "group by fewer columns, or by an expression with fewer values")
    }
  }

  /// Writes the groups of the records to `groups`.
  private func findGroups(_ keys: [Vector], from start: Int, count: Int) {
    if keyCount == 0 { return }
    guard let table else {
      dictionaries[0].lookup(keys[0], from: start, count: count, into: groups, scratch)
      return
    }
    for column in 0..<keyCount {
      let dictionary = dictionaries[column]
      dictionary.lookup(
        keys[column], from: start, count: count, into: ids + column * LookupScratch.capacity, scratch)
      sizes[column] = dictionary.count
    }
    table.lookup(ids, sizes: sizes, count: count, into: groups, mayRepeat: true)
  }

  /// The addresses of the groups' states, valid until the next group is added.
  private func locate(
    _ groups: UnsafePointer<UInt32>, count: Int
  ) -> UnsafePointer<UnsafeMutableRawPointer> {
    let states = states
    let view = rows.view
    let offset = stateOffset
    for record in 0..<count {
      (states + record).initialize(to: view.address(groups[record]) + offset)
    }
    return UnsafePointer(states)
  }

  private func countRecords(_ states: UnsafePointer<UnsafeMutableRawPointer>, count: Int) {
    if keyCount == 0 {
      states[0].assumingMemoryBound(to: Int64.self).pointee &+= Int64(count)
      return
    }
    for record in 0..<count { states[record].assumingMemoryBound(to: Int64.self).pointee &+= 1 }
  }

  private func countNulls(_ vector: Vector, argument: Int, from start: Int, count: Int) {
    if layout.storages[argument] == .nothing { return }
    let argumentCount = layout.storages.count
    let counts = nullCounts.reserve(rows.count) + argument
    let valid = vector.valid + start
    for record in 0..<count where valid[record] == 0 {
      counts[Int(groups[record]) &* argumentCount] &+= 1
    }
  }

  /// Adds all groups of a partial: what stands behind `GroupPartial.merge`. Never mixed with `consume`.
  func absorb(_ part: GroupPartial) throws(TableError) {
    var remaps: [[UInt32]] = []
    for column in 0..<keyCount { remaps.append(dictionaries[column].absorb(part.dictionaries[column], scratch)) }
    var groupMap = [UInt32](repeating: 0, count: part.groupCount)
    let partRows = part.rows.view
    let partOffset = stateOffset
    let sources = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: LookupScratch.capacity)
    defer { sources.deallocate() }
    let shifts = [Int64](repeating: Int64(recordCount), count: LookupScratch.capacity)
    var start = 0
    while start < part.groupCount {
      let step = min(LookupScratch.capacity, part.groupCount - start)
      for index in 0..<step { (sources + index).initialize(to: partRows.address(start + index) + partOffset) }
      if let table {
        for column in 0..<keyCount {
          let columnIDs = ids + column * LookupScratch.capacity
          for index in 0..<step { columnIDs[index] = remaps[column][Int(part.keyID(start + index, column: column))] }
          sizes[column] = dictionaries[column].count
        }
        table.lookup(ids, sizes: sizes, count: step, into: groups)
      } else if keyCount == 1 {
        for index in 0..<step { groups[index] = remaps[0][start + index] }
      }
      for index in 0..<step { groupMap[start + index] = groups[index] }
      let states = locate(groups, count: step)
      let turns = turns
      layout.merge(from: sources, into: states, count: step, ordinalShifts: shifts) { pair, sum, turn in
        turns.reserve(rows.count)[Int(groups[pair]) * turns.width + sum] &+= turn
      }
      start += step
    }
    nullCounts.add(part.nullCounts, groupMap, groupCount: rows.count)
    turns.add(part.turns, groupMap, groupCount: rows.count)
    for (index, values) in part.collections.enumerated() {
      let ids = values.dictionary.map { absorbedDictionaries[index]!.absorb($0, scratch) }
      absorbed[index].append(.init(values: values, groups: keyCount == 0 ? nil : groupMap, ids: ids))
    }
    retained.append(part.texts)
    retained.append(contentsOf: part.retained)
    retainedBytes += part.texts.residentBytes + part.retainedBytes
    recordCount += part.recordCount
    try checkGroupCount()
  }

  /// What was accumulated. The accumulator is used up.
  package func finish() -> GroupPartial {
    var collected: [CollectedValues] = []
    let groupCount = rows.count
    for (index, collection) in collections.enumerated() {
      if absorbed[index].isEmpty {
        collected.append(collection.finish(groupCount: groupCount))
        continue
      }
      if case .values = collection.kind {
        collected.append(.joined(absorbed[index], groupCount: groupCount))
      } else {
        let dictionary = absorbedDictionaries[index]
        dictionary?.freeze()
        collected.append(.counted(absorbed[index], groupCount: groupCount, dictionary: dictionary))
      }
    }
    collections = []
    for dictionary in dictionaries { dictionary.freeze() }
    table?.freeze()
    return GroupPartial(self, collections: collected, retained: retained, retainedBytes: retainedBytes)
  }
}
