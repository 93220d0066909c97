/// Where boxes stand and lines run in a picture of a graph, in layers from top to bottom or from left to right (Sugiyama,
/// Tagawa, Toda, Methods for Visual Understanding of Hierarchical System Structures, 1981).
///
/// The same input gives the same layout. Some milliseconds for 300 boxes.
struct LayeredLayout {
  struct Point: Equatable {
    var x: Double
    var y: Double
  }

  struct Size: Equatable {
    var width: Double
    var height: Double
  }

  struct Line {
    var from: Int
    var to: Int
    /// Lines of different kinds never share a trunk.
    var kind = 0
  }

  /// A piece of one or more lines between two neighbouring layers.
  struct Piece {
    var start: Point
    var end: Point
    /// A line of which it is a piece.
    var line: Int
    /// Whether a line ends with an arrow at `end`, or, when it was turned round, at `start`.
    var hasArrowAtEnd = false
    var hasArrowAtStart = false
  }

  enum Direction { case down, right }

  /// The middles of the boxes.
  private(set) var boxes: [Point] = []
  /// Curved pieces between layers.
  private(set) var pieces: [Piece] = []
  /// Straight pieces through layers.
  private(set) var passages: [Piece] = []
  private(set) var direction = Direction.down
  private(set) var size = Size(width: 0, height: 0)
  /// Layers by box.
  private(set) var layers: [Int]
  /// How often lines cross.
  private(set) var crossings: Int
  private var graph: LayerGraph
  /// The link of the layer graph to which the end of a line belongs: above, below; lines to their own box have none.
  private var links: [(above: Int, below: Int, line: Int, isFirst: Bool, isLast: Bool)]
  private var isReversed: [Bool]
  private var labelWidth: Double

  /// - Parameters:
  ///   - sizes: Of the boxes.
  ///   - direction: Nil for the one whose picture has the better shape for a screen.
  ///   - labelWidth: Of the texts that stand at lines.
  init(sizes: [Size], lines: [Line], direction: Direction? = nil, labelWidth: Double = 0) {
    self.labelWidth = labelWidth
    let layering = Layering(boxCount: sizes.count, lines: lines.map { ($0.from, $0.to) })
    layers = layering.layerOf
    isReversed = layering.isReversed
    (graph, links) = Self.layered(layering, sizes.count, lines)
    crossings = graph.crossingCount()
    let directions = direction.map { [$0] } ?? [.down, .right]
    let candidates = directions.map { direction in
      var copy = self
      copy.place(sizes, direction)
      return copy
    }
    self = candidates.min { $0.strangeness < $1.strangeness }!
  }

  /// How far the picture is from the shape of a screen.
  private var strangeness: Double {
    let ratio = max(1, size.width) / (1.6 * max(1, size.height))
    return max(ratio, 1 / ratio)
  }

  private static func layered(
    _ layering: Layering, _ count: Int, _ lines: [Line]
  ) -> (LayerGraph, [(above: Int, below: Int, line: Int, isFirst: Bool, isLast: Bool)]) {
    struct Trunk: Hashable {
      var box: Int
      var kind: Int
    }
    var graph = LayerGraph(boxCount: count, layerOf: layering.layerOf)
    var links: [(above: Int, below: Int, line: Int, isFirst: Bool, isLast: Bool)] = []
    var trunks: [Trunk: [Int]] = [:]
    for (number, line) in lines.enumerated() where line.from != line.to {
      let (top, bottom) = layering.isReversed[number] ? (line.to, line.from) : (line.from, line.to)
      let key = Trunk(box: top, kind: line.kind)
      // A line that was turned round has its arrow at the top, so it shares nothing.
      var trunk = layering.isReversed[number] ? [] : trunks[key] ?? []
      let points = graph.layerOf[bottom] - graph.layerOf[top] - 1
      while trunk.count < points {
        let above = trunk.last ?? top
        let point = graph.addPoint(below: above)
        links.append((above, point, number, trunk.isEmpty, false))
        trunk.append(point)
      }
      if !layering.isReversed[number] { trunks[key] = trunk }
      let above = points == 0 ? top : trunk[points - 1]
      graph.link(above, bottom)
      links.append((above, bottom, number, points == 0, true))
    }
    return (CrossingReduction.reduced(graph), links)
  }

  private mutating func place(_ sizes: [Size], _ direction: Direction) {
    self.direction = direction
    // Along the layer and across it: swapped at the end when layers are columns.
    let isDown = direction == .down
    var along = [Double](repeating: 0, count: graph.layerOf.count)
    var across = along
    for (box, size) in sizes.enumerated() {
      along[box] = isDown ? size.width : size.height
      across[box] = isDown ? size.height : size.width
    }
    let xs = Alignment.coordinates(of: graph, widths: along, gap: isDown ? 16 : 12)
    let thicknesses = graph.layers.map { layer in layer.map { across[$0] }.max() ?? 0 }
    let middles = middles(xs, thicknesses, isDown)
    let (graph, isReversed) = (graph, isReversed)
    func point(_ x: Double, _ y: Double) -> Point { isDown ? Point(x: x, y: y) : Point(x: y, y: x) }
    boxes = sizes.indices.map { point(xs[$0], middles[graph.layerOf[$0]]) }
    pieces = links.map { link in
      // A line leaves a box at its edge, and a layer that it passes at the layer's.
      let reach = { (node: Int) in (graph.isPoint(node) ? thicknesses[graph.layerOf[node]] : across[node]) / 2 }
      // One that was turned round may run beside one that was not, between the same boxes.
      let shift = { (node: Int) in isReversed[link.line] && !graph.isPoint(node) ? min(14, along[node] / 4) : 0 }
      var piece = Piece(
        start: point(
          xs[link.above] + shift(link.above), middles[graph.layerOf[link.above]] + reach(link.above)),
        end: point(
          xs[link.below] + shift(link.below), middles[graph.layerOf[link.below]] - reach(link.below)), line: link.line)
      piece.hasArrowAtEnd = link.isLast && !isReversed[link.line]
      piece.hasArrowAtStart = link.isFirst && isReversed[link.line]
      return piece
    }
    passages = links.filter { graph.isPoint($0.below) }.map { link in
      let layer = graph.layerOf[link.below]
      return Piece(
        start: point(xs[link.below], middles[layer] - thicknesses[layer] / 2),
        end: point(xs[link.below], middles[layer] + thicknesses[layer] / 2), line: link.line)
    }
    let width = xs.indices.map { xs[$0] + along[$0] / 2 }.max() ?? 0
    let height = middles.indices.last.map { middles[$0] + thicknesses[$0] / 2 } ?? 0
    size = isDown ? Size(width: width, height: height) : Size(width: height, height: width)
  }

  /// The middles of the layers: further apart where lines have far to go sideways, so that curves are not flat.
  private func middles(_ xs: [Double], _ thicknesses: [Double], _ isDown: Bool) -> [Double] {
    var reach = [Double](repeating: 0, count: graph.layers.count)
    for link in links {
      let layer = graph.layerOf[link.above]
      reach[layer] = max(reach[layer], abs(xs[link.above] - xs[link.below]))
    }
    let gap = max(28, isDown ? 0 : labelWidth + 16)
    var middles: [Double] = []
    var edge = 0.0
    for (layer, thickness) in thicknesses.enumerated() {
      middles.append(edge + thickness / 2)
      edge += thickness + gap + min(140, reach[layer] * (isDown ? 0.12 : 0.16))
    }
    return middles
  }
}
