import MartletBytes

/// The same work on every block of a grid, as a few hundred bytes however many blocks there are.
///
/// A layer is made by `BlockLayers.add`, and becomes tasks by `BlockLayers.expand`. After fusing, it is several steps for each
/// block, of which the last gives the result.
public struct BlockLayer: Sendable, Hashable {
  /// Says what the layer does, to people.
  public let label: String
  let grid: BlockGrid
  /// What runs for each block, one after the other; none in a layer whose blocks are tasks that are there already.
  let steps: [BlockStep]
  /// The blocks of other layers that the steps work on, each named once.
  let inputs: [BlockInput]

  /// How many blocks there are along each dimension.
  public var blocks: [Int] { grid.shape }

  /// The number of blocks.
  public var blockCount: Int { grid.count }

  /// The names of the functions that run for each block, in their order.
  public var functions: [String] { steps.map(\.call.name) }

  /// The most steps.
  static let mostSteps = 64
  /// The most inputs, and the most operands of a step.
  static let mostInputs = 1024
}

/// One function of a layer.
struct BlockStep: Sendable, Hashable {
  let label: String
  let call: BlockCall
  /// The place of the step in the layer that it was added as, by the place in this layer.
  let place: [BlockAxis]
  /// What `place` is in.
  let grid: BlockGrid
  let operands: [BlockOperand]
}

/// What a step works on.
enum BlockOperand: Sendable, Hashable {
  /// Blocks of another layer: `inputs[i]` of the layer.
  case input(Int)
  /// The result of an earlier step.
  case step(Int)
}

/// A function with its arguments, as data.
struct BlockCall: Sendable, Hashable {
  let name: String
  let version: Int
  let arguments: [UInt8]
  /// The function where this process has made it; nil in calls that were read from bytes.
  let function: (any BlockFunction)?
  /// Where the layer was written, for messages; nowhere in calls that were read from bytes.
  let location: CompactLocation

  static func == (left: BlockCall, right: BlockCall) -> Bool {
    left.name == right.name && left.version == right.version && left.arguments == right.arguments
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(version)
    hasher.combine(arguments)
  }

  /// The function.
  ///
  /// - Throws: `BlockLayerError` when it is not known here, or its arguments cannot be read.
  func resolved(_ functions: BlockFunctions) throws(BlockLayerError) -> any BlockFunction {
    if let function { return function }
    guard let type = functions.type(named: name, version: version) else {
      throw BlockLayerError("the block function \(name) version \(version) is not known here: register it")
    }
    do {
      return try type.init(portableBytes: arguments)
    } catch {
      throw BlockLayerError("the arguments of \(name) version \(version) cannot be read: \(error)")
    }
  }
}

extension [BlockAxis] {
  /// The place in the grid that these axes lead to; none of them is `.all`.
  func place(at index: [Int]) -> [Int] {
    map { axis in
      switch axis {
      case .along(let dimension): index[dimension]
      case .at(let place): place
      case .all: 0
      }
    }
  }
}

/// Layers cannot become tasks, or not in this process.
public struct BlockLayerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Why not, and what to do.
  public let description: String

  init(_ description: String) { self.description = description }
}
