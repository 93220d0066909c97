/// How many blocks there are along each dimension, and their numbers: row by row, the last dimension running fastest.
struct BlockGrid: Sendable, Hashable {
  /// Blocks by dimension, each at least 1.
  let shape: [Int]
  /// The product of `shape`.
  let count: Int

  /// The most dimensions.
  static let mostDimensions = 32

  /// Nil when a dimension has no block, when there are too many dimensions, or more blocks than an `Int` counts.
  init?(_ shape: [Int]) {
    guard shape.count <= BlockGrid.mostDimensions else { return nil }
    var count = 1
    for extent in shape {
      let (product, isTooMuch) = count.multipliedReportingOverflow(by: extent)
      guard extent >= 1, !isTooMuch else { return nil }
      count = product
    }
    self.shape = shape
    self.count = count
  }

  /// The number of the block at `index`; nil when there is none.
  func number(of index: [Int]) -> Int? {
    guard index.count == shape.count else { return nil }
    var number = 0
    for (place, extent) in zip(index, shape) {
      guard place >= 0, place < extent else { return nil }
      number = number * extent + place
    }
    return number
  }

  /// Where the block with this number is.
  func index(of number: Int) -> [Int] {
    var index = shape
    var rest = number
    for dimension in shape.indices.reversed() {
      (rest, index[dimension]) = rest.quotientAndRemainder(dividingBy: shape[dimension])
    }
    return index
  }
}
