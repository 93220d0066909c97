import TestSupport
import Testing

@testable import MartletBytes

@Suite struct KeptArraysTests {
  private func make<Element: BitwiseCopyable & Sendable>(_ kept: KeptArrays, _ values: [Element]) -> [Element] {
    let array = kept.array(count: values.count, of: Element.self) {
      [Element](unsafeUninitializedCapacity: values.count) { _, filled in filled = values.count }
    }
    // As memory that a payload is received into.
    array.withUnsafeBytes {
      UnsafeMutableRawBufferPointer(mutating: $0).copyBytes(from: values.withUnsafeBytes { Array($0) })
    }
    return array
  }

  private func place<Element>(_ array: [Element]) -> UnsafeRawPointer? { array.withUnsafeBytes { $0.baseAddress } }

  @Test func `memory that nobody uses serves the next array of its kind and length`() {
    let kept = KeptArrays(limitBytes: 10_000, leastBytes: 100)
    var first: [Int]? = make(kept, Array(0..<50))
    let there = place(first ?? [])
    #expect(kept.byteCount == 400 && kept.freeBytes == 0)
    // In use, of another length, of another type.
    let second = make(kept, Array(100..<150))
    #expect(place(second) != there && first == Array(0..<50))
    first = nil
    #expect(kept.freeBytes == 400)
    let shorter = make(kept, Array(0..<49))
    let unsigned = make(kept, [UInt](repeating: 1, count: 50))
    #expect(place(shorter) != there && place(unsigned) != there)
    let again = make(kept, Array(200..<250))
    #expect(place(again) == there)
    #expect(again == Array(200..<250) && second == Array(100..<150) && shorter == Array(0..<49))
    #expect(kept.byteCount == 400 * 3 + 392 && kept.freeBytes == 0)
  }

  @Test func `who changes an array that is kept changes nobody else's`() {
    let kept = KeptArrays(limitBytes: 10_000, leastBytes: 100)
    var mine = make(kept, [Double](repeating: 1, count: 50))
    let there = place(mine)
    mine[3] = 7
    #expect(place(mine) != there)
    let next = make(kept, [Double](repeating: 2, count: 50))
    #expect(place(next) == there)
    #expect(mine[3] == 7 && mine[4] == 1 && next == [Double](repeating: 2, count: 50))
  }

  @Test func `never more is kept than is allowed, and short and very long arrays are not`() {
    let kept = KeptArrays(limitBytes: 1000, leastBytes: 100)
    #expect(make(kept, [UInt8](repeating: 1, count: 99)).count == 99 && kept.byteCount == 0)
    #expect(make(kept, [UInt8](repeating: 1, count: 1001)).count == 1001 && kept.byteCount == 0)
    var random = SeededGenerator(seed: 1)
    var used: [[UInt8]] = []
    for step in 0..<2000 {
      let value = [UInt8](repeating: UInt8(truncatingIfNeeded: step), count: 100 * (1 + random.below(5)))
      used.append(make(kept, value))
      #expect(used.last == value)
      #expect(kept.byteCount <= 1000 && kept.freeBytes <= kept.byteCount)
      while used.count > random.below(5) { used.removeFirst() }
    }
    kept.removeAll()
    #expect(kept.byteCount == 0 && kept.freeBytes == 0)
  }

  @Test func `what was free for long goes, what is used stays`() {
    let kept = KeptArrays(limitBytes: 10_000, leastBytes: 100)
    let used = make(kept, [UInt8](repeating: 1, count: 200))
    _ = make(kept, [UInt8](repeating: 2, count: 300))
    kept.sweep(at: 100, after: 10)
    kept.sweep(at: 109, after: 10)
    #expect(kept.byteCount == 500)
    // Used in between: its time begins anew.
    _ = make(kept, [UInt8](repeating: 3, count: 300))
    kept.sweep(at: 110, after: 10)
    #expect(kept.byteCount == 500)
    kept.sweep(at: 120, after: 10)
    #expect(kept.byteCount == 200)
    #expect(used == [UInt8](repeating: 1, count: 200))
  }

  @Test func `values that land in kept memory are what was sent`() throws {
    let kept = KeptArrays(limitBytes: 1 << 20, leastBytes: 1000)
    for round in 0..<4 {
      let value = (0..<1000).map { Double($0 * round) }
      var writer = ByteWriter(sharingFrom: 100)
      value.write(to: &writer)
      let written = WrittenBytes(writer)
      let landed = LandedBytes(written.segments, keeping: kept)
      var bytes = written.bytes[...]
      for room in landed.rooms {
        room.copyBytes(from: bytes.prefix(room.count))
        bytes = bytes.dropFirst(room.count)
      }
      var reader = landed.reader
      #expect(try [Double](from: &reader) == value)
      #expect(kept.byteCount == 8000)
    }
  }
}
