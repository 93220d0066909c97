/// What a run changes about a task, in one line of the cache: most of its time is waiting for memory.
struct TaskProgress: BitwiseCopyable {
  /// Inputs that were not computed yet.
  var missing: UInt32
  /// Dependents that have not run.
  var uses: UInt32
  /// Computed inputs of which the task is the last consumer.
  var freeable: UInt32
  /// The numbers of the dependents that have not run, combined by exclusive or: the last one when there is one.
  var rest: UInt32
}

/// Memory for the search of an order: some words a task, allocated once and used by all candidates.
final class OrderScratch {
  let shape: OrderShape
  /// Dependencies of each task, those that need the most memory first: `need`. Rows as in `shape`.
  let sorted: UnsafeMutablePointer<UInt32>
  /// The same in another order.
  let heavy: UnsafeMutablePointer<UInt32>
  /// How many results are alive at most while the task is computed from nothing, were it a tree (Sethi and Ullman 1970).
  let need: UnsafeMutablePointer<UInt32>
  /// How many tasks it takes to compute the task from nothing, were it a tree; at most 2^31.
  let effort: UnsafeMutablePointer<UInt32>
  /// What a run changes about each task.
  let states: UnsafeMutablePointer<TaskProgress>
  /// What a run begins with.
  private let freshStates: UnsafeMutablePointer<TaskProgress>
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
  /// In the memory of `base`, which it does not need.
  let mark: UnsafeMutablePointer<UInt32>
  let heap: UnsafeMutablePointer<GoalEntry>
  var heapCapacity: Int { 2 * shape.count + 64 }
  var missingEffort: UnsafeMutablePointer<UInt64>
  /// What a search begins with in `missingEffort`: the effort of all inputs of a task.
  private let inputEfforts: UnsafeMutablePointer<UInt64>
  var stamp: UnsafeMutablePointer<UInt32>
  var touched: UnsafeMutablePointer<UInt32>
  /// Only for the search by moves.
  private(set) lazy var moves = MoveTables(shape.count)
  /// Only for the search over hills.
  private(set) lazy var hills = HillTables(shape.count)
  private let block: UnsafeMutablePointer<UInt32>
  private let efforts: UnsafeMutablePointer<UInt64>
  private let flags: UnsafeMutablePointer<Bool>

  init(_ shape: OrderShape) {
    self.shape = shape
    let count = shape.count
    let edges = Int(shape.starts[count])
    // One block: fresh pages are what small graphs would pay for.
    block = allocated(10 * count + 2 * edges + 2)
    var next = block
    func take(_ words: Int) -> UnsafeMutablePointer<UInt32> {
      defer { next += words }
      return next
    }
    need = take(count)
    effort = take(count)
    cursor = take(count)
    stack = take(count + 1)
    safe = take(2 * count + 1)
    order = take(count)
    base = take(count)
    sinks = take(count)
    goals = take(count)
    mark = base
    sorted = take(edges)
    heavy = take(edges)
    flags = allocated(count)
    isDone = flags
    efforts = allocated(3 * count)
    missingEffort = efforts
    inputEfforts = efforts + 2 * count
    heap = allocated(2 * count + 64)
    states = allocated(2 * count)
    freshStates = states + count
    stamp = UnsafeMutableRawPointer(efforts + count).assumingMemoryBound(to: UInt32.self)
    touched = stamp + count

    var sinkCount = 0
    for task in 0..<count {
      let dependents = shape.dependentStarts[task &+ 1] &- shape.dependentStarts[task]
      if dependents == 0 {
        sinks[sinkCount] = UInt32(truncatingIfNeeded: task)
        sinkCount &+= 1
      }
      var rest: UInt32 = 0
      for place in shape.outputs(task) { rest ^= shape.dependents[place] }
      freshStates[task] = TaskProgress(
        missing: shape.starts[task &+ 1] &- shape.starts[task], uses: dependents, freeable: 0, rest: rest)
    }
    for task in 0..<count {
      let row = shape.inputs(task)
      OrderScratch.sortRow(shape.dependencies, row, need, into: sorted)
      var most: UInt32 = 1
      var sum: UInt64 = 1
      var position: UInt32 = 0
      for place in row {
        let input = sorted[place]
        most = max(most, need[Int(input)] &+ position)
        position &+= 1
        sum &+= UInt64(effort[Int(input)])
      }
      need[task] = most
      effort[task] = UInt32(truncatingIfNeeded: min(sum, 1 << 31))
      inputEfforts[task] = sum &- 1
    }
    self.sinkCount = sinkCount
  }

  deinit {
    release(block)
    release(efforts)
    release(heap)
    release(flags)
    release(states)
  }

  /// Begins a run anew: nothing is done.
  func resetStates() {
    states.update(from: freshStates, count: shape.count)
    isDone.update(repeating: false, count: shape.count)
  }

  /// Begins anew: nothing is made of what a task needs.
  func resetMissingEfforts() { missingEffort.update(from: inputEfforts, count: shape.count) }

  /// How many results end by the links that lead to a task: these take their places.
  func freedByLinks(to task: Int) -> Int {
    let start = shape.inputs(task).lowerBound
    var freed = 0
    for place in start..<(start &+ shape.linkCount(task)) where states[Int(shape.dependencies[place])].uses == 1 {
      freed &+= 1
    }
    return freed
  }

  /// Fills rows with those of `rows`, the greatest weight first; equal ones in their order, or in the opposite one.
  func sortRows(
    _ rows: UnsafePointer<UInt32>, by weights: UnsafeMutablePointer<UInt32>, reversed: Bool = false,
    into result: UnsafeMutablePointer<UInt32>
  ) {
    for task in 0..<shape.count {
      let row = shape.inputs(task)
      OrderScratch.sortRow(rows, row, weights, into: result)
      if !reversed || row.count < 2 { continue }
      var start = row.lowerBound
      while start < row.upperBound {
        var end = start &+ 1
        let weight = weights[Int(result[start])]
        while end < row.upperBound, weights[Int(result[end])] == weight { end &+= 1 }
        var (low, high) = (start, end &- 1)
        while low < high {
          (result[low], result[high]) = (result[high], result[low])
          low &+= 1
          high &-= 1
        }
        start = end
      }
    }
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
