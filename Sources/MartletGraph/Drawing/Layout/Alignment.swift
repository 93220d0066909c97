/// Places the nodes of ordered layers side by side so that chains are straight and boxes stand in the middle of their
/// neighbours: Brandes and Köpf, Fast and Simple Horizontal Coordinate Assignment, 2001.
///
/// Four placements are made, each aligning nodes with a median neighbour above or below, as far left or right as they can
/// be, and the mean of the middle two is taken for each node: which keeps the distances that all four keep.
struct Alignment {
  private let graph: LayerGraph
  private let widths: [Double]
  /// Between two boxes; points stand half as far off.
  private let gap: Double
  private let positions: [Int]
  /// Links that give way to the straight trunk which they cross: above and below as one number.
  private var yielding: Set<UInt64> = []

  /// Coordinates of the middles of the nodes, by node; the least left edge is at 0.
  static func coordinates(of graph: LayerGraph, widths: [Double], gap: Double) -> [Double] {
    var alignment = Alignment(graph, widths, gap)
    alignment.findYielding()
    return alignment.placed()
  }

  private init(_ graph: LayerGraph, _ widths: [Double], _ gap: Double) {
    self.graph = graph
    self.widths = widths
    self.gap = gap
    positions = graph.positions()
  }

  private func pair(_ a: Int, _ b: Int) -> UInt64 { UInt64(min(a, b)) << 32 | UInt64(max(a, b)) }

  /// Finds the links that cross a link between two points.
  private mutating func findYielding() {
    for layer in graph.layers.indices.dropFirst() {
      let nodes = graph.layers[layer]
      var (low, scanned) = (0, 0)
      for (place, node) in nodes.enumerated() {
        let trunk = graph.isPoint(node) ? graph.upper[node].first(where: graph.isPoint) : nil
        guard trunk != nil || place == nodes.count - 1 else { continue }
        let high = trunk.map { positions[$0] } ?? .max
        for other in nodes[scanned...place] {
          for above in graph.upper[other] where positions[above] < low || positions[above] > high {
            if !graph.isPoint(above) || !graph.isPoint(other) { yielding.insert(pair(above, other)) }
          }
        }
        scanned = place + 1
        low = trunk == nil ? low : high
      }
    }
  }

  private func placed() -> [Double] {
    var placements: [[Double]] = []
    for neighbours in [graph.upper, graph.lower] {
      let isDownwards = placements.isEmpty
      for isMirrored in [false, true] {
        var layers = isDownwards ? graph.layers : graph.layers.reversed()
        if isMirrored { layers = layers.map { $0.reversed() } }
        let xs = Pass(self, layers, neighbours, isMirrored).coordinates()
        placements.append(isMirrored ? xs.map { -$0 } : xs)
      }
    }
    return balanced(placements)
  }

  private func balanced(_ placements: [[Double]]) -> [Double] {
    let extents = placements.map { xs -> (low: Double, high: Double) in
      var (low, high) = (Double.infinity, -Double.infinity)
      for (node, x) in xs.enumerated() {
        low = min(low, x - widths[node] / 2)
        high = max(high, x + widths[node] / 2)
      }
      return (low, high)
    }
    guard !widths.isEmpty else { return [] }
    // All are moved to an edge of the narrowest one: those made from the left to its left edge, the others to its right.
    let narrowest = extents.min { $0.high - $0.low < $1.high - $1.low }!
    var xs = [Double](repeating: 0, count: widths.count)
    for node in xs.indices {
      var four = (0..<4).map { index -> Double in
        let shift = index % 2 == 0 ? narrowest.low - extents[index].low : narrowest.high - extents[index].high
        return placements[index][node] + shift
      }
      four.sort()
      xs[node] = (four[1] + four[2]) / 2
    }
    let left = xs.indices.map { xs[$0] - widths[$0] / 2 }.min()!
    return xs.map { $0 - left }
  }

  /// One of the four placements, in coordinates that are mirrored where it goes from the right.
  private struct Pass {
    let alignment: Alignment
    let layers: [[Int]]
    /// The neighbours to align with, and where they stand in the mirrored layers.
    let neighbours: [[Int]]
    let places: [Int]
    /// The first node of the block that a node belongs to: nodes of a block get the same coordinate.
    var roots: [Int]

    init(_ alignment: Alignment, _ layers: [[Int]], _ neighbours: [[Int]], _ isMirrored: Bool) {
      self.alignment = alignment
      self.layers = layers
      var places = alignment.positions
      for layer in layers { for (place, node) in layer.enumerated() { places[node] = place } }
      self.places = places
      self.neighbours = neighbours.map { $0.sorted { places[$0] < places[$1] } }
      roots = Array(places.indices)
      align()
    }

    private mutating func align() {
      var next = Array(roots)
      for layer in layers {
        var last = -1
        for node in layer where !neighbours[node].isEmpty {
          let count = neighbours[node].count
          for middle in Set([(count - 1) / 2, count / 2]).sorted() where next[node] == node {
            let neighbour = neighbours[node][middle]
            guard places[neighbour] > last, !alignment.yielding.contains(alignment.pair(node, neighbour)) else {
              continue
            }
            next[neighbour] = node
            roots[node] = roots[neighbour]
            next[node] = roots[node]
            last = places[neighbour]
          }
        }
      }
    }

    /// Puts blocks as far left as the distances allow, then each as far right as that makes nothing wider.
    func coordinates() -> [Double] {
      var distances: [[(block: Int, distance: Double)]] = Array(repeating: [], count: roots.count)
      var followers = distances
      for layer in layers {
        for (left, right) in zip(layer, layer.dropFirst()) {
          let distance = alignment.distance(left, right)
          distances[roots[right]].append((roots[left], distance))
          followers[roots[left]].append((roots[right], distance))
        }
      }
      let order = order(followers)
      var xs = [Double](repeating: 0, count: roots.count)
      for block in order { xs[block] = distances[block].map { xs[$0.block] + $0.distance }.max() ?? 0 }
      for block in order.reversed() {
        if let room = followers[block].map({ xs[$0.block] - $0.distance }).min() { xs[block] = max(xs[block], room) }
      }
      return roots.map { xs[$0] }
    }

    /// Blocks so that each comes after those to its left. Blocks are vertical and do not cross, so there is such an order.
    private func order(_ followers: [[(block: Int, distance: Double)]]) -> [Int] {
      var waiting = [Int](repeating: 0, count: roots.count)
      for list in followers { for follower in list { waiting[follower.block] += 1 } }
      var order = roots.indices.filter { roots[$0] == $0 && waiting[$0] == 0 }
      var next = 0
      while next < order.count {
        for follower in followers[order[next]] {
          waiting[follower.block] -= 1
          if waiting[follower.block] == 0 { order.append(follower.block) }
        }
        next += 1
      }
      return order
    }
  }

  /// How far apart the middles of two neighbours in a layer stand at least.
  private func distance(_ left: Int, _ right: Int) -> Double {
    let points = (graph.isPoint(left) ? 1 : 0) + (graph.isPoint(right) ? 1 : 0)
    return (widths[left] + widths[right]) / 2 + gap * (points == 0 ? 1 : points == 1 ? 0.75 : 0.5)
  }
}
