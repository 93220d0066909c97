import MartletBytes

extension ByteWriter {
  /// Writes a byte each, without their count.
  mutating func write(bools: [Bool]) { bools.withUnsafeBytes { write(raw: $0) } }

  /// Writes numbers as they lie in memory (little endian on all machines that Swift runs on), without their count.
  mutating func write<Number: BitwiseCopyable>(numbers: UnsafePointer<Number>, count: Int) {
    write(raw: UnsafeRawBufferPointer(start: numbers, count: count * MemoryLayout<Number>.stride))
  }

  /// Writes a number that is not negative in as few bytes as it needs.
  mutating func write(count: Int) { write(varint: UInt64(count)) }

  /// Writes a count and bytes.
  mutating func write(_ bytes: UnsafeBufferPointer<UInt8>) {
    write(count: bytes.count)
    write(raw: UnsafeRawBufferPointer(bytes))
  }
}

extension ByteReader {
  /// The most that a number of records, bytes or groups can be, whoever says so: as many do not overflow when some are added.
  static let mostRecords = 1 << 53

  /// Reads a number that is not negative.
  mutating func readNumber(upTo most: Int = mostRecords) throws(ByteError) -> Int {
    let start = offset
    let number = try readVarint()
    guard number <= UInt64(most) else { throw ByteError(offset: start, "\(number) where at most \(most) was expected") }
    return Int(number)
  }

  /// Reads the case of an enumeration.
  mutating func readCase<Case: RawRepresentable<UInt8>>(_ type: Case.Type = Case.self) throws(ByteError) -> Case {
    let start = offset
    let byte = try readByte()
    guard let value = Case(rawValue: byte) else { throw ByteError(offset: start, "\(byte) is no \(type)") }
    return value
  }

  /// Reads a byte each, 1 or 0.
  mutating func readBools(_ count: Int) throws(ByteError) -> [Bool] {
    let start = offset
    var all: UInt8 = 0
    let bools = try readRaw(count) { raw in
      for byte in raw { all |= byte }
      return all > 1
        ? []
        : [Bool](unsafeUninitializedCapacity: count) { cells, filled in
          UnsafeMutableRawBufferPointer(cells).copyMemory(from: raw)
          filled = count
        }
    }
    if all > 1 { throw ByteError(offset: start, "no truth values") }
    return bools
  }

  /// Copies `count` numbers to `target`, as `write(numbers:)` wrote them.
  mutating func readNumbers<Number: BitwiseCopyable>(
    _ count: Int, into target: UnsafeMutablePointer<Number>
  ) throws(ByteError) {
    let size = MemoryLayout<Number>.stride
    guard count >= 0, count <= remaining / size else {
      throw ByteError(offset: offset, "\(count) numbers announced, but only \(remaining) bytes follow")
    }
    try readRaw(count * size) { raw in
      if let bytes = raw.baseAddress { UnsafeMutableRawPointer(target).copyMemory(from: bytes, byteCount: raw.count) }
    }
  }

  /// Throws unless `isRight`: `message` says what is wrong with the bytes from `start` on.
  func require(_ isRight: Bool, at start: Int, _ message: @autoclosure () -> String) throws(ByteError) {
    if !isRight { throw ByteError(offset: start, message()) }
  }
}
