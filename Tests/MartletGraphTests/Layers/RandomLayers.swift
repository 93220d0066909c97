import MartletBytes
import TestSupport

@testable import MartletGraph

/// Gives a number that says which block was made of what.
struct Mixed: BlockFunction, Equatable {
  let tag: Int
  static let name = "test.mixed"
  static let version = 3

  init(tag: Int) { self.tag = tag }
  func write(to writer: inout ByteWriter) { writer.write(varint: UInt64(tag)) }
  init(from reader: inout ByteReader) throws(ByteError) { tag = Int(truncatingIfNeeded: try reader.readVarint()) }

  func run(_ inputs: borrowing BlockInputs, _ context: borrowing TaskContext) throws -> [Int] {
    var operands: [[[Int]]] = []
    for input in 0..<inputs.count {
      let values = try inputs.values(input, as: [Int].self)
      if values.count == 1, try inputs.take(input, as: [Int].self) != values[0] { throw WrongBlock() }
      operands.append(values)
    }
    if tag == 666 { throw WrongBlock() }
    return [Mixed.value(tag, inputs.block, operands)]
  }

  static func value(_ tag: Int, _ block: [Int], _ operands: [[[Int]]]) -> Int {
    var value = tag
    for place in block { value = value &* 31 &+ place &+ 1 }
    for operand in operands {
      value = value &* 17 &+ operand.count
      for number in operand.joined() { value = value &* 7 &+ number }
    }
    return value
  }
}

struct WrongBlock: Error {}

/// Random layers, and their blocks by hand.
struct RandomLayers {
  struct Description {
    let tag: Int
    let blocks: [Int]
    let inputs: [(layer: Int, axes: [BlockAxis])]
  }

  private(set) var layers = BlockLayers()
  private(set) var arrays: [BlockArray] = []
  private var descriptions: [Description] = []

  init(seed: UInt64, count: Int) {
    var random = SeededGenerator(seed: seed)
    // Few extents, so that layers fit each other.
    let extents = [1, 2, 3]
    for number in 0..<count {
      var blocks = (0..<random.below(4)).map { _ in random.pick(extents) }
      var inputs: [BlockInput] = []
      if !arrays.isEmpty {
        if random.chance(60) { blocks = random.pick(arrays).blocks }
        for _ in 0..<random.below(4) {
          let array = random.chance(60) ? arrays[arrays.count - 1] : random.pick(arrays)
          inputs.append(BlockInput(array, RandomLayers.axes(array, blocks, &random)))
        }
      }
      if random.chance(40), let last = arrays.last {
        blocks = last.blocks.reversed()
        inputs.insert(.transposed(last), at: random.below(inputs.isEmpty ? 1 : 2))
        inputs = inputs.filter { $0.mistake(in: blocks) == nil }
      }
      arrays.append(layers.add("l\(number)", Mixed(tag: number), blocks: blocks, inputs: inputs))
      descriptions.append(
        Description(tag: number, blocks: blocks, inputs: inputs.map { ($0.array.layer, $0.axes) }))
    }
  }

  private static func axes(_ array: BlockArray, _ blocks: [Int], _ random: inout SeededGenerator) -> [BlockAxis] {
    array.blocks.enumerated().map { dimension, extent in
      let along = blocks.indices.filter { blocks[$0] == extent }
      if random.chance(60), blocks.indices.contains(dimension), blocks[dimension] == extent { return .along(dimension) }
      if !along.isEmpty, random.chance(70) { return .along(random.pick(along)) }
      return random.chance(50) ? .all : .at(random.below(extent))
    }
  }

  /// All places of a grid, row by row.
  static func places(_ blocks: [Int]) -> [[Int]] {
    blocks.reduce([[]]) { places, extent in places.flatMap { place in (0..<extent).map { place + [$0] } } }
  }

  /// A block by hand.
  func value(_ layer: Int, _ block: [Int], _ known: inout [String: Int]) -> Int {
    let name = "\(layer) \(block)"
    if let value = known[name] { return value }
    let description = descriptions[layer]
    let operands = description.inputs.map { input in
      let extents = zip(input.axes, descriptions[input.layer].blocks).map { $0 == .all ? $1 : 1 }
      return RandomLayers.places(extents).map { offset in
        let place = zip(input.axes, offset).map { axis, offset in
          switch axis {
          case .along(let dimension): block[dimension]
          case .at(let place): place
          case .all: offset
          }
        }
        return [value(input.layer, place, &known)]
      }
    }
    let result = Mixed.value(description.tag, block, operands)
    known[name] = result
    return result
  }

  /// The blocks that some blocks need, themselves included.
  func needed(_ wanted: [(layer: Int, block: [Int])]) -> Set<String> {
    var known: [String: Int] = [:]
    for (layer, block) in wanted { _ = value(layer, block, &known) }
    return Set(known.keys)
  }
}
