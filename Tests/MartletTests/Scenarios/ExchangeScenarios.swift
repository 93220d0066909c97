import Martlet
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(60))) struct ExchangeScenarios {
  // Every part is cut into pieces for every other part, and the pieces are put together: two such exchanges feed a join.
  // Each row is there once, whatever fails and is repeated on the way; nothing of it is left.
  @Test(arguments: [1, 2, 4], [false, true]) func `an exchange of all parts with all has every row once`(
    threads: Int, fails: Bool
  ) async throws {
    let executor = ThreadPoolExecutor(threads: threads)
    let living = Occupancy()
    let failures = Count()
    @Sendable func exchanged(_ parts: [Delayed<Rows>]) -> [Delayed<Rows>] {
      let cut = parts.map { part in
        let tries = Count()
        return part.map("cut") { rows -> [Rows] in
          if fails, tries.add() == 1 {
            failures.add()
            throw Mistake(number: 1)
          }
          return (0..<parts.count).map { target in rows.filtered { $0 % parts.count == target } }
        }.retries(1, delay: .zero)
      }
      return parts.indices.map { target in
        let tries = Count()
        return delayed("join pieces", all: cut.map { $0.map("piece") { $0[target] } }) { pieces -> Rows in
          if fails, target % 3 == 0, tries.add() == 1 {
            failures.add()
            throw Mistake(number: 2)
          }
          return Rows(pieces.flatMap(\.keys), living)
        }.retries(1, delay: .zero)
      }
    }
    func table(_ step: Int) -> [Delayed<Rows>] {
      (0..<16).map { part in
        delayed("read") { Rows((0..<100).map { (part * 100 + $0) * step }, living) }
      }
    }
    // Twice on the left: an exchange of what was exchanged before.
    let (left, right) = (exchanged(exchanged(table(1))), exchanged(table(3)))
    let joined = zip(left, right).map { left, right in
      left.zip(right).map("join") { left, right in
        let known = Set(right.keys)
        return left.keys.filter { known.contains($0) }
      }
    }
    let result = try await aside { try joined.run(on: executor) }
    #expect(result.joined().sorted() == (0..<1600).filter { $0 % 3 == 0 })
    for (part, rows) in result.enumerated() { #expect(rows.allSatisfy { $0 % 16 == part }) }
    let sizes = try await aside { try left.map { $0.map("count") { $0.keys.count } }.run(on: executor) }
    #expect(sizes == [Int](repeating: 100, count: 16))
    #expect(living.current == 0)
    #expect(failures.now == (fails ? 16 * 3 + 6 * 3 : 0))
  }

  // One of them fails for good at any step: the exchange fails by name, nothing of it is left, and one that does not fail,
  // under way on the same executor, has its rows.
  @Test(arguments: sampled(0..<12 as Range<UInt64>))
  func `an exchange that fails leaves nothing, and does not touch another`(
    seed: UInt64
  ) async throws {
    let executor = ThreadPoolExecutor(threads: 3)
    var random = SeededGenerator(seed: seed)
    let (living, victim) = (Occupancy(), random.below(24))
    @Sendable func exchange(failingAt victim: Int?) -> Delayed<Int> {
      let cut = (0..<12).map { part in
        delayed("cut") { () -> [Rows] in
          if part == victim { throw Mistake(number: part) }
          return (0..<12).map { target in Rows([part * 12 + target], living) }
        }
      }
      let merged = (0..<12).map { target in
        delayed("merge", all: cut) { pieces -> Rows in
          if 12 + target == victim { throw Mistake(number: 12 + target) }
          return Rows(pieces.flatMap { $0[target].keys }, living)
        }
      }
      return delayed("sum", all: merged) { $0.reduce(0) { $0 + $1.keys.reduce(0, +) } }
    }
    async let bad = aside { Result { try exchange(failingAt: victim).run(on: executor) } }
    async let good = aside { try exchange(failingAt: nil).run(on: executor) }
    let result = try await bad
    let failure = #expect(throws: TaskFailure.self) { try result.get() }
    #expect(failure?.underlying as? Mistake == Mistake(number: victim), "seed \(seed)")
    #expect(failure?.key.label == (victim < 12 ? "cut" : "merge"), "seed \(seed)")
    #expect(try await good == (0..<144).reduce(0, +), "seed \(seed)")
    #expect(living.current == 0, "seed \(seed)")
  }
}

/// Rows that are counted while they live.
private final class Rows: Sendable {
  let keys: [Int]
  private let living: Occupancy

  init(_ keys: [Int], _ living: Occupancy) {
    self.keys = keys
    self.living = living
    living.enter()
  }

  deinit { living.leave() }

  func filtered(_ isWanted: (Int) -> Bool) -> Rows { Rows(keys.filter(isWanted), living) }
}
