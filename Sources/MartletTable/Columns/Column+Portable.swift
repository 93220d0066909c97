package import MartletBytes

extension Column: PortableValue {
  package static var leastBytes: Int { 3 }

  /// Writes the cells as they lie in memory.
  package func write(to writer: inout ByteWriter) {
    switch values {
    case .bools(let cells):
      writer.write(byte: 0)
      writer.write(count: cells.count)
      writer.write(bools: cells)
    case .ints(let cells):
      writer.write(byte: 1)
      cells.write(to: &writer)
    case .wideInts(let cells):
      writer.write(byte: 2)
      writer.write(count: cells.count)
      cells.withUnsafeBytes { writer.write(raw: $0) }
    case .doubles(let cells):
      writer.write(byte: 3)
      cells.write(to: &writer)
    case .dates(let cells):
      writer.write(byte: 4)
      cells.write(to: &writer)
    case .timestamps(let cells):
      writer.write(byte: 5)
      cells.write(to: &writer)
    case .texts(let bytes, let offsets):
      writer.write(byte: 6)
      bytes.write(to: &writer)
      offsets.write(to: &writer)
    case .nulls(let count):
      writer.write(byte: 7)
      writer.write(count: count)
    }
    writer.write(byte: validity == nil ? 0 : 1)
    if let validity { writer.write(bools: validity) }
  }

  /// Reads what `write(to:)` wrote.
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    let kind = try reader.readByte()
    let values: Values
    switch kind {
    case 0: values = .bools(try reader.readBools(try reader.readCount(elementBytes: 1)))
    case 1: values = .ints(try [Int64](from: &reader))
    case 2:
      let count = try reader.readCount(elementBytes: 16)
      values = .wideInts(
        try reader.readRaw(count * 16) { raw in
          [Int128](unsafeUninitializedCapacity: count) { cells, filled in
            UnsafeMutableRawBufferPointer(cells).copyMemory(from: raw)
            filled = count
          }
        })
    case 3: values = .doubles(try [Double](from: &reader))
    case 4: values = .dates(try [Int64](from: &reader))
    case 5: values = .timestamps(try [Int64](from: &reader))
    case 6: values = try Self.texts(from: &reader)
    case 7: values = .nulls(count: try reader.readNumber(upTo: Self.mostNulls))
    default: throw ByteError(offset: start, "\(kind) is no kind of column")
    }
    self.init(values)
    if try Bool(from: &reader) { validity = try reader.readBools(count) }
  }

  /// Cells that take no memory; more than any result has.
  private static let mostNulls = 1 << 40

  private static func texts(from reader: inout ByteReader) throws(ByteError) -> Values {
    let start = reader.offset
    let bytes = try [UInt8](from: &reader)
    let offsets = try [Int](from: &reader)
    var isAscending = offsets.first == 0 && offsets.last == bytes.count
    var before = 0
    for offset in offsets {
      isAscending = isAscending && before <= offset
      before = offset
    }
    try reader.require(isAscending, at: start, "texts that lie outside of their bytes")
    return .texts(bytes: bytes, offsets: offsets)
  }
}

extension Frame: PortableValue {
  package static var leastBytes: Int { 3 }

  /// Writes names and columns.
  package func write(to writer: inout ByteWriter) {
    names.write(to: &writer)
    columns.write(to: &writer)
    writer.write(count: rowCount)
  }

  /// Reads what `write(to:)` wrote.
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    let names = try [String](from: &reader)
    let columns = try [Column](from: &reader)
    let rowCount = try reader.readNumber(upTo: 1 << 40)
    try reader.require(
      names.count == columns.count && columns.allSatisfy { $0.count == rowCount }, at: start,
      "a table whose columns differ in length")
    self.init(names: names, columns: columns, rowCount: rowCount)
  }
}
