/// Searches an order in which few results are alive at one time: several candidates, each simulated, the best is kept.
///
/// See `README.md`. Deterministic; some 0.3 to 0.8 µs a task.
struct LeastMemoryOrder {
  private let scratch: OrderScratch
  private let best: UnsafeMutablePointer<UInt32>
  private var peak = Int.max
  private var sum = Int.max
  private var isBetter = false
  /// Steps that are left: a step is some 3 ns.
  private var budget: Int

  /// Looks for a better order than the depth-first one, which `order` holds.
  ///
  /// - Returns: Whether it was found; `order` holds it then.
  static func search(_ shape: OrderShape, _ order: UnsafeMutablePointer<UInt32>) -> Bool {
    guard shape.count > 2 else { return false }
    var search = LeastMemoryOrder(shape, order)
    search.run()
    return search.isBetter
  }

  private init(_ shape: OrderShape, _ order: UnsafeMutablePointer<UInt32>) {
    scratch = OrderScratch(shape)
    best = order
    budget = (shape.count > 30_000 ? 95 : 210) * shape.count
    let live = LiveResults(shape, order, scratch.missing)
    peak = live.peak
    sum = Int((live.mean * Double(shape.count)).rounded())
  }

  private mutating func run() {
    if peak <= scratch.lowerBound { return }
    let count = scratch.shape.count
    scratch.base.update(from: best, count: count)
    hoist()
    if isOptimal { return }
    depthFirst(scratch.sinks, seed: nil)
    hoist()
    if scratch.isForest || isOptimal { return }
    putOff()
    if isOptimal { return }
    goals(.oldest, .leastEffort, isSteady: true)
    if isOptimal { return }
    if count > 30_000 { return }
    goals(.newest, .asNumbered, isSteady: false)
    if isOptimal { return }
    goals(.oldest, .mostEffort, isSteady: false)
    goals(.age, .leastEffort, isSteady: false)
    restart()
  }

  /// As many other beginnings as the budget allows: many small graphs, which are not worth more thought, have one that is
  /// better than any rule's.
  private mutating func restart() {
    var seed: UInt64 = 1
    while budget > 0, !isOptimal, seed < 400 {
      switch seed % 4 {
      case 0, 2: goals(.random(seed), .random(seed), isSteady: seed % 4 == 0, below: peak)
      default:
        depthFirst(seed % 4 == 1 ? shuffledSinks(seed) : gatheredSinks(seed), seed: seed)
        budget -= 6 * scratch.shape.count
        hoist(below: peak)
      }
      seed += 1
    }
    putOff()
  }

  private var isOptimal: Bool { peak <= scratch.lowerBound }

  /// Keeps the order in the scratch when it is better.
  private mutating func keep(_ run: EagerRun) {
    guard (run.peak, run.sum) < (peak, sum) else { return }
    (peak, sum) = (run.peak, run.sum)
    isBetter = true
    best.update(from: scratch.order, count: scratch.shape.count)
  }

  /// The base order with its safe tasks moved forward; given up as soon as `ceiling` results are alive.
  private mutating func hoist(below ceiling: Int = Int.max) {
    var run = EagerRun(scratch)
    budget -= 4 * scratch.shape.count
    for rank in 0..<scratch.shape.count {
      let task = Int(scratch.base[rank])
      if scratch.isDone[task] { continue }
      run.run(task) { _ in }
      if run.peak >= ceiling { break }
    }
    budget -= 10 * run.written
    if run.peak < ceiling { keep(run) }
  }

  /// The best order with its tasks put off, and its safe tasks moved forward again.
  private mutating func putOff() {
    scratch.base.update(from: best, count: scratch.shape.count)
    LateRun.apply(scratch, to: scratch.base)
    budget -= 14 * scratch.shape.count
    hoist()
  }

  private mutating func goals(
    _ preference: GoalSearch.Preference, _ beginning: GoalSearch.Beginning, isSteady: Bool,
    below ceiling: Int = Int.max
  ) {
    var search = GoalSearch(scratch, preference, isSteady: isSteady)
    if let run = search.search(beginning, below: ceiling, budget: &budget) { keep(run) }
  }

  private func shuffledSinks(_ seed: UInt64) -> UnsafeMutablePointer<UInt32> {
    scratch.goals.update(from: scratch.sinks, count: scratch.sinkCount)
    var row = UnsafeMutableBufferPointer(start: scratch.goals, count: scratch.sinkCount)
    row.sort {
      mixed(seed ^ UInt64($0)) < mixed(seed ^ UInt64($1))
    }
    return scratch.goals
  }

  /// The sinks in an order that brings those together which share a leaf: by the least number, drawn at random, of the leaves
  /// that they are made of (min-wise hashing, Broder 1997).
  private func gatheredSinks(_ seed: UInt64) -> UnsafeMutablePointer<UInt32> {
    let (shape, least) = (scratch.shape, scratch.stamp)
    for task in 0..<shape.count {
      let row = shape.inputs(task)
      var number = row.isEmpty ? UInt32(truncatingIfNeeded: mixed(seed ^ UInt64(task))) : UInt32.max
      for place in row { number = min(number, least[Int(shape.dependencies[place])]) }
      least[task] = number
    }
    scratch.goals.update(from: scratch.sinks, count: scratch.sinkCount)
    var row = UnsafeMutableBufferPointer(start: scratch.goals, count: scratch.sinkCount)
    row.sort { (least[Int($0)], $0) < (least[Int($1)], $1) }
    return scratch.goals
  }

  /// Depth-first from each sink, the inputs with the greatest need first; with a seed, a random rotation of each row.
  private func depthFirst(_ sinks: UnsafeMutablePointer<UInt32>, seed: UInt64?) {
    let shape = scratch.shape
    let (cursor, stack, base, isDone) = (scratch.cursor, scratch.stack, scratch.base, scratch.isDone)
    for task in 0..<shape.count {
      isDone[task] = false
      cursor[task] = 0
    }
    var written = 0
    for place in 0..<scratch.sinkCount {
      if isDone[Int(sinks[place])] { continue }
      var depth = 0
      stack[0] = sinks[place]
      isDone[Int(sinks[place])] = true
      while depth >= 0 {
        let task = Int(stack[depth])
        let start = shape.starts[task]
        let width = shape.starts[task &+ 1] &- start
        var next = cursor[task]
        let turn =
          seed.map { width == 0 ? 0 : UInt32(truncatingIfNeeded: mixed($0 &* 31 ^ UInt64(task)) % UInt64(width)) } ?? 0
        var child = UInt32.max
        while next < width {
          var column = next &+ turn
          if column >= width { column &-= width }
          let candidate = scratch.sorted[Int(start &+ column)]
          next &+= 1
          if !isDone[Int(candidate)] {
            child = candidate
            break
          }
        }
        cursor[task] = next
        if child == UInt32.max {
          base[written] = UInt32(truncatingIfNeeded: task)
          written &+= 1
          depth &-= 1
        } else {
          isDone[Int(child)] = true
          depth &+= 1
          stack[depth] = child
        }
      }
    }
  }
}
