/// Numbers whose bytes in memory are the bytes that they write, and for which every bit pattern is a value: arrays of them
/// are copied in one piece.
protocol BulkNumber: BitwiseCopyable, Sendable {
  /// What memory of such numbers is called on the wire and in files: see `ByteSegment`. Never used again for another type.
  static var bulkKind: UInt8 { get }
}

extension BulkNumber {
  /// Whether memory has the order of bytes that is written.
  static var isBulk: Bool { Int(littleEndian: 1) == 1 }

  /// Writes the memory of an array of `Self`, whose type the caller does not know to be that.
  static func write<Element>(_ array: [Element], to writer: inout ByteWriter) {
    guard Element.self == Self.self else { return writer.fail("\(Element.self) is not \(Self.self)") }
    // The same type; a cast of arrays would look at each element.
    writer.write(bulk: unsafeBitCast(array, to: [Self].self))
  }

  /// Reads what `write` wrote of so many.
  static func readArray<Element>(_ count: Int, _ reader: inout ByteReader) throws(ByteError) -> [Element] {
    guard Element.self == Self.self else {
      throw ByteError(offset: reader.offset, "\(Element.self) is not \(Self.self)")
    }
    return unsafeBitCast(try reader.readBulk(Self.self, count), to: [Element].self)
  }
}

extension Int8: BulkNumber {
  static var bulkKind: UInt8 { 1 }
}
extension Int16: BulkNumber {
  static var bulkKind: UInt8 { 2 }
}
extension Int32: BulkNumber {
  static var bulkKind: UInt8 { 3 }
}
extension Int64: BulkNumber {
  static var bulkKind: UInt8 { 4 }
}
extension Int: BulkNumber {
  static var bulkKind: UInt8 { 5 }
}
extension UInt8: BulkNumber {
  static var bulkKind: UInt8 { 6 }
}
extension UInt16: BulkNumber {
  static var bulkKind: UInt8 { 7 }
}
extension UInt32: BulkNumber {
  static var bulkKind: UInt8 { 8 }
}
extension UInt64: BulkNumber {
  static var bulkKind: UInt8 { 9 }
}
extension UInt: BulkNumber {
  static var bulkKind: UInt8 { 10 }
}
extension Float: BulkNumber {
  static var bulkKind: UInt8 { 11 }
}
extension Double: BulkNumber {
  static var bulkKind: UInt8 { 12 }
}

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
