import Glibc
import TestSupport
import Testing

@testable import Martlet

@Suite struct ResultCacheTests {
  private struct Opaque: Equatable { var number: Int }

  @Test func `a stored result is found, as the type that it has`() throws {
    let cache = try ResultCache(memory: 1 << 20)
    #expect(cache.value(for: key(1), as: Int.self) == nil)
    cache.store(Opaque(number: 5), for: key(1), bytes: 8, seconds: 1)
    cache.store([1.5, 2.5], for: key(2), seconds: 1)
    cache.store(3 as Int?, for: key(3), seconds: 1)
    #expect(cache.value(for: key(1), as: Opaque.self) == Opaque(number: 5))
    #expect(cache.value(for: key(2)) == [1.5, 2.5])
    #expect(cache.value(for: key(2), as: [Int].self) == nil)
    // What could be converted is another type all the same.
    #expect(cache.value(for: key(3), as: Int.self) == nil)
    #expect(cache.value(for: key(3), as: Int?.self) == .some(3))
    cache.store(Opaque(number: 6), for: key(1), bytes: 8, seconds: 1)
    #expect(cache.value(for: key(1), as: Opaque.self) == Opaque(number: 6))
    let counters = cache.counters
    #expect(counters.hits == 4 && counters.misses == 3)
    #expect(counters.resultsInMemory == 3)
    #expect(counters.bytesInMemory == 3 * 128 + 8 + 17 + 9)
    cache.removeAll()
    #expect(cache.counters.bytesInMemory == 0)
    #expect(cache.value(for: key(2), as: [Double].self) == nil)
  }

  @Test func `memory keeps to its budget`() throws {
    let cache = try ResultCache(memory: 10_000)
    for number in 0..<1000 {
      cache.store(number, for: key(number), bytes: 100, seconds: number == 3 ? 1000 : 1)
      #expect(cache.counters.bytesInMemory <= 10_000)
    }
    #expect(cache.value(for: key(3), as: Int.self) == 3)
    #expect(cache.value(for: key(999), as: Int.self) == 999)
    #expect(cache.value(for: key(4), as: Int.self) == nil)
    #expect(cache.counters.evictions == 1000 - 10_000 / 228)
    cache.store(0, for: key(3), bytes: .max, seconds: 1)
    #expect(cache.value(for: key(3), as: Int.self) == nil)
    cache.store(0, for: key(5), bytes: .min, seconds: 1)
    #expect(cache.value(for: key(5), as: Int.self) == 0)
    let nothing = try ResultCache(memory: -5)
    nothing.store(1, for: key(1), bytes: 0, seconds: 1)
    #expect(nothing.value(for: key(1), as: Int.self) == nil)
  }

  @Test func `values with bytes outlive the cache, on disk`() throws {
    let scratch = ScratchDirectory()
    do {
      let cache = try ResultCache(memory: 1 << 20, directory: scratch.path)
      cache.store([1.0, 2.0], for: key(1), seconds: 2)
      // Through the door for any type, as code does that knows nothing of it.
      func storeAny<T: Sendable>(_ value: T) { cache.store(value, for: key(2), bytes: 5, seconds: 2) }
      storeAny(["some", "text"])
      cache.store(Opaque(number: 1), for: key(3), bytes: 8, seconds: 2)
      cache.store([Int](), for: key(4), seconds: 0)
      #expect(cache.counters.bytesOnDisk == 3 * 4096)
    }
    let cache = try ResultCache(memory: 1 << 20, directory: scratch.path)
    #expect(cache.counters.bytesOnDisk == 3 * 4096)
    #expect(cache.counters.bytesInMemory == 0)
    func anyValue<T: Sendable>(_ number: Int, _ type: T.Type) -> T? { cache.value(for: key(number), as: type) }
    #expect(anyValue(1, [Double].self) == [1, 2])
    #expect(cache.value(for: key(2)) == ["some", "text"])
    #expect(cache.value(for: key(2), as: [Int].self) == nil)
    #expect(cache.value(for: key(3), as: Opaque.self) == nil)
    #expect(cache.value(for: key(4), as: [Int].self) == [])
    #expect(cache.counters.diskHits == 3)
    // Now in memory, with what computing them took.
    #expect(cache.value(for: key(1), as: [Double].self) == [1, 2])
    #expect(cache.counters.diskHits == 3 && cache.counters.hits == 4 && cache.counters.misses == 2)
    #expect(cache.counters.damagedFiles == 0)
    scratch.write([1], to: "notes.txt")
    cache.removeAll()
    #expect(cache.value(for: key(1), as: [Double].self) == nil)
    #expect(scratch.names == ["notes.txt"])
  }

  @Test func `every damaged byte, and every length, is a miss, and the file is removed`() throws {
    let scratch = ScratchDirectory()
    let name = CacheFile.name(of: key(1))
    try ResultCache(memory: 0, directory: scratch.path).store(["ab", "c"], for: key(1), seconds: 3)
    let intact = scratch.bytes(of: name)
    #expect(intact.count == CacheFile.headBytes + 6)
    let cache = try ResultCache(memory: 0, directory: scratch.path)
    func attempt(_ bytes: [UInt8]) -> [String]? {
      scratch.write(bytes, to: name)
      return cache.value(for: key(1), as: [String].self)
    }
    #expect(attempt(intact) == ["ab", "c"])
    for index in intact.indices {
      for bit in 0..<8 {
        var damaged = intact
        damaged[index] ^= 1 << UInt8(bit)
        let value = attempt(damaged)
        if (72..<88).contains(index) {
          #expect(value == ["ab", "c"], "the use is not covered")
        } else {
          #expect(value == nil, "byte \(index), bit \(bit)")
          // Another type's digest is no damage.
          if !(24..<40).contains(index) { #expect(scratch.names.isEmpty, "byte \(index)") }
        }
      }
    }
    for count in intact.indices {
      #expect(attempt(Array(intact[..<count])) == nil)
      #expect(scratch.names.isEmpty, "\(count) bytes")
    }
    #expect(attempt(intact + [0]) == nil)
    #expect(scratch.names.isEmpty)
    #expect(cache.counters.damagedFiles == (intact.count - 16 - 16) * 8 + intact.count + 1)
    #expect(attempt(intact) == ["ab", "c"])
  }

  @Test func `an intact file whose value cannot be read is removed`() throws {
    let scratch = ScratchDirectory()
    let cache = try ResultCache(memory: 0, directory: scratch.path)
    let payload: [UInt8] = [9]
    let head = CacheFile.Head(
      key: key(1), type: CacheFile.digest(of: Bool.self), seconds: 1, payload: payload,
      use: CacheFile.Use(priority: 0, time: 0))
    var writer = ByteWriter()
    head.write(to: &writer)
    scratch.write(writer.bytes + payload, to: CacheFile.name(of: key(1)))
    #expect(cache.value(for: key(1), as: Bool.self) == nil)
    #expect(scratch.names.isEmpty)
    #expect(cache.counters.damagedFiles == 1)
  }

  @Test func `the directory keeps to its budget, and what is dear stays`() throws {
    let scratch = ScratchDirectory()
    let cache = try ResultCache(memory: 0, directory: scratch.path, diskBytes: 64 * 4096)
    cache.store(-1, for: key(-1 & 0xffff), seconds: 1000)
    for number in 0..<500 {
      cache.store(number, for: key(number), seconds: 1)
      #expect(scratch.names.count <= 64)
      #expect(cache.counters.bytesOnDisk == scratch.names.count * 4096)
    }
    #expect(scratch.names.count >= 56)
    #expect(cache.value(for: key(-1 & 0xffff), as: Int.self) == -1)
    #expect(cache.value(for: key(499), as: Int.self) == 499)
    #expect(cache.counters.diskEvictions == 501 - scratch.names.count)
    // Less room the next time.
    let smaller = try ResultCache(memory: 0, directory: scratch.path, diskBytes: 8 * 4096)
    #expect(scratch.names.count == 7)
    #expect(smaller.value(for: key(-1 & 0xffff), as: Int.self) == -1)
    smaller.store([Double](repeating: 0, count: 1 << 16), for: key(1), seconds: 1)
    #expect(scratch.names.count == 7)
  }

  @Test func `a use keeps a file, also for another process`() throws {
    let scratch = ScratchDirectory()
    let cache = try ResultCache(memory: 0, directory: scratch.path, diskBytes: 16 * 4096)
    for number in 0..<16 { cache.store(number, for: key(number), seconds: 1) }
    #expect(cache.value(for: key(0), as: Int.self) == 0)
    for number in 16..<400 {
      cache.store(number, for: key(number), seconds: 1)
      #expect(cache.value(for: key(0), as: Int.self) == 0, "\(number)")
    }
    let other = try ResultCache(memory: 0, directory: scratch.path, diskBytes: 8 * 4096)
    #expect(other.value(for: key(0), as: Int.self) == 0)
  }

  @Test func `incomplete files of ended processes are removed, others and foreign ones are not`() throws {
    let scratch = ScratchDirectory()
    let old = CacheFile.temporaryName(of: key(1), process: 1, number: 1)
    let new = CacheFile.temporaryName(of: key(2), process: 1, number: 1)
    for name in [old, new, "x.incomplete", "report.martlet"] { scratch.write([1, 2, 3], to: name) }
    for name in [old, "x.incomplete"] {
      var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
      #expect(utimensat(AT_FDCWD, "\(scratch.path)/\(name)", &times, 0) == 0)
    }
    let cache = try ResultCache(memory: 0, directory: scratch.path, diskBytes: 0)
    #expect(scratch.names == [new, "report.martlet", "x.incomplete"].sorted())
    cache.removeAll()
    #expect(scratch.names == [new, "report.martlet", "x.incomplete"].sorted())
  }

  @Test func `a directory is made; what is none is an error; what cannot be written is counted`() throws {
    let scratch = ScratchDirectory()
    let deep = "\(scratch.path)/a/b"
    let cache = try ResultCache(memory: 0, directory: deep)
    cache.store(1, for: key(1), seconds: 1)
    #expect(cache.value(for: key(1), as: Int.self) == 1)
    cache.removeAll()
    rmdir(deep)
    cache.store(1, for: key(1), seconds: 1)
    #expect(cache.counters.failedWrites == 1)
    #expect(cache.value(for: key(1), as: Int.self) == nil)
    rmdir("\(scratch.path)/a")
    scratch.write([], to: "file")
    for path in ["\(scratch.path)/file", "\(scratch.path)/file/below", "", "a\0b"] {
      let error = #expect(throws: CacheError.self) { try ResultCache(memory: 0, directory: path) }
      #expect(error?.code == .directoryUnusable)
    }
  }

  @Test func `local types have a name without addresses`() {
    #expect(
      CacheFile.stableName("M.(unknown context at $7f12aB).T<Swift.Int>") == "M.(unknown context at $).T<Swift.Int>")
    #expect(CacheFile.digest(of: [Int].self) != CacheFile.digest(of: [Double].self))
  }

  @Test(arguments: sampled(0..<4))
  func `caches in one directory, many threads, damage and little room: only right values`(
    seed: Int
  ) throws {
    let scratch = ScratchDirectory()
    let caches = try (0..<2).map { _ in
      try ResultCache(memory: 4000, directory: scratch.path, diskBytes: 20 * 4096)
    }
    let pool = Pool(width: 4)
    let tasks = (0..<4).map { lane in
      pool.submit {
        var random = SeededGenerator(seed: UInt64(seed * 100 + lane))
        for _ in 0..<300 {
          let number = random.below(40)
          let cache = caches[random.below(2)]
          switch random.below(20) {
          case 0: truncate("\(scratch.path)/\(CacheFile.name(of: key(number)))", random.below(100))
          case 1: unlink("\(scratch.path)/\(CacheFile.name(of: key(number)))")
          case 2 where random.chance(10): cache.removeAll()
          case 3..<10:
            let value = [Int](repeating: number, count: number * 20)
            if number % 2 == 0 {
              cache.store(value, for: key(number), seconds: Double(number))
            } else {
              cache.store(value, for: key(number), bytes: 8 * value.count, seconds: 1)
            }
          default:
            let value = cache.value(for: key(number), as: [Int].self)
            #expect(value == nil || value == [Int](repeating: number, count: number * 20), "seed \(seed)")
          }
        }
      }
    }
    for task in tasks { try task.result() }
    pool.close()
    for cache in caches {
      #expect(cache.counters.bytesInMemory <= 4000)
      #expect(cache.counters.hits > 0 && cache.counters.misses > 0)
    }
    #expect(!scratch.names.contains { CacheFile.isTemporaryName($0) })
  }
}
