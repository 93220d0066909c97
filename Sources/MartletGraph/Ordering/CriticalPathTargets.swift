/// What `CriticalPathRun` knows about a graph before it begins: how heavy each task is, and for which sink to go next.
///
/// A task is heavier the more work it takes, were it a tree; then the more inputs it has, the more sources it is made of, and the
/// fewer tasks the widest of these sources serves. A sink is the nearer the fewer of its sources are missing.
final class CriticalPathTargets {
  private let scratch: OrderScratch
  /// Of a set of sources; none where these sets would take too long.
  private var words: Int
  private let weights: UnsafeMutablePointer<UInt64>
  private let sourceCount: Int
  /// The greatest number of sources that a sink is made of.
  private var widest = 0
  /// Sinks by weight, and the next one of them.
  private let sorted: UnsafeMutablePointer<UInt32>
  private var next = 0
  private var isHeaviestFirst = false
  /// How many sources of each of these sinks are missing; `none` when all are there.
  private let missing: UnsafeMutablePointer<Int16>
  /// Number of each task that is a source.
  private let numbers: UnsafeMutablePointer<UInt32>
  /// Of each source, the sinks that are made of it, as places in `sorted`.
  private var leads: UnsafeMutablePointer<UInt32>?
  private let leadStarts: UnsafeMutablePointer<UInt32>

  private static let none = Int16.max
  /// As many words has a set of sources at most: the number of sources has twelve bits in a weight.
  private static let limit = 16

  init(_ scratch: OrderScratch) {
    self.scratch = scratch
    let shape = scratch.shape
    let count = shape.count
    var sourceCount = 0
    for task in 0..<count where shape.inputs(task).isEmpty { sourceCount &+= 1 }
    self.sourceCount = sourceCount
    let wanted = (sourceCount &+ 63) / 64
    // Each of the sinks is looked at for each of them, many in one step.
    let isCheap = scratch.sinkCount &* scratch.sinkCount <= 256 &* count
    words = wanted <= CriticalPathTargets.limit && isCheap ? wanted : 0
    weights = allocated(count)
    sorted = allocated(3 &* count &+ 1)
    numbers = sorted + count
    leadStarts = numbers + count
    missing = allocated(scratch.sinkCount)
    let sources: UnsafeMutablePointer<UInt64> = allocated(words &* count)
    defer { release(sources) }
    let entries = weigh(sources)
    if entries > 100 &* count { words = 0 }
    if words > 0 { countLeads(sources) }
    sortSinks()
    if words > 0 { fillLeads(sources, entries) }
  }

  deinit {
    release(weights)
    release(sorted)
    release(missing)
    if let leads { release(leads) }
  }

  /// Whether a task is heavier than another one: of two that are equally heavy the one with the higher number.
  @inline(__always)
  func isHeavier(_ task: Int, than other: Int) -> Bool {
    weights[task] != weights[other] ? weights[task] > weights[other] : task > other
  }

  /// Fills the weights, and the sources that each task is made of.
  ///
  /// - Returns: How many sources all sinks have together.
  private func weigh(_ sources: UnsafeMutablePointer<UInt64>) -> Int {
    let shape = scratch.shape
    let serves = leadStarts
    sources.update(repeating: 0, count: words &* shape.count)
    var (source, entries) = (0, 0)
    for task in 0..<shape.count {
      let inputs = shape.inputs(task)
      let row = sources + task &* words
      var most: UInt32 = 0
      if inputs.isEmpty {
        most = UInt32(truncatingIfNeeded: shape.outputs(task).count)
        if words > 0 { row[source / 64] = 1 &<< UInt64(source % 64) }
        numbers[task] = UInt32(truncatingIfNeeded: source)
        source &+= 1
      }
      for place in inputs {
        let input = Int(shape.dependencies[place])
        most = max(most, serves[input])
        for word in 0..<words { row[word] |= sources[input &* words &+ word] }
      }
      serves[task] = most
      var made = 0
      for word in 0..<words { made &+= row[word].nonzeroBitCount }
      if shape.isSink(task) {
        widest = max(widest, made)
        entries &+= made
      }
      weights[task] =
        UInt64(scratch.effort[task]) &<< 32 | UInt64(min(inputs.count, 255)) &<< 24 | UInt64(made) &<< 12
        | UInt64(4095 &- min(most, 4095))
    }
    return entries
  }

  /// Counts the sinks of each source, at the place after its own.
  private func countLeads(_ sources: UnsafeMutablePointer<UInt64>) {
    leadStarts.update(repeating: 0, count: sourceCount &+ 1)
    for place in 0..<scratch.sinkCount {
      forEachSource(of: Int(scratch.sinks[place]), sources) { leadStarts[$0 &+ 1] &+= 1 }
    }
  }

  @inline(__always)
  private func forEachSource(of task: Int, _ sources: UnsafeMutablePointer<UInt64>, _ body: (Int) -> Void) {
    for word in 0..<words {
      var bits = sources[task &* words &+ word]
      while bits != 0 {
        body(word &* 64 &+ bits.trailingZeroBitCount)
        bits &= bits &- 1
      }
    }
  }

  /// The heaviest sink first, where sources and sinks differ much in number or all sources lead to equally many sinks; the
  /// lightest one otherwise.
  private func sortSinks() {
    let count = scratch.sinkCount
    sorted.update(from: scratch.sinks, count: count)
    var row = UnsafeMutableBufferPointer(start: sorted, count: count)
    isHeaviestFirst = 5 &* abs(sourceCount &- count) >= 4 &* sourceCount || isEven()
    row.sort { [isHeaviestFirst] in isHeavier(Int($0), than: Int($1)) == isHeaviestFirst && $0 != $1 }
  }

  /// Whether each source leads to equally many sinks.
  private func isEven() -> Bool {
    guard words > 0 else { return true }
    for source in 0..<sourceCount where leadStarts[source &+ 1] != leadStarts[1] { return false }
    return true
  }

  /// Makes the rows of sinks of what was counted.
  private func fillLeads(_ sources: UnsafeMutablePointer<UInt64>, _ entries: Int) {
    let leads: UnsafeMutablePointer<UInt32> = allocated(entries)
    self.leads = leads
    // A source's end is where the next one begins: it is moved there while its row is filled.
    var start: UInt32 = 0
    for source in 0..<sourceCount {
      let count = leadStarts[source &+ 1]
      leadStarts[source &+ 1] = start
      start &+= count
    }
    for place in 0..<scratch.sinkCount {
      var made: Int16 = 0
      forEachSource(of: Int(sorted[place]), sources) { source in
        leads[Int(leadStarts[source &+ 1])] = UInt32(truncatingIfNeeded: place)
        leadStarts[source &+ 1] &+= 1
        made &+= 1
      }
      missing[place] = made
    }
  }

  /// A source has run.
  @inline(__always)
  func markDone(_ source: Int) {
    guard let leads else { return }
    let number = Int(numbers[source])
    for entry in Int(leadStarts[number])..<Int(leadStarts[number &+ 1]) {
      let place = Int(leads[entry])
      let rest = missing[place] &- 1
      missing[place] = rest == 0 ? CriticalPathTargets.none : rest
    }
  }

  /// The next sink: of those of which fewest sources are missing one that has begun, or else any, the lightest. Where nothing
  /// has begun, or all are equally far, the next one by weight. Nil when all have run.
  func nextSink(isBegun: (Int) -> Bool) -> Int? {
    let count = scratch.sinkCount
    while next < count, scratch.isDone[Int(sorted[next])] { next &+= 1 }
    if next == count { return nil }
    guard leads != nil, next > 0 else { return Int(sorted[next]) }
    var fewest = CriticalPathTargets.none
    for place in next..<count { fewest = min(fewest, missing[place]) }
    if fewest == CriticalPathTargets.none || fewest == widest { return Int(sorted[next]) }
    // From the lightest one on.
    var best = -1
    for step in 0..<(count &- next) {
      let place = isHeaviestFirst ? count &- 1 &- step : next &+ step
      if missing[place] != fewest { continue }
      let sink = Int(sorted[place])
      if isBegun(sink) { return sink }
      if best < 0 { best = sink }
    }
    return best
  }
}
