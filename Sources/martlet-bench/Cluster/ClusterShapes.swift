import MartletGraph

/// A graph for a cluster: of calls only, so that it can be sent.
struct ClusterShape {
  let name: String
  let graph: TaskGraph
  let outputs: [Node<Int>]

  /// What the design names. `round` makes the keys of each measurement new ones.
  static func all(isToy: Bool, round: Int) -> [ClusterShape] {
    [
      independent(isToy ? 100 : 20_000, round), tree(isToy ? 1 << 5 : 1 << 14, round),
      layers(isToy ? 4 : 20, isToy ? 10 : 1000, round),
    ]
  }

  /// Tasks that need nothing, all of whose results are wanted.
  private static func independent(_ count: Int, _ round: Int) -> ClusterShape {
    var builder = GraphBuilder()
    builder.reserve(tasks: count, dependencies: 0)
    let outputs = (0..<count).map { builder.call(ClusterPoint(seed: seed($0, round)), label: "task") }
    return ClusterShape(name: "independent", graph: builder.build(), outputs: outputs)
  }

  /// Leaves, added in pairs.
  private static func tree(_ leaves: Int, _ round: Int) -> ClusterShape {
    var builder = GraphBuilder()
    builder.reserve(tasks: 2 * leaves, dependencies: 2 * leaves)
    var level = (0..<leaves).map { builder.call(ClusterPoint(seed: seed($0, round)), label: "leaf") }
    while level.count > 1 {
      level = (0..<(level.count / 2)).map {
        builder.call(ClusterPoint(seed: 0), on: [level[2 * $0], level[2 * $0 + 1]], label: "add")
      }
    }
    return ClusterShape(name: "tree", graph: builder.build(), outputs: level)
  }

  /// Layers, each task of which needs three random ones of the layer before.
  private static func layers(_ count: Int, _ width: Int, _ round: Int) -> ClusterShape {
    var builder = GraphBuilder()
    builder.reserve(tasks: count * width, dependencies: 3 * count * width)
    var state = UInt64(round) &+ 7
    func random() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % width
    }
    var layer = (0..<width).map { builder.call(ClusterPoint(seed: seed($0, round)), label: "first") }
    for _ in 1..<count {
      layer = (0..<width).map { place in
        builder.call(ClusterPoint(seed: place), on: [layer[random()], layer[random()], layer[random()]], label: "next")
      }
    }
    return ClusterShape(name: "layers", graph: builder.build(), outputs: layer)
  }

  /// Steps of a row whose points need their neighbours of the step before.
  static func stencil(width: Int, steps: Int, iterations: Int, round: Int) -> ClusterShape {
    var builder = GraphBuilder()
    builder.reserve(tasks: width * steps, dependencies: 3 * width * steps)
    var row = (0..<width).map {
      builder.call(ClusterPoint(seed: seed($0, round), iterations: iterations), label: "first")
    }
    for _ in 1..<steps {
      row = (0..<width).map { column in
        let neighbours = Array(row[max(0, column - 1)...min(width - 1, column + 1)])
        return builder.call(ClusterPoint(seed: column, iterations: iterations), on: neighbours, label: "point")
      }
    }
    return ClusterShape(name: "stencil", graph: builder.build(), outputs: row)
  }

  private static func seed(_ place: Int, _ round: Int) -> Int { place &+ round &* 1_000_003 }
}
