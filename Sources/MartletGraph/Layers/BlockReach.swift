/// Which blocks of a layer an input leads to, as arithmetic: the numbers `constant + Σ factors[d] · index[d] + offset`, for
/// each of the offsets.
struct BlockReach: Sendable {
  /// The number of the layer that the blocks are of.
  let layer: Int
  private let constant: Int
  /// By dimension of the layer that the task is of.
  private let factors: [Int]
  /// One for each block that one task works on, in their order.
  let offsets: [Int]

  /// Nil when one task would work on more than `limit` blocks.
  init?(_ input: BlockInput, rank: Int, limit: Int) {
    layer = input.array.layer
    var factors = [Int](repeating: 0, count: rank)
    var constant = 0
    var stride = 1
    var strides = input.array.blocks
    for dimension in strides.indices.reversed() {
      let extent = strides[dimension]
      strides[dimension] = stride
      stride *= extent
    }
    var offsets = [0]
    for (dimension, axis) in input.axes.enumerated() {
      switch axis {
      case .along(let own):
        // One block is at place 0: its stride, which may be as large as the grid, plays no part.
        if input.array.blocks[dimension] > 1 { factors[own] += strides[dimension] }
      case .at(let place): constant += place * strides[dimension]
      case .all:
        let extent = input.array.blocks[dimension]
        guard extent <= limit / offsets.count else { return nil }
        let stride = strides[dimension]
        offsets = offsets.flatMap { first in (0..<extent).map { first + $0 * stride } }
      }
    }
    self.constant = constant
    self.factors = factors
    self.offsets = offsets
  }

  /// The first block for the task at `index`; the others are at the offsets from it.
  @inline(__always)
  func base(_ index: [Int]) -> Int {
    var base = constant
    for dimension in factors.indices { base &+= factors[dimension] &* index[dimension] }
    return base
  }
}

/// Some blocks of a grid.
struct BlockSet {
  private var bits: [UInt64]
  private var numbers: Set<Int> = []
  private let isSparse: Bool
  private(set) var count = 0

  /// Bits up to 16 million blocks, 2 MiB; beyond that one pays for what is in the set.
  init(_ grid: BlockGrid) {
    isSparse = grid.count > 1 << 24
    bits = isSparse ? [] : [UInt64](repeating: 0, count: (grid.count + 63) / 64)
  }

  /// Adds a block; whether it was not there.
  mutating func insert(_ number: Int) -> Bool {
    if isSparse {
      guard numbers.insert(number).inserted else { return false }
    } else {
      let bit = 1 as UInt64 &<< UInt64(number & 63)
      guard bits[number &>> 6] & bit == 0 else { return false }
      bits[number &>> 6] |= bit
    }
    count += 1
    return true
  }

  /// The blocks, ascending.
  func sorted() -> [Int] {
    if isSparse { return numbers.sorted() }
    var sorted: [Int] = []
    sorted.reserveCapacity(count)
    for (place, word) in bits.enumerated() {
      var rest = word
      while rest != 0 {
        sorted.append(place &<< 6 | rest.trailingZeroBitCount)
        rest &= rest &- 1
      }
    }
    return sorted
  }
}
