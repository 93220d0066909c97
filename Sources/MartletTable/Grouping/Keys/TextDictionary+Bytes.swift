import MartletBytes

/// Dictionaries as bytes: the lengths of the texts, then the texts. Hashes and addresses are made anew, so that no bytes can
/// make a dictionary that finds the wrong text, or memory that is not its own.
extension TextDictionary {
  /// Writes the texts.
  func write(to writer: inout ByteWriter) {
    let count = count
    writer.write(count: count)
    writer.write(nullID)
    let view = rows.view
    let lengths = [UInt32](unsafeUninitializedCapacity: count) { lengths, filled in
      for id in 0..<count { lengths[id] = (view.address(id) + 16).load(as: UInt32.self) }
      filled = count
    }
    lengths.withUnsafeBytes { writer.write(raw: $0) }
    let texts = ByteBuffer(capacity: lengths.reduce(16) { $0 + Int($1) })
    for id in 0..<count {
      let text = text(id)
      texts.append(padded: text.baseAddress!, count: text.count)
    }
    writer.write(texts.bytes)
  }

  /// Reads what `write(to:)` wrote.
  static func read(from reader: inout ByteReader, payloadBytes: Int) throws(ByteError) -> TextDictionary {
    let start = reader.offset
    let count = try reader.readCount(elementBytes: 4)
    let nullID = try reader.read(UInt32.self)
    let lengths = try reader.readRaw(count * 4) { raw in
      [UInt32](unsafeUninitializedCapacity: count) { lengths, filled in
        UnsafeMutableRawBufferPointer(lengths).copyMemory(from: raw)
        filled = count
      }
    }
    try reader.require(
      nullID == noID || (Int(nullID) < count && lengths[Int(nullID)] == 0), at: start, "a null that is no text")
    let byteCount = try reader.readCount(elementBytes: 1)
    try reader.require(lengths.reduce(0) { $0 + Int($1) } == byteCount, at: start, "texts of another length")
    return try reader.readRaw(byteCount) { bytes in
      TextDictionary(payloadBytes: payloadBytes, lengths: lengths, nullID: nullID, bytes: bytes)
    }
  }
}
