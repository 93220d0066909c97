/// Looks for an order that never has more than a given number of results alive, by trying and taking back.
///
/// The number of results that are alive after a set of tasks is submodular over such sets. So once a run has climbed from a
/// state and come down to no more results than it had there, without having been lower in between, going on from the new state
/// is never worse than from the old one (the argument of Liu 1987 for trees). What has come down is not taken back: only the
/// choices on the hill that is being climbed are. A run takes all safe tasks at once, as `EagerRun` does, and takes up to
/// `breadth` of the ready tasks in turn where none is safe: first those that bring a task nearest to its end.
struct HillSearch {
  /// Which of the ready tasks are tried, and in which order.
  enum Way: UInt64 {
    /// The three that are nearest to use; of those that are equally near, whose dependent was brought nearer last.
    case newest
    /// The three that use what fewest others still need, so that it can end.
    case scarce
    /// Thirty-two, those that are nearest to use.
    case broad

    fileprivate var breadth: Int { self == .broad ? Way.most : 3 }
    fileprivate static let most = 32
  }

  private let scratch: OrderScratch
  private let ceiling: Int
  private let way: Way
  private let ready: UnsafeMutablePointer<UInt32>
  private let position: UnsafeMutablePointer<UInt32>
  private let best: UnsafeMutablePointer<UInt64>
  private let seen: UnsafeMutablePointer<UInt64>
  private let seenMask: Int
  private var alive = 0
  private var written = 0
  private var safeCount = 0
  private var readyCount = 0
  private var hash: UInt64 = 0
  private var frames: [Frame] = []
  private var choices: [UInt32] = []

  /// A choice that can be taken back.
  private struct Frame {
    /// The tasks that had run.
    let written: Int
    /// Where its choices begin; the next one stands last.
    let choices: Int
  }

  private init(_ scratch: OrderScratch, ceiling: Int, _ way: Way) {
    self.scratch = scratch
    self.ceiling = ceiling
    self.way = way
    let tables = scratch.hills
    (ready, position, best) = (tables.ready, tables.position, tables.best)
    (seen, seenMask) = (tables.seen, tables.seenMask)
    frames.reserveCapacity(32)
    choices.reserveCapacity(128)
    let shape = scratch.shape
    scratch.resetStates()
    scratch.resetMissingEfforts()
    scratch.touched.update(repeating: 0, count: shape.count)
    for task in 0..<shape.count {
      if scratch.states[task].missing == 0 {
        addReady(task)
        if shape.isSink(task) { push(task) }
      }
    }
  }

  /// Fills the scratch's order with one that keeps at most `ceiling` results alive.
  ///
  /// - Returns: False when none was found within the budget, or by the choices that are tried.
  static func search(
    _ scratch: OrderScratch, ceiling: Int, _ way: Way, budget: inout Int
  ) -> Bool {
    var search = HillSearch(scratch, ceiling: ceiling, way)
    budget -= 6 * scratch.shape.count
    return search.run(&budget)
  }

  private mutating func run(_ budget: inout Int) -> Bool {
    let count = scratch.shape.count
    runSafe(&budget)
    var level = alive
    while written < count {
      if alive <= level {
        // A valley: nothing before it is taken back.
        frames.removeAll(keepingCapacity: true)
        choices.removeAll(keepingCapacity: true)
        level = alive
      }
      if alive < ceiling, frames.isEmpty || isNew() { choose(&budget) }
      // The last frame with a choice left.
      while let frame = frames.last, choices.count == frame.choices {
        frames.removeLast()
        budget &-= 1
      }
      guard let frame = frames.last, let task = choices.popLast(), budget > 0 else { return false }
      while written > frame.written { takeBack(&budget) }
      execute(Int(task), &budget)
      runSafe(&budget)
    }
    return true
  }

  /// Puts a frame with the best of the ready tasks on the stack, the best one last.
  private mutating func choose(_ budget: inout Int) {
    let start = choices.count
    let breadth = way.breadth
    var found = 0
    for place in 0..<readyCount {
      let task = Int(ready[place])
      if !fits(task) { continue }
      let key = way == .scarce ? scarcity(of: task, &budget) : key(of: task, &budget)
      if found == breadth {
        if key >= best[found &- 1] { continue }
        found &-= 1
      }
      var hole = found
      while hole > 0, best[hole &- 1] > key {
        best[hole] = best[hole &- 1]
        hole &-= 1
      }
      best[hole] = key
      found &+= 1
    }
    for place in (0..<found).reversed() { choices.append(UInt32(truncatingIfNeeded: best[place] & 0xffff)) }
    budget &-= 2 &* found
    frames.append(Frame(written: written, choices: start))
  }

  /// How near the nearest of the dependents is to its end, less what that frees; then the preference; then the number.
  @inline(__always)
  private func key(of task: Int, _ budget: inout Int) -> UInt64 {
    let shape = scratch.shape
    var least = Int64.max
    var age: UInt32 = 0
    for place in shape.outputs(task) {
      let dependent = Int(shape.dependents[place])
      let cost = Int64(scratch.missingEffort[dependent]) &- Int64(scratch.states[dependent].freeable)
      if cost < least {
        least = cost
        age = scratch.touched[dependent]
      } else if cost == least {
        age = max(age, scratch.touched[dependent])
      }
    }
    budget &-= shape.outputs(task).count &+ 2
    let level = UInt64(min(max(least &- Int64(scratch.effort[task]) &+ 256, 0), 0xffff))
    let tie = way == .newest ? UInt64(0xffff &- min(age, 0xffff)) : 0
    return level &<< 32 | tie &<< 16 | UInt64(task)
  }

  /// How many dependents the input has left that has fewest; then how many inputs have so few; then how near the nearest of the
  /// dependents is to its end; then the number.
  @inline(__always)
  private func scarcity(of task: Int, _ budget: inout Int) -> UInt64 {
    let shape = scratch.shape
    var fewest: UInt32 = 15
    var inputs: UInt64 = 0
    for place in shape.inputs(task) {
      let uses = scratch.states[Int(shape.dependencies[place])].uses
      if uses < fewest { (fewest, inputs) = (uses, 0) }
      if uses == fewest { inputs &+= 1 }
    }
    var least: UInt64 = 0xffff
    for place in shape.outputs(task) { least = min(least, scratch.missingEffort[Int(shape.dependents[place])]) }
    budget &-= shape.inputs(task).count &+ shape.outputs(task).count &+ 2
    return UInt64(fewest) &<< 48 | (15 &- min(15, inputs)) &<< 32 | least &<< 16 | UInt64(task)
  }

  /// Whether the state was not there before in this search.
  private func isNew() -> Bool {
    let place = Int(truncatingIfNeeded: hash &>> 20) & seenMask
    let word = hash ^ UInt64(ceiling) &<< 32 ^ way.rawValue
    if seen[place] == word { return false }
    seen[place] = word
    return true
  }

  // MARK: Running tasks, and taking them back

  private mutating func runSafe(_ budget: inout Int) {
    while safeCount > 0 {
      safeCount &-= 1
      let next = Int(scratch.safe[safeCount])
      if !scratch.isDone[next], fits(next) { execute(next, &budget) }
    }
  }

  /// Whether the links that lead to a task can be alive together.
  @inline(__always)
  private func fits(_ task: Int) -> Bool {
    let links = scratch.shape.linkCount(task)
    if links == 0 || alive &+ links <= ceiling { return true }
    return alive &+ links &- scratch.freedByLinks(to: task) <= ceiling
  }

  private mutating func execute(_ task: Int, _ budget: inout Int) {
    let scratch = scratch
    let shape = scratch.shape
    let states = scratch.states
    scratch.isDone[task] = true
    scratch.order[written] = UInt32(truncatingIfNeeded: task)
    written &+= 1
    hash ^= mixed(UInt64(task))
    readyCount &-= 1
    let (place, last) = (Int(position[task]), ready[readyCount])
    ready[place] = last
    position[Int(last)] = UInt32(truncatingIfNeeded: place)
    for place in shape.inputs(task) {
      let input = Int(shape.dependencies[place])
      states[input].uses &-= 1
      states[input].rest ^= UInt32(truncatingIfNeeded: task)
      switch states[input].uses {
      case 0: alive &-= 1
      case 1:
        if let dependent = lastUser(of: input) {
          states[dependent].freeable &+= 1
          if states[dependent].missing == 0 { push(dependent) }
        }
      default: break
      }
    }
    let outputs = shape.outputs(task)
    budget &-= 4 &+ shape.inputs(task).count &+ outputs.count
    if outputs.isEmpty { return }
    alive &+= 1
    let isSingle = outputs.count == 1
    let effort = UInt64(scratch.effort[task])
    for place in outputs {
      let dependent = Int(shape.dependents[place])
      if isSingle { states[dependent].freeable &+= 1 }
      scratch.missingEffort[dependent] &-= effort
      scratch.touched[dependent] = UInt32(truncatingIfNeeded: written)
      states[dependent].missing &-= 1
      if states[dependent].missing == 0 {
        addReady(dependent)
        if states[dependent].freeable > 0 || shape.isSink(dependent) { push(dependent) }
      }
    }
  }

  private mutating func takeBack(_ budget: inout Int) {
    let scratch = scratch
    let shape = scratch.shape
    let states = scratch.states
    written &-= 1
    let task = Int(scratch.order[written])
    hash ^= mixed(UInt64(task))
    let outputs = shape.outputs(task)
    if !outputs.isEmpty {
      alive &-= 1
      let isSingle = outputs.count == 1
      let effort = UInt64(scratch.effort[task])
      for place in outputs.reversed() {
        let dependent = Int(shape.dependents[place])
        if states[dependent].missing == 0 { readyCount &-= 1 }
        states[dependent].missing &+= 1
        scratch.missingEffort[dependent] &+= effort
        if isSingle { states[dependent].freeable &-= 1 }
      }
    }
    for place in shape.inputs(task).reversed() {
      let input = Int(shape.dependencies[place])
      switch states[input].uses {
      case 0: alive &+= 1
      case 1: if let dependent = lastUser(of: input) { states[dependent].freeable &-= 1 }
      default: break
      }
      states[input].uses &+= 1
      states[input].rest ^= UInt32(truncatingIfNeeded: task)
    }
    let place = Int(position[task])
    let moved = ready[place]
    ready[readyCount] = moved
    position[Int(moved)] = UInt32(truncatingIfNeeded: readyCount)
    ready[place] = UInt32(truncatingIfNeeded: task)
    position[task] = UInt32(truncatingIfNeeded: place)
    readyCount &+= 1
    scratch.isDone[task] = false
    budget &-= 4 &+ shape.inputs(task).count &+ outputs.count
  }

  @inline(__always)
  private func lastUser(of input: Int) -> Int? {
    // Done is the task that runs just now, where it names the input twice.
    let dependent = Int(scratch.states[input].rest)
    return scratch.isDone[dependent] ? nil : dependent
  }

  @inline(__always)
  private mutating func addReady(_ task: Int) {
    ready[readyCount] = UInt32(truncatingIfNeeded: task)
    position[task] = UInt32(truncatingIfNeeded: readyCount)
    readyCount &+= 1
  }

  @inline(__always)
  private mutating func push(_ task: Int) {
    if safeCount < scratch.shape.count {
      scratch.safe[safeCount] = UInt32(truncatingIfNeeded: task)
      safeCount &+= 1
    }
  }
}

/// Memory that only `HillSearch` needs.
final class HillTables {
  /// The ready tasks, and where each of them stands.
  let ready: UnsafeMutablePointer<UInt32>
  let position: UnsafeMutablePointer<UInt32>
  /// The keys of a choice, the best one first.
  let best: UnsafeMutablePointer<UInt64>
  /// States that were met: a table in which the last of each place is kept.
  let seen: UnsafeMutablePointer<UInt64>
  let seenMask: Int

  init(_ count: Int) {
    ready = allocated(2 * count)
    position = ready + count
    // The power of two above 8 a task.
    seenMask = (1 << (Int.bitWidth - (8 * count).leadingZeroBitCount)) - 1
    seen = allocated(seenMask + 1 + HillSearch.Way.most)
    best = seen + seenMask + 1
    seen.update(repeating: 0, count: seenMask + 1)
  }

  deinit {
    release(ready)
    release(seen)
  }
}
