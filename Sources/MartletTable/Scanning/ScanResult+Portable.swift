package import MartletBytes

extension ScanResult: PortableValue {
  package static var leastBytes: Int { 16 }

  /// Writes all fields.
  package func write(to writer: inout ByteWriter) {
    writer.write(count: begin)
    end.write(to: &writer)
    writer.write(count: records)
    writer.write(count: notes.padded)
    writer.write(count: notes.cut)
    writer.write(count: notes.skipped)
    writer.write(count: castFailures)
    contradictions.map(\.rawValue).write(to: &writer)
    partial.write(to: &writer)
    failure.write(to: &writer)
  }

  /// Reads what `write(to:)` wrote.
  package init(from reader: inout ByteReader) throws(ByteError) {
    let begin = try reader.readNumber()
    let start = reader.offset
    let end = try Int?(from: &reader)
    try reader.require((0...ByteReader.mostRecords).contains(end ?? 0), at: start, "no place in a file")
    let records = try reader.readNumber()
    let padded = try reader.readNumber()
    let cut = try reader.readNumber()
    let skipped = try reader.readNumber()
    let castFailures = try reader.readNumber()
    self.init(begin: begin, end: end, contradictions: try [UInt8](from: &reader).map(SeenTypes.init(rawValue:)))
    self.records = records
    notes.padded = padded
    notes.cut = cut
    notes.skipped = skipped
    self.castFailures = castFailures
    partial = try SinkPartial?(from: &reader)
    failure = try TableError?(from: &reader)
  }
}

extension SinkPartial: PortableValue {
  /// Writes the kind and what belongs to it.
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .count(let count):
      writer.write(byte: 0)
      writer.write(count: count)
    case .text(let text):
      writer.write(byte: 1)
      writer.write(count: text.rowCount)
      writer.write(text.buffer.bytes)
    case .collected(let frame):
      writer.write(byte: 2)
      frame.write(to: &writer)
    case .sample(let part, let names):
      writer.write(byte: 3)
      names.write(to: &writer)
      part.write(to: &writer)
    case .top(let part, let names):
      writer.write(byte: 4)
      names.write(to: &writer)
      part.write(to: &writer)
    case .group(let part):
      writer.write(byte: 5)
      part.write(to: &writer)
    case .schema(let columns):
      writer.write(byte: 6)
      columns.write(to: &writer)
    case .statistics(let columns):
      writer.write(byte: 7)
      columns.write(to: &writer)
    case .frequencies(let columns):
      writer.write(byte: 8)
      columns.write(to: &writer)
    }
  }

  /// Reads what `write(to:)` wrote.
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    let kind = try reader.readByte()
    switch kind {
    case 0: self = .count(try reader.readNumber())
    case 1:
      let rowCount = try reader.readNumber()
      let count = try reader.readCount(elementBytes: 1)
      self = .text(
        try reader.readRaw(count) { raw in
          let buffer = ByteBuffer(capacity: count)
          buffer.append(raw.assumingMemoryBound(to: UInt8.self))
          return OutputText(buffer: buffer, rowCount: rowCount)
        })
    case 2: self = .collected(try Frame(from: &reader))
    case 3:
      let names = try [String](from: &reader)
      let part = try SamplePartial(from: &reader)
      try reader.require(part.columnCount == names.count, at: start, "a sample of other columns")
      self = .sample(part, names: names)
    case 4:
      let names = try [String](from: &reader)
      let part = try TopRecordsPartial(from: &reader)
      try reader.require(part.columnCount == names.count, at: start, "records of other columns")
      self = .top(part, names: names)
    case 5: self = .group(try GroupPartial(from: &reader))
    case 6: self = .schema(try [ColumnSchema](from: &reader))
    case 7: self = .statistics(try [ColumnStatisticsPartial](from: &reader))
    case 8: self = .frequencies(try [TextCountsPartial](from: &reader))
    default: throw ByteError(offset: start, "\(kind) is no kind of partial result")
    }
  }
}

extension SinkPartial {
  /// Whether both were made by sinks of one plan, so that they can be merged. Partial results that came from elsewhere are
  /// checked before: merging trusts them.
  package func isMergeable(with other: SinkPartial) -> Bool {
    switch (self, other) {
    case (.count, .count), (.text, .text): true
    case (.collected(let frame), .collected(let second)):
      frame.columns.count == second.columns.count
        && zip(frame.columns, second.columns).allSatisfy { $0.type == $1.type || $0.type == .null || $1.type == .null }
    case (.sample(let part, let names), .sample(let second, let others)):
      names.count == others.count && part.isMergeable(with: second)
    case (.top(let part, let names), .top(let second, let others)):
      names.count == others.count && part.isMergeable(with: second)
    case (.group(let part), .group(let second)): part.spec == second.spec
    case (.schema(let columns), .schema(let others)): columns.count == others.count
    case (.statistics(let columns), .statistics(let others)):
      columns.count == others.count && zip(columns, others).allSatisfy { $0.type == $1.type }
    case (.frequencies(let columns), .frequencies(let others)): columns.count == others.count
    default: false
    }
  }

  /// Whether a sink of that plan makes such results.
  package func isMade(by sink: SinkPlan) -> Bool {
    switch (self, sink) {
    case (.count, .count), (.count, .types), (.text, .stream): true
    case (.collected(let frame), .collect(let slots, _)), (.collected(let frame), .tail(let slots, _)):
      frame.columns.count == slots.count
    case (.sample(_, let names), .sample(let slots, _, _)): names.count == slots.count
    case (.top(_, let names), .top(let slots, _, _)): names.count == slots.count
    case (.group(let part), .group(let keys, let calls)):
      part.spec.keyCount == keys.count && part.spec.aggregates.count == calls.count
    case (.schema(let columns), .schema(let slots)): columns.count == slots.count
    case (.statistics(let columns), .statistics(let slots)): columns.count == slots.count
    case (.frequencies(let columns), .frequencies(let slots)): columns.count == slots.count
    default: false
    }
  }
}

extension ScanResult {
  /// Whether scans that carried out one plan gave all of these.
  package static func areMergeable(_ parts: [ScanResult], sink: SinkPlan) -> Bool {
    guard let first = parts.first, parts.allSatisfy({ $0.contradictions.count == first.contradictions.count }) else {
      return false
    }
    let partials = parts.compactMap(\.partial)
    return partials.allSatisfy { $0.isMade(by: sink) && $0.isMergeable(with: partials[0]) }
  }
}

extension ColumnSchema: PortableValue {
  package static var leastBytes: Int { 5 }

  /// Writes all fields.
  package func write(to writer: inout ByteWriter) {
    writer.write(name)
    writer.write(byte: type.rawValue)
    writer.write(count: nulls)
    writer.write(count: records)
    example.write(to: &writer)
  }

  /// Reads what `write(to:)` wrote.
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(name: try reader.readText(), type: try reader.readCase())
    nulls = try reader.readNumber()
    records = try reader.readNumber()
    example = try [UInt8]?(from: &reader)
  }
}
