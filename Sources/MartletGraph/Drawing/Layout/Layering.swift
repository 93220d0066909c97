/// Gives each box a layer, so that lines go down.
///
/// Lines that close a cycle are turned round (those that go back to a box which a depth-first walk is still below). Then
/// the layer of a box is that of the longest path to it, and boxes that have room are moved to where their lines are
/// shortest.
struct Layering {
  /// Layers by box, from 0 without a gap.
  private(set) var layerOf: [Int]
  /// Whether a line was turned round; lines from a box to itself count as neither.
  private(set) var isReversed: [Bool]

  init(boxCount: Int, lines: [(from: Int, to: Int)]) {
    layerOf = [Int](repeating: 0, count: boxCount)
    isReversed = [Bool](repeating: false, count: lines.count)
    var outgoing = [[Int]](repeating: [], count: boxCount)
    for (number, line) in lines.enumerated() where line.from != line.to { outgoing[line.from].append(number) }
    let order = breakCycles(lines, outgoing)
    var above = [[Int]](repeating: [], count: boxCount)
    var below = above
    for (number, line) in lines.enumerated() where line.from != line.to {
      let (top, bottom) = isReversed[number] ? (line.to, line.from) : (line.from, line.to)
      above[bottom].append(top)
      below[top].append(bottom)
    }
    for box in order { layerOf[box] = (above[box].map { layerOf[$0] }.max() ?? -1) + 1 }
    tighten(order, above, below)
  }

  /// Turns lines round until there is no cycle.
  ///
  /// - Returns: The boxes in an order in which lines go forwards.
  private mutating func breakCycles(_ lines: [(from: Int, to: Int)], _ outgoing: [[Int]]) -> [Int] {
    enum State { case unseen, open, closed }
    var states = [State](repeating: .unseen, count: outgoing.count)
    var hasIncoming = [Bool](repeating: false, count: outgoing.count)
    for line in lines where line.from != line.to { hasIncoming[line.to] = true }
    var finished: [Int] = []
    var stack: [(box: Int, next: Int)] = []
    let starts = outgoing.indices.filter { !hasIncoming[$0] } + outgoing.indices.filter { hasIncoming[$0] }
    for start in starts where states[start] == .unseen {
      stack.append((start, 0))
      states[start] = .open
      while let (box, next) = stack.last {
        guard next < outgoing[box].count else {
          states[box] = .closed
          finished.append(box)
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        let line = outgoing[box][next]
        let target = lines[line].to
        switch states[target] {
        case .unseen:
          states[target] = .open
          stack.append((target, 0))
        case .open: isReversed[line] = true
        case .closed: break
        }
      }
    }
    return finished.reversed()
  }

  /// Moves boxes within the room that their lines leave them to the side where more of these are.
  private mutating func tighten(_ order: [Int], _ above: [[Int]], _ below: [[Int]]) {
    // A few rounds settle all but contrived graphs, and each makes no line longer in sum.
    for _ in 0..<8 {
      var hasMoved = false
      for box in order.reversed() where below[box].count > above[box].count {
        let room = below[box].map { layerOf[$0] }.min()! - 1
        if room > layerOf[box] {
          layerOf[box] = room
          hasMoved = true
        }
      }
      for box in order where above[box].count > below[box].count {
        let room = above[box].map { layerOf[$0] }.max()! + 1
        if room < layerOf[box] {
          layerOf[box] = room
          hasMoved = true
        }
      }
      if !hasMoved { break }
    }
    // Layers that were left empty.
    var isUsed = [Bool](repeating: false, count: (layerOf.max() ?? -1) + 1)
    for layer in layerOf { isUsed[layer] = true }
    var numbers = [Int](repeating: 0, count: isUsed.count)
    var used = 0
    for layer in isUsed.indices {
      numbers[layer] = used
      if isUsed[layer] { used += 1 }
    }
    layerOf = layerOf.map { numbers[$0] }
  }
}
