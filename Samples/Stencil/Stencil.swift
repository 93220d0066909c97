import Glibc
import Martlet

/// Heat that spreads in a plate: a grid in blocks, steps in time, and each block of a step made of its own block and its four
/// neighbours a step before. Compares the result with a plain loop.
///
///     swift run stencil [BLOCKS] [CELLS PER BLOCK] [STEPS]
@main
struct Stencil {
  static func main() {
    let numbers = CommandLine.arguments.dropFirst().map { Int($0) ?? 0 }
    guard numbers.count <= 3, numbers.allSatisfy({ $0 > 0 }) else {
      print("usage: stencil [BLOCKS] [CELLS PER BLOCK] [STEPS], all above 0")
      exit(2)
    }
    do {
      try run(
        blocks: numbers.first ?? 6, size: numbers.dropFirst().first ?? 64, steps: numbers.dropFirst(2).first ?? 50)
      try sumOfTranspose(blocks: 4, size: 64)
    } catch {
      print("stencil: \(error)")
      exit(1)
    }
  }

  private static func run(blocks: Int, size: Int, steps: Int) throws {
    let (graph, total) = heat(blocks: blocks, size: size, steps: steps)
    let pool = ThreadPoolExecutor.shared
    let heat = try pool.run(graph, output: total)

    let optimized = graph.optimized(for: total)
    guard let newTotal = optimized.node(total) else { return }
    let same = try pool.run(optimized.graph, output: newTotal)

    let expected = plainHeat(width: blocks * size, steps: steps)
    print("\(graph.count) tasks, optimised \(optimized.graph.count); heat \(heat), by a plain loop \(expected)")
    // Sums of blocks are added in another order than those of a loop over all cells.
    guard heat == same, abs(heat - expected) <= 1e-9 * abs(expected) else { throw WrongSum(found: heat, expected) }
  }

  /// Steps of a plate of `blocks` × `blocks` blocks of `size` × `size` cells.
  private static func heat(blocks: Int, size: Int, steps: Int) -> (TaskGraph, Node<Double>) {
    var builder = GraphBuilder()
    let edge = builder.literal(Block(size: size), label: "edge")
    var plate = (0..<blocks).map { row in
      (0..<blocks).map { column in
        builder.task("start") { Block(size: size) { start(row * size + $0, column * size + $1) } }
      }
    }
    for _ in 0..<steps {
      let before = plate
      func block(_ row: Int, _ column: Int) -> Node<Block> {
        before.indices.contains(row) && before.indices.contains(column) ? before[row][column] : edge
      }
      for row in 0..<blocks {
        for column in 0..<blocks {
          plate[row][column] = builder.task(
            "step", before[row][column], block(row - 1, column), block(row + 1, column), block(row, column - 1),
            block(row, column + 1)
          ) { $0.step(up: $1, down: $2, left: $3, right: $4) }
        }
      }
    }
    let sums = plate.joined().map { block in builder.task("sum", block) { $0.weightedSum } }
    let total = builder.task("total", all: sums) { $0.reduce(0, +) }
    return (builder.build(), total)
  }

  static func start(_ row: Int, _ column: Int) -> Double { Double((row * 31 + column * 17) % 100) }

  /// The same on the whole plate at once.
  private static func plainHeat(width: Int, steps: Int) -> Double {
    let edge = Block(size: width)
    var plate = Block(size: width, cell: start)
    for _ in 0..<steps { plate = plate.step(up: edge, down: edge, left: edge, right: edge) }
    return plate.weightedSum
  }
}

/// A square of cells.
struct Block: Sendable {
  let size: Int
  var cells: [Double]

  init(size: Int, cell: (Int, Int) -> Double = { _, _ in 0 }) {
    self.size = size
    cells = (0..<(size * size)).map { cell($0 / size, $0 % size) }
  }

  /// Each cell becomes a mean of itself and its neighbours; those of the first and last rows and columns are in other
  /// blocks.
  func step(up: Block, down: Block, left: Block, right: Block) -> Block {
    var next = self
    for row in 0..<size {
      for column in 0..<size {
        let place = row * size + column
        let above = row > 0 ? cells[place - size] : up.cells[place + (size - 1) * size]
        let below = row < size - 1 ? cells[place + size] : down.cells[column]
        let before = column > 0 ? cells[place - 1] : left.cells[place + size - 1]
        let after = column < size - 1 ? cells[place + 1] : right.cells[row * size]
        let around: Double = above + below + before + after
        next.cells[place] = 0.5 * cells[place] + 0.125 * around
      }
    }
    return next
  }

  var weightedSum: Double { cells.reduce(0) { $0 + $1 * $1 } }
}

/// The blocks gave another sum than the loop.
struct WrongSum: Error, CustomStringConvertible {
  let description: String

  init(found: Double, _ expected: Double) { description = "the sum is \(found), and not \(expected)" }
}
