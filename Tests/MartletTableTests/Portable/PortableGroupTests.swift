import MartletBytes
import TestSupport
import Testing

@testable import MartletTable

/// Groups that go to another process.
@Suite struct PortableGroupTests {
  private struct Case {
    let spec: GroupSpec
    let parts: [GroupPartial]

    init(seed: Int, counts: [Int]) throws {
      var random = SeededGenerator(seed: UInt64(seed))
      let keyCount = random.below(5)
      let count = random.pick(counts)
      let table = GroupingModelTests.randomTable(&random, keyCount: keyCount, count: count)
      var aggregates = GroupingModelTests.allAggregates
      if random.chance(60) { aggregates = (0..<random.below(5)).map { [aggregates] _ in random.pick(aggregates) } }
      let spec = GroupSpec(keyCount: keyCount, argumentTypes: table.arguments.map(\.type), aggregates: aggregates)
      let cuts = ([0, count] + (0..<random.below(4)).map { _ in random.below(count + 1) }).sorted()
      var tuning = GroupTuning()
      tuning.repeatedGroups = random.pick([1, 1 << 17])
      tuning.directBits = random.pick([0, 20])
      self.spec = spec
      parts = try zip(cuts, cuts.dropFirst()).map { try spec.partial(of: table, $0..<$1, tuning: tuning) }
    }

    func finished(_ parts: [GroupPartial]) throws -> GroupFrame {
      try GroupPlan(parts, options: spec.options(), reader: TestCellReader()).finish()
    }
  }

  @Test(arguments: sampled(0..<60))
  func `groups that were sent are the same groups, merged or not`(seed: Int) throws {
    let groups = try Case(seed: seed, counts: [0, 1, 40, 400, 1500])
    let expected = try groups.finished(groups.parts)
    let sent = try groups.parts.map { try $0.sent() }
    for (part, copy) in zip(groups.parts, sent) {
      #expect(copy.groupCount == part.groupCount && copy.recordCount == part.recordCount, "seed \(seed)")
      #expect(try copy.checkedPortableBytes() == part.checkedPortableBytes(), "seed \(seed)")
    }
    #expect(try groups.finished(sent).frame.bits == expected.frame.bits, "seed \(seed)")
    let merged = try groups.finished([GroupPartial.merge(groups.parts)])
    let mergedElsewhere = try GroupPartial.merge(sent).sent()
    #expect(try groups.finished([mergedElsewhere]).frame.bits == merged.frame.bits, "seed \(seed)")
    // Some here, some from there.
    let mixed = try zip(groups.parts, sent).enumerated().map { $0 % 2 == 0 ? $1.0 : try $1.1.sent() }
    #expect(try groups.finished(mixed).frame.bits == expected.frame.bits, "seed \(seed)")
    #expect(try groups.finished([GroupPartial.merge(mixed)]).frame.bits == merged.frame.bits, "seed \(seed)")
  }

  @Test(arguments: sampled(0..<40))
  func `spoilt groups are an error or groups, never a trap`(seed: Int) throws {
    let groups = try Case(seed: seed, counts: [0, 1, 6, 30])
    var damage = Damage(seed: UInt64(seed))
    for part in groups.parts {
      let bytes = try part.checkedPortableBytes()
      for _ in 0..<60 {
        guard let other = try? GroupPartial(portableBytes: damage.damaged(bytes)) else { continue }
        let options = other.spec.options()
        _ = try? GroupPlan([other], options: options, reader: TestCellReader()).finish()
        _ = try? GroupPlan([other, GroupPartial.merge([other, other])], options: options, reader: TestCellReader())
          .finish()
        _ = try other.sent()
      }
    }
  }

  @Test func `a group's layout that only this process has is not sent`() throws {
    var tuning = GroupTuning()
    tuning.topInline = 1
    let part = try GroupAccumulator(GroupSpec(keyCount: 0), tuning: tuning).finish()
    #expect(throws: ByteError.self) { try part.checkedPortableBytes() }
  }
}
