import MartletGraph
import TestSupport

/// A graph that is only a shape: the dependencies of each task, which have lower numbers.
struct ShapedGraph {
  var dependencies: [[Int]] = []

  mutating func task(_ inputs: [Int] = []) -> Int {
    dependencies.append(inputs)
    return dependencies.count - 1
  }

  mutating func tasks(_ count: Int) -> [Int] { (0..<count).map { _ in task() } }

  @discardableResult
  mutating func tree(_ leaves: [Int], arity: Int) -> Int {
    var level = leaves
    while level.count > 1 {
      level = stride(from: 0, to: level.count, by: arity).map {
        task(Array(level[$0..<min(level.count, $0 + arity)]))
      }
    }
    return level[0]
  }

  /// The graph; task numbers are kept.
  func graph(_ order: GraphOrder = .leastMemory, label: (Int) -> String = { _ in "t" }) -> TaskGraph {
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    for (number, inputs) in dependencies.enumerated() {
      nodes.append(builder.task(label(number), all: inputs.map { nodes[$0] }) { $0.count })
    }
    return builder.build(order: order)
  }

  /// Another numbering of the same shape; `numbers[t]` is the new number of task `t`.
  func renumbered(_ random: inout SeededGenerator) -> ShapedGraph {
    var missing = dependencies.map(\.count)
    var dependents = [[Int]](repeating: [], count: dependencies.count)
    for (task, inputs) in dependencies.enumerated() { for input in inputs { dependents[input].append(task) } }
    var ready = missing.indices.filter { missing[$0] == 0 }
    var numbers = [Int](repeating: -1, count: dependencies.count)
    var shape = ShapedGraph()
    while !ready.isEmpty {
      ready.swapAt(random.below(ready.count), ready.count - 1)
      let task = ready.removeLast()
      numbers[task] = shape.task(dependencies[task].map { numbers[$0] })
      for dependent in dependents[task] {
        missing[dependent] -= 1
        if missing[dependent] == 0 { ready.append(dependent) }
      }
    }
    return shape
  }

  /// Any graph of up to `limit` tasks, with repeated dependencies now and then.
  static func random(_ random: inout SeededGenerator, limit: Int) -> ShapedGraph {
    var shape = ShapedGraph()
    let reach = random.chance(50) ? limit : 1 + random.below(6)
    for number in 0..<random.below(limit + 1) {
      let width = number == 0 ? 0 : random.below(4)
      _ = shape.task((0..<width).map { _ in number - 1 - random.below(min(number, reach)) })
    }
    return shape
  }

  /// Peak and sum of live results in `order`: the obvious way.
  func liveResults(_ order: [Int]) -> (peak: Int, sum: Int) {
    var (done, peak, sum) = (Set<Int>(), 0, 0)
    for task in order {
      let alive = done.filter { result in
        dependencies.enumerated().contains { $1.contains(result) && !done.contains($0) }
      }
      peak = max(peak, alive.count)
      sum += alive.count
      done.insert(task)
    }
    return (peak, sum)
  }

  /// The same peak, faster.
  func peak(_ order: [Int]) -> Int {
    var uses = [Int](repeating: 0, count: dependencies.count)
    for input in dependencies.joined() { uses[input] += 1 }
    let isNeeded = uses.map { $0 > 0 }
    var (alive, peak) = (0, 0)
    for task in order {
      peak = max(peak, alive)
      for input in dependencies[task] {
        uses[input] -= 1
        if uses[input] == 0 { alive -= 1 }
      }
      if isNeeded[task] { alive += 1 }
    }
    return peak
  }

  /// The least peak of all orders, by trying all sets of done tasks.
  func leastPeak() -> Int {
    let count = dependencies.count
    let inputs = dependencies.map { $0.reduce(0) { $0 | 1 << $1 } }
    var least = [Int](repeating: Int.max, count: 1 << count)
    least[0] = 0
    for done in 0..<(1 << count) where least[done] != Int.max {
      let alive = (0..<count).filter { result in
        done >> result & 1 == 1 && inputs.indices.contains { done >> $0 & 1 == 0 && inputs[$0] >> result & 1 == 1 }
      }
      for task in 0..<count where done >> task & 1 == 0 && inputs[task] & ~done == 0 {
        least[done | 1 << task] = min(least[done | 1 << task], max(least[done], alive.count))
      }
    }
    return least[(1 << count) - 1]
  }
}
