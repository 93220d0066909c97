import MartletBytes

extension CollectedValues {
  /// Writes the values as they lie in memory.
  func write(to writer: inout ByteWriter) {
    writer.write(numbers: UnsafePointer(offsets), count: groupCount + 1)
    writer.write(numbers: UnsafePointer(values), count: count)
    if let counts { writer.write(numbers: UnsafePointer(counts), count: count) }
    dictionary?.write(to: &writer)
  }

  /// Reads what `write(to:)` wrote of as many groups.
  static func read(
    from reader: inout ByteReader, groupCount: Int, isCounted: Bool, isText: Bool
  ) throws(ByteError) -> CollectedValues {
    let start = reader.offset
    try reader.require(groupCount < reader.remaining / 8, at: start, "fewer values than groups")
    // The offsets are read into their place before anybody believes them.
    let ranges = try [Int](raw: &reader, count: groupCount + 1)
    var isAscending = ranges[0] == 0
    for group in 0..<groupCount { isAscending = isAscending && ranges[group] <= ranges[group + 1] }
    let count = ranges[groupCount]
    try reader.require(
      isAscending && count <= reader.remaining / (isCounted ? 16 : 8), at: start, "values that are not there")
    let values = try [Int64](raw: &reader, count: count)
    let counts = isCounted ? try [Int64](raw: &reader, count: count) : []
    var isCount = true
    var total: Int64 = 0
    for count in counts {
      isCount = isCount && count > 0 && count < Int64(ByteReader.mostRecords)
      total &+= count
    }
    // As many as there can be do not add up to more than 63 bits: each takes 16 bytes.
    try reader.require(isCount && total <= Int64(ByteReader.mostRecords), at: start, "values without a count")
    let dictionary = isText ? try TextDictionary.read(from: &reader, payloadBytes: 0) : nil
    if let dictionary {
      let known = UInt64(dictionary.count)
      try reader.require(
        values.allSatisfy { UInt64(bitPattern: $0) < known }, at: start, "texts that are not in the dictionary")
    }
    let result = CollectedValues(groupCount: groupCount, isCounted: isCounted, dictionary: dictionary)
    result.offsets.update(from: ranges, count: groupCount + 1)
    result.allocate()
    result.values.update(from: values, count: count)
    result.counts?.update(from: counts, count: count)
    return result
  }
}

extension Array where Element: BitwiseCopyable {
  /// `count` numbers as they lie in memory; for types of which every bit pattern is a value.
  init(raw reader: inout ByteReader, count: Int) throws(ByteError) {
    guard count >= 0, count <= reader.remaining / MemoryLayout<Element>.stride else {
      throw ByteError(offset: reader.offset, "\(count) numbers announced, but only \(reader.remaining) bytes follow")
    }
    self = try reader.readRaw(count * MemoryLayout<Element>.stride) { raw in
      [Element](unsafeUninitializedCapacity: count) { cells, filled in
        UnsafeMutableRawBufferPointer(cells).copyMemory(from: raw)
        filled = count
      }
    }
  }
}
