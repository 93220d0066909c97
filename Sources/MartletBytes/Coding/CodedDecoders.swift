// The three containers that a decoder hands out.

/// The fields of a value, found in the order in which they were written and remembered.
final class CodedFields {
  private let value: CodedValue
  private var found: [(name: Int, offset: Int)] = []
  /// Where the next field is that was not looked at; nil behind the last one.
  private var next: ByteReader?
  /// Whether `next` stands at the value of the last found field instead of behind it.
  private var isAtValue = false
  /// The place of the field that was asked for last.
  private var last = 0

  init(_ value: CodedValue) throws {
    self.value = value
    next = try value.contents(.fields)
  }

  /// Looks at one more field.
  private func find() throws -> (name: Int, offset: Int)? {
    guard var reader = next else { return nil }
    if isAtValue { try value.skip(&reader) }
    let number = try reader.readVarint()
    guard number > 0 else {
      next = nil
      return nil
    }
    guard number <= UInt64(value.names.count) else { throw CodedForm.Problem("a field of the unknown name \(number)") }
    let field = (name: Int(number) - 1, offset: reader.offset)
    found.append(field)
    next = reader
    isAtValue = true
    return field
  }

  /// The value of a field.
  func value(of name: String) throws -> CodedValue? {
    // Most readers ask in the order of writing: for the field after the one that they asked for last, or for that again.
    for place in [last, last + 1] where place < found.count && value.names[found[place].name] == name {
      return try give(place)
    }
    let known = found.count
    while let field = try find() {
      if value.names[field.name] == name { return try give(found.count - 1) }
    }
    return try found[..<known].firstIndex { value.names[$0.name] == name }.map(give)
  }

  private func give(_ place: Int) throws -> CodedValue {
    last = place
    return try value.inner(at: found[place].offset)
  }

  /// The names of all fields.
  func names() throws -> [String] {
    while try find() != nil {}
    return found.map { value.names[$0.name] }
  }
}

struct CodedFieldsDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let fields: CodedFields
  var codingPath: [any CodingKey] { [] }

  var allKeys: [Key] { ((try? fields.names()) ?? []).compactMap { Key(stringValue: $0) } }

  func contains(_ key: Key) -> Bool { (try? fields.value(of: key.stringValue)) ?? nil != nil }

  private func at(_ key: some CodingKey) throws -> CodedValue {
    guard let value = try fields.value(of: key.stringValue) else {
      throw CodedForm.Problem("no field \(key.stringValue)")
    }
    return value
  }

  func decodeNil(forKey key: Key) throws -> Bool { try at(key).isNone() }

  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try at(key).bool() }

  func decode(_ type: String.Type, forKey key: Key) throws -> String { try at(key).text() }

  func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try at(key).double() }

  func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try at(key).float() }

  func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try at(key).integer() }

  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try at(key).integer() }

  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try at(key).integer() }

  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try at(key).integer() }

  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try at(key).integer() }

  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try at(key).integer() }

  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try at(key).integer() }

  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try at(key).integer() }

  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try at(key).integer() }

  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try at(key).integer() }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try at(key).decode(type)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    try at(key).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try at(key).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder { try at(PlainKey(stringValue: "super")) }

  func superDecoder(forKey key: Key) throws -> any Decoder { try at(key) }
}

struct CodedListDecoder: UnkeyedDecodingContainer {
  private let value: CodedValue
  private var reader: ByteReader
  private(set) var currentIndex = 0
  private(set) var isAtEnd: Bool
  var codingPath: [any CodingKey] { [] }
  var count: Int? { nil }

  init(_ value: CodedValue) throws {
    self.value = value
    reader = try value.contents(.list)
    isAtEnd = try CodedValue.isEnd(reader)
  }

  /// The next element, which is passed.
  private mutating func next() throws -> CodedValue {
    guard !isAtEnd else { throw CodedForm.Problem("a list of \(currentIndex) elements, and more are asked for") }
    let element = try value.inner(at: reader.offset)
    try value.skip(&reader)
    currentIndex += 1
    isAtEnd = try CodedValue.isEnd(reader)
    return element
  }

  mutating func decodeNil() throws -> Bool {
    guard !isAtEnd, try value.inner(at: reader.offset).isNone() else { return false }
    _ = try next()
    return true
  }

  mutating func decode(_ type: Bool.Type) throws -> Bool { try next().bool() }

  mutating func decode(_ type: String.Type) throws -> String { try next().text() }

  mutating func decode(_ type: Double.Type) throws -> Double { try next().double() }

  mutating func decode(_ type: Float.Type) throws -> Float { try next().float() }

  mutating func decode(_ type: Int.Type) throws -> Int { try next().integer() }

  mutating func decode(_ type: Int8.Type) throws -> Int8 { try next().integer() }

  mutating func decode(_ type: Int16.Type) throws -> Int16 { try next().integer() }

  mutating func decode(_ type: Int32.Type) throws -> Int32 { try next().integer() }

  mutating func decode(_ type: Int64.Type) throws -> Int64 { try next().integer() }

  mutating func decode(_ type: UInt.Type) throws -> UInt { try next().integer() }

  mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try next().integer() }

  mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try next().integer() }

  mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try next().integer() }

  mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try next().integer() }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try next().decode(type)
  }

  mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) throws -> KeyedDecodingContainer<Nested> {
    try next().container(keyedBy: type)
  }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }

  mutating func superDecoder() throws -> any Decoder { try next() }
}

struct CodedSingleDecoder: SingleValueDecodingContainer {
  let value: CodedValue
  var codingPath: [any CodingKey] { [] }

  func decodeNil() -> Bool { (try? value.isNone()) ?? false }

  func decode(_ type: Bool.Type) throws -> Bool { try value.bool() }

  func decode(_ type: String.Type) throws -> String { try value.text() }

  func decode(_ type: Double.Type) throws -> Double { try value.double() }

  func decode(_ type: Float.Type) throws -> Float { try value.float() }

  func decode(_ type: Int.Type) throws -> Int { try value.integer() }

  func decode(_ type: Int8.Type) throws -> Int8 { try value.integer() }

  func decode(_ type: Int16.Type) throws -> Int16 { try value.integer() }

  func decode(_ type: Int32.Type) throws -> Int32 { try value.integer() }

  func decode(_ type: Int64.Type) throws -> Int64 { try value.integer() }

  func decode(_ type: UInt.Type) throws -> UInt { try value.integer() }

  func decode(_ type: UInt8.Type) throws -> UInt8 { try value.integer() }

  func decode(_ type: UInt16.Type) throws -> UInt16 { try value.integer() }

  func decode(_ type: UInt32.Type) throws -> UInt32 { try value.integer() }

  func decode(_ type: UInt64.Type) throws -> UInt64 { try value.integer() }

  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try value.decode(type)
  }
}
