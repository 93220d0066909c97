extension String: PortableValue {
  /// `String`.
  public static var portableTypeName: String { "String" }
  /// Writes the count and the UTF-8.
  public func write(to writer: inout ByteWriter) { writer.write(self) }
  /// Reads a count and UTF-8.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try reader.readText() }
}

extension Optional: PortableValue where Wrapped: PortableValue {
  /// The name of the wrapped type and `?`.
  public static var portableTypeName: String { Wrapped.portableTypeName + "?" }

  /// Writes a byte that says whether a value follows, then the value.
  public func write(to writer: inout ByteWriter) {
    writer.write(byte: self == nil ? 0 : 1)
    if let self { writer.writeInside { self.write(to: &$0) } }
  }

  /// Reads what `write(to:)` wrote.
  public init(from reader: inout ByteReader) throws(ByteError) {
    self = nil
    if try Bool(from: &reader) {
      self = try reader.readInside { (reader) throws(ByteError) in try Wrapped(from: &reader) }
    }
  }
}

extension Array: PortableValue where Element: PortableValue {
  /// The name of the type of the elements in brackets.
  public static var portableTypeName: String { "[\(Element.portableTypeName)]" }

  /// Writes the count, then the elements; numbers in one piece where memory has their byte order.
  @inlinable
  public func write(to writer: inout ByteWriter) {
    writer.write(varint: UInt64(count))
    if count >= ByteWriter.leastNumbers, _isPOD(Element.self), writer.writeNumbers(of: self) { return }
    writer.writeInside { writer in
      for element in self { element.write(to: &writer) }
    }
  }

  /// Reads what `write(to:)` wrote.
  @inlinable
  public init(from reader: inout ByteReader) throws(ByteError) {
    let count = try reader.readCount(elementBytes: Element.leastBytes)
    if count >= ByteWriter.leastNumbers, _isPOD(Element.self),
      let numbers = try reader.readNumbers(count, as: Element.self)
    {
      self = numbers
      return
    }
    self = try reader.readInside { (reader) throws(ByteError) in
      var elements: [Element] = []
      // What a hostile count takes at most is some times the bytes that follow it; the rest grows as it comes.
      elements.reserveCapacity(Swift.min(count, 1 + reader.remaining / MemoryLayout<Element>.stride))
      for _ in 0..<count { elements.append(try Element(from: &reader)) }
      return elements
    }
  }
}

extension ByteWriter {
  /// So many numbers are written in one piece. Fewer give the same bytes one after the other: the cast that finds out whether
  /// they are numbers costs as much as some of them.
  @usableFromInline static var leastNumbers: Int { 24 }

  /// Writes the elements in one piece if they are numbers whose memory has the order of bytes that is written.
  @usableFromInline
  mutating func writeNumbers<Element>(of array: [Element]) -> Bool {
    guard let number = Element.self as? any BulkNumber.Type, number.isBulk else { return false }
    number.write(array, to: &self)
    return true
  }
}

extension ByteReader {
  /// Reads what `writeNumbers` wrote; nil where the elements are no such numbers.
  @usableFromInline
  mutating func readNumbers<Element>(_ count: Int, as type: Element.Type) throws(ByteError) -> [Element]? {
    guard let number = Element.self as? any BulkNumber.Type, number.isBulk else { return nil }
    return try number.readArray(count, &self)
  }
}

extension Set: PortableValue where Element: PortableValue {
  /// `Set<Element>`.
  public static var portableTypeName: String { "Set<\(Element.portableTypeName)>" }

  /// Writes the count, then the elements in the order of their bytes: equal sets write equal bytes.
  public func write(to writer: inout ByteWriter) {
    writer.write(varint: UInt64(count))
    writer.writeInside { writer in
      for bytes in writer.ordered(map { element in { element.write(to: &$0) } }) {
        bytes.withUnsafeBytes { writer.write(raw: $0) }
      }
    }
  }

  /// Reads what `write(to:)` wrote.
  public init(from reader: inout ByteReader) throws(ByteError) {
    let count = try reader.readCount(elementBytes: Element.leastBytes)
    self = try reader.readInside { (reader) throws(ByteError) in
      var elements = Set()
      for _ in 0..<count {
        let offset = reader.offset
        guard elements.insert(try Element(from: &reader)).inserted else {
          throw ByteError(offset: offset, "an element twice")
        }
      }
      return elements
    }
  }
}

extension Dictionary: PortableValue where Key: PortableValue, Value: PortableValue {
  /// `[Key: Value]`.
  public static var portableTypeName: String { "[\(Key.portableTypeName): \(Value.portableTypeName)]" }

  /// Writes the count, then keys and values in the order of the bytes of the keys: equal dictionaries write equal bytes.
  public func write(to writer: inout ByteWriter) {
    writer.write(varint: UInt64(count))
    writer.writeInside { writer in
      let entries = Array(self)
      let keys = entries.map { entry in { (writer: inout ByteWriter) in entry.key.write(to: &writer) } }
      for (bytes, place) in writer.orderedPlaces(keys) {
        bytes.withUnsafeBytes { writer.write(raw: $0) }
        entries[place].value.write(to: &writer)
      }
    }
  }

  /// Reads what `write(to:)` wrote.
  public init(from reader: inout ByteReader) throws(ByteError) {
    let count = try reader.readCount(elementBytes: Key.leastBytes + Value.leastBytes)
    self = try reader.readInside { (reader) throws(ByteError) in
      var entries: [Key: Value] = [:]
      for _ in 0..<count {
        let offset = reader.offset
        let key = try Key(from: &reader)
        if entries.updateValue(try Value(from: &reader), forKey: key) != nil {
          throw ByteError(offset: offset, "a key twice")
        }
      }
      return entries
    }
  }
}

extension ByteWriter {
  /// The bytes that each of `bodies` writes by itself, in their order.
  mutating func ordered(_ bodies: [(inout ByteWriter) -> Void]) -> [[UInt8]] { orderedPlaces(bodies).map(\.bytes) }

  /// The same, each with the place of its body.
  mutating func orderedPlaces(_ bodies: [(inout ByteWriter) -> Void]) -> [(bytes: [UInt8], place: Int)] {
    var pieces: [(bytes: [UInt8], place: Int)] = []
    pieces.reserveCapacity(bodies.count)
    for (place, body) in bodies.enumerated() {
      var writer = ByteWriter(inside: self)
      body(&writer)
      if let failure = writer.failure { fail(failure.message) }
      pieces.append((writer.bytes, place))
    }
    pieces.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    return pieces
  }
}

/// Two values side by side, where a tuple cannot go.
public struct PortablePair<First: PortableValue, Second: PortableValue>: PortableValue {
  /// The one.
  public var first: First
  /// The other.
  public var second: Second

  /// Two values.
  public init(_ first: First, _ second: Second) {
    self.first = first
    self.second = second
  }

  /// That of both.
  public static var leastBytes: Int { First.leastBytes + Second.leastBytes }
  /// `(First, Second)`.
  public static var portableTypeName: String { "(\(First.portableTypeName), \(Second.portableTypeName))" }

  /// Writes one after the other.
  public func write(to writer: inout ByteWriter) {
    first.write(to: &writer)
    second.write(to: &writer)
  }

  /// Reads what `write(to:)` wrote.
  public init(from reader: inout ByteReader) throws(ByteError) {
    self.init(try First(from: &reader), try Second(from: &reader))
  }
}

extension PortablePair: Equatable where First: Equatable, Second: Equatable {}
extension PortablePair: Hashable where First: Hashable, Second: Hashable {}
