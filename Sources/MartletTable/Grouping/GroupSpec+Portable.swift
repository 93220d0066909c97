package import MartletBytes

extension GroupSpec: PortableValue {
  package static var leastBytes: Int { 3 }

  /// Writes all fields.
  package func write(to writer: inout ByteWriter) {
    writer.write(count: keyCount)
    argumentTypes.map(\.rawValue).write(to: &writer)
    writer.write(count: aggregates.count)
    for aggregate in aggregates {
      writer.write(byte: aggregate.kind.rawValue)
      aggregate.arguments.write(to: &writer)
      aggregate.parameter.write(to: &writer)
    }
  }

  /// More than anybody writes on a command line; a group's row is limited by it.
  private static let mostAggregates = 4096

  private static let mostKeys = 4096

  /// Reads what `write(to:)` wrote, and refuses what `validate` refuses.
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    self.init(keyCount: try reader.readNumber(upTo: Self.mostKeys))
    for number in try [UInt8](from: &reader) {
      guard let type = ColumnType(rawValue: number) else { throw ByteError(offset: start, "\(number) is no type") }
      argumentTypes.append(type)
    }
    let count = try reader.readCount(elementBytes: 3)
    try reader.require(
      count <= Self.mostAggregates && argumentTypes.count <= 2 * Self.mostAggregates, at: start,
      "\(count) aggregates, at most \(Self.mostAggregates) are allowed")
    for _ in 0..<count {
      let kind = try reader.readCase(AggregateKind.self)
      let arguments = try [Int](from: &reader)
      aggregates.append(AggregateSpec(kind, arguments, parameter: try Double?(from: &reader)))
    }
    do {
      try validate()
    } catch {
      throw ByteError(offset: start, error.message)
    }
  }
}
