/// Numbers whose bytes in memory are the bytes that they write, and for which every bit pattern is a value: arrays of them
/// are copied in one piece.
protocol BulkNumber: BitwiseCopyable {}

extension BulkNumber {
  /// Whether memory has the order of bytes that is written.
  static var isBulk: Bool { Int(littleEndian: 1) == 1 }
}

extension Int8: BulkNumber {}
extension Int16: BulkNumber {}
extension Int32: BulkNumber {}
extension Int64: BulkNumber {}
extension Int: BulkNumber {}
extension UInt8: BulkNumber {}
extension UInt16: BulkNumber {}
extension UInt32: BulkNumber {}
extension UInt64: BulkNumber {}
extension UInt: BulkNumber {}
extension Float: BulkNumber {}
extension Double: BulkNumber {}

extension Int8: PortableValue {
  /// One byte.
  public static var leastBytes: Int { 1 }
  /// `Int8`.
  public static var portableTypeName: String { "Int8" }
  /// Writes one byte.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads one byte.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.read() }
}

extension Int16: PortableValue {
  /// Two bytes.
  public static var leastBytes: Int { 2 }
  /// `Int16`.
  public static var portableTypeName: String { "Int16" }
  /// Writes two bytes.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads two bytes.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.read() }
}

extension Int32: PortableValue {
  /// Four bytes.
  public static var leastBytes: Int { 4 }
  /// `Int32`.
  public static var portableTypeName: String { "Int32" }
  /// Writes four bytes.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads four bytes.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.read() }
}

extension Int64: PortableValue {
  /// Eight bytes.
  public static var leastBytes: Int { 8 }
  /// `Int64`.
  public static var portableTypeName: String { "Int64" }
  /// Writes eight bytes.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads eight bytes.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.read() }
}

extension UInt8: PortableValue {
  /// One byte.
  public static var leastBytes: Int { 1 }
  /// `UInt8`.
  public static var portableTypeName: String { "UInt8" }
  /// Writes one byte.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads one byte.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.read() }
}

extension UInt16: PortableValue {
  /// Two bytes.
  public static var leastBytes: Int { 2 }
  /// `UInt16`.
  public static var portableTypeName: String { "UInt16" }
  /// Writes two bytes.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads two bytes.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.read() }
}

extension UInt32: PortableValue {
  /// Four bytes.
  public static var leastBytes: Int { 4 }
  /// `UInt32`.
  public static var portableTypeName: String { "UInt32" }
  /// Writes four bytes.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads four bytes.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.read() }
}

extension UInt64: PortableValue {
  /// Eight bytes.
  public static var leastBytes: Int { 8 }
  /// `UInt64`.
  public static var portableTypeName: String { "UInt64" }
  /// Writes eight bytes.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads eight bytes.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.read() }
}

extension Int: PortableValue {
  /// Eight bytes.
  public static var leastBytes: Int { 8 }
  /// `Int`.
  public static var portableTypeName: String { "Int" }
  /// Writes eight bytes.
  public func write(to writer: inout ByteWriter) { writer.write(Int64(self)) }
  /// Reads eight bytes.
  public init(from reader: inout ByteReader) throws(ByteError) { self = Int(try reader.read(Int64.self)) }
}

extension UInt: PortableValue {
  /// Eight bytes.
  public static var leastBytes: Int { 8 }
  /// `UInt`.
  public static var portableTypeName: String { "UInt" }
  /// Writes eight bytes.
  public func write(to writer: inout ByteWriter) { writer.write(UInt64(self)) }
  /// Reads eight bytes.
  public init(from reader: inout ByteReader) throws(ByteError) { self = UInt(try reader.read(UInt64.self)) }
}

extension Double: PortableValue {
  /// Eight bytes.
  public static var leastBytes: Int { 8 }
  /// `Double`.
  public static var portableTypeName: String { "Double" }
  /// Writes the bit pattern.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads a bit pattern.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.readDouble() }
}

extension Float: PortableValue {
  /// Four bytes.
  public static var leastBytes: Int { 4 }
  /// `Float`.
  public static var portableTypeName: String { "Float" }
  /// Writes the bit pattern.
  public func write(to writer: inout ByteWriter) { writer.write(bitPattern) }
  /// Reads a bit pattern.
  public init(from reader: inout ByteReader) throws(ByteError) { self.init(bitPattern: try reader.read(UInt32.self)) }
}

extension Bool: PortableValue {
  /// `Bool`.
  public static var portableTypeName: String { "Bool" }
  /// Writes one byte, 1 or 0.
  public func write(to writer: inout ByteWriter) { writer.write(byte: self ? 1 : 0) }
  /// Reads one byte, 1 or 0.
  public init(from reader: inout ByteReader) throws(ByteError) {
    let offset = reader.offset
    let byte = try reader.readByte()
    guard byte < 2 else { throw ByteError(offset: offset, "\(byte) is no truth value") }
    self = byte == 1
  }
}
