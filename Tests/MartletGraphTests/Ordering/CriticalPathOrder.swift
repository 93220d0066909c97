/// The order that Dask gives (2024 and later), as its documentation and design notes tell it; slow, with sets, and by number
/// where Dask goes by name.
///
/// A target without dependents is chosen; from it one walks back through the heaviest inputs to a root: the critical path.
/// That is run forward. Where an input is missing one walks back into it first; and once that happened, side paths that are
/// ready are run too, but only up to a join of which all inputs can be had. Then comes the next target: one that touches
/// what is computed already, and needs the fewest new roots.
struct CriticalPathOrder {
  private let inputs: [Set<Int>]
  private let dependents: [[Int]]
  private let weights: [[Int]]
  private let roots: [Set<Int>]
  private let depths: [Int]
  private(set) var order: [Int] = []
  private var isDone: [Bool]
  private var missing: [Int]
  private var ready: [Int] = []
  /// Side paths that end before a join, by the join.
  private var waiting: [Int: [[Int]]] = [:]
  private var isWaiting: Set<Int> = []

  init(_ dependencies: [[Int]]) {
    let count = dependencies.count
    inputs = dependencies.map { Set($0) }
    var dependents = [[Int]](repeating: [], count: count)
    for task in 0..<count { for input in inputs[task].sorted() { dependents[input].append(task) } }
    var roots = [Set<Int>](repeating: [], count: count)
    var paths = [Int](repeating: 1, count: count)
    var depths = [Int](repeating: 1, count: count)
    for task in 0..<count {
      if inputs[task].isEmpty { roots[task] = [task] }
      for input in inputs[task] {
        roots[task].formUnion(roots[input])
        paths[task] = min(1 << 40, paths[task] + paths[input])
        depths[task] = max(depths[task], depths[input] + 1)
      }
    }
    weights = (0..<count).map { task in
      [
        paths[task], dependencies[task].count, roots[task].count, roots[task].map { dependents[$0].count }.max() ?? 0,
        task,
      ]
    }
    (self.dependents, self.roots, self.depths) = (dependents, roots, depths)
    isDone = [Bool](repeating: false, count: count)
    missing = inputs.map(\.count)
    run()
  }

  private mutating func run() {
    while let target = nextTarget() {
      var path = [target]
      while let next = heaviest(inputs[path[path.count - 1]]) { path.append(next) }
      var hasWalkedBack = false
      while let task = path.popLast() {
        if isDone[task] { continue }
        if missing[task] > 0 {
          path.append(task)
          path += inputs[task].filter { !isDone[$0] }.sorted { weights[$0].lexicographicallyPrecedes(weights[$1]) }
          hasWalkedBack = true
          continue
        }
        if hasWalkedBack { runSidePaths(besides: path) }
        finish(task)
      }
      runSidePaths(besides: [])
    }
  }

  private func heaviest(_ tasks: Set<Int>) -> Int? {
    tasks.filter { !isDone[$0] }.max { weights[$0].lexicographicallyPrecedes(weights[$1]) }
  }

  private func nextTarget() -> Int? {
    let sinks = isDone.indices.filter { dependents[$0].isEmpty && !isDone[$0] }
    func newRoots(_ sink: Int) -> Int { roots[sink].count { !isDone[$0] } }
    let touching = sinks.filter { newRoots($0) < roots[$0].count }
    if !touching.isEmpty { return touching.min { (newRoots($0), -depths[$0], $0) < (newRoots($1), -depths[$1], $1) } }
    return sinks.min { (-depths[$0], $0) < (-depths[$1], $1) }
  }

  /// Runs a task, and what only waited for it.
  private mutating func finish(_ task: Int) {
    var open = [task]
    while let task = open.popLast() {
      if isDone[task] { continue }
      isDone[task] = true
      order.append(task)
      for dependent in dependents[task] {
        missing[dependent] -= 1
        if missing[dependent] > 0 { continue }
        if dependents[task].count == 1 { open.append(dependent) } else { ready.append(dependent) }
      }
    }
  }

  private mutating func runSidePaths(besides path: [Int]) {
    let critical = Set(path)
    let candidates = ready
    ready = []
    for task in candidates.reversed() where !isDone[task] && !isWaiting.contains(task) {
      if critical.contains(task) {
        ready.append(task)
        continue
      }
      follow([task])
    }
  }

  /// Runs a path that ends in a task without dependents; one that leads to a join waits until all inputs of it can be had.
  private mutating func follow(_ start: [Int]) {
    var path = start
    while let last = path.last {
      if dependents[last].isEmpty { return path.forEach { finish($0) } }
      // A task that several need: what it would make live is not worth it.
      guard dependents[last].count == 1, let next = dependents[last].first else { return }
      if inputs[next].count == 1 {
        path.append(next)
        continue
      }
      waiting[next, default: []].append(path)
      isWaiting.formUnion(path)
      let paths = (waiting[next] ?? []).filter { !isDone[$0[$0.count - 1]] }
      if paths.count < missing[next] { return }
      waiting[next] = nil
      for path in paths { for task in path where missing[task] == 0 { finish(task) } }
      return
    }
  }
}
