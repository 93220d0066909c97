import Glibc
import Martlet
import Testing

@Suite(.timeLimit(.minutes(60))) struct LostResultScenarios {
  // Ten results are spread over several places and some are lost before their sum is asked for: the sum is right, and only
  // what was lost is computed again. Here the places are files of a cache.
  @Test(arguments: [1, 4]) func `of results kept on disk only the lost ones are computed again`(
    threads: Int
  ) async throws {
    let scratch = ScratchDirectory()
    let executor = ThreadPoolExecutor(threads: threads)
    let (loads, squares) = (Count(), Count())
    @Sendable func sum(_ cache: ResultCache) -> Delayed<Int> {
      let parts = (0..<10).map { number in
        let load = delayed("load") { () -> Int in
          loads.add()
          return number
        }
        return load.map("square") { value -> Int in
          squares.add()
          return value * value
        }.cached(in: cache, key: number)
      }
      return delayed("sum", all: parts) { $0.reduce(0, +) }
    }
    func compute() async throws -> (sum: Int, cache: ResultCache) {
      // A new cache each time: nothing in memory, as after a restart.
      let cache = try ResultCache(memory: 0, directory: scratch.path)
      return (try await aside { try sum(cache).run(on: executor) }, cache)
    }
    #expect(try await compute().sum == 285)
    #expect((loads.now, squares.now) == (10, 10))
    let names = scratch.names
    try #require(names.count == 10)
    for name in names.prefix(3) { scratch.remove(name) }
    for name in names.suffix(2) {
      var bytes = scratch.bytes(of: name)
      bytes[bytes.count / 2] ^= 1
      scratch.write(bytes, to: name)
    }
    let (second, cache) = try await compute()
    #expect(second == 285)
    #expect((loads.now, squares.now) == (15, 15))
    #expect(cache.counters.diskHits == 5 && cache.counters.damagedFiles == 2)
    #expect(try await compute().sum == 285)
    #expect((loads.now, squares.now) == (15, 15))
  }

  // Some results are dropped for want of room: they are computed again, those with room are not, and the sum stays right.
  @Test func `what had no room is computed again, what had room is not`() async throws {
    let cache = try ResultCache(memory: 5 * 1200)
    let count = Count()
    let parts = (0..<10).map { number in
      delayed("part") { () -> [Int] in
        count.add()
        return [Int](repeating: number, count: 100)
      }.cached(in: cache, key: number)
    }
    let sum = delayed("sum", all: parts) { $0.reduce(0) { $0 + $1[99] } }
    #expect(try await sum.compute() == 45)
    #expect(count.now == 10)
    let held = cache.counters.resultsInMemory
    #expect(held >= 3 && held <= 6)
    for _ in 0..<4 {
      let (before, counters) = (count.now, cache.counters)
      #expect(try await sum.compute() == 45)
      #expect(count.now - before == cache.counters.misses - counters.misses)
      #expect(cache.counters.hits - counters.hits + count.now - before == 10)
      #expect(cache.counters.bytesInMemory <= 5 * 1200)
    }
  }

  // A disk that is full, a directory that is gone, a value without bytes: the computation has its results all the same,
  // the failure is counted, and nothing but the key concerned is concerned.
  @Test func `what cannot be kept costs its keeping, not its computation`() async throws {
    struct Opaque: Sendable { let number: Int }
    let scratch = ScratchDirectory()
    let directory = "\(scratch.path)/gone"
    let cache = try ResultCache(memory: 1 << 16, directory: directory)
    scratch.remove(directory: "gone")
    let count = Count()
    func both() -> Delayed<Int> {
      let number = delayed("number") { count.add() }.cached(in: cache, key: 1)
      let opaque = delayed("opaque") { Opaque(number: count.add()) }.cached(in: cache, key: 1)
      return delayed("both", number, opaque) { $0 + $1.number }
    }
    #expect(try await both().compute() == 3)
    #expect(cache.counters.failedWrites == 1)
    #expect(try await both().compute() == 3)
    #expect(count.now == 2 && cache.counters.hits == 2)

    // Room for four files on disk, and none in memory. Four threads write at the same time.
    let small = try ResultCache(memory: 0, directory: scratch.path, diskBytes: 4 * 4096)
    let executor = ThreadPoolExecutor(threads: 4)
    let parts = (0..<30).map { number in delayed("part") { number }.cached(in: small, key: number) }
    for _ in 0..<10 {
      #expect(try await aside { try parts.run(on: executor) } == Array(0..<30))
      #expect(scratch.names.count <= 4)
      #expect(small.counters.bytesOnDisk == scratch.names.count * 4096)
    }
    #expect(small.counters.diskEvictions > 0 && small.counters.failedWrites == 0)
  }
}

extension ScratchDirectory {
  fileprivate func remove(_ name: String) { unlink("\(path)/\(name)") }
  fileprivate func remove(directory name: String) { rmdir("\(path)/\(name)") }
}
