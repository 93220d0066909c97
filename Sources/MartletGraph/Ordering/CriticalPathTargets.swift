/// What `CriticalPathRun` knows about a graph before it begins: how heavy each task is, and for which sink to go next.
///
/// A task is heavier the more work it takes, were it a tree; then the more inputs it has, the more sources it is made of, and the
/// fewer tasks the widest of these sources serves. A sink is the nearer the fewer of its sources are missing.
final class CriticalPathTargets {
  private let scratch: OrderScratch
  private let words: Int
  /// The sources that each task is made of, as a set; none where these sets would take too long.
  private let sources: UnsafeMutablePointer<UInt64>
  private let weights: UnsafeMutablePointer<UInt64>
  private let sourceCount: Int
  /// The greatest number of sources that a sink is made of.
  private var widest = 0
  /// Sinks by weight, and the next one of them.
  private let sorted: UnsafeMutablePointer<UInt32>
  private var next = 0
  private let done: UnsafeMutablePointer<UInt64>

  init(_ scratch: OrderScratch) {
    self.scratch = scratch
    let shape = scratch.shape
    let count = shape.count
    var sourceCount = 0
    for task in 0..<count where shape.inputs(task).isEmpty { sourceCount &+= 1 }
    self.sourceCount = sourceCount
    let wanted = (sourceCount &+ 63) / 64
    // Each of the sinks is looked at for each of them.
    let isCheap = scratch.sinkCount &* (scratch.sinkCount &+ 8) &* wanted <= 64 &* count
    words = wanted <= 8 && isCheap ? wanted : 0
    weights = allocated(count &+ words &* (count &+ 1))
    sources = weights + count
    done = sources + words &* count
    sorted = allocated(2 &* count)
    weigh(sorted + count)
    sortSinks()
  }

  deinit {
    weights.deallocate()
    sorted.deallocate()
  }

  /// Whether a task is heavier than another one: of two that are equally heavy the one with the higher number.
  @inline(__always)
  func isHeavier(_ task: Int, than other: Int) -> Bool {
    weights[task] != weights[other] ? weights[task] > weights[other] : task > other
  }

  private func weigh(_ serves: UnsafeMutablePointer<UInt32>) {
    let shape = scratch.shape
    sources.update(repeating: 0, count: words &* (shape.count &+ 1))
    var source = 0
    for task in 0..<shape.count {
      let inputs = shape.inputs(task)
      let row = sources + task &* words
      var most: UInt32 = 0
      if inputs.isEmpty {
        most = UInt32(truncatingIfNeeded: shape.outputs(task).count)
        if words > 0 { row[source / 64] = 1 &<< UInt64(source % 64) }
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
      if shape.isSink(task) { widest = max(widest, made) }
      weights[task] =
        UInt64(scratch.effort[task]) &<< 32 | UInt64(min(inputs.count, 127)) &<< 25 | UInt64(min(made, 511)) &<< 16
        | UInt64(1023 &- min(most, 1023)) &<< 6
    }
  }

  /// The heaviest sink first, where sources and sinks differ much in number or all sources lead to equally many sinks; the
  /// lightest one otherwise.
  private func sortSinks() {
    let count = scratch.sinkCount
    sorted.update(from: scratch.sinks, count: count)
    var row = UnsafeMutableBufferPointer(start: sorted, count: count)
    let isHeaviestFirst = 5 &* abs(sourceCount &- count) >= 4 &* sourceCount || isEven()
    row.sort { isHeavier(Int($0), than: Int($1)) == isHeaviestFirst && $0 != $1 }
  }

  /// Whether each source leads to equally many sinks.
  private func isEven() -> Bool {
    guard words > 0 else { return true }
    let leads = sorted + scratch.shape.count
    leads.update(repeating: 0, count: sourceCount)
    for place in 0..<scratch.sinkCount {
      let row = sources + Int(scratch.sinks[place]) &* words
      for word in 0..<words {
        var bits = row[word]
        while bits != 0 {
          leads[word &* 64 &+ bits.trailingZeroBitCount] &+= 1
          bits &= bits &- 1
        }
      }
    }
    for source in 0..<sourceCount where leads[source] != leads[0] { return false }
    return true
  }

  /// A source has run.
  @inline(__always)
  func markDone(_ source: Int) {
    let row = sources + source &* words
    for word in 0..<words { done[word] |= row[word] }
  }

  /// The next sink: of those of which fewest sources are missing one that has begun, or else any, the lightest. Where nothing
  /// has begun, or all are equally far, the next one by weight. Nil when all have run.
  func nextSink(isBegun: (Int) -> Bool) -> Int? {
    let count = scratch.sinkCount
    while next < count, scratch.isDone[Int(sorted[next])] { next &+= 1 }
    if next == count { return nil }
    var (best, fewest, bestIsBegun) = (-1, Int.max, false)
    if words > 0, next > 0 {
      for place in next..<count {
        let sink = Int(sorted[place])
        if scratch.isDone[sink] { continue }
        var missing = 0
        for word in 0..<words { missing &+= (sources[sink &* words &+ word] & ~done[word]).nonzeroBitCount }
        if missing == 0 || missing > fewest { continue }
        let isBegun = isBegun(sink)
        if missing == fewest {
          if bestIsBegun && !isBegun { continue }
          if bestIsBegun == isBegun, isHeavier(sink, than: best) { continue }
        }
        (best, fewest, bestIsBegun) = (sink, missing, isBegun)
      }
    }
    return best < 0 || fewest == widest ? Int(sorted[next]) : best
  }
}
