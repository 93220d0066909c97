/// Where the values of one encoding go.
final class CodedSink {
  var writer: ByteWriter
  /// What was begun here and may still grow: containers that somebody asked for by themselves, with their places.
  var later: [(place: ByteWriter.Mark, level: CodedLevel)] = []

  /// A sink of what will be appended to what `writer` writes.
  init(of writer: ByteWriter) { self.writer = ByteWriter(of: writer) }
}

/// The names of fields of one encoding.
final class CodedNames {
  private var numbers: [String: UInt64] = [:]
  private(set) var names: [String] = []

  func number(of name: String) -> UInt64 {
    if let number = numbers[name] { return number }
    numbers[name] = UInt64(names.count)
    names.append(name)
    return UInt64(names.count - 1)
  }
}

/// The encoder of one value: a level of the tree that `encode(to:)` walks. Values write straight behind each other; a level
/// that was asked for by itself (`nestedContainer`, `superEncoder`) has a sink of its own, which is put in its place at the end.
final class CodedLevel: Encoder {
  enum Kind { case undecided, single, list, fields }

  let names: CodedNames
  let sink: CodedSink
  let depth: Int
  private(set) var kind = Kind.undecided
  private(set) var count = 0

  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  init(names: CodedNames, sink: CodedSink, depth: Int) throws {
    guard depth <= ByteReader.deepest else { throw CodedForm.Problem(ByteReader.tooDeep) }
    self.names = names
    self.sink = sink
    self.depth = depth
  }

  /// Writes a value with its names.
  static func write<Value: Encodable>(_ value: Value, to writer: inout ByteWriter) {
    do {
      let level = try CodedLevel(names: CodedNames(), sink: CodedSink(of: writer), depth: writer.depth)
      // Sets and the like, which have a form of their own, never come here.
      try value.encode(to: level)
      level.end()
      let body = level.sink.finished()
      writer.write(varint: UInt64(level.names.names.count))
      for name in level.names.names { writer.write(name) }
      writer.write(varint: UInt64(body.byteCount))
      writer.append(body)
      if let failure = body.failure { writer.fail(failure.message) }
    } catch {
      writer.fail("\(error)")
    }
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    begin(.fields)
    return KeyedEncodingContainer(CodedFieldsEncoder<Key>(level: self))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    begin(.list)
    return CodedListEncoder(level: self)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer {
    begin(.single)
    return CodedSingleEncoder(level: self)
  }

  private func begin(_ wanted: Kind) {
    if kind == wanted, wanted != .single { return }
    guard kind == .undecided else { return fail("a value asks for containers of two kinds") }
    kind = wanted
    switch wanted {
    case .fields: mark(.fields)
    case .list: mark(.list)
    case .single, .undecided: break
    }
  }

  /// Writes what ends the value of this level.
  func end() {
    switch kind {
    case .undecided:
      mark(.fields)
      mark(.end)
    case .fields, .list: mark(.end)
    case .single: if count != 1 { fail("a value encodes \(count) values into a place for one") }
    }
  }

  func fail(_ message: String) { sink.writer.fail(message) }

  func mark(_ mark: CodedForm.Mark) { sink.writer.write(byte: mark.rawValue) }

  /// Begins an element of a list, or the one value.
  func beginElement() { count += 1 }

  /// Begins a field.
  func beginField(_ key: some CodingKey) {
    count += 1
    sink.writer.write(varint: names.number(of: key.stringValue) + 1)
  }

  // Values.

  func encodeNone() { mark(.none) }

  func encode(_ value: Bool) { mark(value ? .yes : .no) }

  func encode(_ value: Double) {
    mark(.double)
    sink.writer.write(value)
  }

  func encode(_ value: Float) {
    mark(.float)
    sink.writer.write(value.bitPattern)
  }

  func encode(_ value: String) {
    mark(.text)
    sink.writer.write(value)
  }

  func encode(signed value: Int64) {
    mark(value < 0 ? .negative : .natural)
    sink.writer.write(varint: UInt64(bitPattern: value < 0 ? ~value : value))
  }

  func encode(unsigned value: UInt64) {
    mark(.natural)
    sink.writer.write(varint: value)
  }

  /// Writes a value at the next place.
  func encode<Value: Encodable>(_ value: Value) throws {
    if let value = value as? Int { return encode(signed: Int64(value)) }
    if let value = value as? String { return encode(value) }
    if let value = value as? Double { return encode(value) }
    if let value = value as? any CodedSpecially { return try value.encode(in: self) }
    let level = try CodedLevel(names: names, sink: sink, depth: depth + 1)
    try level.encode(whole: value)
  }

  /// Writes the value that this level is for.
  func encode<Value: Encodable>(whole value: Value) throws {
    if let value = value as? any CodedSpecially { return try value.encode(in: self) }
    try value.encode(to: self)
    end()
  }

  /// The bytes of a value by itself.
  func bytes<Value: Encodable>(ofPart value: Value) throws -> [UInt8] {
    var writer = ByteWriter()
    let level = try CodedLevel(names: CodedNames(), sink: CodedSink(of: writer), depth: depth + 1)
    try level.encode(whole: value)
    let body = level.sink.finished()
    if let failure = body.failure { throw CodedForm.Problem(failure.message) }
    writer.write(varint: UInt64(level.names.names.count))
    for name in level.names.names { writer.write(name) }
    body.bytes.withUnsafeBytes { writer.write(raw: $0) }
    return writer.takeBytes()
  }

  /// A level of its own at the next place.
  func later() -> CodedLevel {
    do {
      let level = try CodedLevel(names: names, sink: CodedSink(of: sink.writer), depth: depth + 1)
      sink.later.append((sink.writer.endMark, level))
      return level
    } catch {
      fail("\(error)")
      return self  // what is written now means nothing, but is written without harm
    }
  }
}

extension CodedSink {
  /// What was written, with everything in its place. Calls itself as deep as levels are.
  func finished() -> ByteWriter {
    if later.isEmpty { return writer }
    var all = ByteWriter(of: writer)
    if let failure = writer.failure { all.fail(failure.message) }
    let parts = writer.parts(at: later.map(\.place))
    for (part, (_, level)) in zip(parts, later) {
      all.append(writer, part)
      level.end()
      let inner = level.sink.finished()
      if let failure = inner.failure { all.fail(failure.message) }
      all.append(inner)
    }
    if let last = parts.last { all.append(writer, last) }
    return all
  }
}
