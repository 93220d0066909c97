extension Array: CodedSpecially where Element: BulkNumber & PortableValue {
  func encode(in level: CodedLevel) throws {
    // The count, which is written first, and the numbers.
    let byteCount = ByteWriter.bytes(ofVarint: UInt64(count)) + count * MemoryLayout<Element>.stride
    level.mark(.bulk)
    level.sink.writer.write(varint: UInt64(byteCount))
    write(to: &level.sink.writer)
  }

  init(in value: CodedValue) throws {
    var reader = try value.contents(.bulk)
    var part = try reader.readPart(try reader.readCount(elementBytes: 1))
    try self.init(from: &part)
    try part.requireEnd()
  }
}

extension Dictionary: CodedSpecially where Key: Codable, Value: Codable {
  func encode(in level: CodedLevel) throws {
    var entries: [(key: [UInt8], value: Value)] = []
    entries.reserveCapacity(count)
    for (key, value) in self { entries.append((try level.bytes(ofPart: key), value)) }
    entries.sort { $0.key.lexicographicallyPrecedes($1.key) }
    level.mark(.table)
    for (key, value) in entries {
      level.sink.writer.write(varint: UInt64(key.count) + 1)
      key.withUnsafeBytes { level.sink.writer.write(raw: $0) }
      try level.encode(value)
    }
    level.mark(.end)
  }

  init(in value: CodedValue) throws {
    self.init()
    var reader = try value.contents(.table)
    while let part = try CodedValue.readPiece(&reader) {
      let key = try value.decode(part: Key.self, part)
      let element = try value.inner(at: reader.offset).decode(Value.self)
      try value.skip(&reader)
      guard updateValue(element, forKey: key) == nil else { throw CodedForm.Problem("a key twice") }
    }
  }
}

extension Set: CodedSpecially where Element: Codable {
  func encode(in level: CodedLevel) throws {
    var elements: [[UInt8]] = []
    elements.reserveCapacity(count)
    for element in self { elements.append(try level.bytes(ofPart: element)) }
    elements.sort { $0.lexicographicallyPrecedes($1) }
    level.mark(.set)
    for element in elements {
      level.sink.writer.write(varint: UInt64(element.count) + 1)
      element.withUnsafeBytes { level.sink.writer.write(raw: $0) }
    }
    level.mark(.end)
  }

  init(in value: CodedValue) throws {
    self.init()
    var reader = try value.contents(.set)
    while let part = try CodedValue.readPiece(&reader) {
      guard insert(try value.decode(part: Element.self, part)).inserted else {
        throw CodedForm.Problem("an element twice")
      }
    }
  }
}
