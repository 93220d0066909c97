/// Searches an order in which few results are alive at one time: several candidates, each simulated, the best is kept.
///
/// See `README.md`. Deterministic. What it takes is counted in steps and bounded: `OrderBudget`. Candidates of one kind that
/// belong together are in files of their own: `BatchTries`, `RandomTries`.
struct LeastMemoryOrder {
  let scratch: OrderScratch
  var budget: OrderBudget
  /// The least peak so far.
  private(set) var peak: Int
  /// Whether other beginnings are tried in batches as well.
  var triesBatches = false
  private let bound: OrderBound
  private let best: UnsafeMutablePointer<UInt32>
  private var sum: Int
  private var isBetter = false
  /// What was put off last came to this.
  private var lastPutOff: (peak: Int, sum: Int)?

  /// Looks for a better order than the depth-first one, which `order` holds.
  ///
  /// - Returns: Whether it was found; `order` holds it then.
  static func search(_ shape: OrderShape, _ order: UnsafeMutablePointer<UInt32>) -> Bool {
    guard shape.count > 2 else { return false }
    let words: UnsafeMutablePointer<UInt32> = allocated(shape.count)
    let live = LiveResults(shape, order, words)
    let bound = OrderBound(shape, words, reached: live.peak)
    release(words)
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
    budget = OrderBudget(shape.count)
    peak = live.peak
    sum = Int((live.mean * Double(shape.count)).rounded())
  }

  private mutating func run() {
    scratch.base.update(from: best, count: scratch.shape.count)
    hoist()
    if isOptimal { return }
    scratch.depthFirst(scratch.sinks, by: scratch.sorted, seed: nil)
    if isLarge { tryFew() } else { tryMany() }
  }

  /// The candidates for a large graph. Only what has a lower peak is kept, so that what has not ends early.
  private mutating func tryFew() {
    hoist(below: peak)
    if bound.isForest || isOptimal || searchUnlinked() { return }
    if isMostlyPrivate { probeBatches() }
    if isOptimal { return }
    putOff(below: peak)
    if !isOptimal { goals(.oldest, .leastEffort, isSteady: true, below: peak) }
  }

  /// The candidates for all others: those by a rule, then others near the best one and at random, then hills.
  private mutating func tryMany() {
    hoist()
    if bound.isForest || isOptimal { return }
    followCriticalPaths()
    if isOptimal || searchUnlinked() { return }
    let sets = isSmall ? heaviestFirst() : nil
    if isOptimal { return }
    followFromEnd()
    if isOptimal { return }
    followSources()
    if isOptimal { return }
    goals(.oldest, .leastEffort, isSteady: true, below: isNear ? Int.max : peak)
    if isOptimal { return }
    restlessGoals()
    if isOptimal { return }
    if isNear || isMostlyPrivate {
      probeBatches()
      if isOptimal { return }
    }
    tryRandom(sets, downTo: isNear ? budget.steps / 2 : 0)
    if isNear { moveTasks() }
    putOff()
    climb()
    putOff()
  }

  /// Searches the graph without its links instead of this one, where it is much smaller.
  ///
  /// - Returns: Whether that was done.
  private mutating func searchUnlinked() -> Bool {
    guard scratch.shape.links == nil, let graph = UnlinkedGraph(scratch.shape, scratch.cursor) else { return false }
    let live = LiveResults(graph.shape, graph.order, scratch.cursor)
    var search = LeastMemoryOrder(graph.shape, graph.order, live, bound)
    search.peak = peak
    // Not to be compared.
    search.sum = Int.max
    search.budget = budget.withoutLinks(graph.shape, of: scratch.shape.count)
    search.run()
    if search.isBetter {
      graph.expand(into: scratch.base, scratch.stack)
      hoist()
    }
    putOff()
    if isLarge { return true }
    // One link at a time can wait, where the search without them takes all of a task together.
    budget.steps = budget.withLinksAgain
    moveTasks()
    return true
  }

  /// The order along critical paths. Not where links are left out: they are the side paths.
  private mutating func followCriticalPaths() {
    guard scratch.shape.links == nil, CriticalPathRun.fits(scratch.shape) else { return }
    CriticalPathRun.apply(scratch, to: scratch.base)
    LateRun.apply(scratch, to: scratch.base)
    budget.steps -= 80 * scratch.shape.count
    hoist(below: peak)
  }

  /// Depth-first, through the inputs that are made of most tasks first; and the best so far put off.
  ///
  /// - Returns: What each task is made of.
  private mutating func heaviestFirst() -> TaskSets {
    let count = scratch.shape.count
    let sets = TaskSets(scratch, budget: &budget.steps)
    let weights = scratch.stamp
    sets.count(into: weights)
    scratch.sortRows(scratch.shape.dependencies, by: weights, reversed: true, into: scratch.heavy)
    scratch.depthFirst(scratch.sinks, by: scratch.heavy, seed: nil)
    budget.steps -= 10 * count
    hoist()
    if !isOptimal { putOff() }
    return sets
  }

  /// Depth-first from the sinks in an order that uses up the sources that are alive.
  private mutating func followSources() {
    if !SourceOrder.arrange(scratch, budget: &budget.steps) { return }
    scratch.depthFirst(scratch.goals, by: scratch.sorted, seed: nil)
    budget.steps -= 6 * scratch.shape.count
    hoist(below: peak)
  }

  /// From one end of the graph to the other, where it has several sinks and two ends.
  private mutating func followFromEnd() {
    if scratch.sinkCount < 2 || isOptimal { return }
    budget.steps -= 6 * scratch.shape.count
    guard scratch.arrangeGoalsFromEnd() else { return }
    budget.steps -= 20 * scratch.shape.count
    goals(.oldest, .arranged, isSteady: true, below: peak)
  }

  /// Goals with another choice after each task, as long as there are steps.
  private mutating func restlessGoals() {
    if budget.steps <= 0 { return }
    goals(.oldest, .mostEffort, isSteady: false, below: peak)
    if isOptimal || budget.steps <= 0 { return }
    // What wide random layers want.
    goals(.age, .leastEffort, isSteady: false, below: peak)
    if isSmall { goals(.newest, .asNumbered, isSteady: false, below: peak) }
  }

  /// Orders near the best one, until the budget is used up.
  private mutating func moveTasks() {
    if isOptimal || budget.steps <= 0 { return }
    var search = MoveSearch(scratch, from: best)
    budget.steps -= 14 * scratch.shape.count
    while budget.steps > 0, !isOptimal {
      if let run = search.next(budget: &budget.steps) { keep(run) }
    }
  }

  /// Looks for orders with one result less at a time: by what is near to use, by what is soon used up, and at last among many
  /// choices.
  private mutating func climb() {
    budget.steps = max(budget.steps, 0) + budget.hills
    for way in [HillSearch.Way.newest, .scarce, .broad] {
      while !isOptimal, budget.steps > 0 {
        if !HillSearch.search(scratch, ceiling: peak - 1, way, budget: &budget.steps) { break }
        keepLower(LiveResults(scratch.shape, scratch.order, scratch.cursor))
      }
    }
  }

  // MARK: What candidates are made of

  var isOptimal: Bool { peak <= bound.peak }

  /// Whether the graph fits into the nearer caches, where a step is short.
  var isNear: Bool { scratch.shape.count <= OrderBudget.near }

  /// Whether many orders can be tried for what the graph is worth.
  private var isSmall: Bool { scratch.shape.count < OrderBudget.small }

  /// Whether only few candidates are tried.
  var isLarge: Bool { scratch.shape.count > OrderBudget.large }

  /// Keeps the order in the scratch when it is better.
  private mutating func keep(_ run: EagerRun) {
    guard (run.peak, run.sum) < (peak, sum) else { return }
    (peak, sum) = (run.peak, run.sum)
    isBetter = true
    best.update(from: scratch.order, count: scratch.shape.count)
  }

  /// Keeps the order in the scratch, which has a lower peak.
  private mutating func keepLower(_ live: LiveResults) {
    peak = live.peak
    sum = Int((live.mean * Double(scratch.shape.count)).rounded())
    isBetter = true
    best.update(from: scratch.order, count: scratch.shape.count)
    budget.steps -= 6 * scratch.shape.count
  }

  /// The base order with its safe tasks moved forward; given up as soon as `ceiling` results are alive.
  @discardableResult
  mutating func hoist(below ceiling: Int = Int.max) -> Bool {
    var run = EagerRun(scratch)
    budget.steps -= 4 * scratch.shape.count + budget.surcharge
    for rank in 0..<scratch.shape.count {
      let task = Int(scratch.base[rank])
      if scratch.isDone[task] { continue }
      run.run(task) { _ in }
      if run.peak >= ceiling { break }
    }
    budget.steps -= 10 * run.written
    if run.peak < ceiling { keep(run) }
    return run.peak < ceiling
  }

  /// The best order with its tasks put off, and its safe tasks moved forward again; once for each.
  private mutating func putOff(below ceiling: Int = Int.max) {
    if let lastPutOff, lastPutOff == (peak, sum) { return }
    defer { lastPutOff = (peak, sum) }
    scratch.base.update(from: best, count: scratch.shape.count)
    LateRun.apply(scratch, to: scratch.base)
    budget.steps -= 14 * scratch.shape.count
    hoist(below: ceiling)
  }

  mutating func goals(
    _ preference: GoalSearch.Preference, _ beginning: GoalSearch.Beginning, isSteady: Bool,
    below ceiling: Int = Int.max
  ) {
    budget.steps -= budget.surcharge
    var search = GoalSearch(scratch, preference, isSteady: isSteady)
    if let run = search.search(beginning, below: ceiling, budget: &budget.steps) { keep(run) }
  }
}
