import Testing

/// Shapes that graphs of collections have, with the peak of live results that Dask 2026.8 reaches on each. Dask's order
/// depends on the hashes of names; these are the least of some runs.
struct KnownShape: CustomTestStringConvertible {
  let name: String
  let dask: Int
  /// The same for tasks in another order of their numbers.
  let daskRenumbered: Int
  /// The peak of our order.
  let ours: Int
  let shape: ShapedGraph

  private init(
    _ name: String, dask: Int, renumbered: Int? = nil, ours: Int, _ build: (inout ShapedGraph) -> Void
  ) {
    (self.name, self.dask, self.ours) = (name, dask, ours)
    daskRenumbered = renumbered ?? dask
    var shape = ShapedGraph()
    build(&shape)
    self.shape = shape
  }

  var testDescription: String { name }

  static let all: [KnownShape] = [
    KnownShape("binary tree of 64", dask: 7, ours: 7) { $0.tree($0.tasks(64), arity: 2) },
    KnownShape("8-ary tree of 64", dask: 15, ours: 15) { $0.tree($0.tasks(64), arity: 8) },
    KnownShape("32 chains into a tree", dask: 8, ours: 8) { shape in
      let ends = (0..<32).map { _ in (0..<2).reduce(shape.task()) { node, _ in shape.task([node]) } }
      shape.tree(ends, arity: 4)
    },
    KnownShape("stencil 16 x 4", dask: 9, ours: 9) { stencil(&$0, width: 16, steps: 4) },
    KnownShape("fan out and in", dask: 32, ours: 32) { shape in
      let source = shape.task()
      _ = shape.task((0..<32).map { _ in shape.task([source]) })
    },
    KnownShape("sum(A + A')", dask: 27, ours: 14) { shape in
      let blocks = (0..<6).map { _ in shape.tasks(6) }
      var sums: [Int] = []
      for row in 0..<6 {
        for column in 0..<6 {
          sums.append(shape.task(row == column ? [blocks[row][row]] : [blocks[row][column], blocks[column][row]]))
        }
      }
      shape.tree(sums, arity: 4)
    },
    KnownShape("scan over 32", dask: 2, ours: 2) { shape in
      var carry: Int?
      for _ in 0..<32 {
        let part = shape.task()
        let sum = shape.task([part])
        let next = shape.task(carry.map { [$0, sum] } ?? [sum])
        _ = shape.task(carry.map { [part, $0] } ?? [part])
        carry = next
      }
    },
    KnownShape("matrix product 4 x 4", dask: 32, ours: 24) { product(&$0, 4) },
    KnownShape("map of 32", dask: 1, ours: 1) { shape in
      for _ in 0..<32 { _ = shape.task([shape.task([shape.task()])]) }
    },
    KnownShape("stencil in two dimensions 6 x 6 x 3", dask: 38, ours: 35) { shape in
      var grid = (0..<6).map { _ in shape.tasks(6) }
      for _ in 0..<3 {
        grid = (0..<6).map { row in
          (0..<6).map { column in
            var inputs = [grid[row][column]]
            for (down, right) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
              if grid.indices.contains(row + down), grid.indices.contains(column + right) {
                inputs.append(grid[row + down][column + right])
              }
            }
            return shape.task(inputs)
          }
        }
      }
    },
    KnownShape("shuffle 8 x 8", dask: 16, ours: 16) { shape in
      let pieces = shape.tasks(8).map { input in (0..<8).map { _ in shape.task([input]) } }
      for column in 0..<8 { _ = shape.task(pieces.map { $0[column] }) }
    },
    KnownShape("two means over 16 parts", dask: 23, ours: 14) { shape in
      let parts = shape.tasks(16)
      for _ in 0..<2 { shape.tree(parts.map { shape.task([$0]) }, arity: 4) }
    },
    KnownShape("x - mean(x) over 16 parts", dask: 23, ours: 23) { shape in
      let parts = shape.tasks(16)
      let mean = shape.tree(parts.map { shape.task([$0]) }, arity: 4)
      for part in parts { _ = shape.task([part, mean]) }
    },
    KnownShape("Cholesky 5 x 5", dask: 10, ours: 9) { cholesky(&$0, 5) },
    KnownShape("windows of 4 over 20", dask: 4, renumbered: 7, ours: 4) { shape in
      let parts = shape.tasks(20)
      for start in 0...16 { _ = shape.task(Array(parts[start..<(start + 4)])) }
    },
  ]

  private static func stencil(_ shape: inout ShapedGraph, width: Int, steps: Int) {
    var row = shape.tasks(width)
    for _ in 0..<steps {
      row = (0..<width).map { shape.task(Array(row[max(0, $0 - 1)...min(width - 1, $0 + 1)])) }
    }
  }

  private static func product(_ shape: inout ShapedGraph, _ size: Int) {
    let left = (0..<size).map { _ in shape.tasks(size) }
    let right = (0..<size).map { _ in shape.tasks(size) }
    for row in 0..<size {
      for column in 0..<size {
        let products = (0..<size).map { shape.task([left[row][$0], right[$0][column]]) }
        _ = shape.task(products)
      }
    }
  }

  private static func cholesky(_ shape: inout ShapedGraph, _ size: Int) {
    var blocks = (0..<size).map { shape.tasks($0 + 1) }
    for step in 0..<size {
      blocks[step][step] = shape.task([blocks[step][step]])
      for row in (step + 1)..<max(size, step + 1) {
        blocks[row][step] = shape.task([blocks[row][step], blocks[step][step]])
      }
      for row in (step + 1)..<max(size, step + 1) {
        for column in (step + 1)...row {
          let pair = row == column ? [blocks[row][step]] : [blocks[row][step], blocks[column][step]]
          blocks[row][column] = shape.task([blocks[row][column]] + pair)
        }
      }
    }
  }
}
