import TestSupport
import Testing

@testable import MartletTable

/// Texts that are looked up by their numbers.
@Suite struct DecimalIndexTests {
  private static func number(_ form: DecimalForm, _ text: String) -> UInt64? {
    let bytes = Array(text.utf8)
    // What follows a text is anything.
    for filler in [UInt8(0), 48, 57, 255] {
      let padded = bytes + [UInt8](repeating: filler, count: 16)
      let number = padded.withUnsafeBufferPointer { form.number($0.baseAddress!, bytes.count) }
      if filler == 255 { return number == DecimalForm.none ? nil : number }
      let other = (bytes + [UInt8](repeating: 255, count: 16)).withUnsafeBufferPointer {
        form.number($0.baseAddress!, bytes.count)
      }
      #expect(number == other, "\(text) before \(filler)")
    }
    return nil
  }

  private static func form(_ text: String) -> DecimalForm? {
    let bytes = Array(text.utf8) + [UInt8](repeating: 0, count: 16)
    return bytes.withUnsafeBufferPointer { DecimalForm(UnsafeBufferPointer(rebasing: $0.prefix(text.utf8.count))) }
  }

  @Test func `whole numbers without leading zeros are their own number`() throws {
    let form = try #require(Self.form("7"))
    for text in ["0", "1", "9", "10", "99", "12345", "1234567", "12345678", "99999999"] {
      #expect(Self.number(form, text) == UInt64(text))
    }
    for text in ["", "00", "01", "-1", "+1", "1.", "1 ", " 1", "123456789", "1a", "a", "1:", "1/", "\u{b1}", "0x1"] {
      #expect(Self.number(form, text) == nil, "\(text)")
    }
  }

  @Test(arguments: 1...16)
  func `codes of every length are told apart by every byte`(length: Int) throws {
    for digits in 1...length {
      let head = String(repeating: "k", count: length - digits)
      let first = head + String(repeating: "0", count: digits)
      // One digit alone is a number.
      guard length > 1, let form = Self.form(first) else { continue }
      #expect(Self.number(form, first) == 0)
      let counted = min(digits, 8)
      let most = String(repeating: "0", count: digits - counted) + String(repeating: "9", count: counted)
      #expect(Self.number(form, head + most) == UInt64(String(repeating: "9", count: counted)))
      for place in 0..<length {
        var bytes = Array(first.utf8)
        bytes[place] = UInt8(ascii: "x")
        #expect(Self.number(form, String(decoding: bytes, as: UTF8.self)) == nil, "\(place) of \(first)")
      }
      #expect(Self.number(form, first + "0") == nil)
      #expect(Self.number(form, String(first.dropLast())) == nil)
    }
  }

  @Test func `texts without a form have none`() {
    for text in ["", "a", "1a", "id-", "more than sixteen1"] { #expect(Self.form(text) == nil, "\(text)") }
  }

  /// Ids in order of first occurrence, whatever way each text is found.
  @Test(arguments: 0..<40)
  func `any mixture of texts gets the ids of a plain dictionary`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var tuning = GroupTuning()
    tuning.slotBits = 2
    tuning.decimalBits = Int.random(in: 0...6, using: &random)
    tuning.decimalWindow = [1, 200, 1 << 16].randomElement(using: &random)!
    tuning.hashMask = [0xc000_0000, .max].randomElement(using: &random)!
    let prefix = ["", "c00", "a prefix of16by"].randomElement(using: &random)!
    let range = [30, 3_000, 200_000].randomElement(using: &random)!
    let others = ["", "x", "-4", "007", "c001", "a text of more than sixteen bytes", "123456789012", "c0000"]
    let shareOfOthers = [0.0, 0.02, 0.7].randomElement(using: &random)!
    let dictionary = TextDictionary(payloadBytes: [0, 8].randomElement(using: &random)!, tuning: tuning)
    let scratch = LookupScratch()
    var expected: [TestValue: UInt32] = [:]
    for batch in 0..<30 {
      let count = Int.random(in: 1...LookupScratch.capacity, using: &random)
      // Other texts come in the later half alone, so that there is a table that they do not fit.
      let share = batch < 3 ? 0 : shareOfOthers
      let cells = (0..<count).map { _ -> TestValue in
        if Double.random(in: 0..<1, using: &random) < share {
          return Bool.random(using: &random) ? .text(others.randomElement(using: &random)!) : .null
        }
        let number = Int.random(in: 0..<range, using: &random)
        if prefix.isEmpty { return .text("\(number)") }
        let digits = "\(number)"
        return .text(prefix + String(repeating: "0", count: max(0, 6 - digits.count)) + digits)
      }
      let vector = TestVector(.text, cells)
      let ids = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
      defer { ids.deallocate() }
      dictionary.lookup(vector.vector, from: 0, count: count, into: ids, scratch)
      for (row, cell) in cells.enumerated() {
        let id = expected[cell] ?? UInt32(expected.count)
        expected[cell] = id
        #expect(ids[row] == id, "seed \(seed), batch \(batch): \(cell)")
        if cell == .null { #expect(dictionary.nullID == id) }
      }
      withExtendedLifetime(vector) {}
      if Int(dictionary.count) != expected.count { break }
    }
    #expect(dictionary.count == expected.count)
    for (cell, id) in expected {
      guard case .text(let bytes) = cell else { continue }
      #expect(Array(dictionary.text(Int(id))) == bytes, "seed \(seed)")
    }
    // Whoever absorbs it finds every text by its hash.
    let other = TextDictionary(payloadBytes: 0, tuning: GroupTuning())
    #expect(other.absorb(dictionary, scratch) == (0..<UInt32(dictionary.count)).map { $0 })
    #expect(other.absorb(dictionary, scratch) == (0..<UInt32(dictionary.count)).map { $0 })
  }
}
