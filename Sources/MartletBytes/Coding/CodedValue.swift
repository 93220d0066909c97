/// What is decoded: the bytes of all values, and the names of fields.
final class CodedSource {
  let names: [String]
  private let reader: ByteReader

  init(names: [String], reader: ByteReader) {
    self.names = names
    self.reader = reader
  }

  /// A reader from a place on that was found before.
  func reader(at offset: Int) -> ByteReader { reader.at(offset) }
}

/// One value of an encoding, and the decoder of it.
struct CodedValue: Decoder {
  let source: CodedSource
  /// Where the mark of the value is.
  let offset: Int
  let depth: Int

  var names: [String] { source.names }
  var reader: ByteReader { source.reader(at: offset) }

  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  init(_ source: CodedSource, at offset: Int, depth: Int) throws {
    guard depth <= ByteReader.deepest else { throw CodedForm.Problem(ByteReader.tooDeep) }
    self.source = source
    self.offset = offset
    self.depth = depth
  }

  /// Reads a value with its names. A value has one form only, but bytes behind it that nobody asks for are not looked at.
  static func read<Value: Decodable>(_ type: Value.Type, from reader: inout ByteReader) throws(ByteError) -> Value {
    let start = reader.offset
    let names = try readNames(&reader)
    let part = try reader.readPart(try reader.readCount(elementBytes: 1))
    do {
      let value = try CodedValue(CodedSource(names: names, reader: part), at: part.offset, depth: reader.depth)
      var rest = part
      try value.skip(&rest)
      try rest.requireEnd()
      // Sets and the like, which have a form of their own, never come here.
      return try type.init(from: value)
    } catch let error as ByteError {
      throw error
    } catch let error as DecodingError {
      throw ByteError(offset: start, "\(type): \(CodedValue.text(of: error))")
    } catch {
      throw ByteError(offset: start, "\(type): \(error)")
    }
  }

  /// Reads what `CodedLevel.bytes(ofPart:)` wrote.
  func decode<Value: Decodable>(part type: Value.Type, _ part: ByteReader) throws -> Value {
    var part = part
    let names = try CodedValue.readNames(&part)
    let value = try CodedValue(CodedSource(names: names, reader: part), at: part.offset, depth: depth + 1)
    try value.skip(&part)
    try part.requireEnd()
    return try value.decode(whole: type)
  }

  private static func readNames(_ reader: inout ByteReader) throws(ByteError) -> [String] {
    let count = try reader.readCount(elementBytes: 1)
    var names: [String] = []
    names.reserveCapacity(min(count, 32))
    for _ in 0..<count { names.append(try reader.readText()) }
    return names
  }

  private static func text(of error: DecodingError) -> String {
    switch error {
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
      .dataCorrupted(let context):
      context.debugDescription
    @unknown default: "\(error)"
    }
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(CodedFieldsDecoder<Key>(fields: try CodedFields(self)))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try CodedListDecoder(self) }

  func singleValueContainer() throws -> any SingleValueDecodingContainer { CodedSingleDecoder(value: self) }

  /// A value inside of this one.
  func inner(at offset: Int) throws -> CodedValue {
    try CodedValue(source, at: offset, depth: depth + 1)
  }

  /// A reader behind the mark, which has to be this one.
  func contents(_ wanted: CodedForm.Mark) throws -> ByteReader {
    var reader = reader
    let mark = try CodedValue.mark(&reader)
    guard mark == wanted else { throw CodedForm.Problem("\(mark) where \(wanted) was expected") }
    return reader
  }

  static func mark(_ reader: inout ByteReader) throws(ByteError) -> CodedForm.Mark {
    let offset = reader.offset
    let byte = try reader.readByte()
    guard let mark = CodedForm.Mark(rawValue: byte) else { throw ByteError(offset: offset, "the unknown mark \(byte)") }
    return mark
  }

  static func isEnd(_ reader: ByteReader) throws -> Bool {
    var reader = reader
    return try reader.readByte() == CodedForm.Mark.end.rawValue
  }

  /// Passes one value.
  func skip(_ reader: inout ByteReader) throws { try CodedValue.skip(&reader, depth) }

  private static func skip(_ reader: inout ByteReader, _ depth: Int) throws(ByteError) {
    let offset = reader.offset
    guard depth <= ByteReader.deepest else { throw ByteError(offset: offset, ByteReader.tooDeep) }
    switch try mark(&reader) {
    case .end: throw ByteError(offset: offset, "no value")
    case .none, .no, .yes: break
    case .natural, .negative: _ = try reader.readVarint()
    case .float: _ = try reader.read(UInt32.self)
    case .double: _ = try reader.read(UInt64.self)
    case .text, .bulk: _ = try reader.readPart(try reader.readCount(elementBytes: 1))
    case .list:
      while true {
        var probe = reader
        if try mark(&probe) == .end {
          reader = probe
          return
        }
        try skip(&reader, depth + 1)
      }
    case .fields: while try reader.readVarint() != 0 { try skip(&reader, depth + 1) }
    case .table:
      while let key = try readPiece(&reader) {
        _ = key
        try skip(&reader, depth + 1)
      }
    case .set: while try readPiece(&reader) != nil {}
    }
  }

  /// The next key of a table or element of a set; nil behind the last.
  static func readPiece(_ reader: inout ByteReader) throws(ByteError) -> ByteReader? {
    let offset = reader.offset
    let size = try reader.readVarint()
    guard size > 0 else { return nil }
    guard size - 1 <= UInt64(reader.remaining) else {
      throw ByteError(offset: offset, "\(size - 1) bytes announced, but only \(reader.remaining) follow")
    }
    return try reader.readPart(Int(size - 1))
  }

  // Values.

  func isNone() throws -> Bool {
    var reader = reader
    return try CodedValue.mark(&reader) == .none
  }

  func bool() throws -> Bool {
    var reader = reader
    switch try CodedValue.mark(&reader) {
    case .yes: return true
    case .no: return false
    case let mark: throw CodedForm.Problem("\(mark) where a truth value was expected")
    }
  }

  func double() throws -> Double {
    var reader = try contents(.double)
    return try reader.readDouble()
  }

  func float() throws -> Float {
    var reader = try contents(.float)
    return Float(bitPattern: try reader.read(UInt32.self))
  }

  func text() throws -> String {
    var reader = try contents(.text)
    return try reader.readText()
  }

  func integer<Number: FixedWidthInteger>() throws -> Number {
    var reader = reader
    let mark = try CodedValue.mark(&reader)
    guard mark == .natural || mark == .negative else {
      throw CodedForm.Problem("\(mark) where an integer was expected")
    }
    let word = try reader.readVarint()
    if mark == .natural, let number = Number(exactly: word) { return number }
    if mark == .negative, word <= UInt64(Int64.max), let number = Number(exactly: ~Int64(word)) { return number }
    throw CodedForm.Problem("\(mark == .negative ? "~" : "")\(word) is no \(Number.self)")
  }

  /// Reads this value.
  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    if type == Int.self, let value = try integer() as Int as? Value { return value }
    if type == String.self, let value = try text() as? Value { return value }
    if type == Double.self, let value = try double() as? Value { return value }
    return try decode(whole: type)
  }

  private func decode<Value: Decodable>(whole type: Value.Type) throws -> Value {
    if let special = type as? any CodedSpecially.Type, let value = try special.init(in: self) as? Value { return value }
    return try type.init(from: self)
  }
}
