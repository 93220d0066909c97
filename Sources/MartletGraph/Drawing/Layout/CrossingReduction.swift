/// Orders the layers of a graph so that few links cross: sweeps down and up in which each node goes to the mean place of
/// its neighbours (the barycentre method of Sugiyama, Tagawa, Toda, 1981), from several first orders, then exchanges of
/// neighbours. The best order seen wins; work is bounded.
struct CrossingReduction {
  private var graph: LayerGraph
  private var best: [[Int]]
  private var fewest: Int
  /// Places in their layers, by node.
  private var positions: [Int] = []
  /// Links that may still be looked at.
  private var work = 6_000_000

  /// The graph with its layers in a good order.
  static func reduced(_ graph: LayerGraph) -> LayerGraph {
    var reduction = CrossingReduction(graph)
    reduction.run()
    var result = graph
    result.layers = reduction.best
    return result
  }

  private init(_ graph: LayerGraph) {
    self.graph = graph
    best = graph.layers
    fewest = graph.crossingCount()
  }

  private mutating func run() {
    let given = graph.layers
    for start in [given, walked(upwards: true), walked(upwards: false)] where fewest > 0 {
      graph.layers = start
      positions = graph.positions()
      note()
      sweep()
    }
    guard fewest > 0 else { return }
    graph.layers = best
    exchange()
    note()
  }

  private mutating func note() {
    let crossings = graph.crossingCount()
    if crossings < fewest { (fewest, best) = (crossings, graph.layers) }
    work -= graph.linkCount
  }

  /// Layers in the order in which a depth-first walk meets their nodes: right for trees.
  private func walked(upwards: Bool) -> [[Int]] {
    var layers = [[Int]](repeating: [], count: graph.layers.count)
    var isSeen = [Bool](repeating: false, count: graph.layerOf.count)
    let order = upwards ? Array(graph.layers.reversed()) : graph.layers
    for start in order.joined() where !isSeen[start] {
      var stack = [start]
      while let node = stack.popLast() {
        if isSeen[node] { continue }
        isSeen[node] = true
        layers[graph.layerOf[node]].append(node)
        stack.append(contentsOf: (upwards ? graph.upper[node] : graph.lower[node]).reversed())
      }
    }
    return layers
  }

  private mutating func sweep() {
    var idle = 0
    for round in 0..<24 where fewest > 0 && idle < 6 && work > 0 {
      let before = fewest
      // Ties keep their order in some rounds and lose it in others.
      let flips = round % 4 >= 2
      if round % 2 == 0 {
        for layer in graph.layers.indices.dropFirst() { arrange(layer, by: graph.upper, flips) }
      } else {
        for layer in graph.layers.indices.dropLast().reversed() { arrange(layer, by: graph.lower, flips) }
      }
      note()
      idle = fewest < before ? 0 : idle + 1
    }
  }

  /// Sorts a layer by the mean place of the neighbours; nodes without any keep their place.
  private mutating func arrange(_ layer: Int, by neighbours: [[Int]], _ flips: Bool) {
    var sorted: [(mean: Double, node: Int, place: Int)] = []
    for (place, node) in graph.layers[layer].enumerated() where !neighbours[node].isEmpty {
      let sum = neighbours[node].reduce(0) { $0 + positions[$1] }
      sorted.append((Double(sum) / Double(neighbours[node].count), node, flips ? -place : place))
      work -= neighbours[node].count
    }
    sorted.sort { ($0.mean, $0.place) < ($1.mean, $1.place) }
    var next = 0
    for (place, node) in graph.layers[layer].enumerated() where !neighbours[node].isEmpty {
      graph.layers[layer][place] = sorted[next].node
      positions[sorted[next].node] = place
      next += 1
    }
  }

  /// Exchanges neighbours wherever that removes a crossing, until nothing changes.
  private mutating func exchange() {
    positions = graph.positions()
    var hasChanged = true
    while hasChanged, work > 0 {
      hasChanged = false
      for layer in graph.layers.indices {
        for place in graph.layers[layer].indices.dropLast() {
          let (left, right) = (graph.layers[layer][place], graph.layers[layer][place + 1])
          let kept = crossings(left, right)
          let exchanged = crossings(right, left)
          guard exchanged < kept else { continue }
          graph.layers[layer].swapAt(place, place + 1)
          positions[left] = place + 1
          positions[right] = place
          hasChanged = true
        }
      }
    }
  }

  /// How often the links of two nodes of a layer cross when `left` is to the left.
  private mutating func crossings(_ left: Int, _ right: Int) -> Int {
    var count = 0
    for neighbours in [graph.upper, graph.lower] {
      for a in neighbours[left] {
        for b in neighbours[right] where positions[b] < positions[a] { count += 1 }
      }
      work -= neighbours[left].count * neighbours[right].count
    }
    return count
  }
}
