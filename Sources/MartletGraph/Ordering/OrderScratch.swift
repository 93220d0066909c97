/// Memory for the search of an order: some words a task, allocated once and used by all candidates.
final class OrderScratch {
  let shape: OrderShape
  /// Dependencies of each task, those that need the most memory first: `need`. Rows as in `shape`.
  let sorted: UnsafeMutablePointer<UInt32>
  /// How many results are alive at most while the task is computed from nothing, were it a tree (Sethi and Ullman 1970).
  let need: UnsafeMutablePointer<UInt32>
  /// How many tasks it takes to compute the task from nothing, were it a tree; at most 2^20.
  let effort: UnsafeMutablePointer<UInt32>
  /// Inputs that were not computed yet.
  let missing: UnsafeMutablePointer<UInt32>
  /// Dependents that have not run.
  let uses: UnsafeMutablePointer<UInt32>
  /// Computed inputs of which the task is the last consumer.
  let freeable: UnsafeMutablePointer<UInt32>
  /// Where to go on in the sorted dependencies.
  let cursor: UnsafeMutablePointer<UInt32>
  let isDone: UnsafeMutablePointer<Bool>
  let stack: UnsafeMutablePointer<UInt32>
  let safe: UnsafeMutablePointer<UInt32>
  /// The order that is being made.
  let order: UnsafeMutablePointer<UInt32>
  /// An order that another one is made of.
  let base: UnsafeMutablePointer<UInt32>
  /// The tasks without dependents, in the order of their numbers.
  let sinks: UnsafeMutablePointer<UInt32>
  let sinkCount: Int
  /// The same in another order.
  let goals: UnsafeMutablePointer<UInt32>
  /// Only for the search by goals.
  var missingEffort: UnsafeMutablePointer<UInt64>
  var stamp: UnsafeMutablePointer<UInt32>
  var touched: UnsafeMutablePointer<UInt32>
  /// Whether every task has one dependent at most: then sorted depth-first is optimal.
  let isForest: Bool
  /// No order has a lower peak: a task's inputs are alive together when it starts.
  let lowerBound: Int

  private let block: UnsafeMutablePointer<UInt32>
  private let efforts: UnsafeMutablePointer<UInt64>
  private let flags: UnsafeMutablePointer<Bool>

  init(_ shape: OrderShape) {
    self.shape = shape
    let count = shape.count
    let edges = Int(shape.starts[count])
    // One block: fresh pages are what small graphs would pay for.
    block = allocated(12 * count + edges + 2)
    var next = block
    func take(_ words: Int) -> UnsafeMutablePointer<UInt32> {
      defer { next += words }
      return next
    }
    need = take(count)
    effort = take(count)
    missing = take(count)
    uses = take(count)
    freeable = take(count)
    cursor = take(count)
    stack = take(count + 1)
    safe = take(count + 1)
    order = take(count)
    base = take(count)
    sinks = take(count)
    goals = take(count)
    sorted = take(edges)
    flags = allocated(count)
    isDone = flags
    efforts = allocated(2 * count)
    missingEffort = efforts
    stamp = UnsafeMutableRawPointer(efforts + count).assumingMemoryBound(to: UInt32.self)
    touched = stamp + count

    var sinkCount = 0
    var isForest = true
    var widest = 0
    cursor.update(repeating: 0, count: count)
    for task in 0..<count {
      let dependents = shape.dependentStarts[task &+ 1] &- shape.dependentStarts[task]
      if dependents == 0 {
        sinks[sinkCount] = UInt32(truncatingIfNeeded: task)
        sinkCount &+= 1
      } else if dependents > 1 {
        isForest = false
      }
    }
    for task in 0..<count {
      let row = shape.inputs(task)
      OrderScratch.sortRow(shape.dependencies, row, need, into: sorted)
      var most: UInt32 = 1
      var sum: UInt64 = 1
      var position: UInt32 = 0
      let mark = UInt32(truncatingIfNeeded: task &+ 1)
      var distinct = 0
      for place in row {
        let input = sorted[place]
        if cursor[Int(input)] != mark { distinct &+= 1 }
        cursor[Int(input)] = mark
        most = max(most, need[Int(input)] &+ position)
        position &+= 1
        sum &+= UInt64(effort[Int(input)])
      }
      need[task] = most
      effort[task] = UInt32(truncatingIfNeeded: min(sum, 1 << 20))
      widest = max(widest, distinct)
    }
    self.sinkCount = sinkCount
    self.isForest = isForest
    lowerBound = widest
  }

  deinit {
    block.deallocate()
    efforts.deallocate()
    flags.deallocate()
  }

  /// Copies a row with the greatest need first; equal ones keep their order.
  private static func sortRow(
    _ dependencies: UnsafePointer<UInt32>, _ row: Range<Int>, _ need: UnsafeMutablePointer<UInt32>,
    into sorted: UnsafeMutablePointer<UInt32>
  ) {
    if row.count <= 24 {
      for place in row {
        let task = dependencies[place]
        let weight = need[Int(task)]
        var hole = place
        while hole > row.lowerBound, need[Int(sorted[hole &- 1])] < weight {
          sorted[hole] = sorted[hole &- 1]
          hole &-= 1
        }
        sorted[hole] = task
      }
      return
    }
    let all = row.map { dependencies[$0] }
    if all.allSatisfy({ need[Int($0)] == need[Int(all[0])] }) {
      for (offset, task) in all.enumerated() { sorted[row.lowerBound + offset] = task }
      return
    }
    let keys = all.enumerated().sorted {
      (need[Int($1.element)], $0.offset) < (need[Int($0.element)], $1.offset)
    }
    for (offset, entry) in keys.enumerated() { sorted[row.lowerBound + offset] = entry.element }
  }
}
