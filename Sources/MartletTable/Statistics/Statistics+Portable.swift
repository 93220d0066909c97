package import MartletBytes

extension TextCountsPartial: PortableValue {
  package static var leastBytes: Int { 6 }

  /// Writes the texts, then their counts.
  package func write(to writer: inout ByteWriter) {
    dictionary.write(to: &writer)
    let counts = (0..<dictionary.count).map { count($0) }
    counts.withUnsafeBytes { writer.write(raw: $0) }
  }

  /// Reads what `write(to:)` wrote.
  package convenience init(from reader: inout ByteReader) throws(ByteError) {
    let dictionary = try TextDictionary.read(from: &reader, payloadBytes: 8)
    let start = reader.offset
    let counts = try [Int64](raw: &reader, count: dictionary.count)
    var left = Int64(ByteReader.mostRecords)
    for (id, count) in counts.enumerated() {
      try reader.require(count > 0 && count <= left, at: start, "\(count) is no count")
      left -= count
      (dictionary.rows.view.address(id) + TextDictionary.payloadOffset).storeBytes(of: count, as: Int64.self)
    }
    self.init(dictionary)
  }
}

extension ColumnStatisticsPartial: PortableValue {
  package static var leastBytes: Int { 4 }

  /// Writes the values as they lie in memory.
  package func write(to writer: inout ByteWriter) {
    writer.write(byte: type.rawValue)
    writer.write(count: Int(recordCount))
    writer.write(count: Int(nullCount))
    values?.write(to: &writer)
    texts?.write(to: &writer)
  }

  /// Reads what `write(to:)` wrote.
  package convenience init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    let type = try reader.readCase(ColumnType.self)
    let recordCount = try reader.readNumber()
    let nullCount = try reader.readNumber(upTo: recordCount)
    var values: SortedValues?
    var texts: TextCountsPartial?
    switch type {
    case .null: break
    case .text: texts = try TextCountsPartial(from: &reader)
    case .bool, .int, .double, .date, .timestamp:
      let sorted = try SortedValues.read(from: &reader, isDouble: type == .double)
      try reader.require(sorted.count <= Int64(recordCount), at: start, "more values than records")
      values = sorted
    }
    self.init(
      type: type, recordCount: Int64(recordCount), nullCount: Int64(nullCount), values: values, texts: texts)
  }
}

extension SortedValues {
  /// Writes the runs as they lie in memory.
  func write(to writer: inout ByteWriter) {
    for number in [moments.count, moments.mean, moments.squares, doubleSum.sum, doubleSum.error] {
      writer.write(number)
    }
    writer.write(intSum)
    writer.write(count: runs.count)
    for run in runs {
      writer.write(count: run.count)
      writer.write(byte: run.cumulated == nil ? 0 : 1)
      writer.write(numbers: UnsafePointer(run.values), count: run.count)
      if let cumulated = run.cumulated { writer.write(numbers: UnsafePointer(cumulated), count: run.count) }
    }
  }

  /// Reads what `write(to:)` wrote.
  static func read(from reader: inout ByteReader, isDouble: Bool) throws(ByteError) -> SortedValues {
    let start = reader.offset
    let moments = Moments(
      count: try reader.readDouble(), mean: try reader.readDouble(), squares: try reader.readDouble())
    let doubleSum = DoubleSum(sum: try reader.readDouble(), error: try reader.readDouble())
    let intSum = try reader.read(Int128.self)
    // What as many values as there can be add up to: sums of sums do not overflow.
    try reader.require(intSum.magnitude <= UInt128(1) << 117, at: start, "a sum of more values than there are")
    var runs: [ValueRun] = []
    var total: Int64 = 0
    for _ in 0..<(try reader.readCount(elementBytes: 2)) {
      let run = try ValueRun.read(from: &reader)
      total += run.total
      try reader.require(total <= Int64(ByteReader.mostRecords), at: start, "more values than there can be")
      runs.append(run)
    }
    return SortedValues(isDouble: isDouble, runs: runs, moments: moments, intSum: intSum, doubleSum: doubleSum)
  }
}

extension ValueRun {
  /// Reads a run: ascending, with counts that ascend too.
  fileprivate static func read(from reader: inout ByteReader) throws(ByteError) -> ValueRun {
    let start = reader.offset
    let count = try reader.readCount(elementBytes: 8)
    let isCounted = try Bool(from: &reader)
    try reader.require(count <= reader.remaining / (isCounted ? 16 : 8), at: start, "values that are not there")
    let run = ValueRun(count: count, isCounted: isCounted)
    try reader.readNumbers(count, into: run.values)
    var isAscending = true
    for index in 0..<max(0, count - 1) {
      isAscending = isAscending && run.values[index] <= run.values[index + 1]
    }
    if let cumulated = run.cumulated {
      try reader.readNumbers(count, into: cumulated)
      var before: Int64 = 0
      for index in 0..<count {
        isAscending = isAscending && cumulated[index] > before
        before = cumulated[index]
      }
      isAscending = isAscending && before <= Int64(ByteReader.mostRecords)
    }
    try reader.require(isAscending, at: start, "values that are not in order")
    return run
  }
}
