package import MartletBytes

/// Groups as bytes: what they are grouped by and the aggregates; the dictionaries of the keys; the groups' states as they lie in
/// memory, without addresses; the texts that these point to, a list an accumulator; and what stands beside the rows.
extension GroupPartial: PortableValue {
  package static var leastBytes: Int { 8 }

  /// Writes the groups.
  package func write(to writer: inout ByteWriter) {
    guard layout.tuning.topInline == GroupTuning().topInline else {
      return writer.fail("groups with another layout than that of all processes")
    }
    spec.write(to: &writer)
    writer.write(count: recordCount)
    writer.write(count: groupCount)
    for dictionary in dictionaries { dictionary.write(to: &writer) }
    let view = rows.view
    let stateOffset = GroupAccumulator.stateOffset(keyCount: keyCount)
    let idBytes = keyCount > 1 ? keyCount * 4 : 0
    let stateBytes = layout.byteCount
    let textOffsets = layout.textOffsets
    let states = ByteBuffer(capacity: groupCount * (idBytes + stateBytes))
    for group in 0..<groupCount {
      let row = view.address(group)
      let place = UnsafeMutableRawPointer(states.reserve(idBytes + stateBytes))
      place.copyMemory(from: row, byteCount: idBytes)
      let state = place + idBytes
      state.copyMemory(from: row + stateOffset, byteCount: stateBytes)
      // Of an address only whether there is one.
      for offset in textOffsets {
        let text = (row + stateOffset + offset).load(as: TextState.self)
        (state + offset).storeBytes(of: text.address == 0 ? 0 : 1, as: UInt64.self)
        (state + offset + 8).storeBytes(of: UInt64(text.length), as: UInt64.self)
      }
      states.advance(idBytes + stateBytes)
    }
    writer.write(raw: UnsafeRawBufferPointer(states.bytes))
    for offset in textOffsets {
      let texts = ByteBuffer()
      for group in 0..<groupCount {
        let text = (view.address(group) + stateOffset + offset).load(as: TextState.self)
        if text.address != 0 { texts.append(text.bytes) }
      }
      writer.write(texts.bytes)
    }
    nullCounts.write(groupCount, to: &writer)
    turns.write(groupCount, to: &writer)
    for values in collections { values.write(to: &writer) }
  }

  /// Reads what `write(to:)` wrote.
  package convenience init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    let layout = StateLayout(try GroupSpec(from: &reader), tuning: GroupTuning())
    let keyCount = layout.spec.keyCount
    let recordCount = try reader.readNumber()
    let groupCount = try reader.readCount(elementBytes: layout.byteCount)
    try reader.require(keyCount > 0 || groupCount == 1, at: start, "\(groupCount) groups without a key")
    var dictionaries: [TextDictionary] = []
    for _ in 0..<keyCount {
      dictionaries.append(
        try TextDictionary.read(from: &reader, payloadBytes: keyCount == 1 ? layout.byteCount : 0))
    }
    try reader.require(
      keyCount != 1 || dictionaries[0].count == groupCount, at: start, "\(groupCount) groups of other keys")
    let rows: RowStore
    if keyCount == 1 {
      rows = dictionaries[0].rows
    } else {
      rows = RowStore(byteCount: GroupAccumulator.stateOffset(keyCount: keyCount) + layout.byteCount) { _ in }
    }
    let states = GroupStates(layout, dictionaries, recordCount: recordCount)
    let texts = TextStore()
    try states.read(groupCount, into: rows, texts, from: &reader)
    let nullCounts = SideCounts(width: layout.storages.count)
    try states.read(nullCounts, least: 0, of: rows, from: &reader)
    let turns = SideCounts(width: layout.sumCount)
    try states.read(turns, least: -1, of: rows, from: &reader)
    var collections: [CollectedValues] = []
    for kind in layout.collections {
      switch kind {
      case .values(let argument):
        collections.append(
          try CollectedValues.read(
            from: &reader, groupCount: groupCount, isCounted: false, isText: layout.storages[argument] == .texts))
      case .counts(let argument):
        collections.append(
          try CollectedValues.read(
            from: &reader, groupCount: groupCount, isCounted: true, isText: layout.storages[argument] == .texts))
      }
    }
    self.init(
      layout: layout, dictionaries: dictionaries, rows: rows, nullCounts: nullCounts, turns: turns,
      collections: collections, texts: texts, recordCount: recordCount)
  }
}

/// Reads the states of groups.
private struct GroupStates {
  let layout: StateLayout
  let dictionaries: [TextDictionary]
  let recordCount: Int
  let keyCount: Int
  let stateOffset: Int

  init(_ layout: StateLayout, _ dictionaries: [TextDictionary], recordCount: Int) {
    self.layout = layout
    self.dictionaries = dictionaries
    self.recordCount = recordCount
    keyCount = layout.spec.keyCount
    stateOffset = GroupAccumulator.stateOffset(keyCount: keyCount)
  }

  /// Fills the rows, adding them where they are no entries of a dictionary; their texts go to `store`.
  func read(
    _ groupCount: Int, into rows: RowStore, _ store: TextStore, from reader: inout ByteReader
  ) throws(ByteError) {
    let start = reader.offset
    let idBytes = keyCount > 1 ? keyCount * 4 : 0
    let stateBytes = layout.byteCount
    let rowBytes = idBytes + stateBytes
    try reader.require(groupCount <= reader.remaining / rowBytes, at: start, "\(groupCount) groups that are not there")
    let sizes = dictionaries.map { UInt32(clamping: $0.count) }
    let records = Int64(recordCount)
    let isRight = try reader.readRaw(groupCount * rowBytes) { raw in
      var isRight = true
      for group in 0..<groupCount {
        let number = keyCount == 1 ? group : rows.append()
        let row = rows.view.address(number)
        let source = raw.baseAddress! + group * rowBytes
        if keyCount > 1 {
          row.copyMemory(from: source, byteCount: idBytes)
          let ids = row.assumingMemoryBound(to: UInt32.self)
          for column in 0..<keyCount where ids[column] >= sizes[column] { isRight = false }
        }
        let state = row + stateOffset
        state.copyMemory(from: source + idBytes, byteCount: stateBytes)
        let count = state.load(as: Int64.self)
        if count < 0 || count > records { isRight = false }
        for entry in layout.entries {
          switch entry.accumulator {
          case .first, .last:
            let ordinal = (state + entry.offset).load(as: Int64.self)
            if ordinal < -1 || ordinal >= records { isRight = false }
          default: break
          }
        }
      }
      return isRight
    }
    try reader.require(isRight, at: start, "groups of keys or records that are not there")
    for offset in layout.textOffsets { try readTexts(at: offset, groupCount, rows, store, from: &reader) }
  }

  /// Reads the texts of one accumulator and puts their addresses into the rows.
  private func readTexts(
    at offset: Int, _ groupCount: Int, _ rows: RowStore, _ store: TextStore, from reader: inout ByteReader
  ) throws(ByteError) {
    let start = reader.offset
    let byteCount = try reader.readCount(elementBytes: 1)
    let bytes = store.allocate(byteCount)
    try reader.readNumbers(byteCount, into: bytes)
    var place = 0
    for group in 0..<groupCount {
      let cell = rows.view.address(group) + stateOffset + offset
      let isThere = cell.load(as: UInt64.self)
      let length = (cell + 8).load(as: UInt64.self)
      try reader.require(
        isThere == 0 || (isThere == 1 && length <= UInt64(byteCount - place) && length <= UInt64(UInt32.max)),
        at: start, "a text that is not there")
      let text =
        isThere == 0
        ? TextState(address: 0, length: 0, room: 0)
        : TextState(address: UInt(bitPattern: bytes + place), length: UInt32(length), room: 0)
      cell.storeBytes(of: text, as: TextState.self)
      place += Int(text.length)
    }
    try reader.require(place == byteCount, at: start, "texts of no group")
  }

  /// Reads counts, if there are any: a group has none greater than the number of its records, nor less than `least` times that.
  func read(
    _ counts: SideCounts, least: Int64, of rows: RowStore, from reader: inout ByteReader
  ) throws(ByteError) {
    guard try Bool(from: &reader) else { return }
    let start = reader.offset
    let width = counts.width
    let read = try [Int64](raw: &reader, count: rows.count * width)
    var isRight = true
    for group in 0..<rows.count {
      let records = (rows.view.address(group) + stateOffset).load(as: Int64.self)
      for index in 0..<width {
        let count = read[group * width + index]
        if count < least * records || count > records { isRight = false }
      }
    }
    try reader.require(isRight, at: start, "more of a group's records than there are")
    counts.reserve(rows.count).update(from: read, count: read.count)
  }
}

extension StateLayout {
  /// Where in a state the texts of accumulators lie.
  var textOffsets: [Int] {
    entries.compactMap { entry in
      guard entry.storage == .texts else { return nil }
      switch entry.accumulator {
      case .minimum, .maximum: return entry.offset
      case .first, .last: return entry.offset + 8
      default: return nil
      }
    }
  }
}

extension SideCounts {
  /// Writes the counts of so many groups, if there are any.
  fileprivate func write(_ groupCount: Int, to writer: inout ByteWriter) {
    writer.write(byte: isEmpty ? 0 : 1)
    if !isEmpty { writer.write(numbers: UnsafePointer(reserve(groupCount)), count: groupCount * width) }
  }
}
