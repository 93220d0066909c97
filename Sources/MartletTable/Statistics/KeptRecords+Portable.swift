package import MartletBytes

extension RecordBuffer {
  /// Writes the records.
  fileprivate func write(to writer: inout ByteWriter) {
    writer.write(count: columnCount)
    writer.write(count: count)
    lengths.withUnsafeBytes { writer.write(raw: $0) }
    bytes.write(to: &writer)
  }

  /// Reads what `write(to:)` wrote.
  fileprivate static func read(from reader: inout ByteReader) throws(ByteError) -> RecordBuffer {
    let start = reader.offset
    let columnCount = try reader.readNumber(upTo: 1 << 30)
    let recordCount = try reader.readNumber(upTo: columnCount == 0 ? reader.remaining : reader.remaining / columnCount)
    let lengths = try [Int](raw: &reader, count: recordCount * columnCount)
    let bytes = try [UInt8](from: &reader)
    var left = bytes.count
    for length in lengths {
      try reader.require(length >= -1 && length <= left, at: start, "a cell outside of its record")
      left -= max(0, length)
    }
    try reader.require(left == 0, at: start, "bytes of no cell")
    return RecordBuffer(columnCount: columnCount, recordCount: recordCount, lengths: lengths, bytes: bytes)
  }
}

extension SamplePartial: PortableValue {
  package static var leastBytes: Int { 16 }

  /// How many cells a record has.
  var columnCount: Int { accumulator.records.columnCount }

  func isMergeable(with other: SamplePartial) -> Bool {
    columnCount == other.columnCount && accumulator.limit == other.accumulator.limit
  }

  /// Writes the records with their priorities.
  package func write(to writer: inout ByteWriter) {
    writer.write(accumulator.limit)
    writer.write(accumulator.seed)
    accumulator.records.write(to: &writer)
    writer.write(count: accumulator.candidates.count)
    for candidate in accumulator.candidates {
      writer.write(candidate.priority)
      writer.write(candidate.file)
      writer.write(candidate.offset)
      writer.write(count: candidate.record)
    }
  }

  /// Reads what `write(to:)` wrote.
  package convenience init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    let limit = try Int(from: &reader)
    try reader.require(limit >= 0, at: start, "a negative number of records")
    let seed = try reader.read(UInt64.self)
    let records = try RecordBuffer.read(from: &reader)
    var candidates: [SampleAccumulator.Candidate] = []
    for _ in 0..<(try reader.readCount(elementBytes: 25)) {
      let priority = try reader.read(UInt64.self)
      let file = try Int(from: &reader)
      let offset = try Int(from: &reader)
      let record = try reader.readNumber()
      try reader.require(record < records.count, at: start, "a record that is not there")
      candidates.append(.init(priority: priority, file: file, offset: offset, record: record))
    }
    self.init(SampleAccumulator(limit: limit, seed: seed, records: records, candidates: candidates))
  }
}

extension TopRecordsPartial: PortableValue {
  package static var leastBytes: Int { 16 }

  /// How many cells a record has, keys not counted.
  var columnCount: Int { accumulator.columnCount }

  func isMergeable(with other: TopRecordsPartial) -> Bool {
    columnCount == other.columnCount && accumulator.limit == other.accumulator.limit
      && accumulator.order == other.accumulator.order
  }

  /// Writes the records with the codes of their keys.
  package func write(to writer: inout ByteWriter) {
    accumulator.order.types.map(\.rawValue).write(to: &writer)
    writer.write(bools: accumulator.order.descending)
    writer.write(count: accumulator.columnCount)
    writer.write(accumulator.limit)
    accumulator.records.write(to: &writer)
    accumulator.codes.withUnsafeBytes { writer.write(raw: $0) }
    writer.write(count: accumulator.candidates.count)
    for candidate in accumulator.candidates { writer.write(count: candidate.record) }
  }

  /// Reads what `write(to:)` wrote.
  package convenience init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    var types: [ColumnType] = []
    for number in try [UInt8](from: &reader) {
      guard let type = ColumnType(rawValue: number) else { throw ByteError(offset: start, "\(number) is no type") }
      types.append(type)
    }
    let order = RecordOrder(types: types, descending: try reader.readBools(types.count))
    let columnCount = try reader.readNumber(upTo: 1 << 30)
    let limitStart = reader.offset
    let limit = try Int(from: &reader)
    try reader.require(limit >= 0, at: limitStart, "a negative number of records")
    let records = try RecordBuffer.read(from: &reader)
    let textKeys = types.indices.filter { types[$0] == .text }
    try reader.require(
      records.columnCount == columnCount + textKeys.count, at: start, "records of another width")
    let width = 2 * types.count
    try reader.require(
      width == 0 || records.count <= reader.remaining / 8 / width, at: start, "records without their keys")
    let codes = try [UInt64](raw: &reader, count: width * records.count)
    for record in 0..<(width == 0 ? 0 : records.count) {
      var textKey = columnCount
      for key in types.indices {
        let isNull = codes[record * width + 2 * key]
        try reader.require(isNull <= 1, at: start, "\(isNull) is no truth value")
        guard types[key] == .text else { continue }
        let length = records.lengths[record * records.columnCount + textKey]
        try reader.require((length < 0) == (isNull == 1), at: start, "a key without its text")
        textKey += 1
      }
    }
    var candidates: [TopRecords.Candidate] = []
    for _ in 0..<(try reader.readCount(elementBytes: 1)) {
      let record = try reader.readNumber()
      try reader.require(record < records.count, at: start, "a record that is not there")
      candidates.append(
        .init(
          isNull: width == 0 ? 0 : UInt8(codes[record * width]), code: width == 0 ? 0 : codes[record * width + 1],
          record: record))
    }
    self.init(
      TopRecords(
        order, columnCount: columnCount, limit: limit, records: records, codes: codes, candidates: candidates))
  }
}
