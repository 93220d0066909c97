// The three containers that an encoder hands out. All of them only say where the next value goes.

struct CodedFieldsEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let level: CodedLevel
  var codingPath: [any CodingKey] { [] }

  mutating func encodeNil(forKey key: Key) throws {
    level.beginField(key)
    level.encodeNone()
  }

  mutating func encode(_ value: Bool, forKey key: Key) throws {
    level.beginField(key)
    level.encode(value)
  }

  mutating func encode(_ value: String, forKey key: Key) throws {
    level.beginField(key)
    level.encode(value)
  }

  mutating func encode(_ value: Double, forKey key: Key) throws {
    level.beginField(key)
    level.encode(value)
  }

  mutating func encode(_ value: Float, forKey key: Key) throws {
    level.beginField(key)
    level.encode(value)
  }

  mutating func encode(_ value: Int, forKey key: Key) throws {
    level.beginField(key)
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: Int8, forKey key: Key) throws {
    level.beginField(key)
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: Int16, forKey key: Key) throws {
    level.beginField(key)
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: Int32, forKey key: Key) throws {
    level.beginField(key)
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: Int64, forKey key: Key) throws {
    level.beginField(key)
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: UInt, forKey key: Key) throws {
    level.beginField(key)
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode(_ value: UInt8, forKey key: Key) throws {
    level.beginField(key)
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode(_ value: UInt16, forKey key: Key) throws {
    level.beginField(key)
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode(_ value: UInt32, forKey key: Key) throws {
    level.beginField(key)
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode(_ value: UInt64, forKey key: Key) throws {
    level.beginField(key)
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
    level.beginField(key)
    try level.encode(value)
  }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    level.beginField(key)
    return level.later().container(keyedBy: type)
  }

  mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    level.beginField(key)
    return level.later().unkeyedContainer()
  }

  mutating func superEncoder() -> any Encoder {
    level.beginField(PlainKey(stringValue: "super"))
    return level.later()
  }

  mutating func superEncoder(forKey key: Key) -> any Encoder {
    level.beginField(key)
    return level.later()
  }
}

struct CodedListEncoder: UnkeyedEncodingContainer {
  let level: CodedLevel
  var codingPath: [any CodingKey] { [] }
  var count: Int { level.count }

  mutating func encodeNil() throws {
    level.beginElement()
    level.encodeNone()
  }

  mutating func encode(_ value: Bool) throws {
    level.beginElement()
    level.encode(value)
  }

  mutating func encode(_ value: String) throws {
    level.beginElement()
    level.encode(value)
  }

  mutating func encode(_ value: Double) throws {
    level.beginElement()
    level.encode(value)
  }

  mutating func encode(_ value: Float) throws {
    level.beginElement()
    level.encode(value)
  }

  mutating func encode(_ value: Int) throws {
    level.beginElement()
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: Int8) throws {
    level.beginElement()
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: Int16) throws {
    level.beginElement()
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: Int32) throws {
    level.beginElement()
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: Int64) throws {
    level.beginElement()
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: UInt) throws {
    level.beginElement()
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode(_ value: UInt8) throws {
    level.beginElement()
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode(_ value: UInt16) throws {
    level.beginElement()
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode(_ value: UInt32) throws {
    level.beginElement()
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode(_ value: UInt64) throws {
    level.beginElement()
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode<Value: Encodable>(_ value: Value) throws {
    level.beginElement()
    try level.encode(value)
  }

  mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
    level.beginElement()
    return level.later().container(keyedBy: type)
  }

  mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    level.beginElement()
    return level.later().unkeyedContainer()
  }

  mutating func superEncoder() -> any Encoder {
    level.beginElement()
    return level.later()
  }
}

struct CodedSingleEncoder: SingleValueEncodingContainer {
  let level: CodedLevel
  var codingPath: [any CodingKey] { [] }

  mutating func encodeNil() throws {
    level.beginElement()
    level.encodeNone()
  }

  mutating func encode(_ value: Bool) throws {
    level.beginElement()
    level.encode(value)
  }

  mutating func encode(_ value: String) throws {
    level.beginElement()
    level.encode(value)
  }

  mutating func encode(_ value: Double) throws {
    level.beginElement()
    level.encode(value)
  }

  mutating func encode(_ value: Float) throws {
    level.beginElement()
    level.encode(value)
  }

  mutating func encode(_ value: Int) throws {
    level.beginElement()
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: Int8) throws {
    level.beginElement()
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: Int16) throws {
    level.beginElement()
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: Int32) throws {
    level.beginElement()
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: Int64) throws {
    level.beginElement()
    level.encode(signed: Int64(value))
  }

  mutating func encode(_ value: UInt) throws {
    level.beginElement()
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode(_ value: UInt8) throws {
    level.beginElement()
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode(_ value: UInt16) throws {
    level.beginElement()
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode(_ value: UInt32) throws {
    level.beginElement()
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode(_ value: UInt64) throws {
    level.beginElement()
    level.encode(unsigned: UInt64(value))
  }

  mutating func encode<Value: Encodable>(_ value: Value) throws {
    level.beginElement()
    try level.encode(value)
  }
}
