import MartletProtocol

// The order of blocks inside of a graph: a layer says nothing of it, and block by block, layer by layer, all blocks of a layer would be
// computed before the first one is used. Here a block comes directly behind the last of those that it needs, and blocks without
// inputs have gaps between them for what follows: a chain of layers is computed through for each block, a tree of sums is summed as
// soon as it can be. Few results are alive, as they are in an order that a client has searched for. O(dependencies).

extension SchedulerCore {
  /// Layers of a graph begin at one place, however many there are: what they read is read side by side.
  mutating func beginLayer(in open: Int) {
    if openGraphs[open].layersBegin == nil { openGraphs[open].layersBegin = openGraphs[open].order }
  }

  /// The place of a block in its graph's order, which goes on behind it.
  mutating func takeOrder(of block: UInt32, _ layer: SubmittedLayer, _ inputs: [UInt32], in open: Int) -> UInt64 {
    let begin = openGraphs[open].layersBegin ?? openGraphs[open].order
    let behind = layer.hasOwnInputs ? lastOrder(of: inputs, in: open) : nil
    // As wide as there is room for: what is above the limit has no order.
    let gap = min(
      16, max(1, (SchedulerCore.orderLimit - min(begin, SchedulerCore.orderLimit)) / UInt64(max(1, layer.count))))
    let order = behind.map { $0 + 1 } ?? begin + UInt64(block) * gap
    openGraphs[open].order = max(openGraphs[open].order, order + 1)
    return order
  }

  /// The place of a single task: where its client has put it, or directly behind the blocks that it needs.
  mutating func order(behind inputs: [UInt32], in open: Int) -> UInt64 {
    if openGraphs[open].layersBegin == nil { return openGraphs[open].order }
    return lastOrder(of: inputs, in: open).map { $0 + 1 } ?? openGraphs[open].order
  }

  /// The last place of inputs that are of the same graph.
  private mutating func lastOrder(of inputs: [UInt32], in open: Int) -> UInt64? {
    let graph = UInt64(openGraphs[open].number & 0xff_ffff)
    let client = openGraphs[open].client.rawValue
    var last: UInt64?
    for input in inputs where tasks[Int(input)].owner == client && tasks[Int(input)].priority >> 24 & 0xff_ffff == graph
    {
      last = max(last ?? 0, tasks[Int(input)].priority & SchedulerCore.orderLimit)
    }
    return last
  }

  /// What fits into a priority.
  private static let orderLimit: UInt64 = 0xff_ffff
}

extension SubmittedLayer {
  /// Whether its blocks need something that is not the same for all of them.
  fileprivate var hasOwnInputs: Bool {
    inputs.contains { if case .shared = $0 { false } else { true } }
  }

  /// Whether a block is wanted; asked for one after the other, while `next` counts those that are.
  func wants(_ block: UInt32, _ next: inout Int) -> Bool {
    if isWanted { return true }
    guard next < wanted.count, wanted[next] == block else { return false }
    next += 1
    return true
  }
}
