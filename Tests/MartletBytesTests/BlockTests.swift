import MartletSystem
import TestSupport
import Testing

/// `MartletBlocks.h`: memory that graphs take and give back.
@Suite struct BlockTests {
  /// Blocks that are written, beside arrays that say what must be there.
  private struct Twin {
    var random: SeededGenerator
    var blocks: [(memory: UnsafeMutableRawPointer, count: Int, first: UInt8)] = []

    /// All sizes are as likely by their logarithm: a few bytes, those that are kept, and those beyond.
    mutating func size() -> Int { (1 << random.below(23)) + random.below(1 << random.below(23)) }

    /// One byte of each page or so, and the last one.
    private func places(_ count: Int) -> [Int] { Array(stride(from: 0, to: count, by: 1009)) + [count - 1] }

    func fill(_ memory: UnsafeMutableRawPointer, _ count: Int, _ first: UInt8) {
      for place in places(count) {
        memory.storeBytes(of: first &+ UInt8(truncatingIfNeeded: place), toByteOffset: place, as: UInt8.self)
      }
    }

    func holds(_ memory: UnsafeMutableRawPointer, _ count: Int, _ first: UInt8) -> Bool {
      places(count).allSatisfy {
        memory.load(fromByteOffset: $0, as: UInt8.self) == first &+ UInt8(truncatingIfNeeded: $0)
      }
    }

    /// - Returns: Whether all bytes were there.
    mutating func step() -> Bool {
      let isFull = blocks.count > 6
      switch random.below(3) {
      case 0 where !isFull:
        let count = size()
        guard let memory = martlet_take_block(count), Int(bitPattern: memory) % 16 == 0 else { return false }
        let first = UInt8(truncatingIfNeeded: random.next())
        fill(memory, count, first)
        blocks.append((memory, count, first))
      case 1 where !blocks.isEmpty:
        let place = random.below(blocks.count)
        let (old, count, first) = blocks[place]
        let more = max(count, size())
        guard let memory = martlet_grow_block(old, more), holds(memory, count, first) else { return false }
        fill(memory, more, first)
        blocks[place] = (memory, more, first)
      case 2 where !blocks.isEmpty:
        let (memory, count, first) = blocks.remove(at: random.below(blocks.count))
        guard holds(memory, count, first) else { return false }
        martlet_give_block(memory)
      default: break
      }
      return true
    }

    mutating func end() {
      for block in blocks { martlet_give_block(block.memory) }
      blocks = []
    }
  }

  @Test func `no two blocks share bytes, and growing keeps them, on several threads`() async {
    await withTaskGroup(of: Int?.self) { group in
      for seed in 0..<4 {
        group.addTask {
          var twin = Twin(random: SeededGenerator(seed: UInt64(seed)))
          defer { twin.end() }
          return (0..<1000).first { _ in !twin.step() }
        }
      }
      for await failed in group { #expect(failed == nil, "seeds 0 to 3, a step of one of them") }
    }
  }

  @Test func `no block at all, and blocks that nobody has memory for`() {
    martlet_give_block(nil)
    let empty = martlet_take_block(0)
    #expect(empty != nil)
    #expect(martlet_take_block(.max) == nil)
    #expect(martlet_take_block(Int.max / 2) == nil)
    #expect(martlet_grow_block(empty, .max) == nil)
    let grown = martlet_grow_block(empty, 100_000)
    #expect(grown != nil)
    #expect(martlet_grow_block(grown, .max) == nil)
    martlet_give_block(grown)
    let first = martlet_grow_block(nil, 10)
    #expect(first != nil)
    martlet_give_block(first)
  }
}
