import MartletBytes

/// Work on arrays in blocks, before it becomes tasks: layers that work on the blocks of earlier layers.
///
/// ```swift
/// var layers = BlockLayers()
/// let ones = layers.add("ones", Fill(1), blocks: [1000, 1000])
/// let sums = layers.add("sum", Sum(), blocks: [1000], inputs: [BlockInput(ones, [.along(0), .all])])
/// ```
///
/// is two million tasks in some hundred bytes. `fused(keeping:)` makes one layer of two where that changes nothing, `expand`
/// makes tasks of the blocks that are asked for and of those that they need.
public struct BlockLayers: Sendable, Hashable {
  /// The layers; inputs of a layer come before it.
  public private(set) var layers: [BlockLayer] = []

  /// No layers.
  public init() {}

  init(layers: [BlockLayer]) { self.layers = layers }

  /// Adds a layer whose tasks call `function`.
  ///
  /// Stops the program when an input does not fit: an axis for each dimension of the input, along dimensions of as many
  /// blocks.
  ///
  /// - Parameters:
  ///   - label: For people; the function's name when nil.
  ///   - blocks: How many blocks there are along each dimension; `[]` is one block.
  ///   - inputs: What the function gets, in this order.
  ///   - fileID: Where it is written, for failures.
  ///   - line: The line there.
  public mutating func add<Function: BlockFunction>(
    _ label: String? = nil, _ function: Function, blocks: [Int], inputs: [BlockInput] = [],
    fileID: StaticString = #fileID, line: UInt = #line
  ) -> BlockArray {
    let call = BlockCall(
      name: Function.name, version: Function.version, arguments: function.portableBytes(), function: function,
      location: CompactLocation(fileID, line))
    let grid = grid(blocks)
    guard inputs.count <= BlockLayer.mostInputs else {
      invariantFailure("\(Function.name) has \(inputs.count) inputs: at most \(BlockLayer.mostInputs) can be named")
    }
    var distinct: [BlockInput] = []
    var operands: [BlockOperand] = []
    for input in inputs {
      guard layers.indices.contains(input.array.layer), layers[input.array.layer].blocks == input.array.blocks else {
        invariantFailure("an input of \(Function.name) is not of these layers")
      }
      if let mistake = input.mistake(in: blocks) { invariantFailure("\(Function.name): \(mistake)") }
      let place = distinct.firstIndex(of: input) ?? distinct.count
      if place == distinct.count { distinct.append(input) }
      operands.append(.input(place))
    }
    let label = label ?? Function.name
    let step = BlockStep(
      label: label, call: call, place: blocks.indices.map { .along($0) }, grid: grid, operands: operands)
    return append(BlockLayer(label: label, grid: grid, steps: [step], inputs: distinct))
  }

  /// Adds a layer whose blocks are tasks that are there when layers are expanded: see `expand`.
  public mutating func given(_ label: String, blocks: [Int]) -> BlockArray {
    append(BlockLayer(label: label, grid: grid(blocks), steps: [], inputs: []))
  }

  private mutating func append(_ layer: BlockLayer) -> BlockArray {
    layers.append(layer)
    return BlockArray(layer: layers.count - 1, blocks: layer.blocks)
  }

  private func grid(_ blocks: [Int]) -> BlockGrid {
    guard let grid = BlockGrid(blocks) else {
      invariantFailure(
        "a layer of \(blocks) blocks: 1 or more along each of at most \(BlockGrid.mostDimensions) dimensions")
    }
    return grid
  }
}
