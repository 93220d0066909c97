import MartletBytes
public import MartletGraph
import MartletTable

/// The functions that the tasks of table queries are made of, `martlet.table.*`: what a worker has to know to carry queries out.
public enum TableFunctions {
  /// Adds them to a registry. They may be added again.
  ///
  /// - Throws: `TaskRegistryError` when others have their names.
  public static func register(in registry: inout TaskFunctionRegistry) throws(TaskRegistryError) {
    try registry.register(value: ScanPass.self)
    try registry.register(ScanPartition.self)
    try registry.register(LinkPartition.self)
    try registry.register(PartitionEnd.self)
    try registry.register(MergeScans.self)
    try registry.register(LinkedResult.self)
  }

  /// Adds them to the functions of this process.
  ///
  /// - Throws: `TaskRegistryError` when others have their names, or the process has started to work with its registry.
  public static func register() throws(TaskRegistryError) {
    try TaskFunctions.register(value: ScanPass.self)
    try TaskFunctions.register(
      ScanPartition.self, LinkPartition.self, PartitionEnd.self, MergeScans.self, LinkedResult.self)
  }
}

extension ScanPartition {
  func write(to writer: inout ByteWriter) {
    target.write(to: &writer)
    isStartKnown.write(to: &writer)
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    self.init(target: try ScanTarget(from: &reader), isStartKnown: try Bool(from: &reader))
  }
}

extension LinkPartition {
  func write(to writer: inout ByteWriter) {
    target.write(to: &writer)
    isFirstOfFile.write(to: &writer)
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    self.init(target: try ScanTarget(from: &reader), isFirstOfFile: try Bool(from: &reader))
  }
}

extension PartitionEnd {
  func write(to writer: inout ByteWriter) {}
  init(from reader: inout ByteReader) throws(ByteError) {}
}

extension LinkedResult {
  func write(to writer: inout ByteWriter) {}
  init(from reader: inout ByteReader) throws(ByteError) {}
}

extension MergeScans {
  /// Nothing: the pass is an input.
  func write(to writer: inout ByteWriter) {}
  init(from reader: inout ByteReader) throws(ByteError) { self.init(pass: nil) }
}

extension ScanOutcome: PortableValue {
  static var portableTypeName: String { "martlet.table.outcome" }

  func write(to writer: inout ByteWriter) {
    writer.write(varint: UInt64(begin))
    switch result {
    case .success(let scanned):
      writer.write(byte: 1)
      scanned.write(to: &writer)
    case .failure(let error):
      writer.write(byte: 0)
      error.write(to: &writer)
    }
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    let begin = try ChainEnd.readOffset(&reader)
    if try Bool(from: &reader) {
      self.init(begin: begin, result: .success(try ScanResult(from: &reader)))
    } else {
      self.init(begin: begin, result: .failure(try TableError(from: &reader)))
    }
  }
}

extension ChainEnd: PortableValue {
  static var portableTypeName: String { "martlet.table.end" }
  static var leastBytes: Int { 3 }

  func write(to writer: inout ByteWriter) {
    writer.write(varint: UInt64(end))
    writer.write(varint: UInt64(rowCount))
    isOver.write(to: &writer)
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      end: try Self.readOffset(&reader), rowCount: try Self.readOffset(&reader), isOver: try Bool(from: &reader))
  }

  /// A number far below what overflows when lengths are added to it.
  static func readOffset(_ reader: inout ByteReader) throws(ByteError) -> Int {
    let start = reader.offset
    let number = try reader.readVarint()
    guard number < 1 << 60 else { throw ByteError(offset: start, "\(number) is no place in a file") }
    return Int(number)
  }
}

extension LinkedScan: PortableValue {
  static var portableTypeName: String { "martlet.table.linked" }

  func write(to writer: inout ByteWriter) {
    end.write(to: &writer)
    result.write(to: &writer)
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    let end = try ChainEnd(from: &reader)
    self.init(result: try ScanResult(from: &reader), end: end)
  }
}
