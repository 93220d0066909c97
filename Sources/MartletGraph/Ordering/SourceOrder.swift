/// Sinks in an order in which the sources that are alive are used up before others are read: rows of a product of matrices,
/// whatever the order of their names.
///
/// Which sources each sink is made of, and which sinks each source leads to, as rows of numbers; made in steps that are bounded.
final class SourceOrder {
  private let scratch: OrderScratch
  private let block: UnsafeMutablePointer<UInt32>
  /// By sink, at the end of its sources in `sources`; by source, at the end of its sinks in `leads`.
  private let sourceEnds: UnsafeMutablePointer<UInt32>
  private let leadEnds: UnsafeMutablePointer<UInt32>
  private let sources: UnsafeMutablePointer<UInt32>
  private let leads: UnsafeMutablePointer<UInt32>
  /// By sink: the sources that are not alive; the largest number when its place in the order is known.
  private let missing: UnsafeMutablePointer<UInt32>
  /// By source: the sinks that have not run.
  private let left: UnsafeMutablePointer<UInt32>
  /// The sources that are alive.
  private let alive: UnsafeMutablePointer<UInt32>
  private var aliveCount = 0
  private var placed = 0
  private var steps = 0

  private static let none = UInt32.max
  /// So many steps a task are taken at most.
  private static let limit = 8

  /// Puts the sinks, as goals, into that order.
  ///
  /// - Returns: Whether it was done: not where sources have one sink each, or where it would take too long.
  static func arrange(_ scratch: OrderScratch, budget: inout Int) -> Bool {
    if scratch.sinkCount < 3 { return false }
    let order = SourceOrder(scratch)
    defer { budget -= order.steps }
    return order.findSources() && order.choose()
  }

  private init(_ scratch: OrderScratch) {
    self.scratch = scratch
    let count = scratch.shape.count
    let entries = SourceOrder.limit / 4 * count
    block = allocated(3 * scratch.sinkCount + 3 * count + 2 * entries + 2)
    sourceEnds = block
    missing = sourceEnds + scratch.sinkCount + 1
    leadEnds = missing + scratch.sinkCount
    left = leadEnds + count + 1
    alive = left + count
    sources = alive + count
    leads = sources + entries
  }

  deinit { release(block) }

  /// Fills the rows: a walk back from each sink.
  private func findSources() -> Bool {
    let shape = scratch.shape
    let (seen, numbers, stack) = (scratch.stamp, scratch.touched, scratch.stack)
    var sourceCount = 0
    for task in 0..<shape.count {
      seen[task] = 0
      if !shape.inputs(task).isEmpty { continue }
      numbers[task] = UInt32(truncatingIfNeeded: sourceCount)
      sourceCount &+= 1
    }
    left.update(repeating: 0, count: sourceCount)
    var entries = 0
    for sink in 0..<scratch.sinkCount {
      let mark = UInt32(truncatingIfNeeded: sink &+ 1)
      var depth = 1
      stack[0] = scratch.sinks[sink]
      while depth > 0 {
        depth &-= 1
        let task = Int(stack[depth])
        steps &+= 1
        if shape.inputs(task).isEmpty {
          if entries == SourceOrder.limit / 4 * shape.count { return false }
          sources[entries] = numbers[task]
          left[Int(numbers[task])] &+= 1
          entries &+= 1
          continue
        }
        for place in shape.inputs(task) {
          let input = Int(shape.dependencies[place])
          if seen[input] == mark { continue }
          seen[input] = mark
          stack[depth] = UInt32(truncatingIfNeeded: input)
          depth &+= 1
        }
      }
      if steps > SourceOrder.limit * shape.count { return false }
      sourceEnds[sink] = UInt32(truncatingIfNeeded: entries)
    }
    if entries < 2 * sourceCount { return false }
    fillLeads(sourceCount)
    steps &+= 3 * entries
    return true
  }

  /// The other way round: counted before, so that each row has its place.
  private func fillLeads(_ sourceCount: Int) {
    var start: UInt32 = 0
    for source in 0..<sourceCount {
      leadEnds[source] = start
      start &+= left[source]
    }
    for sink in 0..<scratch.sinkCount {
      let row = sourcePlaces(of: sink)
      missing[sink] = UInt32(truncatingIfNeeded: row.count)
      for place in row {
        let source = Int(sources[place])
        leads[Int(leadEnds[source])] = UInt32(truncatingIfNeeded: sink)
        leadEnds[source] &+= 1
      }
    }
  }

  private func sourcePlaces(of sink: Int) -> Range<Int> {
    (sink == 0 ? 0 : Int(sourceEnds[sink &- 1]))..<Int(sourceEnds[sink])
  }

  private func leadPlaces(of source: Int) -> Range<Int> {
    (source == 0 ? 0 : Int(leadEnds[source &- 1]))..<Int(leadEnds[source])
  }

  /// Who can run without another source runs; then who needs the source that is nearest to its end, and of these the one that needs
  /// the fewest others.
  private func choose() -> Bool {
    let isFresh = UnsafeMutablePointer<Bool>(scratch.isDone)
    isFresh.update(repeating: true, count: scratch.shape.count)
    var (run, first) = (0, 0)
    while run < scratch.sinkCount {
      if run == placed {
        if let sink = nextSink() {
          place(sink)
        } else {
          while missing[first] == SourceOrder.none { first &+= 1 }
          place(first)
        }
      }
      let sink = Int(scratch.goals[run])
      run &+= 1
      for entry in sourcePlaces(of: sink) {
        let source = Int(sources[entry])
        left[source] &-= 1
        if !isFresh[source] { continue }
        isFresh[source] = false
        alive[aliveCount] = UInt32(truncatingIfNeeded: source)
        aliveCount &+= 1
        for entry in leadPlaces(of: source) {
          let other = Int(leads[entry])
          if missing[other] == SourceOrder.none { continue }
          missing[other] &-= 1
          if missing[other] == 0 { place(other) }
        }
      }
      if steps > SourceOrder.limit * scratch.shape.count { return false }
    }
    for place in 0..<placed { scratch.goals[place] = scratch.sinks[Int(scratch.goals[place])] }
    return true
  }

  private func place(_ sink: Int) {
    missing[sink] = SourceOrder.none
    scratch.goals[placed] = UInt32(truncatingIfNeeded: sink)
    placed &+= 1
  }

  private func nextSink() -> Int? {
    var (kept, nearest) = (0, -1)
    for place in 0..<aliveCount {
      let source = Int(alive[place])
      if left[source] == 0 { continue }
      alive[kept] = alive[place]
      kept &+= 1
      if nearest < 0 || left[source] < left[nearest] { nearest = source }
    }
    steps &+= aliveCount / 4
    aliveCount = kept
    if nearest < 0 { return nil }
    var best = -1
    for entry in leadPlaces(of: nearest) {
      let sink = Int(leads[entry])
      if missing[sink] != SourceOrder.none, best < 0 || missing[sink] < missing[best] { best = sink }
    }
    steps &+= leadPlaces(of: nearest).count / 4
    return best
  }
}
