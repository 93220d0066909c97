import MartletGraph
import MartletSystem

/// A graph whose order is known to matter.
struct OrderShape {
  let name: String
  /// The peak of Dask's order (2026.8), where it was measured; nil for large graphs.
  let dask: Int?
  let graph: TaskGraph

  private init(_ name: String, dask: Int?, _ build: (inout Sketch) -> Void) {
    var sketch = Sketch()
    build(&sketch)
    self.name = name
    self.dask = dask
    graph = sketch.builder.build()
  }

  /// Tasks without work.
  struct Sketch: ~Copyable {
    var builder = GraphBuilder()

    mutating func task(_ inputs: [AnyNode] = []) -> AnyNode {
      builder.task("task", on: inputs) { _, _ in 0 }.erased
    }

    mutating func tasks(_ count: Int) -> [AnyNode] { (0..<count).map { _ in task() } }

    @discardableResult
    mutating func tree(_ leaves: [AnyNode], arity: Int) -> AnyNode {
      var level = leaves
      while level.count > 1 {
        level = stride(from: 0, to: level.count, by: arity).map {
          task(Array(level[$0..<min(level.count, $0 + arity)]))
        }
      }
      return level[0]
    }
  }

  static func report(_ options: BenchOptions) {
    print("order: known shapes; peak of live results, and µs a task to find the order")
    print("  shape                     tasks   dask  depth-first   ours   µs a task")
    for shape in all(isToy: options.isToy) where options.only ?? shape.name == shape.name {
      let (ours, nanoseconds) = OrderSuite.timed(shape.graph, .leastMemory)
      let time = nanoseconds / 1000 / Double(shape.graph.count)
      let name = shape.name + String(repeating: " ", count: max(0, 22 - shape.name.count))
      print(
        "  \(name)" + padded("\(shape.graph.count)", 9) + padded(shape.dask.map { "\($0)" } ?? "-", 7)
          + padded("\(shape.graph.liveResults().peak)", 13) + padded("\(ours.liveResults().peak)", 7)
          + padded(time, 12, digits: 3))
    }
  }

  static func all(isToy: Bool) -> [OrderShape] {
    let large = isToy ? 1_000 : 1_000_000
    return [
      OrderShape("binary tree", dask: 7) { $0.tree($0.tasks(64), arity: 2) },
      OrderShape("8-ary tree", dask: 15) { $0.tree($0.tasks(64), arity: 8) },
      OrderShape("chains into a tree", dask: 8) { sketch in
        let ends = (0..<32).map { _ in (0..<2).reduce(sketch.task()) { node, _ in sketch.task([node]) } }
        sketch.tree(ends, arity: 4)
      },
      OrderShape("stencil 16 x 4", dask: 9) { stencil(&$0, width: 16, steps: 4) },
      OrderShape("sum(A + A')", dask: 27) { sketch in
        let blocks = (0..<6).map { _ in sketch.tasks(6) }
        var sums: [AnyNode] = []
        for row in 0..<6 {
          for column in 0..<6 {
            sums.append(
              sketch.task(row == column ? [blocks[row][row]] : [blocks[row][column], blocks[column][row]]))
          }
        }
        sketch.tree(sums, arity: 4)
      },
      OrderShape("matrix product 4 x 4", dask: 32) { product(&$0, 4) },
      OrderShape("scan over 32", dask: 2) { sketch in
        var carry: AnyNode?
        for _ in 0..<32 {
          let part = sketch.task()
          let sum = sketch.task([part])
          let next = sketch.task(carry.map { [$0, sum] } ?? [sum])
          _ = sketch.task(carry.map { [part, $0] } ?? [part])
          carry = next
        }
      },
      OrderShape("map of 32", dask: 1) { sketch in
        for _ in 0..<32 { _ = sketch.task([sketch.task([sketch.task()])]) }
      },
      OrderShape("two means, 16 parts", dask: 23) { sketch in
        let parts = sketch.tasks(16)
        for _ in 0..<2 {
          let sums = parts.map { sketch.task([$0]) }
          sketch.tree(sums, arity: 4)
        }
      },
      OrderShape("large tree", dask: nil) { $0.tree($0.tasks(large / 2), arity: 2) },
      OrderShape("large stencil", dask: nil) { stencil(&$0, width: large / 10, steps: 9) },
      OrderShape("large product", dask: nil) { product(&$0, isToy ? 8 : 96) },
      OrderShape("large random layers", dask: nil) { sketch in
        var seed: UInt64 = 1
        func below(_ bound: Int) -> Int {
          seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          return Int((seed >> 33) % UInt64(bound))
        }
        var row = sketch.tasks(large / 100)
        for _ in 1..<100 {
          row = (0..<row.count).map { _ in sketch.task((0..<3).map { _ in row[below(row.count)] }) }
        }
      },
      OrderShape("large shuffle", dask: nil) { sketch in
        let width = isToy ? 20 : 900
        let inputs = sketch.tasks(width)
        let pieces = inputs.map { input in (0..<width).map { _ in sketch.task([input]) } }
        for column in 0..<width { _ = sketch.task(pieces.map { $0[column] }) }
      },
      OrderShape("large fan out and in", dask: nil) { sketch in
        let source = sketch.task()
        _ = sketch.task((0..<(large / 2)).map { _ in sketch.task([source]) })
      },
    ]
  }

  private static func stencil(_ sketch: inout Sketch, width: Int, steps: Int) {
    var row = sketch.tasks(width)
    for _ in 0..<steps {
      row = (0..<width).map { sketch.task(Array(row[max(0, $0 - 1)...min(width - 1, $0 + 1)])) }
    }
  }

  private static func product(_ sketch: inout Sketch, _ size: Int) {
    let left = (0..<size).map { _ in sketch.tasks(size) }
    let right = (0..<size).map { _ in sketch.tasks(size) }
    for row in 0..<size {
      for column in 0..<size {
        let products = (0..<size).map { sketch.task([left[row][$0], right[$0][column]]) }
        _ = sketch.task(products)
      }
    }
  }
}
