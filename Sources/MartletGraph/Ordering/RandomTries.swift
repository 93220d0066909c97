/// Orders with random beginnings, from a fixed seed.
extension LeastMemoryOrder {
  /// As many other beginnings as the budget allows down to `rest` steps: many small graphs, which are not worth more thought, have
  /// one that is better than any rule's.
  mutating func tryRandom(_ sets: TaskSets?, downTo rest: Int) {
    let canSortSinks = sets?.canSortSinks ?? false
    var seed: UInt64 = 1
    while budget.steps > rest, !isOptimal, seed < 400 {
      if triesBatches, seed % 2 == 0 {
        tryRandomBatches(seed)
        seed += 1
        continue
      }
      let turn = (triesBatches ? seed / 2 : seed) % 4
      switch turn {
      case 1: tryDepthFirst(canSortSinks ? sets : nil, seed)
      case 3:
        scratch.gatherSinks(seed)
        scratch.depthFirst(scratch.goals, by: scratch.sorted, seed: seed)
        budget.steps -= 6 * scratch.shape.count
        hoist(below: peak)
      default: goals(.random(seed), .random(seed), isSteady: turn == 0, below: peak)
      }
      seed += 1
    }
  }

  /// Depth-first from the sinks at random; with sets, each followed by the one that has most in common with what has run.
  private mutating func tryDepthFirst(_ sets: TaskSets?, _ seed: UInt64) {
    var rows = scratch.sorted
    let isFirst = seed == 1
    scratch.goals.update(from: scratch.sinks, count: scratch.sinkCount)
    if sets == nil || !isFirst { scratch.goals.shuffle(scratch.sinkCount, seed) }
    if let sets {
      sets.nearest(budget: &budget.steps)
      if seed % 8 != 1 { rows = scratch.heavy }
    }
    scratch.depthFirst(scratch.goals, by: rows, seed: sets != nil && isFirst ? nil : seed)
    budget.steps -= 6 * scratch.shape.count
    hoist(below: peak)
  }
}
