import MartletTable
import TestSupport
import Testing

/// Samples and the first records of an order.
@Suite struct KeptRecordsTests {
  private static func table(_ random: inout SeededGenerator, count: Int) -> [(type: ColumnType, cells: [TestValue])] {
    let texts: [TestValue] = [
      .null, .text(""), .text("a"), .text("a\0"), .text("b"), .text("eight by"), .text("eight bytes"),
      .text("eight bytes and more"), .text("eight bytes and less"),
    ]
    return [
      (.text, (0..<count).map { _ in texts.randomElement(using: &random)! }),
      (
        .int,
        (0..<count).map { _ in
          [.null, .int(.min), .int(.max), .int(Int64.random(in: -3...3, using: &random))].randomElement(using: &random)!
        }
      ),
      (
        .double,
        (0..<count).map { _ in
          [.null, .double(.nan), .double(-.infinity), .double(-0.0), .double(0), .double(1.5)].randomElement(
            using: &random)!
        }
      ),
      (.null, [TestValue](repeating: .null, count: count)),
    ]
  }

  /// The ordinal of each record, as a text column: which records came out is then plain to see.
  private static func ordinals(_ range: Range<Int>) -> [TestValue] { range.map { .text("\($0)") } }

  private static func isLess(_ left: TestValue, _ right: TestValue, descending: Bool) -> Bool {
    if left == .null || right == .null { return GroupModel.isLess(left, right) }
    if case .double(let x) = left, case .double(let y) = right, x == y { return false }
    return descending ? GroupModel.isLess(right, left) : GroupModel.isLess(left, right)
  }

  @Test(arguments: sampled(0..<60))
  func `the first records are those of a stable sort`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let count = [0, 1, 30, 2000].randomElement(using: &random)!
    let limit = [0, 1, 10, 100, 5000, Int.max].randomElement(using: &random)!
    let table = Self.table(&random, count: count)
    let keys = (0..<Int.random(in: 0...3, using: &random)).map { _ in table.indices.randomElement(using: &random)! }
    let descending = keys.map { _ in Bool.random(using: &random) }
    let order = RecordOrder(types: keys.map { table[$0].type }, descending: descending)
    let cut = Int.random(in: 0...count, using: &random)
    let parts = [0..<cut, cut..<cut, cut..<count].map { range in
      let top = TopRecords(order, columnCount: 2, limit: limit)
      var start = range.lowerBound
      while start < range.upperBound {
        let end = min(start + 97, range.upperBound)
        let keyVectors = keys.map { TestVector(table[$0].type, table[$0].cells[start..<end]) }
        let columns = [
          TestVector(.text, Self.ordinals(start..<end)), TestVector(.text, table[0].cells[start..<end]),
        ]
        top.consume(keys: keyVectors.map(\.vector), columns: columns.map(\.vector), count: end - start)
        withExtendedLifetime((keyVectors, columns)) {}
        start = end
      }
      return top.finish()
    }
    let merged = TopRecords.merge([TopRecords.merge(Array(parts[0..<2])), parts[2]])
    let expected = Array(
      (0..<count).sorted { left, right in
        for (key, isDescending) in zip(keys, descending) {
          let x = table[key].cells[left]
          let y = table[key].cells[right]
          if Self.isLess(x, y, descending: isDescending) { return true }
          if Self.isLess(y, x, descending: isDescending) { return false }
        }
        return left < right
      }.prefix(limit))
    let columns = merged.columns()
    #expect((0..<merged.count).map { columns[0].value($0) } == expected.map { .text("\($0)") }, "seed \(seed)")
    #expect((0..<merged.count).map { columns[1].value($0) } == expected.map { table[0].cells[$0] }, "seed \(seed)")
  }

  private static func sample(_ range: Range<Int>, count: Int, seed: UInt64) -> SamplePartial {
    let sample = SampleAccumulator(count: count, seed: seed, columnCount: 1)
    var start = range.lowerBound
    while start < range.upperBound {
      let end = min(start + 50, range.upperBound)
      let column = TestVector(.text, ordinals(start..<end))
      // The second half of the records is a second file; no batch here lies across.
      let offsets = (start..<end).map { $0 % 500 * 10 }
      sample.consume(columns: [column.vector], file: start < 500 ? 0 : 1, offsets: offsets, count: end - start)
      withExtendedLifetime(column) {}
      start = end
    }
    return sample.finish()
  }

  @Test func `a sample does not depend on the partitions, but on the seed`() {
    func drawn(_ cuts: [Int], seed: UInt64) -> [TestValue] {
      let bounds = [0] + cuts + [1000]
      let parts = zip(bounds, bounds.dropFirst()).map { Self.sample($0..<$1, count: 20, seed: seed) }
      let columns = SampleAccumulator.merge(parts).columns()
      return (0..<columns[0].count).map { columns[0].value($0) }
    }
    let whole = drawn([], seed: 7)
    #expect(whole.count == 20)
    #expect(whole == whole.sorted { Int("\($0)".filter(\.isNumber))! < Int("\($1)".filter(\.isNumber))! })
    #expect(drawn([500], seed: 7) == whole)
    #expect(drawn([50, 100, 650], seed: 7) == whole)
    #expect(drawn([], seed: 8) != whole)
  }

  @Test func `every record is drawn about equally often`() {
    var counts = [Int](repeating: 0, count: 100)
    for seed in 0..<400 {
      let columns = Self.sample(0..<100, count: 25, seed: UInt64(seed)).columns()
      for row in 0..<columns[0].count {
        if case .text(let bytes) = columns[0].value(row) { counts[Int(String(decoding: bytes, as: UTF8.self))!] += 1 }
      }
    }
    // Each record is drawn 100 times on average, with a deviation of less than 9.
    #expect(counts.reduce(0, +) == 10_000)
    #expect(counts.allSatisfy { (60...140).contains($0) })
  }

  @Test func `a sample larger than the input is the input`() {
    let columns = Self.sample(0..<30, count: Int.max, seed: 1).columns()
    #expect((0..<30).map { columns[0].value($0) } == Self.ordinals(0..<30))
  }
}
