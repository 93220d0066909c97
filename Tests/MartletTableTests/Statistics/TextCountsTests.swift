import MartletTable
import TestSupport
import Testing

@Suite struct TextCountsTests {
  private static func partial(_ cells: ArraySlice<TestValue>) -> TextCountsPartial {
    let counts = TextCounts()
    var start = cells.startIndex
    while start < cells.endIndex {
      let end = min(start + 700, cells.endIndex)
      let vector = TestVector(.text, cells[start..<end])
      counts.consume(vector.vector, count: end - start)
      withExtendedLifetime(vector) {}
      start = end
    }
    return counts.finish()
  }

  @Test(arguments: sampled(0..<20))
  func `the most frequent values are those of a dictionary of counts`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let count = [0, 1, 50, 3000].randomElement(using: &random)!
    let pool = [3, 40, 1000].randomElement(using: &random)!
    let cells: [TestValue] = (0..<count).map { _ in
      let number = Int.random(in: 0...pool, using: &random)
      return number == 0
        ? .null
        : number == 1 ? .text("") : number % 2 == 0 ? .text("\(number)") : .text("a long text of number \(number)")
    }
    let cut = Int.random(in: 0...count, using: &random)
    let merged = TextCounts.merge([Self.partial(cells[..<cut]), Self.partial(cells[cut...])])
    var model: [TestValue: Int64] = [:]
    for cell in cells { model[cell, default: 0] += 1 }
    let expected = model.sorted {
      $0.value != $1.value ? $0.value > $1.value : GroupModel.isLess($0.key, $1.key)
    }
    for limit in [0, 1, 10, 5000] {
      let found = merged.mostFrequent(limit)
      #expect(found.map(\.count) == expected.prefix(limit).map(\.value), "seed \(seed)")
      #expect(
        found.map { value -> TestValue in value.value.map { .text($0) } ?? .null } == expected.prefix(limit).map(\.key),
        "seed \(seed)")
    }
    #expect(merged.cellCount == Int64(count))
    #expect(merged.nullCount == model[.null] ?? 0)
    #expect(merged.distinctCount == model.keys.filter { $0 != .null }.count)
  }
}
