import MartletGraph

/// A graph to measure, and the same work in a plain loop.
struct EngineShape {
  let name: String
  /// Builds the graph; every task has a typed result.
  let build: () -> (TaskGraph, Node<Int>)
  /// The result without any graph: the floor.
  let floor: () -> Int

  /// The five shapes of the design, with some 100,000 tasks, or with some hundred.
  static func all(isToy: Bool) -> [EngineShape] {
    [
      flat(isToy ? 100 : 100_000), chain(isToy ? 100 : 100_000), tree(isToy ? 1 << 7 : 1 << 17),
      wavefront(isToy ? 10 : 300), layers(isToy ? 10 : 100, isToy ? 10 : 1000),
    ]
  }

  /// Independent tasks, and one that sums their results.
  static func flat(_ count: Int) -> EngineShape {
    EngineShape(name: "flat") {
      var builder = GraphBuilder()
      builder.reserve(tasks: count + 1, dependencies: count)
      var leaves: [Node<Int>] = []
      leaves.reserveCapacity(count)
      for index in 0..<count { leaves.append(builder.task("leaf") { index &* 7 }) }
      let sum = builder.task("sum", all: leaves) { $0.reduce(0, &+) }
      return (builder.build(), sum)
    } floor: {
      var leaves: [Int] = []
      leaves.reserveCapacity(count)
      for index in 0..<count { leaves.append(opaque(index &* 7)) }
      return leaves.reduce(0, &+)
    }
  }

  /// Each task on the one before.
  static func chain(_ count: Int) -> EngineShape {
    EngineShape(name: "chain") {
      var builder = GraphBuilder()
      builder.reserve(tasks: count, dependencies: count)
      var node = builder.task("first") { 1 }
      for _ in 1..<count { node = builder.task("next", node) { $0 &* 3 &+ 1 } }
      return (builder.build(), node)
    } floor: {
      var value = 1
      for _ in 1..<count { value = opaque(value &* 3 &+ 1) }
      return value
    }
  }

  /// Leaves, added in pairs.
  static func tree(_ leaves: Int) -> EngineShape {
    EngineShape(name: "tree") {
      var builder = GraphBuilder()
      builder.reserve(tasks: 2 * leaves, dependencies: 2 * leaves)
      var level: [Node<Int>] = []
      level.reserveCapacity(leaves)
      for index in 0..<leaves { level.append(builder.task("leaf") { index }) }
      while level.count > 1 {
        for place in 0..<(level.count / 2) {
          level[place] = builder.task("add", level[2 * place], level[2 * place + 1]) { $0 &+ $1 }
        }
        level.removeLast(level.count / 2)
      }
      let root = level[0]
      return (builder.build(), root)
    } floor: {
      var level = (0..<leaves).map { opaque($0) }
      while level.count > 1 {
        for place in 0..<(level.count / 2) { level[place] = opaque(level[2 * place] &+ level[2 * place + 1]) }
        level.removeLast(level.count / 2)
      }
      return level[0]
    }
  }

  /// A square grid, each cell on the one above and the one to the left.
  static func wavefront(_ side: Int) -> EngineShape {
    EngineShape(name: "wavefront") {
      var builder = GraphBuilder()
      builder.reserve(tasks: side * side, dependencies: 2 * side * side)
      var above: [Node<Int>] = []
      for row in 0..<side {
        for column in 0..<side {
          if row == 0 {
            above.append(column == 0 ? builder.task("cell") { 1 } : builder.task("cell", above[column - 1]) { $0 &+ 1 })
          } else if column == 0 {
            above[0] = builder.task("cell", above[0]) { $0 &+ 1 }
          } else {
            above[column] = builder.task("cell", above[column], above[column - 1]) { $0 &+ $1 }
          }
        }
      }
      let corner = above[side - 1]
      return (builder.build(), corner)
    } floor: {
      var above: [Int] = []
      for row in 0..<side {
        for column in 0..<side {
          if row == 0 {
            above.append(column == 0 ? 1 : above[column - 1] &+ 1)
          } else {
            above[column] = opaque(column == 0 ? above[0] &+ 1 : above[column] &+ above[column - 1])
          }
        }
      }
      return above[side - 1]
    }
  }

  /// Three places in a layer of so many tasks for each task of so many layers, from a fixed seed.
  static func layerPicks(_ count: Int, _ width: Int) -> [Int32] {
    var picks: [Int32] = []
    picks.reserveCapacity(3 * count * width)
    var state: UInt64 = 42
    for _ in 0..<(3 * count * width) {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      picks.append(Int32((state >> 33) % UInt64(width)))
    }
    return picks
  }

  /// Layers whose tasks have three dependencies in the layer before, chosen at random from a fixed seed; and a sum of the
  /// last layer.
  static func layers(_ count: Int, _ width: Int) -> EngineShape {
    let chosen = layerPicks(count, width)
    return EngineShape(name: "layers") {
      var builder = GraphBuilder()
      builder.reserve(tasks: count * width + 1, dependencies: 3 * count * width)
      var layer: [Node<Int>] = []
      for index in 0..<width { layer.append(builder.task("first") { index }) }
      var next = layer
      for step in 1..<count {
        for index in 0..<width {
          let place = 3 * (step * width + index)
          next[index] = builder.task(
            "next", layer[Int(chosen[place])], layer[Int(chosen[place + 1])], layer[Int(chosen[place + 2])]
          ) { $0 &+ $1 &* 3 ^ $2 }
        }
        swap(&layer, &next)
      }
      let sum = builder.task("sum", all: layer) { $0.reduce(0, &+) }
      return (builder.build(), sum)
    } floor: {
      var layer = Array(0..<width)
      var next = layer
      for step in 1..<count {
        for index in 0..<width {
          let place = 3 * (step * width + index)
          next[index] = opaque(
            layer[Int(chosen[place])] &+ layer[Int(chosen[place + 1])] &* 3 ^ layer[Int(chosen[place + 2])])
        }
        swap(&layer, &next)
      }
      return layer.reduce(0, &+)
    }
  }
}

/// The same number, by a way that the compiler cannot look into: a plain loop must not be folded away.
@inline(never)
func opaque(_ value: Int) -> Int { value }
