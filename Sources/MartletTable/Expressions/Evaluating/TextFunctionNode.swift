#if canImport(Glibc)
  import Glibc
#endif

/// A function whose first argument is text. NULL when an argument is NULL, except for `concat`.
final class TextFunctionNode: Node {
  typealias Bytes = UnsafeBufferPointer<UInt8>

  private let function: ScalarFunction
  private let arguments: [Node]
  /// `concat` leaves NULLs out; the operator `||` does not.
  private let skipsNulls: Bool

  init(
    _ function: ScalarFunction, _ arguments: [Node], type: ColumnType, skipsNulls: Bool = false, register: Vector
  ) {
    self.function = function
    self.skipsNulls = skipsNulls
    self.arguments = arguments
    super.init(type: type, canFail: arguments.contains { $0.canFail }, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let vectors = try evaluateAll(arguments, context)
    let out = output(context)
    if skipsNulls {
      try concatenate(vectors, into: out, context)
      return out
    }
    let nulls = vectors.filter(\.hasNulls)
    if !nulls.isEmpty {
      out.markAllValid()
      for vector in nulls { for row in 0..<context.count { out.valid[row] &= vector.valid[row] } }
    }
    switch function {
    case .lower: mapCase(vectors[0], into: out, context, upper: false)
    case .upper: mapCase(vectors[0], into: out, context, upper: true)
    case .length, .contains, .startsWith, .endsWith, .strpos: measure(vectors, into: out)
    case .trim, .ltrim, .rtrim, .substr, .left, .right, .splitPart: cut(vectors, into: out)
    case .concat: try concatenate(vectors, into: out, context)
    default: try build(vectors, into: out, context)
    }
    if out.hasNulls { out.clearNulls() }
    return out
  }

  // MARK: Numbers and truths of texts

  private func measure(_ vectors: [Vector], into out: Vector) {
    let text = vectors[0]
    if function == .length {
      for row in 0..<out.count { out.ints[row] = Int64(Characters.count(text.texts[row], Int(text.lengths[row]))) }
      return
    }
    let part = vectors[1]
    for row in 0..<out.count {
      let (start, count) = (text.texts[row], Int(text.lengths[row]))
      let (piece, size) = (part.texts[row], Int(part.lengths[row]))
      switch function {
      case .contains: out.ints[row] = TextNeedle(piece, size).find(in: start, count) != nil ? 1 : 0
      case .startsWith: out.ints[row] = count >= size && memcmp(start, piece, size) == 0 ? 1 : 0
      case .endsWith: out.ints[row] = count >= size && memcmp(start + (count &- size), piece, size) == 0 ? 1 : 0
      default:
        let place = TextNeedle(piece, size).find(in: start, count)
        out.ints[row] = place.map { Int64(Characters.count(start, $0)) + 1 } ?? 0
      }
    }
  }

  // MARK: Parts of texts, which need no memory

  private func cut(_ vectors: [Vector], into out: Vector) {
    let text = vectors[0]
    for row in 0..<out.count {
      let bytes = text.text(row)
      let part: Range<Int>
      switch function {
      case .trim, .ltrim, .rtrim: part = trimmed(bytes, vectors.count > 1 ? vectors[1].text(row) : nil)
      case .substr:
        part = Self.substring(bytes, vectors[1].ints[row], vectors.count > 2 ? vectors[2].ints[row] : .max)
      case .left: part = Self.head(bytes, vectors[1].ints[row])
      case .right: part = Self.tail(bytes, vectors[1].ints[row])
      default: part = Self.split(bytes, by: vectors[1].text(row), vectors[2].ints[row])
      }
      out.texts[row] = bytes.baseAddress! + part.lowerBound
      out.lengths[row] = UInt32(part.count)
    }
  }

  private func trimmed(_ bytes: Bytes, _ characters: Bytes?) -> Range<Int> {
    let start = bytes.baseAddress!
    var (low, high) = (0, bytes.count)
    guard let characters else {
      if function != .rtrim { while low < high, start[low] == 0x20 { low &+= 1 } }
      if function != .ltrim { while high > low, start[high &- 1] == 0x20 { high &-= 1 } }
      return low..<high
    }
    func holds(_ character: UnsafePointer<UInt8>, _ size: Int) -> Bool {
      var index = 0
      while index < characters.count {
        let other = characters.baseAddress! + index
        let length = Characters.length(other, characters.count - index)
        if length == size, memcmp(other, character, size) == 0 { return true }
        index += length
      }
      return false
    }
    if function != .rtrim {
      while low < high {
        let size = Characters.length(start + low, high - low)
        guard holds(start + low, size) else { break }
        low += size
      }
    }
    if function != .ltrim {
      while high > low {
        // The last byte alone always counts as a character: so the longer ones are tried first.
        var size = min(4, high - low)
        while size > 1, Characters.length(start + (high - size), size) != size { size -= 1 }
        guard holds(start + (high - size), size) else { break }
        high -= size
      }
    }
    return low..<high
  }

  /// From character `start` (1 is the first, -1 the last), `length` characters; a negative length goes backwards.
  private static func substring(_ bytes: Bytes, _ start: Int64, _ length: Int64) -> Range<Int> {
    let text = bytes.baseAddress!
    let isASCII = Characters.isASCII(text, bytes.count)
    let count = Int64(isASCII ? bytes.count : Characters.count(text, bytes.count))
    var first = start > 0 ? start &- 1 : (start == 0 ? -1 : (start < -count ? -count &- 1 : start) &+ count)
    if start == 0 { first = -1 }
    var end: Int64
    if length >= 0 {
      end = first >= Int64.max &- length ? .max : first &+ length
    } else {
      end = first
      first = first < Int64.min &- length ? .min : first &+ length
    }
    first = min(max(first, 0), count)
    end = min(max(end, first), count)
    if isASCII { return Int(first)..<Int(end) }
    let low = Characters.offset(of: Int(first), text, bytes.count)
    return low..<low + Characters.offset(of: Int(end - first), text + low, bytes.count - low)
  }

  /// The first `count` characters; with a negative one all but the last.
  private static func head(_ bytes: Bytes, _ count: Int64) -> Range<Int> {
    let text = bytes.baseAddress!
    let number =
      count >= 0 ? count : max(0, Int64(Characters.count(text, bytes.count)) &+ max(count, -Int64(UInt32.max)))
    if number >= bytes.count { return 0..<bytes.count }
    return 0..<Characters.offset(of: Int(number), text, bytes.count)
  }

  /// The last `count` characters; with a negative one all but the first.
  private static func tail(_ bytes: Bytes, _ count: Int64) -> Range<Int> {
    let text = bytes.baseAddress!
    let all = Int64(Characters.count(text, bytes.count))
    let skipped = count >= 0 ? max(0, all &- min(count, all)) : min(all, 0 &- max(count, -all))
    return Characters.offset(of: Int(skipped), text, bytes.count)..<bytes.count
  }

  /// Part `number` (from 1; from the end when negative) between separators; empty where there is none.
  private static func split(_ bytes: Bytes, by separator: Bytes, _ number: Int64) -> Range<Int> {
    let text = bytes.baseAddress!
    let none = bytes.count..<bytes.count
    guard separator.count > 0 else { return number == 1 || number == -1 ? 0..<bytes.count : none }
    let needle = TextNeedle(separator.baseAddress!, separator.count)
    func end(after start: Int) -> Int? { needle.find(in: text, bytes.count, from: start) }
    var wanted = number
    if number < 0 {
      var parts: Int64 = 1
      var start = 0
      while let end = end(after: start) {
        parts += 1
        start = end + separator.count
      }
      wanted = number < -parts ? 0 : parts &+ number &+ 1
    }
    guard wanted >= 1 else { return none }
    var start = 0
    var part: Int64 = 1
    while true {
      let end = end(after: start)
      if part == wanted { return start..<(end ?? bytes.count) }
      guard let end else { return none }
      start = end + separator.count
      part += 1
    }
  }

  // MARK: New texts

  private func mapCase(_ text: Vector, into out: Vector, _ context: EvaluationContext, upper: Bool) {
    var writer = TextWriter(context.arena)
    let first: UInt8 = upper ? UInt8(ascii: "a") : UInt8(ascii: "A")
    for row in 0..<context.count {
      let count = Int(text.lengths[row])
      let source = text.texts[row]
      let place = writer.reserve(count)
      var all: UInt8 = 0
      for index in 0..<count {
        let byte = source[index]
        all |= byte
        place[index] = byte ^ (byte &- first < 26 ? 0x20 : 0)
      }
      if all < 0x80 { writer.keep(count, in: out, row) } else { mapUnicode(source, count, upper, &writer, out, row) }
    }
  }

  /// One code point for one code point, where Unicode maps it so; bytes that are no UTF-8 stay.
  private func mapUnicode(
    _ source: UnsafePointer<UInt8>, _ count: Int, _ upper: Bool, _ writer: inout TextWriter, _ out: Vector, _ row: Int
  ) {
    // A mapped code point may need one byte more than its two (U+023A), never more than three for two.
    let place = writer.reserve(count * 2)
    var (from, to) = (0, 0)
    while from < count {
      let size = Characters.length(source + from, count - from)
      if let scalar = Characters.scalar(source + from, size) {
        let mapping = upper ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
        let scalars = mapping.unicodeScalars
        let mapped = scalars.count == 1 ? scalars.first! : scalar
        for byte in Unicode.UTF8.encode(mapped).unsafelyUnwrapped {
          place[to] = byte
          to += 1
        }
      } else {
        place[to] = source[from]
        to += 1
      }
      from += size
    }
    writer.keep(to, in: out, row)
  }

  private func concatenate(
    _ vectors: [Vector], into out: Vector, _ context: EvaluationContext
  ) throws(TableError) {
    var writer = TextWriter(context.arena)
    let columns = vectors.map(Cells.init)
    try columns.withUnsafeBufferPointer { columns throws(TableError) in
      for row in 0..<context.count {
        // The text of a null is empty, so it needs no test.
        var total = 0
        for index in 0..<columns.count { total &+= Int(columns[index].lengths[row]) }
        try writer.check(total, of: .concat)
        // Sixteen bytes more than needed, because short texts are copied as sixteen bytes.
        var place = writer.reserve(total &+ 16)
        for index in 0..<columns.count {
          let length = Int(columns[index].lengths[row])
          let text = UnsafeRawPointer(columns[index].texts[row])
          if length <= 16 {
            UnsafeMutableRawPointer(place).storeBytes(
              of: text.loadUnaligned(as: SIMD2<UInt64>.self), as: SIMD2<UInt64>.self)
          } else {
            memcpy(place, text, length)
          }
          place += length
        }
        writer.keep(total, in: out, row)
      }
    }
  }

  private func build(_ vectors: [Vector], into out: Vector, _ context: EvaluationContext) throws(TableError) {
    var writer = TextWriter(context.arena)
    for row in 0..<context.count {
      guard out.isValid(row), context.isActive(row) else {
        out.texts[row] = emptyText
        out.lengths[row] = 0
        continue
      }
      let bytes = vectors[0].text(row)
      switch function {
      case .replace: try Self.replace(bytes, vectors[1].text(row), vectors[2].text(row), &writer, out, row)
      case .reverse: Self.reverse(bytes, &writer, out, row)
      case .repeatText:
        let times = Int(max(0, min(vectors[1].ints[row], Int64(UInt32.max))))
        // Both below 2^32: the product fits.
        let size = bytes.count * times
        try writer.check(size, of: function)
        let place = writer.reserve(size)
        for index in 0..<(bytes.isEmpty ? 0 : times) {
          memcpy(place + index * bytes.count, bytes.baseAddress!, bytes.count)
        }
        writer.keep(size, in: out, row)
      default: try pad(bytes, vectors[1].ints[row], vectors[2].text(row), &writer, out, row)
      }
    }
  }

  private static func replace(
    _ bytes: Bytes, _ old: Bytes, _ new: Bytes, _ writer: inout TextWriter, _ out: Vector, _ row: Int
  ) throws(TableError) {
    let text = bytes.baseAddress!
    let needle = TextNeedle(old.baseAddress!, old.count)
    guard old.count > 0, var hit = needle.find(in: text, bytes.count) else {
      out.texts[row] = text
      out.lengths[row] = UInt32(bytes.count)
      return
    }
    var hits = 0
    if new.count > old.count {
      var from = 0
      while let next = needle.find(in: text, bytes.count, from: from) {
        hits += 1
        from = next + old.count
      }
    }
    let room = bytes.count + hits * max(0, new.count - old.count)
    try writer.check(room, of: .replace)
    let place = writer.reserve(room)
    var (from, to) = (0, 0)
    while true {
      memcpy(place + to, text + from, hit - from)
      to += hit - from
      memcpy(place + to, new.baseAddress!, new.count)
      to += new.count
      from = hit + old.count
      guard let next = needle.find(in: text, bytes.count, from: from) else { break }
      hit = next
    }
    memcpy(place + to, text + from, bytes.count - from)
    writer.keep(to + bytes.count - from, in: out, row)
  }

  private static func reverse(_ bytes: Bytes, _ writer: inout TextWriter, _ out: Vector, _ row: Int) {
    let text = bytes.baseAddress!
    let place = writer.reserve(bytes.count)
    var index = 0
    while index < bytes.count {
      let size = Characters.length(text + index, bytes.count - index)
      memcpy(place + (bytes.count - index - size), text + index, size)
      index += size
    }
    writer.keep(bytes.count, in: out, row)
  }

  /// `lpad`, `rpad`: filled up, or cut at its end, to `length` characters.
  private func pad(
    _ bytes: Bytes, _ length: Int64, _ fill: Bytes, _ writer: inout TextWriter, _ out: Vector, _ row: Int
  ) throws(TableError) {
    let text = bytes.baseAddress!
    let wanted = Int(max(0, min(length, Int64(UInt32.max))))
    let count = Characters.count(text, bytes.count)
    if wanted <= count || fill.isEmpty {
      out.texts[row] = text
      out.lengths[row] = UInt32(wanted >= count ? bytes.count : Characters.offset(of: wanted, text, bytes.count))
      return
    }
    let fillCount = Characters.count(fill.baseAddress!, fill.count)
    let missing = wanted - count
    let rest = Characters.offset(of: missing % fillCount, fill.baseAddress!, fill.count)
    let fillBytes = missing / fillCount * fill.count + rest
    try writer.check(bytes.count + fillBytes, of: function)
    let place = writer.reserve(bytes.count + fillBytes)
    var to = 0
    if function == .rpad {
      memcpy(place, text, bytes.count)
      to = bytes.count
    }
    for _ in 0..<missing / fillCount {
      memcpy(place + to, fill.baseAddress!, fill.count)
      to += fill.count
    }
    memcpy(place + to, fill.baseAddress!, rest)
    to += rest
    if function == .lpad { memcpy(place + to, text, bytes.count) }
    writer.keep(bytes.count + fillBytes, in: out, row)
  }
}
