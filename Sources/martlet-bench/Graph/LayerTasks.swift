import MartletBytes
import MartletGraph
import MartletSystem

/// What it costs to make tasks of layers.
enum LayerTasks {
  static func report(_ options: BenchOptions, rounds: Int) throws {
    let side = options.isToy ? 10 : 300
    print("layers of \(side) × \(side) blocks: µs a task to expand, median (best); dependencies a task")
    var layers = BlockLayers()
    let x = layers.add("x", Block(kind: 0), blocks: [side, side])
    let y = layers.add("y", Block(kind: 1), blocks: [side, side], inputs: [.same(x)])
    let both = layers.add("x + yᵀ", Block(kind: 2), blocks: [side, side], inputs: [.same(y), .transposed(y)])
    let rows = layers.add("sum", Block(kind: 3), blocks: [side], inputs: [BlockInput(both, [.along(0), .all])])
    let fused = layers.fused(keeping: [rows])
    for (name, layers, output) in [("expand", layers, rows), ("expand, fused", fused.layers, fused.outputs[0])]
    where options.only ?? name == name {
      var tasks = 0
      var dependencies = 0
      let timings = try Timings(rounds: rounds) {
        var builder = GraphBuilder()
        _ = try layers.expand([.all(output)], into: &builder)
        let graph = builder.draft()
        (tasks, dependencies) = (graph.count, graph.dependencyTotal)
      }
      let count = Double(tasks)
      print(
        "  \(name)" + padded("\(tasks)", 24 - name.count) + padded(timings.median / 1000 / count, 12, digits: 3) + " ("
          + padded(timings.best / 1000 / count, 0, digits: 3) + ")"
          + padded(Double(dependencies) / count, 10, digits: 2))
    }
  }

  private struct Block: BlockFunction {
    static let name = "bench.block"
    static let version = 1
    let kind: Int

    init(kind: Int) { self.kind = kind }
    init(from reader: inout ByteReader) throws(ByteError) { kind = Int(truncatingIfNeeded: try reader.readVarint()) }
    func write(to writer: inout ByteWriter) { writer.write(varint: UInt64(kind)) }
    func run(_ inputs: borrowing BlockInputs, _ context: borrowing TaskContext) throws -> Int { kind }
  }
}
