import Martlet

/// Random numbers that depend on where the block is.
struct Noise: BlockFunction {
  static let name = "sample.noise"
  static let version = 1
  let size: Int

  func run(_ inputs: borrowing BlockInputs, _ context: borrowing TaskContext) -> Block {
    let block = inputs.block
    return Block(size: size) { Stencil.start(block[0] * size + $0, block[1] * size + $1) }
  }

  init(size: Int) { self.size = size }
  func write(to writer: inout ByteWriter) { size.write(to: &writer) }
  init(from reader: inout ByteReader) throws(ByteError) { size = try Int(from: &reader) }
}

/// A block and the transpose of another one, cell by cell.
struct AddTransposed: BlockFunction {
  static let name = "sample.add-transposed"
  static let version = 1

  func run(_ inputs: borrowing BlockInputs, _ context: borrowing TaskContext) throws -> Block {
    let (left, right) = (try inputs.value(0, as: Block.self), try inputs.value(1, as: Block.self))
    return Block(size: left.size) { left.cells[$0 * left.size + $1] + right.cells[$1 * left.size + $0] }
  }

  init() {}
  func write(to writer: inout ByteWriter) {}
  init(from reader: inout ByteReader) throws(ByteError) {}
}

/// The sum of each of some blocks, added.
struct SumOfBlocks: BlockFunction {
  static let name = "sample.sum"
  static let version = 1

  func run(_ inputs: borrowing BlockInputs, _ context: borrowing TaskContext) throws -> Double {
    try inputs.values(0, as: Block.self).reduce(0) { $0 + $1.cells.reduce(0, +) }
  }

  init() {}
  func write(to writer: inout ByteWriter) {}
  init(from reader: inout ByteReader) throws(ByteError) {}
}

extension Stencil {
  /// The sum of `x + xᵀ`, row of blocks by row of blocks.
  static func sumOfTranspose(blocks: Int, size: Int) throws {
    var layers = BlockLayers()
    let x = layers.add("x", Noise(size: size), blocks: [blocks, blocks])
    let both = layers.add(
      "x + xᵀ", AddTransposed(), blocks: [blocks, blocks], inputs: [.same(x), .transposed(x)])
    let rows = layers.add(
      "sum", SumOfBlocks(), blocks: [blocks], inputs: [BlockInput(both, [.along(0), .all])])

    let (fused, outputs) = layers.fused(keeping: [rows])
    var builder = GraphBuilder()
    let tasks = try fused.expand([.all(outputs[0])], into: &builder)
    let sums = tasks[0].map { $0.typed(as: Double.self) }
    let total = builder.task("total", all: sums) { $0.reduce(0, +) }
    let graph = builder.build()

    let sum = try ThreadPoolExecutor.shared.run(graph, output: total)
    let width = blocks * size
    let expected = 2 * Block(size: width, cell: start).cells.reduce(0, +)
    print(
      "\(layers.portableBytes().count) bytes of layers, \(graph.count) tasks; sum \(sum), by a plain loop \(expected)")
    guard sum == expected else { throw WrongSum(found: sum, expected) }
  }
}
