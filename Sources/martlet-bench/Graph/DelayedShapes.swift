import Martlet

/// The shapes of the engine suite, written with `Delayed`.
struct DelayedShape {
  let name: String
  let make: () -> Delayed<Int>

  static func all(tasks: Int) -> [(engine: EngineShape, delayed: DelayedShape)] {
    var leaves = 1
    while 4 * leaves <= 2 * tasks { leaves *= 2 }
    var side = 1
    while (side + 1) * (side + 1) <= tasks { side += 1 }
    let width = tasks >= 100_000 ? 1000 : 10
    return [
      (EngineShape.flat(tasks), flat(tasks)), (EngineShape.chain(tasks), chain(tasks)),
      (EngineShape.tree(leaves), tree(leaves)), (EngineShape.wavefront(side), wavefront(side)),
      (EngineShape.layers(tasks / width, width), layers(tasks / width, width)),
    ]
  }

  private static func flat(_ count: Int) -> DelayedShape {
    DelayedShape(name: "flat") {
      var leaves: [Delayed<Int>] = []
      leaves.reserveCapacity(count)
      for index in 0..<count { leaves.append(delayed("leaf") { index &* 7 }) }
      return delayed("sum", all: leaves) { $0.reduce(0, &+) }
    }
  }

  private static func chain(_ count: Int) -> DelayedShape {
    DelayedShape(name: "chain") {
      var node = delayed("first") { 1 }
      for _ in 1..<count { node = delayed("next", node) { $0 &* 3 &+ 1 } }
      return node
    }
  }

  private static func tree(_ leaves: Int) -> DelayedShape {
    DelayedShape(name: "tree") {
      var level: [Delayed<Int>] = []
      level.reserveCapacity(leaves)
      for index in 0..<leaves { level.append(delayed("leaf") { index }) }
      while level.count > 1 {
        for place in 0..<(level.count / 2) {
          level[place] = delayed("add", level[2 * place], level[2 * place + 1]) { $0 &+ $1 }
        }
        level.removeLast(level.count / 2)
      }
      return level[0]
    }
  }

  private static func wavefront(_ side: Int) -> DelayedShape {
    DelayedShape(name: "wavefront") {
      var above: [Delayed<Int>] = []
      for row in 0..<side {
        for column in 0..<side {
          if row == 0 {
            above.append(column == 0 ? delayed("cell") { 1 } : delayed("cell", above[column - 1]) { $0 &+ 1 })
          } else if column == 0 {
            above[0] = delayed("cell", above[0]) { $0 &+ 1 }
          } else {
            above[column] = delayed("cell", above[column], above[column - 1]) { $0 &+ $1 }
          }
        }
      }
      return above[side - 1]
    }
  }

  private static func layers(_ count: Int, _ width: Int) -> DelayedShape {
    let picks = EngineShape.layerPicks(count, width)
    return DelayedShape(name: "layers") {
      var layer: [Delayed<Int>] = []
      for index in 0..<width { layer.append(delayed("first") { index }) }
      var next = layer
      for step in 1..<count {
        for index in 0..<width {
          let place = 3 * (step * width + index)
          next[index] = delayed(
            "next", layer[Int(picks[place])], layer[Int(picks[place + 1])], layer[Int(picks[place + 2])]
          ) { $0 &+ $1 &* 3 ^ $2 }
        }
        swap(&layer, &next)
      }
      return delayed("sum", all: layer) { $0.reduce(0, &+) }
    }
  }
}
