/// Orders in batches: `BatchRun`.
extension LeastMemoryOrder {
  /// Whether at least every fourth task is made of something for one dependent at most. Batches are about such tasks; where
  /// almost all results are shared they change nothing.
  var isMostlyPrivate: Bool {
    let shape = scratch.shape
    var count = 0
    for task in 0..<shape.count where shape.outputs(task).count < 2 && !shape.inputs(task).isEmpty { count &+= 1 }
    return 4 * count >= shape.count
  }

  /// Tries batches: of one result, through the inputs that take the most work first, which makes each join as soon as it can be
  /// had; and of two other sizes, as long as there are steps. When one is nearly as good as what is there, others will be tried.
  mutating func probeBatches() {
    var ceiling = peak
    if !isLarge {
      scratch.sortRows(scratch.shape.dependencies, by: scratch.effort, into: scratch.heavy)
      budget.steps -= 4 * scratch.shape.count
    }
    if isNear {
      ceiling += 1 + peak / 8
      scratch.depthFirst(scratch.sinks, by: scratch.heavy, seed: nil)
      budget.steps -= 6 * scratch.shape.count
      if tryBatches(1, below: ceiling) { triesBatches = true }
    }
    for size in [4, 8] where size < scratch.shape.count {
      if isNear, budget.steps <= 0 { return }
      scratch.depthFirst(scratch.sinks, by: scratch.sorted, seed: nil)
      if tryBatches(size, below: ceiling) { triesBatches = true }
    }
  }

  /// Depth-first with some rows rotated and sinks at random, in batches of some size.
  mutating func tryRandomBatches(_ seed: UInt64) {
    let draw = mixed(seed) &>> 32
    scratch.goals.update(from: scratch.sinks, count: scratch.sinkCount)
    if seed % 16 != 0 { scratch.goals.shuffle(scratch.sinkCount, seed) }
    // At times the parts in the order of their numbers: as people write them, groups of all trees begin together.
    let turn = seed / 2 % 3
    switch turn {
    case 0: scratch.depthFirst(scratch.goals, by: scratch.shape.dependencies, seed: seed, rotatesAll: false)
    case 1: scratch.depthFirst(scratch.sinks, by: scratch.sorted, seed: seed % 16 == 0 ? nil : seed)
    default: scratch.depthFirst(scratch.goals, by: scratch.heavy, seed: seed, rotatesAll: false)
    }
    budget.steps -= 6 * scratch.shape.count
    // Half of them join as soon as they can.
    let most = UInt64(max(2, min(24, scratch.shape.count / 5)))
    _ = tryBatches(seed % 4 < 2 ? 1 : 2 + Int(draw % most), below: peak)
  }

  /// The base order in batches; of a small graph, with its tasks put off as well.
  ///
  /// - Returns: Whether its peak is below `ceiling`.
  private mutating func tryBatches(_ size: Int, below ceiling: Int) -> Bool {
    let count = scratch.shape.count
    BatchRun.apply(scratch, to: scratch.base, size: size)
    budget.steps -= (isNear ? 12 : 24) * count + budget.surcharge
    if isNear {
      LateRun.apply(scratch, to: scratch.base)
      budget.steps -= 8 * count
    }
    return hoist(below: ceiling)
  }
}
