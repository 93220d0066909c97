import MartletSystem
import TestSupport
import Testing

@testable import MartletTable

@Suite struct IndexLevelTests {
  private struct Index: Equatable {
    var positions: [UInt32]
    var records: UInt32
    var flags: UInt32
  }

  private func index(_ bytes: [UInt8], quote: UInt8?, capacity: Int? = nil, _ level: Int32) -> Index {
    let capacity = capacity ?? bytes.count
    // What lies behind the text must not matter: quotes and delimiters do.
    let padded = bytes + [UInt8](repeating: bytes.count % 2 == 0 ? 34 : 44, count: 64)
    var positions = [UInt32](repeating: 0, count: capacity + 128)
    let result = martlet_csv_index(
      padded, UInt32(bytes.count), 44, quote.map(Int32.init) ?? -1, &positions, UInt32(capacity), level)
    return Index(
      positions: Array(positions[..<Int(result.separators)]), records: result.records, flags: result.flags)
  }

  /// The index byte by byte.
  private func model(_ bytes: [UInt8], quote: UInt8?) -> Index {
    var result = Index(positions: [], records: 0, flags: 0)
    func set(_ flag: Int) { result.flags |= UInt32(flag) }
    var isInside = false
    for (i, byte) in bytes.enumerated() {
      let before = i > 0 ? bytes[i - 1] : 10
      let after = i + 1 < bytes.count ? bytes[i + 1] : nil
      if let quote, byte == quote {
        set(MARTLET_CSV_QUOTES)
        if !isInside {
          if ![44, 10, quote].contains(before) { set(MARTLET_CSV_IRREGULAR) }
          if i > 0 && before == quote { set(MARTLET_CSV_DOUBLED) }
        } else if let after, ![44, 10, 13, quote].contains(after) {
          set(MARTLET_CSV_IRREGULAR)
        }
        isInside.toggle()
        continue
      }
      if isInside { continue }
      if byte == 44 || byte == 10 { result.positions.append(UInt32(i)) }
      if byte == 10 { result.records += 1 }
      if byte == 13 {
        set(MARTLET_CSV_RETURNS)
        if let after, after != 10 { set(MARTLET_CSV_IRREGULAR) }
      }
    }
    while let last = result.positions.last, bytes[Int(last)] != 10 { result.positions.removeLast() }
    return result
  }

  @Test(arguments: RecordReader.Level.available.filter { $0 != .scanner })
  func `every level gives the index of the model`(_ level: RecordReader.Level) {
    for seed in 0..<(isDebug ? 2_000 : 50_000) {
      var random = SeededGenerator(seed: UInt64(seed))
      let alphabet: [UInt8]
      switch Int.random(in: 0..<5, using: &random) {
      case 0: alphabet = [97, 98, 44, 10]
      case 1: alphabet = Array("aaaaaaaaaaaaaaa,\n".utf8)
      case 2: alphabet = [44, 34, 34, 10]
      case 3: alphabet = [97, 44, 34, 13, 10]
      default: alphabet = [0x80 + 44, 0x80 + 10, 0xff, 0, 44, 10, 12, 11, 43, 45]
      }
      var bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
      if Bool.random(using: &random) {
        // Regular quoting, which chance rarely makes.
        bytes = []
        for _ in 0..<Int.random(in: 0...20, using: &random) {
          let inner = (0..<Int.random(in: 0...30, using: &random)).map { _ in
            "ab,\n\r".utf8.randomElement(using: &random)!
          }
          bytes += [34] + inner + (Bool.random(using: &random) ? [34, 34] : []) + [34]
          bytes += Array([",", "\n", "\r\n"].randomElement(using: &random)!.utf8)
        }
      }
      // One accident: more would hide each other.
      if !bytes.isEmpty && Bool.random(using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = alphabet.randomElement(using: &random)!
      }
      let quote: UInt8? = Int.random(in: 0..<4, using: &random) == 0 ? nil : 34
      #expect(index(bytes, quote: quote, level.rawValue) == model(bytes, quote: quote), "seed \(seed)")
    }
  }

  @Test(arguments: RecordReader.Level.available.filter { $0 != .scanner })
  func `an index that is too small covers the records of a prefix`(_ level: RecordReader.Level) {
    let bytes = Array(repeating: Array("1,2\n".utf8), count: 1000).joined().map { $0 }
    let whole = model(bytes, quote: 34)
    for capacity in [0, 1, 31, 32, 100, 1999, 2000] {
      let part = index(bytes, quote: 34, capacity: capacity, level.rawValue)
      #expect((part.flags & UInt32(MARTLET_CSV_TRUNCATED) != 0) == (capacity < 1968))
      #expect(part.positions.elementsEqual(whole.positions[..<part.positions.count]))
      #expect(part.positions.count == 2 * Int(part.records))
    }
  }

  @Test func `line ends are counted as an editor does`() {
    for text in ["", "a", "\n", "\r", "\r\n", "\n\r", "\r\r\n\n", "a\nb\r\nc\rd", "\r\n\r\n"] {
      let bytes = Array(text.utf8)
      for cut in 0...bytes.count {
        var afterReturn: Int32 = 0
        var ends = martlet_csv_line_ends(Array(bytes[..<cut]), cut, &afterReturn)
        ends += martlet_csv_line_ends(Array(bytes[cut...]), bytes.count - cut, &afterReturn)
        #expect(Int(ends) == text.split(omittingEmptySubsequences: false) { $0.isNewline }.count - 1)
      }
      for offset in 0..<bytes.count {
        #expect(
          (try? lineNumber(of: offset, in: MemorySource(bytes))) == CSVModel.line(of: offset, in: bytes))
      }
    }
  }

  @Test func `ASCII is told from the rest at every place`() {
    for count in 0..<40 {
      var bytes = [UInt8](repeating: 0x7f, count: count)
      #expect(martlet_csv_is_ascii(bytes, count) == 1)
      for place in 0..<count {
        bytes[place] = 0x80
        #expect(martlet_csv_is_ascii(bytes, count) == 0)
        bytes[place] = 0x7f
      }
    }
  }
}
