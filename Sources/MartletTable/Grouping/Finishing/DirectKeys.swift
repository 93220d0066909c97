/// What the keys of one part say about numbering the groups of one key column by the keys themselves: by their values, or by the
/// few bytes in which texts differ.
package struct KeySurvey: Sendable {
  /// The type of the part's keys; nil where they have several, or are not what was asked for.
  var type: ColumnType?
  /// One of the keys, if there is any but null.
  var example: UnsafeBufferPointer<UInt8>? { address.map { UnsafeBufferPointer(start: $0.pointer, count: count) } }
  /// How many bytes all keys have in common, from the first on.
  var common = 0
  var shortest = Int.max
  var longest = 0
  private var address: Address?
  private var count = 0

  // Points into the dictionary of a part, which the plan keeps and nobody changes.
  private struct Address: @unchecked Sendable { let pointer: UnsafePointer<UInt8> }

  /// Looks at the keys of a part: for texts at their bytes, for anything else at their classes.
  init(_ dictionary: TextDictionary, type wanted: ColumnType?, reader: any KeyCellReader) {
    let view = dictionary.rows.view
    let nullID = Int(dictionary.nullID)
    var type = wanted ?? .null
    for id in 0..<dictionary.count where id != nullID {
      let text = TextDictionary.text(at: view.address(id))
      if address == nil {
        address = Address(pointer: text.baseAddress!)
        count = text.count
        common = text.count
        if wanted == nil { type = reader.classify(text).columnType }
      }
      if type == .text || type == .null {
        measure(text)
      } else if wanted == nil {
        // Most keys that are numbers are small ones.
        if type == .int, DecimalForm.plain(text.baseAddress!, text.count) != DecimalForm.none { continue }
        if reader.classify(text).columnType != type { return }
      }
    }
    self.type = type
  }

  private mutating func measure(_ text: UnsafeBufferPointer<UInt8>) {
    let example = address!.pointer
    common = min(common, text.count)
    var same = 0
    while same < common && text[same] == example[same] { same += 1 }
    common = same
    shortest = min(shortest, text.count)
    longest = max(longest, text.count)
  }
}

/// How the keys of all parts become numbers of the same order.
package struct KeyMeasure: Sendable {
  let type: ColumnType
  /// Bytes that texts have in common.
  private let common: Int
  /// Whether texts differ in length, which then is part of the number.
  private let hasLengths: Bool
  /// Whether equal keys are of equal texts; else they only begin alike, and whoever sorts them has to look.
  let isExact: Bool

  /// Nil where the keys have several types.
  init?(_ surveys: [KeySurvey]) {
    // A part of nothing but nulls says nothing.
    let surveys = surveys.filter { $0.type == nil || $0.example != nil }
    guard let first = surveys.first, let type = first.type, surveys.allSatisfy({ $0.type == type }) else { return nil }
    self.type = type
    guard type == .text else {
      common = 0
      hasLengths = false
      isExact = true
      return
    }
    let example = first.example!
    var common = first.common
    for survey in surveys {
      common = min(common, survey.common)
      let other = survey.example!
      var same = 0
      while same < common && other[same] == example[same] { same += 1 }
      common = same
    }
    let shortest = surveys.map(\.shortest).min()!
    let longest = surveys.map(\.longest).max()!
    self.common = common
    isExact = longest - common <= (shortest != longest ? 7 : 8)
    hasLengths = isExact && shortest != longest
  }

  /// The key of a text, ordered as the texts are; nil where it is not of the type.
  func key(_ text: UnsafeBufferPointer<UInt8>, _ reader: any KeyCellReader) -> UInt64? {
    switch type {
    case .null, .text:
      let rest = text.count - common
      let raw = UnsafeRawPointer(text.baseAddress!)
      var word: UInt64 = 0
      if rest >= 8 {
        word = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: common, as: UInt64.self))
      } else {
        for index in 0..<rest { word |= UInt64(text[common + index]) << UInt64(56 - 8 * index) }
      }
      return hasLengths ? word | UInt64(rest) : word
    case .int:
      let number = DecimalForm.plain(text.baseAddress!, text.count)
      if number != DecimalForm.none { return unsignedOrder(Int64(number)) }
      return reader.int(text, as: .int).map(unsignedOrder)
    case .double: return reader.double(text).map { unsignedOrder(OrderedDouble.encodeEqualZeros($0)) }
    case .bool, .date, .timestamp: return reader.int(text, as: type).map(unsignedOrder)
    }
  }
}

/// The keys of a part, by id.
// Sendable: immutable.
package final class PartKeys: @unchecked Sendable {
  let keys: [UInt64]
  /// The id of null; `noID` where there is none.
  let nullID: UInt32
  /// Of the keys but null; none where `least` is greater than `greatest`.
  let least: UInt64
  let greatest: UInt64
  /// The bits in which keys differ from `least`.
  let differing: UInt64

  /// Nil where a text is not of the type, or many texts begin alike: their order is not found by looking at eight bytes.
  init?(_ dictionary: TextDictionary, _ measure: KeyMeasure, reader: any KeyCellReader) {
    let view = dictionary.rows.view
    let nullID = dictionary.nullID
    var keys = [UInt64](repeating: 0, count: dictionary.count)
    var least = UInt64.max
    var greatest: UInt64 = 0
    for id in keys.indices where id != Int(nullID) {
      guard let key = measure.key(TextDictionary.text(at: view.address(id)), reader) else { return nil }
      keys[id] = key
      least = min(least, key)
      greatest = max(greatest, key)
    }
    var differing: UInt64 = 0
    for id in keys.indices where id != Int(nullID) { differing |= keys[id] ^ least }
    if !measure.isExact, Self.repeats(keys) > 1.0 / 16 { return nil }
    self.keys = keys
    self.nullID = nullID
    self.least = least
    self.greatest = greatest
    self.differing = differing
  }
}

extension PartKeys {
  /// The share of keys that are there before.
  private static func repeats(_ keys: [UInt64]) -> Double {
    if keys.isEmpty { return 0 }
    var sorted = keys
    sorted.withUnsafeMutableBufferPointer { sorted in
      let scratch = UnsafeMutablePointer<UInt64>.allocate(capacity: sorted.count)
      radixSort(sorted.baseAddress!, scratch: scratch, count: sorted.count) { $0 }
      scratch.deallocate()
    }
    var repeats = 0
    for index in 1..<sorted.count where sorted[index] == sorted[index - 1] { repeats += 1 }
    return Double(repeats) / Double(sorted.count)
  }
}

/// From keys to numbers without gaps at the top: so that ranges of numbers hold about as many groups each.
struct KeyNumbers {
  private let parts: [PartKeys]
  private let least: UInt64
  /// Runs of bits in which texts differ at all, the lowest first; empty for values, whose distance from the least is taken.
  private var runs: [Run] = []
  /// The number of null.
  private let null: UInt64
  let bitCount: Int

  private struct Run {
    let shift: UInt64
    let mask: UInt64
    let place: UInt64
  }

  /// Nil where 64 bits do not hold the numbers.
  init?(_ parts: [PartKeys], isText: Bool) {
    self.parts = parts
    let some = parts.filter { $0.least <= $0.greatest }
    let least = some.map(\.least).min() ?? 0
    self.least = least
    var greatest = (some.map(\.greatest).max() ?? 0) &- least
    if isText {
      var differing = some.reduce(0) { $0 | $1.differing | ($1.least ^ least) }
      var place: UInt64 = 0
      while differing != 0 {
        let shift = UInt64(differing.trailingZeroBitCount)
        let width = UInt64((~(differing >> shift)).trailingZeroBitCount)
        let mask = UInt64.max >> (64 - width)
        runs.append(Run(shift: shift, mask: mask, place: place))
        differing &= ~(mask << shift)
        place += width
      }
      greatest = place == 0 ? 0 : UInt64.max >> (64 - place)
    }
    let hasNull = parts.contains { $0.nullID != TextDictionary.noID }
    if hasNull && greatest == .max { return nil }
    null = greatest &+ 1
    bitCount = UInt64.bitWidth - (hasNull ? null : greatest).leadingZeroBitCount
  }

  /// The numbers of all groups of a part.
  func numbers(part: Int) -> [UInt64] {
    let part = parts[part]
    var numbers = part.keys
    numbers.withUnsafeMutableBufferPointer { numbers in
      if runs.isEmpty {
        for group in numbers.indices { numbers[group] &-= least }
      } else {
        runs.withUnsafeBufferPointer { runs in
          for group in numbers.indices {
            let key = numbers[group]
            var number: UInt64 = 0
            for run in runs { number |= (key &>> run.shift & run.mask) &<< run.place }
            numbers[group] = number
          }
        }
      }
      if part.nullID != TextDictionary.noID { numbers[Int(part.nullID)] = null }
    }
    return numbers
  }
}
