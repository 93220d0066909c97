import Testing

@testable import Martlet

@Suite struct DelayedCachingTests {
  @Test func `a cached result is computed once, and what only it needs too`() throws {
    let cache = try ResultCache(memory: 1 << 20)
    let (loads, sums) = (Count(), Count())
    func sum(_ path: String) -> Delayed<Int> {
      let load = delayed("load") { () -> [Int] in
        loads.add()
        return [1, 2, 3]
      }
      return load.map("sum") { values -> Int in
        sums.add()
        return values.reduce(0, +)
      }.cached(in: cache, key: path, 1)
    }
    #expect(try sum("a").run() == 6)
    #expect(try sum("a").run() == 6)
    #expect((loads.now, sums.now) == (1, 1))
    #expect(try sum("b").run() == 6)
    #expect((loads.now, sums.now) == (2, 2))
    cache.removeAll()
    #expect(try sum("a").run() == 6)
    #expect(sums.now == 3)
  }

  @Test func `equal keys are one task in one graph`() throws {
    let cache = try ResultCache(memory: 0)
    let count = Count()
    func value() -> Delayed<Int> { delayed("value") { count.add() }.cached(in: cache, key: 7) }
    let both = try [value(), value()].run()
    #expect(both == [1, 1])
    #expect(count.now == 1)
  }

  @Test func `what fails is not kept, and values without bytes are kept in memory`() throws {
    struct Broken: Error {}
    struct Opaque: Sendable { var number: Int }
    let cache = try ResultCache(memory: 1 << 20)
    let count = Count()
    func value() -> Delayed<Opaque> {
      delayed("opaque") { () -> Opaque in
        if count.add() == 1 { throw Broken() }
        return Opaque(number: count.now)
      }.cached(in: cache, key: "k")
    }
    #expect(throws: TaskFailure.self) { try value().run() }
    #expect(try value().run().number == 2)
    #expect(try value().run().number == 2)
  }
}
