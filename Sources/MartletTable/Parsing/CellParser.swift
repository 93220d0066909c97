import MartletSystem

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
    parse(text, as: type, into: into, lenient: lenient, usesRegisters: hasRegisterParsers)
  }

  /// Whether this processor can parse short numbers in one register each (`martlet_parse_plain_ints`).
  static let hasRegisterParsers = martlet_has_cell_parsers() != 0

  static func parse(
    _ text: Vector, as type: ColumnType, into: Vector, lenient: Bool, usesRegisters: Bool
  ) -> Int? {
    into.type = type
    into.count = text.count
    into.hasNulls = text.hasNulls
    if text.hasNulls { into.valid.update(from: text.valid, count: text.count) }
    switch type {
    case .int:
      let values = into.ints
      return parseNumbers(text, values, usesRegisters ? { martlet_parse_plain_ints($0, $1, $2, $3, $4, values) } : nil)
      {
        IntParser.parse($0, $1, lenient: lenient)
      }
    case .double:
      let values = into.doubles
      return parseNumbers(
        text, values, usesRegisters ? { martlet_parse_plain_doubles($0, $1, $2, $3, $4, values) } : nil
      ) {
        DoubleParser.parse($0, $1, lenient: lenient)
      }
    case .bool: return parseEach(text, into.ints, 0..<text.count) { bool($0, $1, lenient: lenient) }
    case .date: return parseEach(text, into.ints, 0..<text.count) { MomentParser.date($0, $1) }
    case .timestamp:
      return parseEach(text, into.ints, 0..<text.count) { MomentParser.timestamp($0, $1, acceptsDate: true) }
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

  /// Parses cells from a given row on for as long as they are plain; gives the first that is not.
  private typealias PlainParser = (
    UnsafePointer<UnsafePointer<UInt8>?>, UnsafePointer<UInt32>, UnsafePointer<UInt8>?, Int, Int
  ) -> Int

  /// Alternates between the fast parser of plain cells, where there is one, and the general one.
  @inline(__always)
  private static func parseNumbers<Value: ExpressibleByIntegerLiteral>(
    _ text: Vector, _ values: UnsafeMutablePointer<Value>, _ plain: PlainParser?,
    _ parse: (UnsafePointer<UInt8>, Int) -> Value?
  ) -> Int? {
    let count = text.count
    guard let plain else { return parseEach(text, values, 0..<count, parse) }
    let texts = UnsafeRawPointer(text.texts).assumingMemoryBound(to: UnsafePointer<UInt8>?.self)
    let valid = text.hasNulls ? UnsafePointer(text.valid) : nil
    var row = 0
    while true {
      row = plain(texts, text.lengths, valid, row, count)
      if row == count { return nil }
      // Where one cell is not plain, the next ones may not be either.
      let next = min(row + 8, count)
      if let misfit = parseEach(text, values, row..<next, parse) { return misfit }
      row = next
    }
  }

  @inline(__always)
  private static func parseEach<Value: ExpressibleByIntegerLiteral>(
    _ text: Vector, _ values: UnsafeMutablePointer<Value>, _ rows: Range<Int>,
    _ parse: (UnsafePointer<UInt8>, Int) -> Value?
  ) -> Int? {
    let texts = text.texts
    let lengths = text.lengths
    if !text.hasNulls {
      for row in rows {
        guard let value = parse(texts[row], Int(lengths[row])) else { return row }
        values[row] = value
      }
      return nil
    }
    let valid = text.valid
    for row in rows {
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
      // A point among the first eight bytes leaves two classes: a timestamp has its point later.
      if DoubleParser.pointMask(Digits.load(address)).trailingZeroBitCount &>> 3 < min(count, 8) {
        return DoubleParser.parse(address, count) != nil ? .double : .text
      }
      if IntParser.parse(address, count) != nil { return .int }
      return seenNumberOrMoment(address, count)
    }
    switch first {
    case UInt8(ascii: "t"), UInt8(ascii: "f"):
      return bool(address, count, lenient: false) != nil ? .bool : .text
    case UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "i"), UInt8(ascii: "I"):
      return (count == 3 || count == 8) && DoubleParser.parse(address, count) != nil ? .double : .text
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
