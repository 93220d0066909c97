/// A value that can leave the process: to another worker, to a spill file, into a journal.
///
/// Inside the process values stay what they are; these bytes are made only at its border.
public protocol PortableValue: Sendable {
  /// Writes the value.
  func write(to writer: inout ByteWriter)
  /// Reads a value that `write(to:)` wrote. Any other bytes throw `ByteError`; none trap.
  init(from reader: inout ByteReader) throws(ByteError)
  /// The least number of bytes that a value takes, so that a false count is found before anything is allocated.
  static var leastBytes: Int { get }
}

extension PortableValue {
  /// One byte, unless the type says more.
  public static var leastBytes: Int { 1 }

  /// The value as bytes of its own.
  public func portableBytes() -> [UInt8] {
    var writer = ByteWriter()
    write(to: &writer)
    return writer.bytes
  }

  /// The value that all of `bytes` stand for.
  public init(portableBytes bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    try self.init(from: &reader)
    try reader.requireEnd()
  }
}

extension Int64: PortableValue {
  /// Eight bytes.
  public static var leastBytes: Int { 8 }
  /// Writes eight bytes.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads eight bytes.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.read() }
}

extension Int: PortableValue {
  /// Eight bytes.
  public static var leastBytes: Int { 8 }
  /// Writes eight bytes.
  public func write(to writer: inout ByteWriter) { writer.write(Int64(self)) }
  /// Reads eight bytes.
  public init(from reader: inout ByteReader) throws(ByteError) { self = Int(try reader.read(Int64.self)) }
}

extension Double: PortableValue {
  /// Eight bytes.
  public static var leastBytes: Int { 8 }
  /// Writes the bit pattern.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads a bit pattern.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.readDouble() }
}

extension Bool: PortableValue {
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

extension String: PortableValue {
  /// Writes the count and the UTF-8.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads a count and UTF-8.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.readText() }
}

extension Optional: PortableValue where Wrapped: PortableValue {
  /// Writes a byte that says whether a value follows, then the value.
  public func write(to writer: inout ByteWriter) {
    writer.write(byte: self == nil ? 0 : 1)
    self?.write(to: &writer)
  }

  /// Reads what `write(to:)` wrote.
  public init(from reader: inout ByteReader) throws(ByteError) {
    self = try Bool(from: &reader) ? try Wrapped(from: &reader) : nil
  }
}

extension Array: PortableValue where Element: PortableValue {
  /// Writes the count, then the elements; numbers in one piece where memory has their byte order.
  public func write(to writer: inout ByteWriter) {
    writer.write(varint: UInt64(count))
    if Element.self is any WordSized.Type, Int(littleEndian: 1) == 1 {
      withUnsafeBytes { writer.write(raw: $0) }
    } else {
      for element in self { element.write(to: &writer) }
    }
  }

  /// Reads what `write(to:)` wrote.
  public init(from reader: inout ByteReader) throws(ByteError) {
    let count = try reader.readCount(elementBytes: Element.leastBytes)
    if Element.self is any WordSized.Type, Int(littleEndian: 1) == 1 {
      self = try reader.readRaw(count * 8) { raw in
        [Element](unsafeUninitializedCapacity: count) { buffer, filled in
          UnsafeMutableRawBufferPointer(buffer).copyMemory(from: raw)
          filled = count
        }
      }
      return
    }
    var elements: [Element] = []
    elements.reserveCapacity(count)
    for _ in 0..<count { elements.append(try Element(from: &reader)) }
    self = elements
  }
}

/// Types whose eight bytes in memory are the bytes that they write, and for which every bit pattern is a value.
protocol WordSized {}
extension Int: WordSized {}
extension Int64: WordSized {}
extension Double: WordSized {}
