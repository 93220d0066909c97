package import MartletBytes

extension ScanPlan: PortableValue {
  /// Writes the plan; expressions as text, which is what they are read from everywhere.
  package func write(to writer: inout ByteWriter) {
    dialect.write(to: &writer)
    columns.write(to: &writer)
    writer.write(count: derived.count)
    for column in derived {
      writer.write(column.name)
      writer.write(column.expression.description)
    }
    (filter?.description).write(to: &writer)
    typedColumns.write(to: &writer)
    sink.write(to: &writer)
  }

  /// Reads what `write(to:)` wrote, and refuses a plan that no scan could carry out.
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    let dialect = try CSVDialect(from: &reader)
    let columns = try [ScanColumn](from: &reader)
    var derived: [DerivedColumn] = []
    for _ in 0..<(try reader.readCount(elementBytes: 2)) {
      let name = try reader.readText()
      derived.append(DerivedColumn(name: name, expression: try Expression(textFrom: &reader)))
    }
    var filter: Expression?
    if try Bool(from: &reader) { filter = try Expression(textFrom: &reader) }
    let typedColumns = try [Int](from: &reader)
    self.init(
      dialect: dialect, columns: columns, derived: derived, filter: filter, typedColumns: typedColumns,
      sink: try SinkPlan(from: &reader))
    if let fault { throw ByteError(offset: start, "a plan that cannot be carried out: \(fault)") }
  }

  /// What would stop a scan that trusts its plan; nil for the plans that planning makes.
  ///
  /// Expressions that do not fit the types are left to the scan, which says what is wrong with them.
  private var fault: String? {
    if columns.isEmpty { return "there is no column" }
    let slotCount = columns.count + derived.count
    var before = -1
    for column in typedColumns {
      guard column > before, column < columns.count else { return "typed columns are not ascending" }
      before = column
    }
    var slots = sink.rawSlots
    if case .top(_, let keys, _) = sink { slots += keys.map(\.slot) }
    guard slots.allSatisfy({ (0..<slotCount).contains($0) }) else { return "a column does not exist" }
    let typed = Set(typedColumns)
    func isComputed(_ slot: Int) -> Bool { slot >= columns.count || typed.contains(slot) }
    var values: [Int] = []
    switch sink {
    case .top(_, let keys, _): values = keys.map(\.slot)
    case .statistics(let slots): values = slots
    default: break
    }
    // With room for one record: what is of interest is which columns are read.
    var schema: [SchemaColumn] = columns.map { (name: $0.name, type: $0.type) }
    do {
      for column in derived {
        let bound = try BoundExpression(column.expression, schema: schema, capacity: 1)
        values += bound.columns
        schema.append((name: column.name, type: bound.type))
      }
      if let filter {
        let bound = try BoundExpression(filter, schema: schema, capacity: 1)
        guard bound.type == .bool || bound.type == .null else { return "the filter is no condition" }
        values += bound.columns
      }
      if case .group(_, let calls) = sink {
        for call in calls {
          for argument in call.arguments {
            values += try BoundExpression(argument, schema: schema, capacity: 1).columns
          }
        }
      }
    } catch {
      // The scan fails in the same way, as an answer to whoever asked.
      return nil
    }
    return values.allSatisfy(isComputed) ? nil : "a column is used that is not parsed"
  }
}

extension Expression {
  /// Reads the text of an expression.
  fileprivate init(textFrom reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    let text = try reader.readText()
    do {
      self = try Expression.parse(text)
    } catch {
      throw ByteError(offset: start, "no expression: \(error.message)")
    }
  }
}

extension ScanColumn: PortableValue {
  package static var leastBytes: Int { 3 }

  /// Writes all fields.
  package func write(to writer: inout ByteWriter) {
    writer.write(name)
    writer.write(byte: seen.rawValue)
    writer.write(byte: givenType.map { $0.rawValue + 1 } ?? 0)
  }

  /// Reads what `write(to:)` wrote.
  package init(from reader: inout ByteReader) throws(ByteError) {
    let name = try reader.readText()
    let seen = SeenTypes(rawValue: try reader.readByte())
    let start = reader.offset
    let number = try reader.readByte()
    let type = number == 0 ? nil : ColumnType(rawValue: number - 1)
    try reader.require(type != nil || number == 0, at: start, "\(number) is no type")
    self.init(name: name, seen: seen, givenType: type)
  }
}

extension CSVDialect: PortableValue {
  package static var leastBytes: Int { 12 }

  /// Writes all fields.
  package func write(to writer: inout ByteWriter) {
    delimiter.write(to: &writer)
    quote.write(to: &writer)
    escape.write(to: &writer)
    hasHeader.write(to: &writer)
    writer.write(count: max(0, skippedLines))
    comment.write(to: &writer)
    writer.write(byte: encoding.rawValue)
    nullTexts.write(to: &writer)
    writer.write(byte: ragged.rawValue)
  }

  /// Reads what `write(to:)` wrote.
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    self.init()
    delimiter = try [UInt8](from: &reader)
    quote = try UInt8?(from: &reader)
    escape = try UInt8?(from: &reader)
    hasHeader = try Bool(from: &reader)
    skippedLines = try reader.readNumber()
    comment = try UInt8?(from: &reader)
    encoding = try reader.readCase()
    nullTexts = try [[UInt8]](from: &reader)
    ragged = try reader.readCase()
    do {
      try validate()
    } catch {
      throw ByteError(offset: start, error.message)
    }
  }
}

extension SinkPlan: PortableValue {
  /// Writes the kind and what belongs to it.
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .count: writer.write(byte: 0)
    case .types: writer.write(byte: 1)
    case .stream(let slots, let format):
      writer.write(byte: 2)
      slots.write(to: &writer)
      writer.write(format.rawValue)
    case .collect(let slots, let limit):
      writer.write(byte: 3)
      slots.write(to: &writer)
      writer.write(limit)
    case .tail(let slots, let count):
      writer.write(byte: 4)
      slots.write(to: &writer)
      writer.write(count)
    case .sample(let slots, let count, let seed):
      writer.write(byte: 5)
      slots.write(to: &writer)
      writer.write(count)
      writer.write(seed)
    case .top(let slots, let keys, let count):
      writer.write(byte: 6)
      slots.write(to: &writer)
      keys.map(\.slot).write(to: &writer)
      for key in keys { key.isDescending.write(to: &writer) }
      writer.write(count)
    case .group(let keys, let calls):
      writer.write(byte: 7)
      keys.write(to: &writer)
      writer.write(count: calls.count)
      for call in calls { writer.write(Expression.aggregate(call).description) }
    case .schema(let slots):
      writer.write(byte: 8)
      slots.write(to: &writer)
    case .statistics(let slots):
      writer.write(byte: 9)
      slots.write(to: &writer)
    case .frequencies(let slots):
      writer.write(byte: 10)
      slots.write(to: &writer)
    }
  }

  /// Reads what `write(to:)` wrote.
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    let kind = try reader.readByte()
    switch kind {
    case 0:
      self = .count
      return
    case 1:
      self = .types
      return
    default: break
    }
    let slots = try [Int](from: &reader)
    switch kind {
    case 2:
      guard let format = OutputFormat(rawValue: try reader.readText()), format != .table else {
        throw ByteError(offset: start, "an unknown format")
      }
      self = .stream(slots: slots, format: format)
    case 3: self = .collect(slots: slots, limit: try Self.limit(from: &reader))
    case 4: self = .tail(slots: slots, count: try Self.limit(from: &reader))
    case 5:
      let count = try Self.limit(from: &reader)
      self = .sample(slots: slots, count: count, seed: try reader.read())
    case 6:
      let keys = try [Int](from: &reader)
      let descending = try reader.readBools(keys.count)
      self = .top(
        slots: slots, keys: zip(keys, descending).map { SlotOrder(slot: $0, isDescending: $1) },
        count: try Self.limit(from: &reader))
    case 7:
      var calls: [AggregateCall] = []
      for _ in 0..<(try reader.readCount(elementBytes: 2)) {
        guard case .aggregate(let call) = try Expression(textFrom: &reader) else {
          throw ByteError(offset: start, "no aggregate")
        }
        calls.append(call)
      }
      self = .group(keys: slots, calls: calls)
    case 8: self = .schema(slots: slots)
    case 9: self = .statistics(slots: slots)
    case 10: self = .frequencies(slots: slots)
    default: throw ByteError(offset: start, "\(kind) is no kind of result")
    }
  }

  /// Any number that is not negative: users choose it.
  private static func limit(from reader: inout ByteReader) throws(ByteError) -> Int {
    let start = reader.offset
    let limit = try Int(from: &reader)
    try reader.require(limit >= 0, at: start, "a negative number of records")
    return limit
  }
}
