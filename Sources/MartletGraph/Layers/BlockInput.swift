/// The blocks of a layer, as something that later layers of the same `BlockLayers` work on.
public struct BlockArray: Sendable, Hashable {
  /// The number of the layer.
  public let layer: Int
  /// How many blocks there are along each dimension.
  public let blocks: [Int]

  init(layer: Int, blocks: [Int]) {
    self.layer = layer
    self.blocks = blocks
  }
}

/// Where along one dimension of an input the blocks are that a task works on.
public enum BlockAxis: Sendable, Hashable {
  /// At the place where the task is along this dimension of its own layer.
  case along(Int)
  /// At this place, wherever the task is.
  case at(Int)
  /// At all places, in order: the task sums over them, or does what it likes with them.
  case all
}

/// Which blocks of an earlier layer the tasks of a layer work on.
public struct BlockInput: Sendable, Hashable {
  /// The earlier layer.
  public let array: BlockArray
  /// An axis for each dimension of `array`.
  public let axes: [BlockAxis]

  /// An input with an axis for each dimension of `array`.
  public init(_ array: BlockArray, _ axes: [BlockAxis]) {
    self.array = array
    self.axes = axes
  }

  /// The block at the place of the task.
  public static func same(_ array: BlockArray) -> BlockInput {
    BlockInput(array, array.blocks.indices.map { .along($0) })
  }

  /// The block at the place of the task with the dimensions in another order: dimension `d` of `array` is dimension
  /// `order[d]` of the layer.
  public static func permuted(_ array: BlockArray, _ order: [Int]) -> BlockInput {
    BlockInput(array, order.map { .along($0) })
  }

  /// The block at the place of the task with the dimensions reversed.
  public static func transposed(_ array: BlockArray) -> BlockInput {
    BlockInput(array, array.blocks.indices.reversed().map { .along($0) })
  }

  /// As NumPy aligns arrays: the last dimension of `array` with the last one of the layer, which has `rank`; where `array`
  /// has one block only, it is the same one for all tasks.
  public static func broadcast(_ array: BlockArray, rank: Int) -> BlockInput {
    let missing = rank - array.blocks.count
    return BlockInput(array, array.blocks.enumerated().map { $1 == 1 ? .at(0) : .along($0 + missing) })
  }

  /// What is wrong with the input in a layer of this shape; nil: nothing.
  func mistake(in blocks: [Int]) -> String? {
    guard axes.count == array.blocks.count else {
      return "an input of \(array.blocks.count) dimensions has \(axes.count) axes"
    }
    for (axis, extent) in zip(axes, array.blocks) {
      switch axis {
      case .along(let dimension):
        guard blocks.indices.contains(dimension) else {
          return "an axis follows dimension \(dimension) of a layer of \(blocks.count) dimensions"
        }
        guard blocks[dimension] == extent else {
          return "an axis of \(extent) blocks follows a dimension of \(blocks[dimension])"
        }
      case .at(let place):
        guard place >= 0, place < extent else { return "block \(place) along a dimension of \(extent) blocks" }
      case .all: break
      }
    }
    return nil
  }
}
