/// A graph whose every link goes from one layer to the next: boxes, and the points where long lines pass a layer.
///
/// Lines that go down from one box and pass a layer share the point there, so that a box that many need has one trunk with
/// branches. Made by `Layering`; ordered by `CrossingReduction`; placed by `Alignment`.
struct LayerGraph {
  /// Nodes of each layer, from left to right.
  var layers: [[Int]]
  /// Nodes of the layer above that a node is linked to.
  private(set) var upper: [[Int]]
  /// Nodes of the layer below that a node is linked to.
  private(set) var lower: [[Int]]
  /// Layers by node.
  private(set) var layerOf: [Int]
  /// Nodes below this number are boxes, the others points.
  let boxCount: Int
  private(set) var linkCount = 0

  init(boxCount: Int, layerOf: [Int]) {
    self.boxCount = boxCount
    self.layerOf = layerOf
    layers = Array(repeating: [], count: (layerOf.max() ?? -1) + 1)
    upper = Array(repeating: [], count: boxCount)
    lower = upper
    for (box, layer) in layerOf.enumerated() { layers[layer].append(box) }
  }

  func isPoint(_ node: Int) -> Bool { node >= boxCount }

  /// Adds a point in a layer, linked to a node of the layer above.
  mutating func addPoint(below node: Int) -> Int {
    let point = layerOf.count
    layerOf.append(layerOf[node] + 1)
    layers[layerOf[point]].append(point)
    upper.append([])
    lower.append([])
    link(node, point)
    return point
  }

  /// Links a node with one of the layer below.
  mutating func link(_ above: Int, _ below: Int) {
    lower[above].append(below)
    upper[below].append(above)
    linkCount += 1
  }

  /// Places in their layers, by node.
  func positions() -> [Int] {
    var positions = [Int](repeating: 0, count: layerOf.count)
    for layer in layers { for (position, node) in layer.enumerated() { positions[node] = position } }
    return positions
  }

  /// How often links cross. O(links · log nodes).
  func crossingCount() -> Int {
    let positions = positions()
    var crossings = 0
    for layer in layers.indices.dropLast() {
      crossings += crossingCount(below: layer, positions)
    }
    return crossings
  }

  /// How often the links between a layer and the next one cross: inversions, counted with a tree of sums (Barth, Jünger,
  /// Mutzel, Simple and Efficient Bilayer Cross Counting, 2002).
  private func crossingCount(below layer: Int, _ positions: [Int]) -> Int {
    var sums = [Int](repeating: 0, count: layers[layer + 1].count + 1)
    var (crossings, seen) = (0, 0)
    for node in layers[layer] {
      for below in lower[node] {
        // Those of earlier nodes that end further right: links of one node do not cross.
        var place = positions[below] + 1
        var atMost = 0
        while place > 0 {
          atMost += sums[place]
          place &= place - 1
        }
        crossings += seen - atMost
      }
      for below in lower[node] {
        var place = positions[below] + 1
        while place < sums.count {
          sums[place] += 1
          place += place & -place
        }
        seen += 1
      }
    }
    return crossings
  }
}
