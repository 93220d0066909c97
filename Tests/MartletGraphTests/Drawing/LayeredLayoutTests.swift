import TestSupport
import Testing

@testable import MartletGraph

@Suite struct LayeredLayoutTests {
  /// Boxes of one size, and lines between them.
  private func layout(
    _ count: Int, _ lines: [(Int, Int)], _ direction: LayeredLayout.Direction? = .down
  ) -> LayeredLayout {
    LayeredLayout(
      sizes: (0..<count).map { .init(width: 40 + Double($0 % 5) * 8, height: 24) },
      lines: lines.map { .init(from: $0.0, to: $0.1) }, direction: direction)
  }

  /// Parents below 2^depth - 1 have two children; data flows to the root.
  private func tree(_ depth: Int) -> [(Int, Int)] { (1..<(1 << depth)).map { ($0, ($0 - 1) / 2) } }

  private func random(_ seed: UInt64, boxes: Int, lines: Int, isAcyclic: Bool) -> [(Int, Int)] {
    var random = SeededGenerator(seed: seed)
    return (0..<lines).compactMap { _ in
      let (a, b) = (Int.random(in: 0..<boxes, using: &random), Int.random(in: 0..<boxes, using: &random))
      if isAcyclic, a == b { return nil }
      return isAcyclic ? (min(a, b), max(a, b)) : (a, b)
    }
  }

  private func check(_ layout: LayeredLayout, sizes: Int, _ note: String) {
    // Boxes do not overlap, whatever their layers.
    let boxes = layout.boxes
    for a in 0..<sizes {
      #expect(boxes[a].x >= 0 && boxes[a].y >= 0, "\(note)")
      for b in 0..<a {
        let wide = 40 + (Double(a % 5) + Double(b % 5)) * 4
        let isApart = abs(boxes[a].x - boxes[b].x) > wide || abs(boxes[a].y - boxes[b].y) > 24
        #expect(isApart, "\(note): boxes \(a) and \(b)")
      }
    }
  }

  @Test(arguments: sampled(0..<30 as Range<UInt64>))
  func `lines of a graph without cycles go down a layer at least, and no two boxes overlap`(seed: UInt64) {
    let lines = random(seed, boxes: 40, lines: 20 + Int(seed) * 3, isAcyclic: true)
    for direction in [LayeredLayout.Direction.down, .right] {
      let layout = layout(40, lines, direction)
      for (from, to) in lines {
        #expect(layout.layers[from] < layout.layers[to], "seed \(seed)")
        let (a, b) = (layout.boxes[from], layout.boxes[to])
        #expect(direction == .down ? a.y + 24 < b.y : a.x + 40 < b.x, "seed \(seed)")
      }
      check(layout, sizes: 40, "seed \(seed)")
    }
  }

  @Test(arguments: sampled(0..<20 as Range<UInt64>))
  func `graphs with cycles are laid out too`(seed: UInt64) {
    let lines = random(seed, boxes: 25, lines: 60, isAcyclic: false)
    let layout = layout(25, lines)
    check(layout, sizes: 25, "seed \(seed)")
    // Each line has one arrow, those from a box to itself are not laid out.
    let arrows = layout.pieces.map { ($0.hasArrowAtEnd ? 1 : 0) + ($0.hasArrowAtStart ? 1 : 0) }.reduce(0, +)
    #expect(arrows == lines.count { $0.0 != $0.1 }, "seed \(seed)")
  }

  @Test(arguments: 1...7)
  func `trees are drawn without crossings, however they are numbered`(depth: Int) {
    #expect(layout((1 << depth), tree(depth)).crossings == 0)
    var random = SeededGenerator(seed: UInt64(depth))
    let numbers = (0..<(1 << depth)).shuffled(using: &random)
    let shuffled = tree(depth).map { (numbers[$0.0], numbers[$0.1]) }.shuffled(using: &random)
    #expect(layout(1 << depth, shuffled).crossings == 0)
    #expect(layout(1 << depth, shuffled.map { ($0.1, $0.0) }).crossings == 0)
  }

  @Test func `a wavefront has no crossings`() {
    let side = 8
    var lines: [(Int, Int)] = []
    for row in 0..<side {
      for column in 0..<side {
        if column > 0 { lines.append((row * side + column - 1, row * side + column)) }
        if row > 0 { lines.append(((row - 1) * side + column, row * side + column)) }
      }
    }
    #expect(layout(side * side, lines).crossings == 0)
  }

  @Test func `a stencil has no more crossings than its drawing in rows`() {
    let (width, steps) = (8, 5)
    var lines: [(Int, Int)] = []
    for step in 1...steps {
      for place in 0..<width {
        for neighbour in place - 1...place + 1 where (0..<width).contains(neighbour) {
          lines.append(((step - 1) * width + neighbour, step * width + place))
        }
      }
    }
    // Two neighbours exchange their values: one crossing for each pair in each step.
    #expect(layout(width * (steps + 1), lines).crossings <= (width - 1) * steps)
  }

  @Test(arguments: sampled(0..<40 as Range<UInt64>))
  func `crossings are counted as by looking at each pair of links`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var graph = LayerGraph(boxCount: 16, layerOf: (0..<16).map { $0 % 3 })
    for _ in 0..<25 {
      let above = Int.random(in: 0..<16, using: &random)
      let below = Int.random(in: 0..<16, using: &random)
      if above % 3 + 1 == below % 3 { graph.link(above, below) }
    }
    for layer in graph.layers.indices { graph.layers[layer].shuffle(using: &random) }
    let positions = graph.positions()
    var expected = 0
    for layer in 0..<2 {
      let links = graph.layers[layer].flatMap { above in graph.lower[above].map { (positions[above], positions[$0]) } }
      for a in links { for b in links where a.0 < b.0 && a.1 > b.1 { expected += 1 } }
    }
    #expect(graph.crossingCount() == expected, "seed \(seed)")
    let reduced = CrossingReduction.reduced(graph)
    #expect(reduced.crossingCount() <= expected, "seed \(seed)")
    #expect(reduced.layers.map { $0.sorted() } == graph.layers.map { $0.sorted() }, "seed \(seed)")
  }

  @Test func `chains are straight, also those that pass layers`() {
    // 0 to 9 one after the other, and 0 to 9 directly.
    let layout = layout(10, (0..<9).map { ($0, $0 + 1) } + [(0, 9)])
    let trunk = Set(layout.passages.map(\.start.x))
    #expect(trunk.count == 1 && layout.passages.count == 8)
    #expect(Set(layout.boxes[1...8].map(\.x)).count == 1)
  }

  @Test func `boxes that many need have one trunk`() {
    // The second line joins each box to the first one, in layers of their own.
    let layout = layout(12, (1..<12).map { (0, $0) } + (1..<11).map { ($0, $0 + 1) })
    #expect(layout.passages.count == 10)
  }

  @Test func `sources stand by those that need them`() {
    // A chain, and a source for its last box.
    let layout = layout(6, [(0, 1), (1, 2), (2, 3), (3, 4), (5, 4)])
    #expect(layout.layers[5] == 3)
  }

  @Test func `the direction is the one whose picture has the shape of a screen`() {
    let chains = (0..<12).flatMap { (top: Int) -> [(Int, Int)] in
      [(top, top + 12), (top + 12, top + 24), (top + 24, 36)]
    }
    #expect(layout(37, chains, nil).direction == .right)
    #expect(layout(3, [(0, 1), (0, 2)], nil).direction == .down)
    #expect(layout(0, [], nil).boxes.isEmpty)
  }
}
