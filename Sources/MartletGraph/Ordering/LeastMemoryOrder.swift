/// Searches an order in which few results are alive at one time: several candidates, each simulated, the best is kept.
///
/// See `README.md`. Deterministic; about 1 µs a task at most, and of graphs below some hundred tasks 100 µs more.
struct LeastMemoryOrder {
  private let scratch: OrderScratch
  private let bound: OrderBound
  private let best: UnsafeMutablePointer<UInt32>
  private var peak = Int.max
  private var sum = Int.max
  private var isBetter = false
  /// Steps that are left: a step is some 3 ns.
  private var budget: Int
  /// Steps that a candidate takes beside those for its tasks: dependencies, where there are many.
  private var surcharge = 0
  /// Steps for hills, which come last.
  private var hillBudget: Int
  /// Whether other beginnings are tried in batches as well.
  private var triesBatches = false

  /// Above so many tasks only few candidates are tried: then a step takes longer, as memory has to be waited for.
  private static let large = 30_000

  /// The steps that a graph is worth: as many as take 1 µs a task, and up to 20,000 more, by which small ones gain most. Where
  /// a graph does not fit into the nearer caches a step takes longer. Measured on random layers, which take longest.
  private static func steps(_ count: Int) -> Int {
    count > large ? 160 * count : (count > 3000 ? 180 : 240) * count + min(200 * count, 20_000)
  }

  /// Looks for a better order than the depth-first one, which `order` holds.
  ///
  /// - Returns: Whether it was found; `order` holds it then.
  static func search(_ shape: OrderShape, _ order: UnsafeMutablePointer<UInt32>) -> Bool {
    guard shape.count > 2 else { return false }
    let words: UnsafeMutablePointer<UInt32> = allocated(shape.count)
    let live = LiveResults(shape, order, words)
    let bound = OrderBound(shape, words, reached: live.peak)
    words.deallocate()
    // Flat graphs, chains and most trees end here.
    if live.peak <= bound.peak { return false }
    var search = LeastMemoryOrder(shape, order, live, bound)
    search.run()
    return search.isBetter
  }

  private init(
    _ shape: OrderShape, _ order: UnsafeMutablePointer<UInt32>, _ live: LiveResults, _ bound: OrderBound
  ) {
    self.bound = bound
    scratch = OrderScratch(shape)
    best = order
    budget = LeastMemoryOrder.steps(shape.count)
    // Of tiny graphs a few µs more: all that can be tried.
    hillBudget = max((shape.count > 3000 ? 30 : 60) * shape.count, 8000)
    peak = live.peak
    sum = Int((live.mean * Double(shape.count)).rounded())
  }

  private mutating func run() {
    let count = scratch.shape.count
    scratch.base.update(from: best, count: count)
    hoist()
    if isOptimal { return }
    depthFirst(scratch.sinks, by: scratch.sorted, seed: nil)
    if count > LeastMemoryOrder.large {
      // Only what has a lower peak is kept, so that what has not ends early.
      hoist(below: peak)
      if bound.isForest || isOptimal || searchUnlinked() { return }
      if isMostlyPrivate { probeBatches() }
      if isOptimal { return }
      putOff(below: peak)
      if !isOptimal { goals(.oldest, .leastEffort, isSteady: true, below: peak) }
      return
    }
    hoist()
    if bound.isForest || isOptimal { return }
    followCriticalPaths()
    if isOptimal || searchUnlinked() { return }
    let sets = TaskSets(scratch, budget: &budget)
    let weights = scratch.stamp
    if let sets { sets.count(into: weights) } else { weights.update(from: scratch.effort, count: count) }
    heaviestFirst(weights, reversed: true)
    if isOptimal { return }
    if count < 300 {
      heaviestFirst(scratch.effort, reversed: false)
      if isOptimal { return }
    }
    putOff()
    if isOptimal { return }
    goals(.oldest, .leastEffort, isSteady: true)
    if isOptimal { return }
    goals(.newest, .asNumbered, isSteady: false, below: peak)
    if isOptimal { return }
    goals(.oldest, .mostEffort, isSteady: false, below: peak)
    goals(.age, .leastEffort, isSteady: false, below: peak)
    // Of small graphs what batches take comes on top: most are no better for them.
    budget += min(60 * count, 6000)
    probeBatches()
    if isOptimal { return }
    if triesBatches { budget += min(150 * count, 15_000) }
    restart(sets)
    climb()
    putOff()
  }

  /// Searches the graph without its links instead of this one, where it is much smaller.
  ///
  /// - Returns: Whether that was done.
  private mutating func searchUnlinked() -> Bool {
    let count = scratch.shape.count
    guard scratch.shape.links == nil, let graph = UnlinkedGraph(scratch.shape, scratch.cursor) else { return false }
    let live = LiveResults(graph.shape, graph.order, scratch.cursor)
    var search = LeastMemoryOrder(graph.shape, graph.order, live, bound)
    search.peak = peak
    // Not to be compared.
    search.sum = Int.max
    // The rest is for making the smaller graph, and an order of this one from its order.
    search.budget = budget - 60 * count - min(40 * count, 8000)
    search.hillBudget = hillBudget
    search.surcharge = 14 * max(0, Int(graph.shape.starts[graph.shape.count]) / 2 - graph.shape.count)
    search.run()
    if search.isBetter {
      graph.expand(into: scratch.base, scratch.stack)
      hoist()
    }
    putOff()
    return true
  }

  /// Orders along critical paths, with ties told apart in some ways. Not where links are left out: they are the side paths.
  private mutating func followCriticalPaths() {
    guard isNear, scratch.shape.links == nil, CriticalPathRun.fits(scratch.shape) else { return }
    var seed: UInt64 = 0
    while seed < 4, !isOptimal {
      if seed == 0 { scratch.arrangeGoals(.mostEffort) } else { gatherSinks(seed) }
      CriticalPathRun.apply(scratch, scratch.goals, seed: seed, to: scratch.base)
      LateRun.apply(scratch, to: scratch.base)
      budget -= 8 * scratch.shape.count
      hoist(below: peak)
      seed += 1
    }
  }

  /// Whether at least every fourth task is made of something for one dependent at most. Batches are about such tasks; where
  /// almost all results are shared they change nothing.
  private var isMostlyPrivate: Bool {
    let shape = scratch.shape
    var count = 0
    for task in 0..<shape.count where shape.outputs(task).count < 2 && !shape.inputs(task).isEmpty { count &+= 1 }
    return 4 * count >= shape.count
  }

  /// Whether the graph fits into the nearer caches, where a step is short.
  private var isNear: Bool { scratch.shape.count <= 3000 }

  /// Tries batches: of one result, through the inputs that take the most work first, which makes each join as soon as it can be
  /// had; and of two other sizes. When one is nearly as good as what is there, others will be tried.
  private mutating func probeBatches() {
    var ceiling = peak
    if isNear {
      ceiling += 1 + peak / 8
      scratch.sortRows(scratch.shape.dependencies, by: scratch.effort, into: scratch.heavy)
      depthFirst(scratch.sinks, by: scratch.heavy, seed: nil)
      budget -= 10 * scratch.shape.count
      if tryBatches(1, below: ceiling) { triesBatches = true }
    }
    for size in [4, 8] where size < scratch.shape.count {
      depthFirst(scratch.sinks, by: scratch.sorted, seed: nil)
      if tryBatches(size, below: ceiling) { triesBatches = true }
    }
  }

  /// The base order in batches; of a small graph, with its tasks put off as well.
  ///
  /// - Returns: Whether its peak is below `ceiling`.
  private mutating func tryBatches(_ size: Int, below ceiling: Int) -> Bool {
    let count = scratch.shape.count
    BatchRun.apply(scratch, to: scratch.base, size: size)
    budget -= (isNear ? 12 : 24) * count + surcharge
    if isNear {
      LateRun.apply(scratch, to: scratch.base)
      budget -= 8 * count
    }
    return hoist(below: ceiling)
  }

  /// Depth-first, through the inputs that are made of most tasks first.
  private mutating func heaviestFirst(_ weights: UnsafeMutablePointer<UInt32>, reversed: Bool) {
    scratch.sortRows(scratch.shape.dependencies, by: weights, reversed: reversed, into: scratch.heavy)
    depthFirst(scratch.sinks, by: scratch.heavy, seed: nil)
    budget -= 10 * scratch.shape.count
    hoist()
  }

  /// Looks for orders with one result less at a time, first among few choices and then among many.
  private mutating func climb() {
    budget = max(budget, 0) + hillBudget
    var isBroad = false
    while !isOptimal, budget > 0 {
      let found = HillSearch.search(
        scratch, ceiling: peak - 1, breadth: isBroad ? 32 : 3, isBroad ? .numbered : .newest, budget: &budget)
      if found {
        keep(LiveResults(scratch.shape, scratch.order, scratch.cursor))
      } else if isBroad {
        return
      } else {
        isBroad = true
      }
    }
  }

  /// Keeps the order in the scratch, which has a lower peak.
  private mutating func keep(_ live: LiveResults) {
    peak = live.peak
    sum = Int((live.mean * Double(scratch.shape.count)).rounded())
    isBetter = true
    best.update(from: scratch.order, count: scratch.shape.count)
    budget -= 6 * scratch.shape.count
  }

  /// As many other beginnings as the budget allows: many small graphs, which are not worth more thought, have one that is
  /// better than any rule's.
  private mutating func restart(_ sets: TaskSets?) {
    let canSortSinks = sets?.canSortSinks ?? false
    var seed: UInt64 = 1
    while budget > 0, !isOptimal, seed < 400 {
      if triesBatches, seed % 2 == 0 {
        tryRandomBatches(seed)
        seed += 1
        continue
      }
      let turn = (triesBatches ? seed / 2 : seed) % 4
      switch turn {
      case 1: tryDepthFirst(canSortSinks ? sets : nil, seed)
      case 3:
        gatherSinks(seed)
        depthFirst(scratch.goals, by: scratch.sorted, seed: seed)
        budget -= 6 * scratch.shape.count
        hoist(below: peak)
      default: goals(.random(seed), .random(seed), isSteady: turn == 0, below: peak)
      }
      seed += 1
    }
  }

  /// Depth-first with some rows rotated and sinks at random, in batches of some size.
  private mutating func tryRandomBatches(_ seed: UInt64) {
    let draw = mixed(seed) &>> 32
    scratch.goals.update(from: scratch.sinks, count: scratch.sinkCount)
    if seed % 16 != 0 { scratch.goals.shuffle(scratch.sinkCount, seed) }
    // At times the parts in the order of their numbers: as people write them, groups of all trees begin together.
    let turn = seed / 2 % 3
    switch turn {
    case 0: depthFirst(scratch.goals, by: scratch.shape.dependencies, seed: seed, rotatesAll: false)
    case 1: depthFirst(scratch.sinks, by: scratch.sorted, seed: seed % 16 == 0 ? nil : seed)
    default: depthFirst(scratch.goals, by: scratch.heavy, seed: seed, rotatesAll: false)
    }
    budget -= 6 * scratch.shape.count
    // Half of them join as soon as they can.
    let most = UInt64(max(2, min(24, scratch.shape.count / 5)))
    _ = tryBatches(seed % 4 < 2 ? 1 : 2 + Int(draw % most), below: peak)
  }

  /// Depth-first from the sinks at random; with sets, each followed by the one that has most in common with what has run.
  private mutating func tryDepthFirst(_ sets: TaskSets?, _ seed: UInt64) {
    var rows = scratch.sorted
    let isFirst = seed == 1
    scratch.goals.update(from: scratch.sinks, count: scratch.sinkCount)
    if sets == nil || !isFirst { scratch.goals.shuffle(scratch.sinkCount, seed) }
    if let sets {
      sets.nearest(budget: &budget)
      if seed % 8 != 1 { rows = scratch.heavy }
    }
    depthFirst(scratch.goals, by: rows, seed: sets != nil && isFirst ? nil : seed)
    budget -= 6 * scratch.shape.count
    hoist(below: peak)
  }

  private var isOptimal: Bool { peak <= bound.peak }

  /// Keeps the order in the scratch when it is better.
  private mutating func keep(_ run: EagerRun) {
    guard (run.peak, run.sum) < (peak, sum) else { return }
    (peak, sum) = (run.peak, run.sum)
    isBetter = true
    best.update(from: scratch.order, count: scratch.shape.count)
  }

  /// The base order with its safe tasks moved forward; given up as soon as `ceiling` results are alive.
  @discardableResult
  private mutating func hoist(below ceiling: Int = Int.max) -> Bool {
    var run = EagerRun(scratch)
    budget -= 4 * scratch.shape.count + surcharge
    for rank in 0..<scratch.shape.count {
      let task = Int(scratch.base[rank])
      if scratch.isDone[task] { continue }
      run.run(task) { _ in }
      if run.peak >= ceiling { break }
    }
    budget -= 10 * run.written
    if run.peak < ceiling { keep(run) }
    return run.peak < ceiling
  }

  /// The best order with its tasks put off, and its safe tasks moved forward again.
  private mutating func putOff(below ceiling: Int = Int.max) {
    scratch.base.update(from: best, count: scratch.shape.count)
    LateRun.apply(scratch, to: scratch.base)
    budget -= 14 * scratch.shape.count
    hoist(below: ceiling)
  }

  private mutating func goals(
    _ preference: GoalSearch.Preference, _ beginning: GoalSearch.Beginning, isSteady: Bool,
    below ceiling: Int = Int.max
  ) {
    budget -= surcharge
    var search = GoalSearch(scratch, preference, isSteady: isSteady)
    if let run = search.search(beginning, below: ceiling, budget: &budget) { keep(run) }
  }

  /// Puts the sinks, as goals, into an order that brings those together which share a leaf: by the least number, drawn at random,
  /// of the leaves that they are made of (min-wise hashing, Broder 1997).
  private func gatherSinks(_ seed: UInt64) {
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
  }

  /// Depth-first from each sink, the inputs with the greatest need first; with a seed, a random rotation of each row, or of
  /// every fourth one.
  private func depthFirst(
    _ sinks: UnsafeMutablePointer<UInt32>, by rows: UnsafePointer<UInt32>, seed: UInt64?,
    rotatesAll: Bool = true
  ) {
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
        var turn: UInt32 = 0
        if let seed, width > 1 {
          let own = seed &* 31 ^ UInt64(task)
          if rotatesAll || mixed(own) % 4 == 0 { turn = UInt32(truncatingIfNeeded: drawn(own, below: Int(width))) }
        }
        var child = UInt32.max
        while next < width {
          var column = next &+ turn
          if column >= width { column &-= width }
          let candidate = rows[Int(start &+ column)]
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
