import TestSupport
import Testing

@testable import MartletTable

@Suite struct GroupWritingTests {
  private static let cells: [TestValue] =
    [
      "a", "b", "", " ", "a,b", "a\tb", "say \"hi\"", "two\nlines", "cr\rlf", "sixteen bytes ok", "seventeen bytes!!",
      "a text of more than sixteen bytes, with a comma", "zäh|lt", "\u{0}",
    ].map { .text($0) } + [.null]

  private static let numbers: [TestValue] = ["1", "1.0", "1.50", "1.5", "-0", "0", "7"].map { .text($0) } + [.null]

  /// The keys go from the dictionaries straight into the output: it has to be what their copies give.
  @Test(arguments: sampled(0..<40))
  func `a shard is written as its frame is`(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let keyCount = Int.random(in: 1...4, using: &random)
    let count = [0, 1, 300, 3000].randomElement(using: &random)!
    let isWide = Bool.random(using: &random)
    let keys = (0..<keyCount).map { column in
      let values = column == 1 ? Self.numbers : isWide ? (0..<500).map { .text("k\($0)") } : Self.cells
      return (0..<count).map { _ in values.randomElement(using: &random)! }
    }
    let values = (0..<count).map { _ in TestValue.int(Int64.random(in: -9...9, using: &random)) }
    let table = TestTable(keys: keys, arguments: [(.int, values)], count: count)
    let spec = GroupSpec(
      keyCount: keyCount, argumentTypes: [.int], aggregates: [AggregateSpec(.sum, [0]), AggregateSpec(.countAll)])
    let cut = count / 3
    let parts = try [spec.partial(of: table, 0..<cut), spec.partial(of: table, cut..<count)]
    let plan = GroupPlan(parts, options: spec.options(), reader: TestCellReader())
    let order = plan.order(try (0..<plan.rankingCount).map { try plan.rank($0) })
    let shards = plan.shards(
      parts.indices.map { plan.place($0, order) }, order, targetBytes: [1, 1 << 30].randomElement(using: &random)!)

    let outputs = GroupOutputs(
      GroupFinish(
        keyNames: (0..<keyCount).map { "k\($0)" }, keyTypes: Array(repeating: nil, count: keyCount),
        slots: [GroupSlot(name: "s0", type: .int), GroupSlot(name: "s1", type: .int)],
        outputs: try OutputColumn.parse(list: "s0 AS total, k0 AS key, s0 + s1 AS more"), sort: [], limit: nil))
    let frame = TypedFrame.joining(try (0..<shards.count).map { try outputs.frame(shards.shard($0)) })
    for format in OutputFormat.allCases where format != .table {
      let expected = ByteBuffer()
      frame.frame.write(format, types: frame.types, to: expected)
      let writer = RowWriter(
        format: format, names: outputs.names, types: try outputs.types(keyTypes: order.keyTypes))
      let written = ByteBuffer()
      writer.appendHeader(to: written)
      var skip = writer.firstPieceSkip
      for shard in 0..<shards.count {
        let piece = ByteBuffer()
        try outputs.write(shards.shard(shard), writer, to: piece)
        if piece.isEmpty { continue }
        written.append(UnsafeBufferPointer(rebasing: piece.bytes[skip...]))
        skip = 0
      }
      writer.appendFooter(to: written)
      #expect(written.string == expected.string, "seed \(seed), \(format)")
    }
  }
}
