/// Cells as values: what class a text belongs to, and whole vectors of texts parsed.
package enum CellParser {
  /// The class of a cell that is not null; exactly one member.
  package static func classify(_ bytes: UnsafeBufferPointer<UInt8>) -> SeenTypes {
    padded(bytes) { seenType($0, bytes.count) }
  }

  /// The classes of all cells of a text vector that are not null.
  package static func seenTypes(of text: Vector) -> SeenTypes {
    let texts = text.texts
    let lengths = text.lengths
    var seen: SeenTypes = []
    for row in 0..<text.count where text.isValid(row) {
      seen.formUnion(seenType(texts[row], Int(lengths[row])))
    }
    return seen
  }

  /// Parses the cells of the text vector `text` into `into`, which takes its count and nulls.
  ///
  /// Strict parsing takes the classes that `type` accepts (`SeenTypes.accepted`); `lenient` takes for numbers also a
  /// leading `+` and leading zeros, for bool `t f yes no y n 1 0` too, in any case of letters.
  ///
  /// - Returns: nil when all cells fit; else the first row that does not, and `into` is of no use.
  package static func parse(_ text: Vector, as type: ColumnType, into: Vector, lenient: Bool = false) -> Int? {
    into.type = type
    into.count = text.count
    into.hasNulls = text.hasNulls
    if text.hasNulls { into.valid.update(from: text.valid, count: text.count) }
    switch type {
    case .int: return lenient ? parseInts(text, into, true) : parseInts(text, into, false)
    case .double: return lenient ? parseDoubles(text, into, true) : parseDoubles(text, into, false)
    case .bool: return parseEach(text, into.ints) { bool($0, $1, lenient: lenient) }
    case .date: return parseEach(text, into.ints) { MomentParser.date($0, $1) }
    case .timestamp: return parseEach(text, into.ints) { MomentParser.timestamp($0, $1, acceptsDate: true) }
    case .text:
      into.texts.update(from: text.texts, count: text.count)
      into.lengths.update(from: text.lengths, count: text.count)
      return nil
    case .null:
      for row in 0..<text.count {
        if text.isValid(row) { return row }
        into.ints[row] = 0
      }
      return nil
    }
  }

  @inline(__always)
  private static func parseInts(_ text: Vector, _ into: Vector, _ lenient: Bool) -> Int? {
    parseEach(text, into.ints) { IntParser.parse($0, $1, lenient: lenient) }
  }

  @inline(__always)
  private static func parseDoubles(_ text: Vector, _ into: Vector, _ lenient: Bool) -> Int? {
    parseEach(text, into.doubles) { DoubleParser.parse($0, $1, lenient: lenient) }
  }

  @inline(__always)
  private static func parseEach<Value: ExpressibleByIntegerLiteral>(
    _ text: Vector, _ values: UnsafeMutablePointer<Value>,
    _ parse: (UnsafePointer<UInt8>, Int) -> Value?
  ) -> Int? {
    let texts = text.texts
    let lengths = text.lengths
    let count = text.count
    if !text.hasNulls {
      for row in 0..<count {
        guard let value = parse(texts[row], Int(lengths[row])) else { return row }
        values[row] = value
      }
      return nil
    }
    let valid = text.valid
    for row in 0..<count {
      if valid[row] == 0 {
        values[row] = 0
        continue
      }
      guard let value = parse(texts[row], Int(lengths[row])) else { return row }
      values[row] = value
    }
    return nil
  }

  /// 1 for `true`, 0 for `false`; nil for anything else.
  @inline(__always)
  static func bool(_ address: UnsafePointer<UInt8>, _ count: Int, lenient: Bool) -> Int64? {
    if count == 4 || count == 5 {
      let word = Digits.load(address)
      if count == 4 && word & 0xffff_ffff == 0x6575_7274 { return 1 }
      if count == 5 && word & 0xff_ffff_ffff == 0x65_736c_6166 { return 0 }
    }
    return lenient ? lenientBool(address, count) : nil
  }

  @inline(never)
  private static func lenientBool(_ address: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    switch String(decoding: UnsafeBufferPointer(start: address, count: min(count, 6)), as: UTF8.self).lowercased() {
    case "true", "t", "yes", "y", "1": 1
    case "false", "f", "no", "n", "0": 0
    default: nil
    }
  }

  /// The class of `count` bytes, from whose address 16 or more are readable.
  @inline(__always)
  private static func seenType(_ address: UnsafePointer<UInt8>, _ count: Int) -> SeenTypes {
    if count == 0 { return .text }
    let first = address[0]
    if first &- 0x30 <= 9 || first == UInt8(ascii: "-") || first == UInt8(ascii: ".") {
      if IntParser.parse(address, count) != nil { return .int }
      return seenNumberOrMoment(address, count)
    }
    switch first {
    case UInt8(ascii: "t"), UInt8(ascii: "f"):
      return bool(address, count, lenient: false) != nil ? .bool : .text
    case UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "i"), UInt8(ascii: "I"):
      return count <= 8 && DoubleParser.parse(address, count) != nil ? .double : .text
    default: return .text
    }
  }

  private static func seenNumberOrMoment(_ address: UnsafePointer<UInt8>, _ count: Int) -> SeenTypes {
    if DoubleParser.parse(address, count) != nil { return .double }
    if count == 10 { return MomentParser.date(address, count) != nil ? .date : .text }
    return MomentParser.timestamp(address, count) != nil ? .timestamp : .text
  }

  /// Calls `body` with the same bytes at an address from which at least 16 are readable.
  package static func padded<Result>(
    _ bytes: UnsafeBufferPointer<UInt8>, _ body: (UnsafePointer<UInt8>) -> Result
  ) -> Result {
    if bytes.count >= 16 { return body(bytes.baseAddress!) }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { copy in
      copy.initialize(repeating: 0)
      _ = copy.update(fromContentsOf: bytes)
      return body(UnsafePointer(copy.baseAddress!))
    }
  }
}
