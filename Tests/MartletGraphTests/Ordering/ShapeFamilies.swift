import TestSupport

extension ShapedGraph {
  /// Graphs as collections and people make them, small, and numbered at random in two of three cases.
  static func ofFamilies(_ random: inout SeededGenerator) -> ShapedGraph {
    var shape = ShapedGraph()
    switch random.below(8) {
    case 0: layers(&shape, &random)
    case 1: for number in 0..<(8 + random.below(40)) { shape.join(number, of: [0, 0, 1, 1, 1, 2], &random) }
    case 2: for number in 0..<(8 + random.below(24)) { shape.join(number, of: [0, 1, 2, 3, 4, 5], &random) }
    case 3: sharedLeaves(&shape, &random)
    case 4: halo(&shape, &random)
    case 5: shuffle(&shape, &random)
    case 6: outputs(&shape, &random)
    default: joins(&shape, &random)
    }
    return random.chance(66) ? shape.renumbered(&random) : shape
  }

  /// Several reductions of the same parts, by trees, of the parts themselves or of something made of each; at times combined.
  static func reductions(_ random: inout SeededGenerator) -> ShapedGraph {
    var shape = ShapedGraph()
    var parts = shape.tasks(3 + random.below(22))
    if random.chance(30) { parts = parts.map { shape.task([$0]) } }
    let isMapped = random.chance(75)
    let arity = random.chance(50) ? 2 + random.below(7) : nil
    let results = (0..<(2 + random.below(4))).map { _ in
      shape.tree(isMapped ? parts.map { shape.task([$0]) } : parts, arity: arity ?? 2 + random.below(7))
    }
    if random.chance(40) { _ = shape.task(results) }
    return random.chance(66) ? shape.renumbered(&random) : shape
  }

  private mutating func join(_ number: Int, of widths: [Int], _ random: inout SeededGenerator) {
    let width = min(number, widths[random.below(widths.count)])
    _ = task(Set((0..<width).map { _ in random.below(number) }).sorted())
  }

  private static func layers(_ shape: inout ShapedGraph, _ random: inout SeededGenerator) {
    let width = 2 + random.below(10)
    var layer = shape.tasks(width)
    for _ in 0..<(1 + random.below(6)) {
      layer = (0..<width).map { _ in
        shape.task(Set((0..<(1 + random.below(3))).map { _ in layer[random.below(width)] }).sorted())
      }
    }
  }

  private static func sharedLeaves(_ shape: inout ShapedGraph, _ random: inout SeededGenerator) {
    let leaves = shape.tasks(3 + random.below(16))
    for _ in 0..<(2 + random.below(4)) {
      let chosen = leaves.filter { _ in random.chance(60) }
      if !chosen.isEmpty { shape.tree(chosen, arity: 2 + random.below(3)) }
    }
  }

  private static func halo(_ shape: inout ShapedGraph, _ random: inout SeededGenerator) {
    var row = shape.tasks(3 + random.below(12))
    for _ in 0..<(1 + random.below(4)) {
      row = row.indices.map { shape.task(Array(row[max(0, $0 - 1)...min(row.count - 1, $0 + 1)])) }
    }
    if random.chance(40) { shape.tree(row, arity: 2 + random.below(3)) }
  }

  private static func shuffle(_ shape: inout ShapedGraph, _ random: inout SeededGenerator) {
    let inputs = shape.tasks(2 + random.below(6))
    let width = 2 + random.below(6)
    let isSplit = random.chance(60)
    let pieces = inputs.map { input in (0..<width).map { _ in isSplit ? shape.task([input]) : input } }
    let results = (0..<width).map { column in shape.task(pieces.map { $0[column] }) }
    if random.chance(40) { _ = shape.task(results) }
  }

  private static func outputs(_ shape: inout ShapedGraph, _ random: inout SeededGenerator) {
    let sources = shape.tasks(2 + random.below(7))
    for _ in 0..<(3 + random.below(12)) {
      let middle = shape.task(Set((0..<3).map { _ in sources[random.below(sources.count)] }).sorted())
      for _ in 0..<random.below(4) {
        let end = shape.task([middle])
        if random.chance(30) { _ = shape.task([end, sources[random.below(sources.count)]]) }
      }
    }
  }

  private static func joins(_ shape: inout ShapedGraph, _ random: inout SeededGenerator) {
    var open = shape.tasks(2 + random.below(24))
    while open.count > 1, shape.dependencies.count < 90 {
      let width = min(open.count, 2 + random.below(3))
      let inputs = (0..<width).map { _ in open.remove(at: random.below(open.count)) }
      let result = shape.task(inputs)
      open += random.chance(75) ? [result] : [shape.task([result]), shape.task([result])]
    }
  }
}
